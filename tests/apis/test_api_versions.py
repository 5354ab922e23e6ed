"""ApiVersions, and whether all that it says is true."""

from __future__ import annotations

import logging
from random import Random
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.apis.registry import advertised
from pykbroker.errors import Disconnect
from pykbroker.testing.client import Client, Pending
from pykbroker.wire import catalog
from pykbroker.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from tests.apis.running import Running, refused_versions, versions
from tests.storage.builders import a_batch
from tests.wire.values import random_message

PRODUCE, JOIN_GROUP, API_VERSIONS, INIT_PRODUCER_ID = 0, 11, 18, 22
DESCRIBE_ACLS, ACLS = 29, (29, 30, 31)


def ask(running: Running, version: int, **values: object) -> ApiVersionsResponse:
    request = ApiVersionsRequest(**{"client_software_name": "test", "client_software_version": "1.0", **values})  # type: ignore[arg-type]
    response = running.client.send(request, version)
    assert isinstance(response, ApiVersionsResponse)
    return response


def listed(running: Running, version: int = 4) -> dict[int, tuple[int, int]]:
    return {each.api_key: (each.min_version, each.max_version) for each in ask(running, version).api_keys}


@pytest.mark.parametrize("version", versions(API_VERSIONS))
def test_every_version_lists_each_api_once(running: Running, version: int) -> None:
    # API-01
    response = ask(running, version)
    assert (response.error_code, response.throttle_time_ms) == (0, 0)
    keys = [each.api_key for each in response.api_keys]
    assert keys == sorted(set(keys))
    assert len(keys) == len(advertised())
    assert all(0 <= each.min_version <= each.max_version for each in response.api_keys)


ADVERTISED = [(key, version) for key, low, high in advertised() for version in range(low, high + 1)]


def serve(running: Running, key: int, version: int, request: Any) -> Any:
    """Send a request and decode its answer; give a parked one all the time that it may want. None if disconnected."""
    client = running.another_client()
    try:
        answer = client.send(request, version)
        if isinstance(answer, Pending):
            running.clock.advance(10 * 60_000)
            assert answer.done, "parked for longer than any time-out"
            answer = answer.response
    except Disconnect:
        return None
    return answer


@pytest.mark.parametrize(("key", "version"), ADVERTISED)
def test_every_advertised_version_is_served(
    topic: Running, caplog: pytest.LogCaptureFixture, key: int, version: int
) -> None:
    # API-02: a request in which every field has its default
    api = catalog.APIS[key]
    if version in refused_versions(key):
        frame = topic.client.frame(api.request()(), versions(key)[0])
        with pytest.raises(Disconnect):
            topic.broker.handle(topic.client.session, frame[:2] + version.to_bytes(2, "big") + frame[4:])
        return
    request: Any = api.request()()
    if key == PRODUCE:
        request.acks = 1  # without acks there is no answer
    if key == DESCRIBE_ACLS:  # 0 is UNKNOWN, which no client means
        request.resource_type_filter = request.pattern_type_filter = request.operation = request.permission_type = 1
    answer = serve(topic, key, version, request)
    assert isinstance(answer, api.response())
    assert getattr(answer, "error_code", 0) != errors.UNKNOWN_SERVER_ERROR
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(("key", "version"), [(k, v) for k, v in ADVERTISED if v not in refused_versions(k)])
def test_any_values_in_a_request_are_answered_without_a_failure_of_ours(
    topic: Running, caplog: pytest.LogCaptureFixture, key: int, version: int
) -> None:
    # API-02, FRM-23: null, empty, extreme and random values; the only legal closes are those of a produce without acks,
    # and of access control lists with UNKNOWN elements
    api = catalog.APIS[key]
    random = Random(key * 1000 + version)
    for _ in range(15):
        request: Any = random_message(api.request(), version, random)
        answer = serve(topic, key, version, request)
        assert answer is not None or (key == PRODUCE and request.acks == 0) or key in ACLS, request
        failed = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert not failed, f"{failed}: {request}"


BAD_WORDS = ["", "-a", "a-", ".a", "a.", "a b", "a_b", "ä", "a\n", "a/b", "\0"]
GOOD_WORDS = ["a", "1", "apache-kafka-java", "2.0.1-SNAPSHOT", "a--..b", "A9"]


@pytest.mark.parametrize("version", versions(API_VERSIONS, since=3))
@pytest.mark.parametrize("field", ["client_software_name", "client_software_version"])
@pytest.mark.parametrize("word", BAD_WORDS)
def test_software_that_is_no_word_is_refused(running: Running, version: int, field: str, word: str) -> None:
    # API-03
    response = ask(running, version, **{field: word})
    assert (response.error_code, response.api_keys) == (errors.INVALID_REQUEST, [])


@pytest.mark.parametrize("word", GOOD_WORDS)
def test_software_that_is_a_word_is_taken(running: Running, word: str) -> None:
    # API-03
    response = ask(running, 4, client_software_name=word, client_software_version=word)
    assert (response.error_code, bool(response.api_keys)) == (0, True)
    assert running.client.session.software_name == word


def test_older_versions_have_no_software_to_refuse(running: Running) -> None:
    # API-03
    assert ask(running, 2, client_software_name="").error_code == 0


