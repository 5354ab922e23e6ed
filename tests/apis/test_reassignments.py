"""AlterPartitionReassignments and ListPartitionReassignments, as clients see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from pykbroker.wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsTopics,
)
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster, plain

Wanted = tuple[str, list[tuple[int, list[int] | None]]]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    cluster = a_cluster(tmp_path)
    cluster.controller.create_topics([NewTopic("t", 2)])
    return cluster


def alter(
    cluster: Cluster, *wanted: Wanted, version: int = 1, may_change_factor: bool = True
) -> list[tuple[str, list[tuple[int, int]]]]:
    request = AlterPartitionReassignmentsRequest(timeout_ms=1000)
    for name, targets in wanted:
        partitions = [ReassignablePartition(partition_index=i, replicas=replicas) for i, replicas in targets]
        request.topics.append(ReassignableTopic(name=name, partitions=partitions))
    if version >= 1:
        request.allow_replication_factor_change = may_change_factor
    response = call(cluster, request, version)
    assert (response.error_code, response.error_message) == (0, None)
    assert response.allow_replication_factor_change == may_change_factor
    return [(t.name, [(each.partition_index, each.error_code) for each in t.partitions]) for t in response.responses]


@pytest.mark.parametrize("version", versions_of(45))
def test_present_replicas_are_accepted(cluster: Cluster, version: int) -> None:
    # CLA-12
    before = plain(cluster.image)
    end = cluster.controller.partition.log_end_offset
    assert alter(cluster, ("t", [(1, [1]), (0, [1])]), version=version) == [("t", [(1, 0), (0, 0)])]
    assert alter(cluster, ("t", []), version=version) == [("t", [])]
    assert plain(cluster.image) == before
    assert cluster.controller.partition.log_end_offset == end


@pytest.mark.parametrize("version", versions_of(45))
def test_other_replicas_are_not_there(cluster: Cluster, version: int) -> None:
    # CLA-12
    bad = errors.INVALID_REPLICA_ASSIGNMENT
    wanted: Wanted = ("t", [(0, [2]), (0, [1, 2]), (0, [-1]), (1, [1, 1]), (1, [])])
    assert alter(cluster, wanted, version=version) == [("t", [(0, bad), (0, bad), (0, bad), (1, bad), (1, bad)])]


@pytest.mark.parametrize("version", versions_of(45))
def test_what_does_not_exist_cannot_be_moved(cluster: Cluster, version: int) -> None:
    # CLA-12
    unknown = errors.UNKNOWN_TOPIC_OR_PARTITION
    wanted: list[Wanted] = [("t", [(9, [1]), (-1, None), (0, [1])]), ("no", [(0, [2]), (1, None)]), ("", [(0, [1])])]
    assert alter(cluster, *wanted, version=version) == [
        ("t", [(9, unknown), (-1, unknown), (0, 0)]), ("no", [(0, unknown), (1, unknown)]), ("", [(0, unknown)]),
    ]  # fmt: skip


@pytest.mark.parametrize("version", versions_of(45))
def test_nothing_is_under_way_to_be_cancelled(cluster: Cluster, version: int) -> None:
    # CLA-13
    none = errors.NO_REASSIGNMENT_IN_PROGRESS
    assert alter(cluster, ("t", [(0, None), (1, None)]), version=version) == [("t", [(0, none), (1, none)])]


def test_number_of_replicas_is_looked_at_after_the_replicas(cluster: Cluster) -> None:
    # CLA-14
    bad = errors.INVALID_REPLICA_ASSIGNMENT
    assert alter(cluster, ("t", [(0, [1, 2]), (1, [1])]), may_change_factor=False) == [("t", [(0, bad), (1, 0)])]


def test_no_reassignment_is_listed(cluster: Cluster) -> None:
    # CLA-15: neither for idle partitions nor for unknown ones
    alter(cluster, ("t", [(0, [1])]))
    for topics in (None, [], [ListPartitionReassignmentsTopics(name=name, partition_indexes=[0]) for name in "tn"]):
        response = call(cluster, ListPartitionReassignmentsRequest(topics=topics))
        assert (response.error_code, response.error_message, response.topics) == (0, None, [])
