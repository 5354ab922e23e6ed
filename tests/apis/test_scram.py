"""DescribeUserScramCredentials and AlterUserScramCredentials, as clients see them."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    ScramCredentialDeletion,
    ScramCredentialUpsertion,
)
from pykbroker.wire.messages.describe_user_scram_credentials import DescribeUserScramCredentialsRequest, UserName
from tests.apis.calling import call
from tests.metadata.brokers import Cluster, a_cluster

SHA_256, SHA_512 = 1, 2
NONE, DUPLICATE, MISSING = errors.NONE, errors.DUPLICATE_RESOURCE, errors.RESOURCE_NOT_FOUND
UNACCEPTABLE, UNSUPPORTED = errors.UNACCEPTABLE_CREDENTIAL, errors.UNSUPPORTED_SASL_MECHANISM


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return a_cluster(tmp_path)


def upsert(
    name: str, mechanism: int = SHA_256, iterations: int = 4096, salted_password: bytes = b"p" * 32
) -> ScramCredentialUpsertion:
    return ScramCredentialUpsertion(
        name=name, mechanism=mechanism, iterations=iterations, salt=b"salt", salted_password=salted_password
    )


def delete(name: str, mechanism: int = SHA_256) -> ScramCredentialDeletion:
    return ScramCredentialDeletion(name=name, mechanism=mechanism)


def alter(cluster: Cluster, *changes: ScramCredentialDeletion | ScramCredentialUpsertion) -> dict[str, int]:
    request = AlterUserScramCredentialsRequest(
        deletions=[each for each in changes if isinstance(each, ScramCredentialDeletion)],
        upsertions=[each for each in changes if isinstance(each, ScramCredentialUpsertion)],
    )
    results = call(cluster, request).results
    assert len({result.user for result in results}) == len(results)
    return {result.user: result.error_code for result in results}


def describe(cluster: Cluster, *users: str, everybody: bool = False) -> dict[str, object]:
    """Return (mechanism, iterations) pairs by user, or the user's error."""
    names = None if everybody else [UserName(name=user) for user in users]
    response = call(cluster, DescribeUserScramCredentialsRequest(users=names))
    assert response.error_code == 0
    return {
        each.user: each.error_code or [(info.mechanism, info.iterations) for info in each.credential_infos]
        for each in response.results
    }


def test_credentials_are_set_changed_and_deleted(cluster: Cluster) -> None:
    # SEC-11, SEC-12, and they survive a restart
    assert alter(cluster, upsert("a"), upsert("b", SHA_512, 16384)) == {"a": NONE, "b": NONE}
    assert alter(cluster, upsert("a", SHA_512, 8192)) == {"a": NONE}
    expected = {"a": [(SHA_256, 4096), (SHA_512, 8192)], "b": [(SHA_512, 16384)]}
    assert describe(cluster, everybody=True) == expected
    cluster = cluster.restarted()
    assert describe(cluster, everybody=True) == expected
    assert alter(cluster, upsert("a", SHA_256, 5000), delete("b", SHA_512)) == {"a": NONE, "b": NONE}
    assert describe(cluster.killed()) == {"a": [(SHA_256, 5000), (SHA_512, 8192)]}


@pytest.mark.parametrize(("mechanism", "algorithm"), [(SHA_256, "sha256"), (SHA_512, "sha512")])
def test_stored_keys_are_those_of_the_password(cluster: Cluster, mechanism: int, algorithm: str) -> None:
    # RFC 5802, section 3: what a broker needs to check a client's proof, and no more
    salted = hashlib.pbkdf2_hmac(algorithm, b"pencil", b"salt", 4096)
    assert alter(cluster, upsert("a", mechanism, 4096, salted)) == {"a": NONE}
    stored = cluster.image.scram["a", mechanism]
    client_key = hmac.new(salted, b"Client Key", algorithm).digest()
    assert stored.stored_key == hashlib.new(algorithm, client_key).digest()
    assert stored.server_key == hmac.new(salted, b"Server Key", algorithm).digest()
    assert (stored.salt, stored.iterations) == (b"salt", 4096)


def test_credentials_that_cannot_be(cluster: Cluster) -> None:
    # SEC-11
    assert alter(cluster, upsert("")) == alter(cluster, delete("")) == {"": UNACCEPTABLE}
    for iterations in (4095, 16385, 0, -1):
        for mechanism in (SHA_256, SHA_512):
            assert alter(cluster, upsert("a", mechanism, iterations)) == {"a": UNACCEPTABLE}
    for mechanism in (0, 3, -1):
        assert alter(cluster, upsert("a", mechanism), delete("b", mechanism)) == {"a": UNSUPPORTED, "b": UNSUPPORTED}
    assert alter(cluster, delete("a")) == {"a": MISSING}
    assert alter(cluster, upsert("a", salted_password=b"")) == {"a": errors.UNKNOWN_SERVER_ERROR}  # as Kafka says
    assert cluster.image.scram == {}


def test_credential_is_deleted_by_its_mechanism(cluster: Cluster) -> None:
    # SEC-11
    alter(cluster, upsert("a"))
    assert alter(cluster, delete("a", SHA_512)) == {"a": MISSING}
    assert alter(cluster, delete("a", SHA_256)) == {"a": NONE}


def test_user_is_named_once(cluster: Cluster) -> None:
    # SEC-11: with two mechanisms, too
    alter(cluster, upsert("old"), upsert("old2"))
    for changes in (
        (upsert("a"), upsert("a", SHA_512)), (upsert("a"), upsert("a"), upsert("a")), (delete("old"), upsert("old")),
        (delete("old"), delete("old", SHA_512)), (upsert("a"), upsert("a", SHA_512, 1)),
    ):  # fmt: skip
        results = alter(cluster, *changes, delete("old2"), upsert("old3"))
        assert results == {changes[0].name: DUPLICATE, "old2": NONE, "old3": NONE}
        alter(cluster, delete("old3"), upsert("old2"))
    assert describe(cluster) == {"old": [(SHA_256, 4096)], "old2": [(SHA_256, 4096)]}


def test_first_error_of_a_user_stays(cluster: Cluster) -> None:
    # SEC-11
    assert alter(cluster, delete("a"), upsert("a")) == {"a": MISSING}
    assert alter(cluster, upsert("a", SHA_256, 1), upsert("a")) == {"a": UNACCEPTABLE}
    assert describe(cluster) == {}


def test_nothing_to_do(cluster: Cluster) -> None:
    assert alter(cluster) == {}
    assert describe(cluster) == describe(cluster, everybody=True) == {}


def test_user_that_cannot_be_described(cluster: Cluster) -> None:
    # SEC-12
    alter(cluster, upsert("a"), upsert("b"))
    assert describe(cluster, "a", "no", "") == {"a": [(SHA_256, 4096)], "no": MISSING, "": MISSING}
    assert describe(cluster, "a", "b", "a", "no", "no") == {"a": DUPLICATE, "b": [(SHA_256, 4096)], "no": DUPLICATE}
