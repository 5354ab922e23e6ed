"""DescribeClientQuotas and AlterClientQuotas, as clients see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.wire.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasRequestEntityData,
    AlterClientQuotasRequestEntryData,
    OpData,
)
from pykbroker.wire.messages.describe_client_quotas import ComponentData, DescribeClientQuotasRequest
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster

Entity = dict[str, str | None]

PRODUCED, CONSUMED, PERCENTAGE = "producer_byte_rate", "consumer_byte_rate", "request_percentage"
MUTATIONS, CONNECTIONS = "controller_mutation_rate", "connection_creation_rate"
EXACT, DEFAULT, ANY = 0, 1, 2
INVALID = errors.INVALID_REQUEST


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return a_cluster(tmp_path)


def entry(entity: Entity, **quotas: float | None) -> AlterClientQuotasRequestEntryData:
    """Return one entity's part of a request; None removes a quota."""
    return AlterClientQuotasRequestEntryData(
        entity=[AlterClientQuotasRequestEntityData(entity_type=kind, entity_name=n) for kind, n in entity.items()],
        ops=[OpData(key=key, value=value or 0.0, remove=value is None) for key, value in quotas.items()],
    )


def alter(
    cluster: Cluster, *entries: AlterClientQuotasRequestEntryData, version: int = 1, validate_only: bool = False
) -> list[tuple[Entity, int]]:
    request = AlterClientQuotasRequest(entries=list(entries), validate_only=validate_only)
    results = call(cluster, request, version).entries
    assert all(bool(result.error_message) == bool(result.error_code) for result in results)
    return [({e.entity_type: e.entity_name for e in result.entity}, result.error_code) for result in results]


def code(cluster: Cluster, entity: Entity, **quotas: float | None) -> int:
    ((named, found),) = alter(cluster, entry(entity, **quotas))
    assert named == entity
    return found


def described(
    cluster: Cluster, *components: tuple[str, int, str | None], strict: bool = False, version: int = 1
) -> Any:
    request = DescribeClientQuotasRequest(
        components=[ComponentData(entity_type=kind, match_type=how, match=name) for kind, how, name in components],
        strict=strict,
    )
    return call(cluster, request, version)


def found(
    cluster: Cluster, *components: tuple[str, int, str | None], strict: bool = False, version: int = 1
) -> list[tuple[Entity, dict[str, float]]]:
    response = described(cluster, *components, strict=strict, version=version)
    assert response.error_code == 0
    return [
        ({e.entity_type: e.entity_name for e in each.entity}, {value.key: value.value for value in each.values})
        for each in response.entries
    ]


@pytest.mark.parametrize("version", versions_of(49))
def test_quotas_are_set_changed_and_removed(cluster: Cluster, version: int) -> None:
    # QUO-03, and they survive a restart
    user: Entity = {"user": "u"}
    first, second = {PRODUCED: 1000.0, PERCENTAGE: 12.5}, {PRODUCED: 2000.0, PERCENTAGE: None}
    assert alter(cluster, entry(user, **first), version=version) == [(user, 0)]
    assert found(cluster) == [(user, first)]
    assert alter(cluster, entry(user, **second), version=version) == [(user, 0)]
    cluster = cluster.restarted()
    assert found(cluster) == [(user, {PRODUCED: 2000.0})]
    assert alter(cluster, entry(user, producer_byte_rate=None), version=version) == [(user, 0)]
    assert found(cluster) == []
    assert found(cluster.killed()) == []


def test_every_kind_of_entity_has_its_quotas(cluster: Cluster) -> None:
    # QUO-03
    kinds: list[Entity] = [
        {"user": "a"}, {"user": None}, {"client-id": "c"}, {"client-id": None}, {"client-id": "c", "user": "a"},
        {"client-id": None, "user": "a"}, {"client-id": "c", "user": None}, {"client-id": None, "user": None},
    ]  # fmt: skip
    rates: dict[str, float | None] = {PRODUCED: 1, CONSUMED: 2, PERCENTAGE: 0.5, MUTATIONS: 0.25}
    assert alter(cluster, *(entry(kind, **rates) for kind in kinds)) == [(kind, 0) for kind in kinds]
    addresses: list[Entity] = [{"ip": "10.0.0.1"}, {"ip": "::1"}, {"ip": "localhost"}, {"ip": None}]
    connections: dict[str, float | None] = {CONNECTIONS: 7}
    assert alter(cluster, *(entry(each, **connections) for each in addresses)) == [(each, 0) for each in addresses]
    assert found(cluster.restarted()) == [(kind, rates) for kind in kinds] + [(each, connections) for each in addresses]


