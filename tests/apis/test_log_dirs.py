"""DescribeLogDirs, as clients see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.messages.describe_log_dirs import DescribableLogDirTopic, DescribeLogDirsRequest
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster
from tests.storage.builders import a_batch, append


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    cluster = a_cluster(tmp_path)
    cluster.controller.create_topics([NewTopic("a", 2), NewTopic("b")])
    append(cluster.partitions.get("a", 1), a_batch(3))
    return cluster


def sizes(cluster: Cluster, topics: list[DescribableLogDirTopic] | None) -> dict[tuple[str, int], int]:
    result = call(cluster, DescribeLogDirsRequest(topics=topics)).results[0]
    return {(t.name, p.partition_index): p.partition_size for t in result.topics for p in t.partitions}


def test_every_partition_is_listed_with_its_size(cluster: Cluster) -> None:
    # CLA-08
    size = len(a_batch(3))
    expected = {("a", 0): 0, ("a", 1): size, ("b", 0): 0}
    assert sizes(cluster, None) == expected
    cluster = cluster.restarted()
    assert sizes(cluster, None) == expected
    assert ("a", 1) not in cluster.partitions.live  # measured, not opened
    cluster.partitions.get("a", 1)
    assert sizes(cluster, None) == expected


def test_only_what_was_asked_for_is_listed(cluster: Cluster) -> None:
    # CLA-08
    wanted = [DescribableLogDirTopic(topic="a", partitions=[0, 7]), DescribableLogDirTopic(topic="no", partitions=[0])]
    assert sizes(cluster, wanted) == {("a", 0): 0}
    assert sizes(cluster, []) == {}


@pytest.mark.parametrize("version", versions_of(35))
def test_directory_and_volume_are_said(cluster: Cluster, tmp_path: Path, version: int) -> None:
    # CLA-08
    response = call(cluster, DescribeLogDirsRequest(topics=None), version)
    (result,) = response.results
    assert (response.error_code, result.error_code, result.log_dir) == (0, 0, str(tmp_path))
    assert all(p.offset_lag == 0 and not p.is_future_key for t in result.topics for p in t.partitions)
    if version >= 4:
        assert result.total_bytes >= result.usable_bytes > 0
    else:
        assert result.total_bytes == -1
    assert not result.is_cordoned


def test_several_directories_share_the_partitions(tmp_path: Path) -> None:
    # CLA-08
    cluster = a_cluster(tmp_path / "1", log_dirs=f"{tmp_path}/1,{tmp_path}/2")
    cluster.controller.create_topics([NewTopic("a", 4)])
    for index in range(4):
        append(cluster.partitions.get("a", index), a_batch())
    for each in (cluster, cluster.restarted()):
        results = call(each, DescribeLogDirsRequest(topics=None)).results
        held = {r.log_dir: [p.partition_index for t in r.topics for p in t.partitions] for r in results}
        assert set(held) == {f"{tmp_path}/1", f"{tmp_path}/2"}
        assert sorted(held[f"{tmp_path}/1"] + held[f"{tmp_path}/2"]) == [0, 1, 2, 3]
        assert all(held.values())
