"""What a broker without authorizer, authentication and tokens says of ACLs, SASL and delegation tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.errors import Disconnect
from pykbroker.wire.messages.create_acls import AclCreation, CreateAclsRequest
from pykbroker.wire.messages.create_delegation_token import CreateDelegationTokenRequest
from pykbroker.wire.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest
from pykbroker.wire.messages.describe_acls import DescribeAclsRequest
from pykbroker.wire.messages.describe_delegation_token import DescribeDelegationTokenRequest
from pykbroker.wire.messages.expire_delegation_token import ExpireDelegationTokenRequest
from pykbroker.wire.messages.renew_delegation_token import RenewDelegationTokenRequest
from pykbroker.wire.messages.sasl_authenticate import SaslAuthenticateRequest
from pykbroker.wire.messages.sasl_handshake import SaslHandshakeRequest
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster

UNKNOWN, ANY, TOPIC, LITERAL, READ, ALLOW = 0, 1, 2, 3, 3, 3
DISABLED = errors.SECURITY_DISABLED


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return a_cluster(tmp_path)


def a_filter(cls: Any, **fields: int) -> Any:
    return cls(**{
        "resource_type_filter": ANY, "resource_name_filter": None, "pattern_type_filter": ANY,
        "principal_filter": None, "host_filter": None, "operation": ANY, "permission_type": ANY, **fields,
    })  # fmt: skip


def a_rule(**fields: int) -> AclCreation:
    return AclCreation(**{
        "resource_type": TOPIC, "resource_name": "t", "resource_pattern_type": LITERAL, "principal": "User:a",
        "host": "*", "operation": READ, "permission_type": ALLOW, **fields,
    })  # fmt: skip


@pytest.mark.parametrize("version", versions_of(29))
def test_acls_need_an_authorizer(cluster: Cluster, version: int) -> None:
    # SEC-13: one answer for each rule and filter
    described = call(cluster, a_filter(DescribeAclsRequest), version)
    assert (described.error_code, described.resources) == (DISABLED, [])
    created = call(cluster, CreateAclsRequest(creations=[a_rule(), a_rule(operation=ANY)]), version)
    assert [result.error_code for result in created.results] == [DISABLED, DISABLED]
    deleted = call(cluster, DeleteAclsRequest(filters=[a_filter(DeleteAclsFilter)] * 2), version)
    assert [(result.error_code, result.matching_acls) for result in deleted.filter_results] == [(DISABLED, [])] * 2
    assert described.error_message == "No Authorizer is configured on the broker"  # what kafka-acls prints
    assert all(result.error_message for result in [*created.results, *deleted.filter_results])
    assert call(cluster, CreateAclsRequest(), version).results == []


@pytest.mark.parametrize("field", ["resource_type", "resource_pattern_type", "operation", "permission_type"])
def test_acl_of_a_client_that_does_not_know_itself_what_it_means(cluster: Cluster, field: str) -> None:
    # As Kafka: the request cannot be read, and the connection ends.
    named = {"resource_type": "resource_type_filter", "resource_pattern_type": "pattern_type_filter"}.get(field, field)
    for version in versions_of(29):
        requests = [CreateAclsRequest(creations=[a_rule(), a_rule(**{field: UNKNOWN})])]
        requests.append(a_filter(DescribeAclsRequest, **{named: UNKNOWN}))
        requests.append(DeleteAclsRequest(filters=[a_filter(DeleteAclsFilter, **{named: UNKNOWN})]))
        for request in requests:
            with pytest.raises(Disconnect):
                call(cluster, request, version)


def test_sasl_is_not_spoken_on_a_plaintext_listener(cluster: Cluster) -> None:
    for version in versions_of(17):
        response = call(cluster, SaslHandshakeRequest(mechanism="PLAIN"), version)
        assert (response.error_code, response.mechanisms) == (errors.ILLEGAL_SASL_STATE, [])
    for version in versions_of(36):
        response = call(cluster, SaslAuthenticateRequest(auth_bytes=b"\0u\0p"), version)
        assert (response.error_code, response.auth_bytes) == (errors.ILLEGAL_SASL_STATE, b"")


def test_tokens_are_for_those_who_authenticated_themselves(cluster: Cluster) -> None:
    # CLA-22
    refused = errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
    for version in versions_of(38):
        made = call(cluster, CreateDelegationTokenRequest(max_lifetime_ms=-1), version)
        assert (made.error_code, made.principal_type, made.principal_name) == (refused, "User", "ANONYMOUS")
        assert (made.token_requester_principal_name == "ANONYMOUS") == (version >= 3)
        assert (made.issue_timestamp_ms, made.expiry_timestamp_ms, made.max_timestamp_ms) == (-1, -1, -1)
        assert (made.token_id, made.hmac) == ("", b"")
    for version in versions_of(39):
        renewed = call(cluster, RenewDelegationTokenRequest(hmac=b"x", renew_period_ms=1), version)
        assert (renewed.error_code, renewed.expiry_timestamp_ms) == (refused, -1)
    for version in versions_of(40):
        expired = call(cluster, ExpireDelegationTokenRequest(hmac=b"x", expiry_time_period_ms=1), version)
        assert (expired.error_code, expired.expiry_timestamp_ms) == (refused, -1)
    for version in versions_of(41):
        described = call(cluster, DescribeDelegationTokenRequest(owners=None), version)
        assert (described.error_code, described.tokens) == (refused, [])