def test_entities_that_cannot_be(cluster: Cluster) -> None:
    # QUO-03
    for entity in (
        {}, {"user": ""}, {"client-id": ""}, {"group": "g"}, {"": ""}, {"user": "a", "group": "g"},
        {"ip": "10.0.0.1", "user": "a"}, {"ip": None, "client-id": None}, {"ip": ""}, {"ip": "10.0.0.0/8"},
        {"ip": "300.1.1.1"}, {"ip": "a b"},
    ):  # fmt: skip
        assert code(cluster, dict(entity), connection_creation_rate=1.0) == INVALID
        assert code(cluster, dict(entity), connection_creation_rate=None) == INVALID
    assert found(cluster) == []


@pytest.mark.parametrize(("entity", "key", "value"), [
    ({"user": "a"}, PRODUCED, 0.0),
    ({"user": "a"}, CONSUMED, -1.0),
    ({"user": "a"}, PRODUCED, 1.5),
    ({"user": "a"}, PRODUCED, 1e19),
    ({"user": "a"}, PRODUCED, float("inf")),
    ({"user": "a"}, PERCENTAGE, 0.0),
    ({"user": "a"}, CONNECTIONS, 1.0),
    ({"user": "a"}, "foo", 1.0),
    ({"client-id": "a"}, "", 1.0),
    ({"ip": "1.2.3.4"}, PRODUCED, 1.0),
    ({"ip": "1.2.3.4"}, CONNECTIONS, 1.5),
    ({"ip": "1.2.3.4"}, CONNECTIONS, 2147483648.0),
    ({"ip": "1.2.3.4"}, CONNECTIONS, 0.0),
])  # fmt: skip
def test_values_that_cannot_be(cluster: Cluster, entity: Entity, key: str, value: float) -> None:
    # QUO-03
    assert code(cluster, entity, **{key: value}) == INVALID
    assert found(cluster) == []


@pytest.mark.parametrize(("entity", "key", "value"), [
    ({"user": "a"}, PRODUCED, 9223372036854775807.0),
    ({"user": "a"}, PRODUCED, 1.0000001),
    ({"user": "a"}, PERCENTAGE, 1e30),
    ({"user": "a"}, MUTATIONS, 0.25),
    ({"ip": "1.2.3.4"}, CONNECTIONS, 2147483647.0),
])  # fmt: skip
def test_values_that_just_can_be(cluster: Cluster, entity: Entity, key: str, value: float) -> None:
    # QUO-03
    assert code(cluster, entity, **{key: value}) == 0
    assert found(cluster) == [(entity, {key: value})]


def test_entity_succeeds_or_fails_as_a_whole(cluster: Cluster) -> None:
    # QUO-03
    bad, good = entry({"user": "a"}, producer_byte_rate=1.0, foo=1.0), entry({"user": "b"}, producer_byte_rate=1.0)
    assert alter(cluster, bad, good) == [({"user": "a"}, INVALID), ({"user": "b"}, 0)]
    assert found(cluster) == [({"user": "b"}, {PRODUCED: 1.0})]


def test_removing_what_is_not_there_is_fine(cluster: Cluster) -> None:
    # QUO-03: nor does it matter whether it could be there
    assert code(cluster, {"user": "a"}, producer_byte_rate=None, foo=None) == 0
    assert code(cluster, {"user": "a"}) == 0
    assert found(cluster) == []


def test_entity_that_comes_twice_is_an_error(cluster: Cluster) -> None:
    # QUO-03: as in Kafka, what came first is done
    first = entry({"client-id": "c", "user": "a"}, producer_byte_rate=1.0)
    again = entry({"user": "a", "client-id": "c"}, producer_byte_rate=2.0)
    entity: Entity = {"client-id": "c", "user": "a"}
    assert alter(cluster, first, again) == [(entity, INVALID)]
    assert found(cluster) == [(entity, {PRODUCED: 1.0})]