def test_features_come_as_tagged_fields(running: Running) -> None:
    # API-05: not before version 3; nothing of ZooKeeper, whose tag is left out (FRM-17)
    for version in versions(API_VERSIONS):
        response = ask(running, version)
        if version < 3:
            assert (response.supported_features, response.finalized_features_epoch) == ([], -1)
            assert response.finalized_features == []
        else:
            assert [each.name for each in response.supported_features] == ["metadata.version"]
            assert response.finalized_features_epoch >= 0
            assert [each.name for each in response.finalized_features] == ["metadata.version"]
        assert not response.zk_migration_ready


def test_a_lowest_level_of_zero_is_kept_from_older_clients(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # API-06
    from pykbroker.apis import api_versions

    monkeypatch.setattr(api_versions, "SUPPORTED", {"group.version": (0, 1), "share.version": (1, 1)})
    names = {
        version: [each.name for each in ask(running, version).supported_features]
        for version in versions(API_VERSIONS, since=3)
    }
    assert names == {
        3: ["share.version"],
        4: ["group.version", "share.version"],
        5: ["group.version", "share.version"],
    }


def test_finalized_features_are_levels_that_are_served(running: Running) -> None:
    # API-07, API-08: no level of a protocol that is not there, and never level 0
    finalized = {
        each.name: (each.min_version_level, each.max_version_level) for each in ask(running, 4).finalized_features
    }
    assert finalized == {"metadata.version": (30, 30)}
    running.broker.services.image.features.update({"group.version": 0, "share.version": 1})
    # A directory that Kafka wrote has levels of protocols that are not served: clients would switch to them.
    assert [each.name for each in ask(running, 4).finalized_features] == ["metadata.version"]


def test_features_are_the_same_after_a_restart(running: Running) -> None:
    # API-07
    before = ask(running, 4)
    running.restart()
    after = ask(running, 4)
    assert after.finalized_features == before.finalized_features
    assert after.finalized_features_epoch >= before.finalized_features_epoch


@pytest.mark.parametrize("version", versions(API_VERSIONS))
def test_produce_is_advertised_from_zero(running: Running, version: int) -> None:
    # API-09: and refused below 3 all the same, see test_every_advertised_version_is_served
    assert listed(running, version)[PRODUCE] == (0, 13)
    assert list(refused_versions(PRODUCE)) == [0, 1, 2]


@pytest.mark.parametrize("version", [0, 1])
def test_the_oldest_join_is_served(running: Running, version: int) -> None:
    # API-10
    assert listed(running)[JOIN_GROUP] == (0, 9)
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"m")],
    )
    answer = serve(running, JOIN_GROUP, version, request)
    assert (answer.error_code, answer.generation_id) == (0, 1)


LOWEST = {0: 0, 1: 4, 2: 1, 8: 2, 9: 1, 19: 2, 20: 1, 23: 2, 29: 1, 30: 1, 31: 1, 32: 1, 35: 1}
HIGHEST = {0: 13, 1: 18, 2: 11, 3: 13, 8: 10, 9: 10, 15: 6, 45: 1, 60: 2, 74: 1}


def test_lowest_versions_are_at_most_kafkas(running: Running) -> None:
    # API-11
    found = listed(running)
    assert all(found[key][0] <= version for key, version in LOWEST.items())


def test_formats_before_batches_are_not_kept(running: Running) -> None:
    # PROD-59, FET-40: nothing is converted up or down
    assert versions(PRODUCE)[0] == 3
    assert listed(running)[1][0] == 4


def test_highest_versions_are_kafkas(running: Running) -> None:
    # API-12
    found = listed(running)
    assert {key: found[key][1] for key in HIGHEST} == HIGHEST


def test_apis_between_brokers_are_not_listed(running: Running) -> None:
    # API-13
    assert not set(listed(running)) & {52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82}
    assert all("broker" in catalog.APIS[key].listeners for key in listed(running))


def test_telemetry_is_not_listed(running: Running) -> None:
    # API-14: or clients would push
    assert not set(listed(running)) & {71, 72}


def test_unstable_versions_are_hidden(running: Running) -> None:
    # API-15
    assert catalog.APIS[INIT_PRODUCER_ID].latest_is_unstable
    assert listed(running)[INIT_PRODUCER_ID][1] == catalog.APIS[INIT_PRODUCER_ID].highest - 1
    for key, (_, high) in listed(running).items():
        api = catalog.APIS[key]
        assert high == api.highest - api.latest_is_unstable


@pytest.mark.parametrize(
    ("means", "code"),
    [
        ({}, 0),
        ({"node_id": 1}, 0),
        ({"node_id": 2}, errors.REBOOTSTRAP_REQUIRED),
        ({"cluster_id": "of somebody else"}, errors.REBOOTSTRAP_REQUIRED),
    ],
)
def test_a_client_that_means_another_broker_is_sent_away(
    running: Running, means: dict[str, object], code: int
) -> None:
    # API-01, version 5 (KIP-1242)
    assert ask(running, 5, **means).error_code == code
    own = running.broker.services.image.cluster_id
    assert ask(running, 5, **{"cluster_id": own, **means}).error_code == code
    assert ask(running, 4, **means).error_code == 0


def test_a_refused_api_versions_does_not_spoil_the_connection(topic: Running) -> None:
    # API-03, FRM-14
    client = Client(topic.broker.handle)
    request = ApiVersionsRequest(client_software_name="", client_software_version="")
    assert client.send(request, 4).error_code == errors.INVALID_REQUEST
    assert client.send(topic.produce_request({("t", 0): a_batch()}), 12).responses
