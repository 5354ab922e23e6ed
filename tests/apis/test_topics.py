"""CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords, as clients see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from pykbroker.wire.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from pykbroker.wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from pykbroker.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from pykbroker.wire.messages.metadata import MetadataRequest
from pykbroker.wire.records import build_batch
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster

ZERO = bytes(16)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return a_cluster(tmp_path)


def a_topic(
    name: str = "t",
    partitions: int = 1,
    replicas: int = 1,
    assigned: dict[int, list[int]] | None = None,
    **configs: str | None,
) -> CreatableTopic:
    return CreatableTopic(
        name=name,
        num_partitions=-1 if assigned else partitions,
        replication_factor=-1 if assigned else replicas,
        assignments=[CreatableReplicaAssignment(partition_index=i, broker_ids=b) for i, b in (assigned or {}).items()],
        configs=[CreatableTopicConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()],
    )


def create(cluster: Cluster, *topics: CreatableTopic, version: int = 7, validate_only: bool = False) -> dict[str, Any]:
    request = CreateTopicsRequest(topics=list(topics), validate_only=validate_only)
    return {topic.name: topic for topic in call(cluster, request, version).topics}


def code(cluster: Cluster, topic: CreatableTopic) -> int:
    result = create(cluster, topic)[topic.name]
    assert (result.error_code == 0) == (topic.name in cluster.image.topics)
    return int(result.error_code)


def delete(cluster: Cluster, *names: str, version: int = 5) -> dict[str, int]:
    response = call(cluster, DeleteTopicsRequest(topic_names=list(names)), version)
    return {each.name: each.error_code for each in response.responses}


def grow(
    cluster: Cluster, *wanted: tuple[str, int, list[list[int]] | None], validate_only: bool = False
) -> list[tuple[str, int]]:
    topics = [
        CreatePartitionsTopic(
            name=name,
            count=count,
            assignments=None if nodes is None else [CreatePartitionsAssignment(broker_ids=each) for each in nodes],
        )
        for name, count, nodes in wanted
    ]
    response = call(cluster, CreatePartitionsRequest(topics=topics, validate_only=validate_only))
    return [(result.name, result.error_code) for result in response.results]


def fill(cluster: Cluster, topic: str, count: int) -> None:
    pairs = [(b"k", b"v")] * count
    cluster.partitions.get(topic, 0).append_own(build_batch(pairs, timestamp_ms=0))


def shorten(cluster: Cluster, topic: str, offset: int, index: int = 0) -> tuple[int, int]:
    partition = DeleteRecordsPartition(partition_index=index, offset=offset)
    request = DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=topic, partitions=[partition])])
    result = call(cluster, request).topics[0].partitions[0]
    return result.error_code, result.low_watermark


@pytest.mark.parametrize("version", versions_of(19))
def test_created_topic_is_there_when_the_answer_is(cluster: Cluster, version: int) -> None:
    # TOP-01
    assert create(cluster, a_topic("t", 3), version=version)["t"].error_code == 0
    described = call(cluster, MetadataRequest(topics=None)).topics[0]
    assert [partition.partition_index for partition in described.partitions] == [0, 1, 2]


def test_defaults_are_the_brokers(tmp_path: Path) -> None:
    # TOP-02
    cluster = a_cluster(tmp_path, num_partitions="4")
    assert create(cluster, a_topic("t", -1, -1), version=2)["t"].error_code == 0
    assert len(cluster.image.topics["t"].partitions) == 4


def test_existing_and_repeated_names_fail_alone(cluster: Cluster) -> None:
    # TOP-03
    create(cluster, a_topic("old"))
    request = CreateTopicsRequest(topics=[a_topic("old"), a_topic("twice"), a_topic("new"), a_topic("twice")])
    results = [(topic.name, topic.error_code) for topic in call(cluster, request).topics]
    assert sorted(results) == [
        ("new", 0), ("old", errors.TOPIC_ALREADY_EXISTS), ("twice", errors.INVALID_REQUEST),
    ]  # fmt: skip
    assert sorted(cluster.image.topics) == ["new", "old"]


def test_illegal_and_colliding_names(cluster: Cluster) -> None:
    # TOP-04
    for name in ("", ".", "..", "x" * 250, "a b", "a/b"):
        assert code(cluster, a_topic(name)) == errors.INVALID_TOPIC_EXCEPTION
    assert code(cluster, a_topic("a.b")) == 0
    assert code(cluster, a_topic("a_b")) == errors.INVALID_TOPIC_EXCEPTION
    both = create(cluster, a_topic("c.d"), a_topic("c_d"))
    assert [both[name].error_code for name in ("c.d", "c_d")] == [0, errors.INVALID_TOPIC_EXCEPTION]


def test_counts_out_of_bounds(cluster: Cluster) -> None:
    # TOP-05
    for partitions in (0, -2):
        assert code(cluster, a_topic("t", partitions)) == errors.INVALID_PARTITIONS
    for replicas in (0, -2, 2):
        assert code(cluster, a_topic("t", 1, replicas)) == errors.INVALID_REPLICATION_FACTOR
    assert code(cluster, a_topic("t", 10_001)) == errors.POLICY_VIOLATION


def test_assignment_excludes_counts(cluster: Cluster) -> None:
    # TOP-06
    topic = a_topic("t", assigned={0: [1]})
    topic.num_partitions = 1
    assert code(cluster, topic) == errors.INVALID_REQUEST
    topic = a_topic("t", assigned={0: [1]})
    topic.replication_factor = 1
    assert code(cluster, topic) == errors.INVALID_REQUEST


def test_assignments_are_checked(cluster: Cluster) -> None:
    # TOP-07
    wrong: list[dict[int, list[int]]] = [{1: [1]}, {0: [1], 2: [1]}, {0: [2]}, {0: [1, 1]}, {0: []}, {-1: [1]}]
    for assigned in wrong:
        assert code(cluster, a_topic("t", assigned=assigned)) == errors.INVALID_REPLICA_ASSIGNMENT
    twice = a_topic("t", assigned={0: [1]})
    twice.assignments *= 2
    assert code(cluster, twice) == errors.INVALID_REPLICA_ASSIGNMENT
    assert code(cluster, a_topic("t", assigned={1: [1], 0: [1]})) == 0
    assert len(cluster.image.topics["t"].partitions) == 2


def test_bad_configs_prevent_a_topic(cluster: Cluster) -> None:
    # TOP-08
    for configs in ({"foo": "1"}, {"retention_ms": "x"}, {"retention_ms": "-2"}, {"cleanup_policy": "x"},
                    {"retention_ms": None}, {"compression_type": "x"}, {"segment_bytes": "1"}):  # fmt: skip
        result = create(cluster, a_topic("t", **configs))["t"]
        assert result.error_code == errors.INVALID_CONFIG
        assert next(iter(configs)).replace("_", ".") in result.error_message
    assert cluster.image.topics == {}


def test_validate_only_creates_nothing(cluster: Cluster) -> None:
    # TOP-09
    result = create(cluster, a_topic("t", 3, retention_ms="5"), validate_only=True)["t"]
    assert (result.error_code, result.num_partitions, result.replication_factor) == (0, 3, 1)
    assert cluster.image.topics == {}
    assert create(cluster, a_topic("t", 0), validate_only=True)["t"].error_code == errors.INVALID_PARTITIONS


def test_answer_says_what_was_created(cluster: Cluster) -> None:
    # TOP-10
    for version in versions_of(19):
        name = f"t{version}"
        result = create(cluster, a_topic(name, 2, retention_ms=" 5 "), version=version)[name]
        assert result.error_message is None
        if version < 5:
            continue
        assert (result.num_partitions, result.replication_factor) == (2, 1)
        configs = {entry.name: entry for entry in result.configs}
        assert len(configs) == 33
        assert (configs["retention.ms"].value, configs["retention.ms"].config_source) == ("5", 1)
        assert (configs["segment.bytes"].value, configs["segment.bytes"].config_source) == ("1073741824", 5)
        assert not any(entry.read_only or entry.is_sensitive for entry in result.configs)
        assert result.topic_id == (cluster.image.topics[name].id if version >= 7 else ZERO)
    failed = create(cluster, a_topic("t7"))["t7"]
    assert (failed.num_partitions, failed.replication_factor, failed.configs) == (-1, -1, [])


def test_metadata_log_cannot_be_created_and_offsets_can(cluster: Cluster) -> None:
    # TOP-12
    assert code(cluster, a_topic("__cluster_metadata")) == errors.INVALID_REQUEST
    assert code(cluster, a_topic("__consumer_offsets")) == 0


def test_deleted_topic_is_gone_with_its_records(cluster: Cluster, tmp_path: Path) -> None:
    # TOP-14
    create(cluster, a_topic("t"))
    fill(cluster, "t", 3)
    old_id = cluster.image.topics["t"].id
    told: list[str] = []
    cluster.controller.on_topics_deleted.append(lambda topics: told.extend(topic.name for topic in topics))
    assert delete(cluster, "t") == {"t": 0}
    assert told == ["t"]
    with pytest.raises(KafkaError) as by_name:
        cluster.partitions.get("t", 0)
    assert by_name.value.code == errors.UNKNOWN_TOPIC_OR_PARTITION
    with pytest.raises(KafkaError) as by_id:
        cluster.partitions.get_by_id(old_id, 0)
    assert by_id.value.code == errors.UNKNOWN_TOPIC_ID
    assert not (tmp_path / "t-0").exists()
    cluster.env.clock.advance(60_000)  # type: ignore[attr-defined]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("t-0")]
    create(cluster, a_topic("t"))
    assert cluster.image.topics["t"].id != old_id
    assert cluster.partitions.get("t", 0).log_end_offset == 0


def test_topic_deleted_after_a_restart_leaves_no_files(cluster: Cluster, tmp_path: Path) -> None:
    # TOP-14: none of its partitions was opened since
    create(cluster, a_topic("t"))
    fill(cluster, "t", 3)
    cluster = cluster.restarted()
    delete(cluster, "t")
    assert not (tmp_path / "t-0").exists()
    cluster.env.clock.advance(60_000)  # type: ignore[attr-defined]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("t-0")]


def test_deletion_by_name_or_id(cluster: Cluster) -> None:
    # TOP-15, TOP-17
    create(cluster, a_topic("a"), a_topic("b"), a_topic("c"), a_topic("d"))
    ids = {name: topic.id for name, topic in cluster.image.topics.items()}
    wanted = [
        DeleteTopicState(name="a"), DeleteTopicState(topic_id=ids["b"]), DeleteTopicState(name="no"),
        DeleteTopicState(topic_id=b"u" * 16), DeleteTopicState(), DeleteTopicState(name="c", topic_id=ids["c"]),
        DeleteTopicState(name="d"), DeleteTopicState(topic_id=ids["d"]),
    ]  # fmt: skip
    responses = call(cluster, DeleteTopicsRequest(topics=wanted), 6).responses
    assert [(each.name, each.topic_id, each.error_code) for each in responses] == [
        ("a", ids["a"], 0),
        ("b", ids["b"], 0),
        ("no", ZERO, errors.UNKNOWN_TOPIC_OR_PARTITION),
        (None, b"u" * 16, errors.UNKNOWN_TOPIC_ID),
        (None, ZERO, errors.INVALID_REQUEST),
        ("c", ids["c"], errors.INVALID_REQUEST),
        ("d", ZERO, errors.INVALID_REQUEST),
    ]
    assert responses[0].error_message is None
    assert responses[2].error_message
    assert sorted(cluster.image.topics) == ["c", "d"]


@pytest.mark.parametrize("version", range(1, 6))
def test_names_repeated_for_deletion_are_refused(cluster: Cluster, version: int) -> None:
    # TOP-15
    create(cluster, a_topic("a"))
    codes = delete(cluster, "a", "no", "a", version=version)
    assert codes == {"a": errors.INVALID_REQUEST, "no": errors.UNKNOWN_TOPIC_OR_PARTITION}
    assert "a" in cluster.image.topics


def test_deletion_can_be_disabled(tmp_path: Path) -> None:
    # TOP-16
    cluster = a_cluster(tmp_path, delete_topic_enable="false")
    create(cluster, a_topic("t"))
    for version in range(1, 6):
        expected = errors.TOPIC_DELETION_DISABLED if version >= 3 else errors.INVALID_REQUEST
        assert delete(cluster, "t", version=version) == {"t": expected}
    assert "t" in cluster.image.topics


def test_partitions_are_added(cluster: Cluster) -> None:
    # TOP-18
    create(cluster, a_topic("t"))
    for version in versions_of(37):
        total = 2 + version
        request = CreatePartitionsRequest(topics=[CreatePartitionsTopic(name="t", count=total, assignments=None)])
        results = call(cluster, request, version).results
        assert [(each.name, each.error_code, each.error_message) for each in results] == [("t", 0, None)]
        assert len(call(cluster, MetadataRequest(topics=None)).topics[0].partitions) == total
        assert cluster.partitions.get("t", total - 1).log_end_offset == 0


def test_partitions_cannot_become_fewer(cluster: Cluster) -> None:
    # TOP-19
    create(cluster, a_topic("t", 3), a_topic("u"))
    for count in (3, 2, 0, -1):
        assert grow(cluster, ("t", count, None)) == [("t", errors.INVALID_PARTITIONS)]
    assert grow(cluster, ("no", 2, None)) == [("no", errors.UNKNOWN_TOPIC_OR_PARTITION)]
    results = grow(cluster, ("t", 4, None), ("t", 5, None), ("u", 2, None))
    assert sorted(results) == [("t", errors.INVALID_REQUEST), ("u", 0)]
    assert grow(cluster, ("t", 20_000, None)) == [("t", errors.POLICY_VIOLATION)]


def test_added_partitions_may_be_assigned(cluster: Cluster) -> None:
    # TOP-20
    create(cluster, a_topic("t"))
    for nodes in ([[1]], [[1], [1], [1]], [[1], []], [[1], [2]], [[1], [1, 1]]):
        assert grow(cluster, ("t", 3, nodes)) == [("t", errors.INVALID_REPLICA_ASSIGNMENT)]
    assert grow(cluster, ("t", 3, [[1], [1]]), validate_only=True) == [("t", 0)]
    assert len(cluster.image.topics["t"].partitions) == 1
    assert grow(cluster, ("t", 3, [[1], [1]])) == [("t", 0)]
    assert len(cluster.image.topics["t"].partitions) == 3


def test_records_are_deleted_up_to_an_offset(cluster: Cluster) -> None:
    # TOP-21, TOP-22, TOP-23, TOP-26
    create(cluster, a_topic("t"))
    fill(cluster, "t", 10)
    assert shorten(cluster, "t", 4) == (0, 4)
    assert shorten(cluster, "t", 2) == (0, 4)
    assert shorten(cluster, "t", 11) == (errors.OFFSET_OUT_OF_RANGE, -1)
    assert shorten(cluster, "t", -2) == (errors.OFFSET_OUT_OF_RANGE, -1)
    with pytest.raises(KafkaError):
        cluster.partitions.get("t", 0).read(3, 1000, at_least_one=True, committed=False)
    assert shorten(cluster, "t", -1) == (0, 10)
    fill(cluster, "t", 1)
    assert cluster.partitions.get("t", 0).log_end_offset == 11


def test_start_of_a_log_survives_a_restart(cluster: Cluster) -> None:
    # TOP-25
    create(cluster, a_topic("t"))
    fill(cluster, "t", 10)
    shorten(cluster, "t", 4)
    assert cluster.restarted().partitions.get("t", 0).log_start_offset == 4


def test_records_that_cannot_be_deleted(cluster: Cluster) -> None:
    # TOP-24
    create(cluster, a_topic("c", cleanup_policy="compact"), a_topic("both", cleanup_policy="compact,delete"))
    cluster.controller.create_topics([NewTopic("__consumer_offsets")])
    for topic in ("c", "both"):
        fill(cluster, topic, 3)
    assert shorten(cluster, "c", 1) == (errors.POLICY_VIOLATION, -1)
    assert shorten(cluster, "both", 1) == (0, 1)
    assert shorten(cluster, "__consumer_offsets", 0) == (errors.INVALID_TOPIC_EXCEPTION, -1)
    assert shorten(cluster, "no", 0) == (errors.UNKNOWN_TOPIC_OR_PARTITION, -1)
    assert shorten(cluster, "both", 0, 7) == (errors.UNKNOWN_TOPIC_OR_PARTITION, -1)