def test_quota_that_comes_twice_is_an_error(cluster: Cluster) -> None:
    # QUO-03
    twice = entry({"user": "a"}, producer_byte_rate=1.0)
    twice.ops.append(OpData(key=PRODUCED, value=2.0))
    assert alter(cluster, twice) == [({"user": "a"}, INVALID)]
    assert found(cluster) == []


@pytest.mark.parametrize("version", versions_of(49))
def test_validate_only_changes_nothing(cluster: Cluster, version: int) -> None:
    # QUO-03
    good, bad = entry({"user": "a"}, producer_byte_rate=1.0), entry({"user": "b"}, foo=1.0)
    results = alter(cluster, good, bad, version=version, validate_only=True)
    assert results == [({"user": "a"}, 0), ({"user": "b"}, INVALID)]
    assert found(cluster) == []


def test_what_does_not_change_is_not_written(cluster: Cluster) -> None:
    code(cluster, {"user": "a"}, producer_byte_rate=1.0)
    end = cluster.controller.partition.log_end_offset
    code(cluster, {"user": "a"}, producer_byte_rate=1.0)
    assert cluster.controller.partition.log_end_offset == end


@pytest.fixture
def several(cluster: Cluster) -> Cluster:
    """A cluster with quotas 1.0, 2.0, ... for all kinds of entities."""
    kinds: list[Entity] = [
        {"user": "a"}, {"user": None}, {"client-id": "c"}, {"client-id": None}, {"client-id": "c", "user": "a"},
        {"client-id": None, "user": "a"}, {"client-id": "c", "user": None},
    ]  # fmt: skip
    entries = [entry(kind, producer_byte_rate=1.0 + at) for at, kind in enumerate(kinds)]
    addresses: list[Entity] = [{"ip": "1.2.3.4"}, {"ip": None}]
    entries += [entry(kind, connection_creation_rate=8.0 + at) for at, kind in enumerate(addresses)]
    assert all(error == 0 for _, error in alter(cluster, *entries))
    return cluster


@pytest.mark.parametrize("version", versions_of(48))
@pytest.mark.parametrize(("components", "loosely", "strictly"), [
    ([], [1, 2, 3, 4, 5, 6, 7, 8, 9], []),
    ([("user", EXACT, "a")], [1, 5, 6], [1]),
    ([("user", DEFAULT, None)], [2, 7], [2]),
    ([("user", ANY, None)], [1, 2, 5, 6, 7], [1, 2]),
    ([("client-id", ANY, None)], [3, 4, 5, 6, 7], [3, 4]),
    ([("user", EXACT, "a"), ("client-id", ANY, None)], [5, 6], [5, 6]),
    ([("client-id", DEFAULT, None), ("user", ANY, None)], [6], [6]),
    ([("ip", ANY, None)], [8, 9], [8, 9]),
    ([("ip", EXACT, "1.2.3.4")], [8], [8]),
    ([("ip", DEFAULT, None)], [9], [9]),
    ([("user", EXACT, "nobody")], [], []),
    ([("user", EXACT, "")], [], []),
])  # fmt: skip
def test_filter_finds_entities(
    several: Cluster, version: int, components: list[Any], loosely: list[int], strictly: list[int]
) -> None:
    # QUO-04
    for strict, expected in ((False, loosely), (True, strictly)):
        entries = found(several, *components, strict=strict, version=version)
        assert [value for _, quotas in entries for value in quotas.values()] == expected


@pytest.mark.parametrize("version", versions_of(48))
@pytest.mark.parametrize(("components", "expected"), [
    ([("user", ANY, None), ("user", EXACT, "a")], INVALID),
    ([("", ANY, None)], INVALID),
    ([("group", ANY, None)], errors.UNSUPPORTED_VERSION),
    ([("user", 3, None)], INVALID),
    ([("user", -1, "a")], INVALID),
    ([("user", EXACT, None)], INVALID),
    ([("user", DEFAULT, "a")], INVALID),
    ([("user", ANY, "a")], INVALID),
    ([("user", ANY, None), ("ip", ANY, None)], INVALID),
    ([("ip", DEFAULT, None), ("client-id", EXACT, "c")], INVALID),
])  # fmt: skip
def test_filter_that_cannot_be(several: Cluster, version: int, components: list[Any], expected: int) -> None:
    # QUO-04
    response = described(several, *components, version=version)
    assert (response.error_code, response.entries) == (expected, None)
    assert response.error_message
