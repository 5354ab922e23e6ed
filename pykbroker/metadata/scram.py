"""Decisions about SCRAM credentials (KIP-554): what users can prove that they know. Pure.

A client derives the salted password and sends it; stored are the two keys that RFC 5802 derives from that, which do
not give the password away. The order of checks is that of `org.apache.kafka.controller.ScramControlManager`. The
credentials are stored and described; nobody is authenticated with them yet.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import Image
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import RemoveUserScramCredentialRecord, UserScramCredentialRecord

# Mechanism's number -> its hash; and how often that may be applied.
MECHANISMS: Final = {1: "sha256", 2: "sha512"}
MIN_ITERATIONS: Final = 4096
MAX_ITERATIONS: Final = 16384


class ScramDeletion:
    """Removes a user's credential of one mechanism."""

    __slots__ = ("mechanism", "user")

    def __init__(self, user: str, mechanism: int) -> None:
        self.user = user
        self.mechanism = mechanism


class ScramUpsertion:
    """Sets a user's credential of one mechanism. `salted_password` is `SaltedPassword` of RFC 5802."""

    __slots__ = ("iterations", "mechanism", "salt", "salted_password", "user")

    def __init__(self, user: str, mechanism: int, iterations: int, salt: bytes, salted_password: bytes) -> None:
        self.user = user
        self.mechanism = mechanism
        self.iterations = iterations
        self.salt = salt
        self.salted_password = salted_password


Alteration = ScramDeletion | ScramUpsertion


class ScramResult:
    """What became of one user's alteration."""

    __slots__ = ("error", "user")

    def __init__(self, user: str, error: KafkaError | None) -> None:
        self.user = user
        self.error = error


class ScramDescription:
    """A user's credentials as (mechanism, iterations), or why there are none to describe."""

    __slots__ = ("credentials", "error", "user")

    def __init__(self, user: str, credentials: list[tuple[int, int]], error: KafkaError | None = None) -> None:
        self.user = user
        self.credentials = credentials
        self.error = error


def alter(image: Image, wanted: Sequence[Alteration]) -> tuple[list[Message], list[ScramResult]]:
    """Decide an AlterUserScramCredentials request: one result per user (SEC-11).

    A user can be named once only, so a request cannot set two mechanisms of one user, as in Kafka.
    """
    good: dict[str, Message] = {}
    bad: dict[str, KafkaError] = {}
    for alteration in wanted:
        user = alteration.user
        if user in bad:
            continue
        if good.pop(user, None) is not None:
            bad[user] = KafkaError(
                errors.DUPLICATE_RESOURCE, "A user credential cannot be altered twice in the same request"
            )
            continue
        try:
            good[user] = _decided(image, alteration)
        except KafkaError as refused:
            bad[user] = refused
    results = [ScramResult(user, None) for user in good]
    return list(good.values()), results + [ScramResult(user, error) for user, error in bad.items()]


def _decided(image: Image, alteration: Alteration) -> Message:
    if not alteration.user:
        raise KafkaError(errors.UNACCEPTABLE_CREDENTIAL, "Username must not be empty")
    if alteration.mechanism not in MECHANISMS:
        raise KafkaError(errors.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism")
    if isinstance(alteration, ScramDeletion):
        if (alteration.user, alteration.mechanism) not in image.scram:
            raise KafkaError(
                errors.RESOURCE_NOT_FOUND, "Attempt to delete a user credential that does not exist"
            )
        return RemoveUserScramCredentialRecord(name=alteration.user, mechanism=alteration.mechanism)
    if alteration.iterations < MIN_ITERATIONS:
        raise KafkaError(errors.UNACCEPTABLE_CREDENTIAL, "Too few iterations")
    if alteration.iterations > MAX_ITERATIONS:
        raise KafkaError(errors.UNACCEPTABLE_CREDENTIAL, "Too many iterations")
    if not alteration.salted_password:
        raise KafkaError(errors.UNKNOWN_SERVER_ERROR)  # what Kafka says: Java has no empty keys
    return _record(alteration)


def _record(wanted: ScramUpsertion) -> UserScramCredentialRecord:
    """Derive the two keys that are stored (RFC 5802, section 3)."""
    algorithm = MECHANISMS[wanted.mechanism]
    client_key = hmac.digest(wanted.salted_password, b"Client Key", algorithm)
    return UserScramCredentialRecord(
        name=wanted.user,
        mechanism=wanted.mechanism,
        salt=wanted.salt,
        stored_key=hashlib.new(algorithm, client_key).digest(),
        server_key=hmac.digest(wanted.salted_password, b"Server Key", algorithm),
        iterations=wanted.iterations,
    )


def describe(image: Image, users: Sequence[str]) -> Iterator[ScramDescription]:
    """Yield the named users' credentials, those of all users if none is named; never salt or keys (SEC-12)."""
    by_user: dict[str, list[tuple[int, int]]] = {}
    for (user, mechanism), credential in sorted(image.scram.items(), key=lambda each: each[0]):
        by_user.setdefault(user, []).append((mechanism, credential.iterations))
    for user in dict.fromkeys(users or by_user):
        if users.count(user) > 1:
            what = f"Cannot describe SCRAM credentials for the same user twice in a single request: {user}"
            yield ScramDescription(user, [], KafkaError(errors.DUPLICATE_RESOURCE, what))
        elif user not in by_user:
            what = f"Attempt to describe a user credential that does not exist: {user}"
            yield ScramDescription(user, [], KafkaError(errors.RESOURCE_NOT_FOUND, what))
        else:
            yield ScramDescription(user, by_user[user])
