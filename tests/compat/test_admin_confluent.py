"""confluent-kafka's admin client (librdkafka), and its consumer on the new group protocol."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ElectionType,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from tests.compat.clients import Record
from tests.compat.clients.confluent import Confluent
from tests.compat.polling import eventually
from tests.compat.process import Broker
from tests.compat.topics import create_topic
from tests.compat.unbuilt import not_yet

TIMEOUT_S = 20


@pytest.fixture
def admin(broker: Broker) -> Iterator[AdminClient]:
    yield AdminClient({"bootstrap.servers": broker.bootstrap})


def only(futures: dict[Any, Future[Any]]) -> Any:
    """Return the result of the one future."""
    (future,) = futures.values()
    return future.result(TIMEOUT_S)


def refused(futures: Callable[[], dict[Any, Future[Any]]]) -> int:
    """Return the error code that the one future fails with."""
    with pytest.raises(KafkaException) as caught:
        only(futures())
    return int(caught.value.args[0].code())


def resource(name: str, *entries: ConfigEntry) -> ConfigResource:
    return ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=list(entries) or None)


def test_topic_is_created_grown_described_and_deleted(broker: Broker, admin: AdminClient, name: str) -> None:
    """TOP-01, TOP-14, TOP-18, MD-18"""
    only(admin.create_topics([NewTopic(name, num_partitions=2, config={"retention.ms": "1000"})]))
    assert len(admin.list_topics(name, timeout=TIMEOUT_S).topics[name].partitions) == 2
    only(admin.create_partitions([NewPartitions(name, 4)]))
    eventually(lambda: len(admin.list_topics(name, timeout=TIMEOUT_S).topics[name].partitions) == 4, 10)
    described = only(admin.describe_topics(TopicCollection([name]), include_authorized_operations=True))
    assert [len(p.replicas) for p in described.partitions] == [1, 1, 1, 1]
    assert {p.leader.port for p in described.partitions} == {broker.port}
    assert AclOperation.ALTER_CONFIGS in described.authorized_operations
    only(admin.delete_topics([name]))
    eventually(lambda: name not in admin.list_topics(timeout=TIMEOUT_S).topics, 10)


def test_what_cannot_be_done_is_refused(broker: Broker, admin: AdminClient, name: str) -> None:
    """TOP-02, TOP-03, TOP-04, TOP-05, TOP-08, TOP-15, TOP-19, CONF-25"""
    create_topic(broker.bootstrap, name, partitions=2)
    assert refused(lambda: admin.create_topics([NewTopic(name, 1)])) == KafkaError.TOPIC_ALREADY_EXISTS
    assert refused(lambda: admin.create_topics([NewTopic("no good", 1)])) == KafkaError.TOPIC_EXCEPTION
    replicas = lambda: admin.create_topics([NewTopic(name + "x", 1, 3)])  # noqa: E731
    assert refused(replicas) == KafkaError.INVALID_REPLICATION_FACTOR
    config = lambda: admin.create_topics([NewTopic(name + "x", 1, config={"no.such": "1"})])  # noqa: E731
    assert refused(config) == KafkaError.INVALID_CONFIG
    assert refused(lambda: admin.create_partitions([NewPartitions(name, 2)])) == KafkaError.INVALID_PARTITIONS
    assert refused(lambda: admin.delete_topics([name + "x"])) == KafkaError.UNKNOWN_TOPIC_OR_PART
    bad = ConfigEntry("retention.ms", "soon", incremental_operation=AlterConfigOpType.SET)
    assert refused(lambda: admin.incremental_alter_configs([resource(name, bad)])) == KafkaError.INVALID_CONFIG
    assert name + "x" not in admin.list_topics(timeout=TIMEOUT_S).topics


def test_configs_are_altered_incrementally_and_as_a_whole(broker: Broker, admin: AdminClient, name: str) -> None:
    """CONF-01, CONF-02, CONF-03, CONF-13, CONF-14, CONF-19"""
    create_topic(broker.bootstrap, name, retention_ms="1000")

    def configs() -> dict[str, ConfigEntry]:
        return dict(only(admin.describe_configs([resource(name)])))

    def alter(key: str, value: str | None, operation: AlterConfigOpType) -> None:
        entry = ConfigEntry(key, value, incremental_operation=operation)
        only(admin.incremental_alter_configs([resource(name, entry)]))

    def until(key: str, value: str) -> dict[str, ConfigEntry]:
        """Wait for a change: Kafka's broker hears of it after the client does."""
        eventually(lambda: configs()[key].value == value, 10)
        return configs()

    before = configs()
    assert (before["retention.ms"].value, before["retention.ms"].source) == ("1000", 1)
    assert (before["segment.bytes"].value, before["segment.bytes"].is_default) == ("1073741824", True)
    assert "log.retention.ms" in before["retention.ms"].synonyms or "retention.ms" in before["retention.ms"].synonyms
    alter("retention.bytes", "4096", AlterConfigOpType.SET)
    alter("cleanup.policy", "compact", AlterConfigOpType.APPEND)
    assert until("cleanup.policy", "delete,compact")["retention.bytes"].value == "4096"
    alter("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT)
    alter("retention.ms", None, AlterConfigOpType.DELETE)
    assert until("retention.ms", "604800000")["cleanup.policy"].value == "compact"
    only(admin.alter_configs([ConfigResource(ConfigResource.Type.TOPIC, name, set_config={"segment.ms": "100000"})]))
    replaced = {key: entry.value for key, entry in until("segment.ms", "100000").items() if entry.source == 1}
    assert replaced == {"segment.ms": "100000"}


def test_cluster_is_described(broker: Broker, admin: AdminClient) -> None:
    """MD-02, CLA-06"""
    cluster = admin.describe_cluster(include_authorized_operations=True).result(TIMEOUT_S)
    assert len(cluster.cluster_id) == 22
    assert [(node.host, node.port) for node in cluster.nodes] == [("127.0.0.1", broker.port)]
    assert cluster.controller.id == cluster.nodes[0].id
    assert AclOperation.ALTER in cluster.authorized_operations
    assert admin.list_topics(timeout=TIMEOUT_S).cluster_id == cluster.cluster_id


@pytest.fixture
def consumer(broker: Broker, name: str) -> Iterator[Consumer]:
    """A consumer that has joined the group `name` and read the two records of topic `name`."""
    create_topic(broker.bootstrap, name)
    Confluent().produce(broker.bootstrap, name, [Record(b"1"), Record(b"2")])
    settings = {"bootstrap.servers": broker.bootstrap, "group.id": name, "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    consumer.subscribe([name])
    eventually(lambda: consumer.poll(0.1), TIMEOUT_S)
    yield consumer
    consumer.close()


def test_group_is_listed_described_and_deleted(admin: AdminClient, consumer: Consumer, name: str) -> None:
    """GAD-01, GAD-05, GAD-06, GAD-10, GAD-12"""
    listed = {group.group_id: group for group in admin.list_consumer_groups().result(TIMEOUT_S).valid}
    assert listed[name].state == ConsumerGroupState.STABLE
    assert not listed[name].is_simple_consumer_group
    described = only(admin.describe_consumer_groups([name]))
    assert described.state == ConsumerGroupState.STABLE
    assert described.partition_assignor == "range"
    (member,) = described.members
    assert member.client_id == "rdkafka"
    assert member.host == "/127.0.0.1"
    assert member.assignment.topic_partitions == [TopicPartition(name, 0)]
    assert refused(lambda: admin.delete_consumer_groups([name])) == KafkaError.NON_EMPTY_GROUP
    (old,) = admin.list_groups(name, timeout=TIMEOUT_S)
    assert (old.state, old.protocol_type, len(old.members)) == ("Stable", "consumer", 1)
    consumer.close()
    assert only(admin.describe_consumer_groups([name])).state == ConsumerGroupState.EMPTY
    only(admin.delete_consumer_groups([name]))
    assert refused(lambda: admin.delete_consumer_groups([name])) == KafkaError.GROUP_ID_NOT_FOUND


def test_group_offsets_are_listed_and_altered(admin: AdminClient, consumer: Consumer, name: str) -> None:
    """OFF-09, OFF-19, GAD-16"""
    consumer.commit(offsets=[TopicPartition(name, 0, 2, metadata="a note")], asynchronous=False)
    wanted = [ConsumerGroupTopicPartitions(name)]
    (found,) = only(admin.list_consumer_group_offsets(wanted)).topic_partitions
    assert (found.offset, found.metadata) == (2, "a note")
    (found,) = consumer.committed([TopicPartition(name, 0)], timeout=TIMEOUT_S)
    assert (found.offset, found.metadata) == (2, "a note")
    back = [ConsumerGroupTopicPartitions(name, [TopicPartition(name, 0, 1)])]
    with pytest.raises(KafkaException):
        answer = only(admin.alter_consumer_group_offsets(back))
        raise KafkaException(answer.topic_partitions[0].error)
    consumer.close()
    only(admin.alter_consumer_group_offsets(back))
    (found,) = only(admin.list_consumer_group_offsets(wanted)).topic_partitions
    assert found.offset == 1


def test_preferred_leader_needs_no_election(broker: Broker, admin: AdminClient, name: str) -> None:
    """CLA-10"""
    create_topic(broker.bootstrap, name)
    answer = admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(name, 0)]).result(TIMEOUT_S)
    assert answer[TopicPartition(name, 0)].code() == KafkaError.ELECTION_NOT_NEEDED


