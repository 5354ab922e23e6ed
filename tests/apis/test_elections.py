"""ElectLeaders, as clients see it. Elections that change something: `tests/metadata/test_leadership.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster

PREFERRED, UNCLEAN = 0, 1
NOT_NEEDED, UNKNOWN = errors.ELECTION_NOT_NEEDED, errors.UNKNOWN_TOPIC_OR_PARTITION

Results = list[tuple[str, list[tuple[int, int]]]]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    cluster = a_cluster(tmp_path)
    cluster.controller.create_topics([NewTopic("t", 2), NewTopic("u")])
    return cluster


def elect(
    cluster: Cluster, wanted: list[tuple[str, list[int]]] | None, election_type: int = PREFERRED, version: int = 2
) -> tuple[int, Results]:
    topics = None if wanted is None else [TopicPartitions(topic=name, partitions=parts) for name, parts in wanted]
    request = ElectLeadersRequest(topic_partitions=topics, timeout_ms=1000)
    if version >= 1:
        request.election_type = election_type
    response = call(cluster, request, version)
    results = [
        (topic.topic, [(each.partition_id, each.error_code) for each in topic.partition_result])
        for topic in response.replica_election_results
    ]
    return response.error_code, results


@pytest.mark.parametrize("version", versions_of(43))
@pytest.mark.parametrize("election_type", [PREFERRED, UNCLEAN])
def test_partitions_are_led_already(cluster: Cluster, version: int, election_type: int) -> None:
    # CLA-10, CLA-11: those that are not named one by one are left out
    wanted = [("t", [1, 0]), ("u", [0])]
    expected = [("t", [(1, NOT_NEEDED), (0, NOT_NEEDED)]), ("u", [(0, NOT_NEEDED)])]
    assert elect(cluster, wanted, election_type, version) == (0, expected)
    assert elect(cluster, None, election_type, version) == (0, [("t", []), ("u", [])])
    assert elect(cluster, [], election_type, version) == (0, [])


@pytest.mark.parametrize("version", versions_of(43))
def test_what_does_not_exist_cannot_be_led(cluster: Cluster, version: int) -> None:
    # CLA-11: and does not disturb the others
    wanted = [("t", [0, 7, -1]), ("no", [0]), ("", [0]), ("no", [])]
    expected = [("t", [(0, NOT_NEEDED), (7, UNKNOWN), (-1, UNKNOWN)]), ("no", [(0, UNKNOWN)]), ("", [(0, UNKNOWN)])]
    assert elect(cluster, wanted, version=version) == (0, [*expected, ("no", [])])


@pytest.mark.parametrize("version", versions_of(43)[1:])
def test_there_are_two_kinds_of_elections(cluster: Cluster, version: int) -> None:
    # CLA-11
    refused = errors.INVALID_REQUEST
    for kind in (2, -1):
        assert elect(cluster, [("t", [0, 1])], kind, version) == (refused, [("t", [(0, refused), (1, refused)])])
        assert elect(cluster, None, kind, version) == (refused, [])


def test_every_result_has_its_message(cluster: Cluster) -> None:
    request = ElectLeadersRequest(topic_partitions=[TopicPartitions(topic="t", partitions=[0, 9])])
    results = call(cluster, request).replica_election_results[0].partition_result
    assert all(result.error_message for result in results)
