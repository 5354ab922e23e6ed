"""Metadata, DescribeCluster, DescribeTopicPartitions, as clients see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.metadata.topics import Growth, NewTopic
from pykbroker.wire.messages.describe_cluster import DescribeClusterRequest
from pykbroker.wire.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsRequestCursor,
    TopicRequest,
)
from pykbroker.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster

ZERO = bytes(16)
NOT_ASKED = -2147483648
TOPIC_OPERATIONS = 3576  # what Kafka 4.3 answers without an authorizer
CLUSTER_OPERATIONS = 8096


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    cluster = a_cluster(tmp_path)
    cluster.controller.create_topics([NewTopic("a", 2), NewTopic("b")])
    return cluster


def named(*names: str | None) -> list[MetadataRequestTopic]:
    return [MetadataRequestTopic(name=name) for name in names]


def by_id(*ids: bytes) -> list[MetadataRequestTopic]:
    return [MetadataRequestTopic(name=None, topic_id=topic_id) for topic_id in ids]


def test_null_means_all_topics_and_an_empty_list_none(cluster: Cluster) -> None:
    # MD-01
    assert [t.name for t in call(cluster, MetadataRequest(topics=[]), 0).topics] == ["a", "b"]
    for version in range(1, 14):
        assert [t.name for t in call(cluster, MetadataRequest(topics=None), version).topics] == ["a", "b"]
        nothing = call(cluster, MetadataRequest(topics=[]), version)
        assert (nothing.topics, len(nothing.brokers)) == ([], 1)


@pytest.mark.parametrize("version", versions_of(3))
def test_brokers_controller_and_cluster_id(cluster: Cluster, version: int) -> None:
    # MD-02, MD-22, MD-23, MD-24: right after the start, and the advertised host as it was configured
    response = call(cluster, MetadataRequest(topics=[]), version)
    broker = response.brokers[0]
    assert (broker.node_id, broker.host, broker.port) == (1, "kafka.example", 19092)
    assert broker.rack == ("r1" if version >= 1 else None)
    assert response.controller_id == (1 if version >= 1 else -1)
    assert response.cluster_id == (cluster.store.cluster_id if version >= 2 else None)
    assert response.error_code == 0


def test_endpoints_are_those_of_the_listener_that_was_asked(cluster: Cluster) -> None:
    # FRM-24
    broker = call(cluster, MetadataRequest(topics=[]), listener="SECOND").brokers[0]
    assert (broker.host, broker.port) == ("second.example", 19093)
    node = call(cluster, DescribeClusterRequest(), listener="SECOND").brokers[0]
    assert (node.host, node.port) == ("second.example", 19093)


@pytest.mark.parametrize("version", versions_of(3))
def test_partitions_are_led_and_held_by_the_broker(cluster: Cluster, version: int) -> None:
    # MD-03, MD-10
    topic = call(cluster, MetadataRequest(topics=named("a")), version).topics[0]
    assert (topic.error_code, topic.name, topic.is_internal) == (0, "a", False)
    assert topic.topic_id == (cluster.image.topics["a"].id if version >= 10 else ZERO)
    assert [p.partition_index for p in topic.partitions] == [0, 1]
    for partition in topic.partitions:
        assert (partition.error_code, partition.leader_id) == (0, 1)
        assert partition.leader_epoch == (0 if version >= 7 else -1)
        assert (partition.replica_nodes, partition.isr_nodes, partition.offline_replicas) == ([1], [1], [])


def test_topic_id_is_a_random_uuid_of_its_own_and_stays(cluster: Cluster) -> None:
    # MD-10, TOP-14
    first = cluster.image.topics["a"].id
    assert first[6] >> 4 == 4
    cluster = cluster.restarted()
    assert cluster.image.topics["a"].id == first
    cluster.controller.delete_topics([("a", ZERO)])
    cluster.controller.create_topics([NewTopic("a")])
    assert cluster.image.topics["a"].id != first


def test_unknown_topic_is_not_created_when_client_or_broker_declines(cluster: Cluster, tmp_path: Path) -> None:
    # MD-04
    declined = MetadataRequest(topics=named("new"), allow_auto_topic_creation=False)
    topic = call(cluster, declined).topics[0]
    assert (topic.error_code, topic.partitions, topic.topic_id) == (errors.UNKNOWN_TOPIC_OR_PARTITION, [], ZERO)
    off = a_cluster(tmp_path / "off", auto_create_topics_enable="false")
    assert call(off, MetadataRequest(topics=named("new"))).topics[0].error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert "new" not in cluster.image.topics
    assert "new" not in off.image.topics


@pytest.mark.parametrize("version", versions_of(3))
def test_unknown_topic_is_created_with_defaults_when_it_is_named(tmp_path: Path, version: int) -> None:
    # MD-05, MD-06, MD-09: before v4 a request cannot decline
    cluster = a_cluster(tmp_path, num_partitions="3")
    first = call(cluster, MetadataRequest(topics=named("new")), version).topics[0]
    assert (first.error_code, first.partitions, first.topic_id) == (errors.LEADER_NOT_AVAILABLE, [], ZERO)
    second = call(cluster, MetadataRequest(topics=named("new")), version).topics[0]
    assert (second.error_code, len(second.partitions)) == (0, 3)


def test_all_topics_request_creates_nothing(cluster: Cluster) -> None:
    # MD-07
    call(cluster, MetadataRequest(topics=None))
    assert sorted(cluster.image.topics) == ["a", "b"]


def test_illegal_names_fail_alone(cluster: Cluster) -> None:
    # MD-08
    names = ["", ".", "..", "x" * 250, "a b", "é", "a"]
    codes = {topic.name: topic.error_code for topic in call(cluster, MetadataRequest(topics=named(*names))).topics}
    assert codes == {**dict.fromkeys(names, errors.INVALID_TOPIC_EXCEPTION), "a": 0}
    call(cluster, MetadataRequest(topics=named("x" * 249)))
    assert sorted(cluster.image.topics) == ["a", "b", "x" * 249]


def test_colliding_name_is_not_created(cluster: Cluster) -> None:
    cluster.controller.create_topics([NewTopic("x.y")])
    topic = call(cluster, MetadataRequest(topics=named("x_y"))).topics[0]
    assert topic.error_code == errors.INVALID_TOPIC_EXCEPTION
    topic = call(cluster, MetadataRequest(topics=named("__cluster_metadata"))).topics[0]
    assert topic.error_code == errors.UNKNOWN_TOPIC_OR_PARTITION


def test_topic_is_found_by_id(cluster: Cluster) -> None:
    # MD-11
    for version in (12, 13):
        known = cluster.image.topics["b"].id
        found, unknown = call(cluster, MetadataRequest(topics=by_id(known, b"u" * 16)), version).topics
        assert (found.error_code, found.name, found.topic_id) == (0, "b", known)
        assert (unknown.error_code, unknown.name) == (errors.UNKNOWN_TOPIC_ID, None)
        assert unknown.topic_id == b"u" * 16


@pytest.mark.parametrize("version", [10, 11])
def test_ids_before_their_time_fail_the_whole_request(cluster: Cluster, version: int) -> None:
    # MD-12
    id_given = MetadataRequest(topics=[MetadataRequestTopic(name="a", topic_id=b"i" * 16)])
    for request in (id_given, MetadataRequest(topics=named("a", None))):
        response = call(cluster, request, version)
        assert {topic.error_code for topic in response.topics} == {errors.INVALID_REQUEST}


def test_one_id_makes_names_not_count(cluster: Cluster) -> None:
    # MD-13
    mixed = [MetadataRequestTopic(name="a", topic_id=b"i" * 16), MetadataRequestTopic(name="new")]
    topics = call(cluster, MetadataRequest(topics=mixed)).topics
    assert [(t.error_code, t.name) for t in topics] == [(errors.UNKNOWN_TOPIC_ID, None)]
    assert "new" not in cluster.image.topics


def test_internal_topic_is_marked_and_listed(cluster: Cluster) -> None:
    # MD-14, INT-01
    call(cluster, MetadataRequest(topics=named("__consumer_offsets")))
    internal = {t.name: t for t in call(cluster, MetadataRequest(topics=None)).topics if t.is_internal}
    assert len(internal["__consumer_offsets"].partitions) == 50
    assert cluster.image.topics["__consumer_offsets"].config == {
        "cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600",
    }  # fmt: skip


def test_authorized_operations_are_there_when_asked_for(cluster: Cluster) -> None:
    # MD-15, MD-16
    for version in (8, 9, 10):
        asked = MetadataRequest(
            topics=named("a"), include_cluster_authorized_operations=True, include_topic_authorized_operations=True
        )
        response = call(cluster, asked, version)
        assert response.cluster_authorized_operations == CLUSTER_OPERATIONS
        assert response.topics[0].topic_authorized_operations == TOPIC_OPERATIONS
        response = call(cluster, MetadataRequest(topics=named("a")), version)
        assert response.cluster_authorized_operations == NOT_ASKED
        assert response.topics[0].topic_authorized_operations == NOT_ASKED


def test_repeated_name_is_answered_once(cluster: Cluster) -> None:
    # MD-17
    assert [t.name for t in call(cluster, MetadataRequest(topics=named("a", "b", "a"))).topics] == ["a", "b"]


def test_growth_and_deletion_show_in_the_next_answer(cluster: Cluster) -> None:
    # MD-18
    cluster.controller.create_partitions([Growth("a", 5)])
    cluster.controller.delete_topics([("b", ZERO)])
    topics = call(cluster, MetadataRequest(topics=None)).topics
    assert [(t.name, len(t.partitions)) for t in topics] == [("a", 5)]


def test_leader_without_the_clients_listener_is_said_so(cluster: Cluster) -> None:
    # MD-19
    del cluster.image.brokers[1].endpoints["SECOND"]
    for version, code in ((5, errors.LEADER_NOT_AVAILABLE), (6, errors.LISTENER_NOT_FOUND)):
        topic = call(cluster, MetadataRequest(topics=named("b")), version, "SECOND").topics[0]
        assert (topic.error_code, topic.partitions[0].error_code) == (0, code)


def test_cluster_is_described(cluster: Cluster) -> None:
    # CLA-01
    for version in versions_of(60):
        response = call(cluster, DescribeClusterRequest(), version)
        assert (response.cluster_id, response.controller_id) == (cluster.store.cluster_id, 1)
        assert [(b.broker_id, b.host, b.port, b.rack) for b in response.brokers] == [(1, "kafka.example", 19092, "r1")]
        assert response.cluster_authorized_operations == NOT_ASKED
        asked = call(cluster, DescribeClusterRequest(include_cluster_authorized_operations=True), version)
        assert asked.cluster_authorized_operations == CLUSTER_OPERATIONS


def test_cluster_is_described_to_clients_of_brokers_only(cluster: Cluster) -> None:
    # CLA-02
    for endpoint, code in ((2, errors.MISMATCHED_ENDPOINT_TYPE), (3, errors.UNSUPPORTED_ENDPOINT_TYPE)):
        for version in (1, 2):
            response = call(cluster, DescribeClusterRequest(endpoint_type=endpoint), version)
            assert (response.error_code, response.brokers) == (code, [])
    assert call(cluster, DescribeClusterRequest(include_fenced_brokers=True), 2).brokers[0].is_fenced is False


def pages(cluster: Cluster, names: list[str], limit: int, cursor: tuple[str, int] | None = None) -> object:
    request = DescribeTopicPartitionsRequest(
        topics=[TopicRequest(name=name) for name in names],
        response_partition_limit=limit,
        cursor=cursor and DescribeTopicPartitionsRequestCursor(topic_name=cursor[0], partition_index=cursor[1]),
    )
    response = call(cluster, request)
    following = response.next_cursor
    return (
        [(t.name, t.error_code, [p.partition_index for p in t.partitions]) for t in response.topics],
        following and (following.topic_name, following.partition_index),
    )


def test_partitions_come_in_pages_sorted_by_topic(cluster: Cluster) -> None:
    # CLA-03, CLA-04
    cluster.controller.create_topics([NewTopic("0", 3)])
    assert pages(cluster, [], 100) == ([("0", 0, [0, 1, 2]), ("a", 0, [0, 1]), ("b", 0, [0])], None)
    assert pages(cluster, [], 2) == ([("0", 0, [0, 1])], ("0", 2))
    assert pages(cluster, [], 2, ("0", 2)) == ([("0", 0, [2]), ("a", 0, [0])], ("a", 1))
    assert pages(cluster, [], 2, ("a", 1)) == ([("a", 0, [1]), ("b", 0, [0])], None)
    assert pages(cluster, [], 3) == ([("0", 0, [0, 1, 2])], ("a", 0))
    assert pages(cluster, ["b", "a", "b"], 0) == ([("a", 0, [0])], ("a", 1))
    assert pages(cluster, [], 2, ("0x", 7)) == ([("a", 0, [0, 1])], ("b", 0))  # its topic is gone


def test_page_is_not_larger_than_the_broker_allows(tmp_path: Path) -> None:
    # CLA-03
    cluster = a_cluster(tmp_path, max_request_partition_size_limit="2")
    cluster.controller.create_topics([NewTopic("a", 5)])
    assert pages(cluster, ["a"], 2000) == ([("a", 0, [0, 1])], ("a", 2))


def test_cursor_must_make_sense_and_unknown_topics_are_entries(cluster: Cluster) -> None:
    # CLA-05
    wrong = errors.INVALID_REQUEST
    assert pages(cluster, ["b"], 10, ("a", 0)) == ([("b", wrong, [])], None)
    assert pages(cluster, ["b"], 10, ("b", -1)) == ([("b", wrong, [])], None)
    unknown, illegal = errors.UNKNOWN_TOPIC_OR_PARTITION, errors.INVALID_TOPIC_EXCEPTION
    assert pages(cluster, ["no", "a b"], 10) == ([("a b", illegal, []), ("no", unknown, [])], None)


def test_topic_entry_of_a_page_is_complete(cluster: Cluster) -> None:
    # CLA-06
    topic = call(cluster, DescribeTopicPartitionsRequest(topics=[TopicRequest(name="b")])).topics[0]
    assert (topic.topic_id, topic.topic_authorized_operations) == (cluster.image.topics["b"].id, TOPIC_OPERATIONS)
    partition = topic.partitions[0]
    assert (partition.leader_id, partition.leader_epoch) == (1, 0)
    assert (partition.replica_nodes, partition.isr_nodes) == ([1], [1])
    assert (partition.eligible_leader_replicas, partition.last_known_elr, partition.offline_replicas) == ([], [], [])