def test_acls_need_an_authorizer(admin: AdminClient) -> None:
    """SEC-13: librdkafka passes the error of CreateAcls on, while its describe returns an empty list instead."""
    binding = AclBinding(
        ResourceType.TOPIC, "t", ResourcePatternType.LITERAL, "User:x", "*", AclOperation.READ, AclPermissionType.ALLOW,
    )
    assert refused(lambda: admin.create_acls([binding])) == KafkaError.SECURITY_DISABLED


def test_scram_users_are_described_as_none(admin: AdminClient) -> None:
    """SEC-12"""
    assert admin.describe_user_scram_credentials().result(TIMEOUT_S) == {}


@not_yet("KIP-848 groups")
def test_group_on_the_new_protocol_shares_and_is_described(
    start_broker: Callable[..., Broker], name: str,
) -> None:
    """CGP-01, CGP-05, CGP-10, CGP-13, CGP-20, GAD-17: with quicker heartbeats than every 5 s."""
    broker = start_broker(
        group_consumer_min_heartbeat_interval_ms="200", group_consumer_heartbeat_interval_ms="200",
    )
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    create_topic(broker.bootstrap, name, partitions=4)
    Confluent().produce(broker.bootstrap, name, [Record(b"x", partition=p) for p in range(4)])
    settings = {
        "bootstrap.servers": broker.bootstrap, "group.id": name, "group.protocol": "consumer",
        "auto.offset.reset": "earliest",
    }
    first, second = Consumer(settings), Consumer(settings)
    read = []

    def owned() -> list[int]:
        for consumer in (first, second):
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                read.append(message.partition())
        return [len(consumer.assignment()) for consumer in (first, second)]

    first.subscribe([name])
    eventually(lambda: owned() == [4, 0], 30)
    second.subscribe([name])
    eventually(lambda: owned() == [2, 2] and sorted(set(read)) == [0, 1, 2, 3], 30)
    first.commit(offsets=[TopicPartition(name, at.partition, 1) for at in first.assignment()], asynchronous=False)
    described = only(admin.describe_consumer_groups([name]))
    assert described.type.name == "CONSUMER"
    assert described.partition_assignor == "uniform"
    assert sorted(len(member.assignment.topic_partitions) for member in described.members) == [2, 2]
    second.close()

    def first_owns_all() -> bool:
        first.poll(0.05)
        return len(first.assignment()) == 4

    eventually(first_owns_all, 30)
    first.close()
    assert only(admin.describe_consumer_groups([name])).state == ConsumerGroupState.EMPTY
