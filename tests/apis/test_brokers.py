"""UnregisterBroker, as clients see it; with groups and data, as it concerns them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.testing.client import Pending
from pykbroker.wire.message import Message
from pykbroker.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from pykbroker.wire.messages.describe_cluster import DescribeClusterRequest
from pykbroker.wire.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from pykbroker.wire.messages.find_coordinator import FindCoordinatorRequest
from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from pykbroker.wire.messages.init_producer_id import InitProducerIdRequest
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from pykbroker.wire.messages.metadata import MetadataRequest
from pykbroker.wire.messages.unregister_broker import UnregisterBrokerRequest
from tests.apis.running import Running
from tests.storage.builders import a_batch


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    running.create(partitions=2)
    running.append_batch(3)
    yield running
    running.stop()


def unregister(running: Running, broker_id: int) -> int:
    code: int = running.client.send(UnregisterBrokerRequest(broker_id=broker_id), 0).error_code
    return code


def leaders(running: Running) -> list[tuple[int, int, int]]:
    """Return (error, leader, leader epoch) of the partitions of `t`."""
    topics = running.client.send(MetadataRequest(topics=None), 12).topics
    return [
        (each.error_code, each.leader_id, each.leader_epoch)
        for topic in topics
        if topic.name == "t"
        for each in topic.partitions
    ]


def test_broker_that_nobody_knows(running: Running) -> None:
    for node in (0, 2, -1):
        assert unregister(running, node) == errors.BROKER_ID_NOT_REGISTERED
    assert leaders(running) == [(0, 1, 0)] * 2


def test_unregistered_broker_is_in_nobodys_metadata(running: Running) -> None:
    assert unregister(running, 1) == 0
    metadata = running.client.send(MetadataRequest(topics=None), 12)
    assert (metadata.brokers, metadata.controller_id) == ([], -1)
    cluster = running.client.send(DescribeClusterRequest(), 2)
    assert (cluster.brokers, cluster.controller_id) == ([], -1)
    assert leaders(running) == [(errors.LEADER_NOT_AVAILABLE, -1, 1)] * 2
    assert unregister(running, 1) == errors.BROKER_ID_NOT_REGISTERED


def test_unregistered_broker_serves_nothing(running: Running) -> None:
    unregister(running, 1)
    assert running.produce(a_batch()).error_code == errors.NOT_LEADER_OR_FOLLOWER
    assert running.fetch_one().error_code == errors.NOT_LEADER_OR_FOLLOWER
    wanted = CreatableTopic(name="x", num_partitions=1, replication_factor=1)
    created = running.client.send(CreateTopicsRequest(topics=[wanted]), 7).topics[0]
    assert created.error_code == errors.INVALID_REPLICATION_FACTOR
    answer = running.client.send(InitProducerIdRequest(transactional_id=None, producer_id=-1, producer_epoch=-1), 4)
    assert answer.error_code == errors.COORDINATOR_LOAD_IN_PROGRESS
    for kind, expected in (
        (0, errors.PREFERRED_LEADER_NOT_AVAILABLE), (1, errors.ELIGIBLE_LEADERS_NOT_AVAILABLE),
    ):  # fmt: skip
        request = ElectLeadersRequest(election_type=kind, topic_partitions=[TopicPartitions(topic="t", partitions=[0])])
        result = running.client.send(request, 2).replica_election_results[0].partition_result[0]
        assert result.error_code == expected


def test_unregistered_broker_coordinates_nothing(running: Running) -> None:
    def send(request: Message, version: int) -> Any:
        answer = running.client.send(request, version)
        running.clock.advance(1)
        return answer.response if isinstance(answer, Pending) else answer

    join = JoinGroupRequest(
        group_id="g", session_timeout_ms=10_000, rebalance_timeout_ms=10_000, protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
    )  # fmt: skip
    member_id = send(join, 3).member_id
    unregister(running, 1)
    found = send(FindCoordinatorRequest(key="g"), 3)
    assert (found.error_code, found.node_id) == (errors.COORDINATOR_NOT_AVAILABLE, -1)
    for request, version in (
        (HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id), 3), (join, 3),
    ):  # fmt: skip
        assert send(request, version).error_code == errors.NOT_COORDINATOR


@pytest.mark.parametrize("clean", [True, False])
def test_broker_is_back_with_its_next_start(running: Running, clean: bool) -> None:
    unregister(running, 1)
    running.restart(clean=clean)
    assert [broker.node_id for broker in running.client.send(MetadataRequest(topics=None), 12).brokers] == [1]
    assert leaders(running) == [(0, 1, 2)] * 2
    assert running.produce(a_batch()).base_offset == 3
    assert running.partition().epoch_at(3) == 2
