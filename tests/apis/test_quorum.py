"""DescribeQuorum, AddRaftVoter, RemoveRaftVoter, as clients see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.message import ZERO_UUID
from pykbroker.wire.messages.add_raft_voter import AddRaftVoterRequest, Listener
from pykbroker.wire.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumRequestPartitionData,
    DescribeQuorumRequestTopicData,
)
from pykbroker.wire.messages.remove_raft_voter import RemoveRaftVoterRequest
from tests.apis.calling import call, versions_of
from tests.fakes import NOW_MS
from tests.metadata.brokers import Cluster, a_cluster

LOG = "__cluster_metadata"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return a_cluster(tmp_path)


def describe(cluster: Cluster, *asked: tuple[str, list[int]], version: int = 2) -> Any:
    topics = [
        DescribeQuorumRequestTopicData(
            topic_name=name, partitions=[DescribeQuorumRequestPartitionData(partition_index=i) for i in indexes]
        )
        for name, indexes in asked
    ]
    return call(cluster, DescribeQuorumRequest(topics=topics), version)


@pytest.mark.parametrize("version", versions_of(55))
def test_this_node_is_the_only_voter_and_leads(cluster: Cluster, version: int) -> None:
    # CLA-16
    response = describe(cluster, (LOG, [0]), version=version)
    ((found,),) = [topic.partitions for topic in response.topics]
    assert (response.error_code, found.error_code, found.leader_id, found.observers) == (0, 0, 1, [])
    (voter,) = found.current_voters
    assert (voter.replica_id, voter.replica_directory_id) == (1, ZERO_UUID)
    times = (voter.last_fetch_timestamp, voter.last_caught_up_timestamp)
    assert times == ((NOW_MS, NOW_MS) if version >= 1 else (-1, -1))
    nodes = [(node.node_id, [(e.name, e.host, e.port) for e in node.listeners]) for node in response.nodes]
    listeners = [("PLAINTEXT", "kafka.example", 19092), ("SECOND", "second.example", 19093)]
    assert nodes == ([(1, listeners)] if version >= 2 else [])


def test_offsets_are_those_of_the_metadata_log(cluster: Cluster) -> None:
    # CLA-16
    def offsets() -> tuple[int, int]:
        found = describe(cluster, (LOG, [0])).topics[0].partitions[0]
        return found.high_watermark, found.current_voters[0].log_end_offset

    before, end = offsets()
    assert before == end > 0
    cluster.controller.create_topics([NewTopic("t", 2)])
    assert offsets() == (before + 3, end + 3)
    log = cluster.controller.partition
    assert describe(cluster, (LOG, [0])).topics[0].partitions[0].leader_epoch == log.leader_epoch


@pytest.mark.parametrize("version", versions_of(55))
def test_everything_but_the_one_partition_is_unknown(cluster: Cluster, version: int) -> None:
    # CLA-16
    for asked in ([("t", [0])], [(LOG, [1])], [(LOG, [0, 1])], [(LOG, [0]), ("t", [0])], [(LOG, [])], []):
        response = describe(cluster, *asked, version=version)
        found = [(t.topic_name, [(p.partition_index, p.error_code) for p in t.partitions]) for t in response.topics]
        unknown = errors.UNKNOWN_TOPIC_OR_PARTITION
        assert found == [(name, [(index, unknown) for index in indexes]) for name, indexes in asked]
        assert (response.error_code, response.nodes) == (0, [])


def voter(**fields: Any) -> AddRaftVoterRequest:
    listeners = [Listener(name="CONTROLLER", host="h", port=1)]
    return AddRaftVoterRequest(**{
        "cluster_id": None, "voter_id": 2, "voter_directory_id": b"d" * 16, "listeners": listeners, **fields,
    })  # fmt: skip


@pytest.mark.parametrize("version", versions_of(80))
def test_voters_cannot_be_added(cluster: Cluster, version: int) -> None:
    # KIP-853: kraft.version is 0
    def refused(**fields: Any) -> int:
        code: int = call(cluster, voter(**fields), version).error_code
        return code

    assert refused() == errors.UNSUPPORTED_VERSION
    assert refused(cluster_id=cluster.image.cluster_id) == errors.UNSUPPORTED_VERSION
    assert refused(cluster_id="x") == errors.INCONSISTENT_CLUSTER_ID
    assert refused(voter_id=-1) == errors.INVALID_REQUEST
    assert refused(voter_directory_id=ZERO_UUID) == errors.INVALID_REQUEST
    assert refused(listeners=[]) == errors.INVALID_REQUEST


def test_new_voter_needs_the_controllers_listener(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path, controller_listener_names="QUORUM")
    assert call(cluster, voter()).error_code == errors.INVALID_REQUEST
    named = voter(listeners=[Listener(name="QUORUM", host="h", port=1)])
    assert call(cluster, named).error_code == errors.UNSUPPORTED_VERSION


def test_voters_cannot_be_removed(cluster: Cluster) -> None:
    # KIP-853
    def refused(cluster_id: str | None = None, node: int = 1, directory: bytes = b"d" * 16) -> int:
        request = RemoveRaftVoterRequest(cluster_id=cluster_id, voter_id=node, voter_directory_id=directory)
        code: int = call(cluster, request).error_code
        return code

    assert refused() == errors.UNSUPPORTED_VERSION
    assert refused("x") == errors.INCONSISTENT_CLUSTER_ID
    assert refused(None, -1) == refused(None, 1, ZERO_UUID) == errors.INVALID_REQUEST
