"""kafka-python's admin client, all of it that one broker can answer."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.admin import MemberToRemove as Remove
from kafka.errors import (
    BrokerResponseError,
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import OffsetAndMetadata

from tests.compat.clients import Record
from tests.compat.clients.kafka_python import KafkaPython
from tests.compat.polling import eventually
from tests.compat.process import Broker
from tests.compat.topics import create_topic
from tests.compat.unbuilt import not_yet


@pytest.fixture
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    yield client
    client.close()


def topic_config(name: str, configs: Any = None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, name, configs)


def modified_configs(admin: KafkaAdminClient, name: str) -> dict[str, tuple[str, str]]:
    """Return value and source of the configs that a topic itself has."""
    entries = admin.describe_configs([topic_config(name)])["topic"][name]
    return {key: (entry["value"], entry["config_source"]) for key, entry in entries.items()}


def until_modified(admin: KafkaAdminClient, name: str, **expected: str) -> None:
    """Wait until a topic has just these configs: Kafka's broker hears of a change after the client does."""
    want = {key.replace("_", "."): (value, "DYNAMIC_TOPIC_CONFIG") for key, value in expected.items()}
    eventually(lambda: modified_configs(admin, name) == want, 10, f"{name} has {expected}")


def test_topic_is_created_grown_described_and_deleted(admin: KafkaAdminClient, name: str) -> None:
    """TOP-01, TOP-10, TOP-14, TOP-18, MD-03, MD-10, MD-16, MD-18"""
    created = admin.create_topics({name: {"num_partitions": 2, "replication_factor": 1}})["topics"][0]
    assert (created["num_partitions"], created["replication_factor"]) == (2, 1)
    assert created["configs"]["max.message.bytes"]["value"] == "1048588"
    assert created["configs"]["cleanup.policy"]["config_source"] == "DEFAULT_CONFIG"
    admin.create_partitions({name: 4})
    eventually(lambda: len(admin.describe_topics([name])[0]["partitions"]) == 4, 10)
    (described,) = admin.describe_topics([name])
    node = admin.describe_cluster()["controller_id"]
    assert described["topic_id"] == created["topic_id"]
    assert [at["partition_index"] for at in described["partitions"]] == [0, 1, 2, 3]
    for partition in described["partitions"]:
        assert partition["leader_id"] == node
        assert partition["replica_nodes"] == partition["isr_nodes"] == [node]
        assert partition["offline_replicas"] == []
        assert partition["leader_epoch"] >= 0
    assert set(described["authorized_operations"]) == {
        "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS",
    }
    assert name in admin.list_topics()
    admin.delete_topics([name])
    eventually(lambda: name not in admin.list_topics(), 10)


def test_recreated_topic_has_another_id_and_starts_empty(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """MD-10, TOP-14"""
    create_topic(broker.bootstrap, name)
    KafkaPython().produce(broker.bootstrap, name, [Record(b"gone")])
    before = admin.describe_topics([name])[0]["topic_id"]
    admin.delete_topics([name])
    create_topic(broker.bootstrap, name)
    assert admin.describe_topics([name])[0]["topic_id"] != before
    assert KafkaPython().produce(broker.bootstrap, name, [Record(b"fresh")]) == [0]


def test_topic_is_described_and_deleted_by_id(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """MD-11, TOP-15"""
    create_topic(broker.bootstrap, name)
    topic_id = uuid.UUID(admin.describe_topics([name])[0]["topic_id"])
    assert admin.describe_topics([topic_id])[0]["name"] == name
    admin.delete_topics([topic_id])
    eventually(lambda: name not in admin.list_topics(), 10)


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (lambda admin, name: admin.create_topics([name]), TopicAlreadyExistsError),  # TOP-03
        (lambda admin, name: admin.create_topics(["no good"]), InvalidTopicError),  # TOP-04
        (
            lambda admin, name: admin.create_topics({name + "x": {"num_partitions": 0}}),
            InvalidPartitionsError,  # TOP-05
        ),
        (
            lambda admin, name: admin.create_topics({name + "x": {"replication_factor": 3}}),
            InvalidReplicationFactorError,  # TOP-05
        ),
        (
            lambda admin, name: admin.create_topics({name + "x": {"configs": {"no.such": "1"}}}),
            InvalidConfigurationError,  # TOP-08
        ),
        (lambda admin, name: admin.create_partitions({name: 1}), InvalidPartitionsError),  # TOP-19
        (lambda admin, name: admin.create_partitions({name + "x": 9}), UnknownTopicOrPartitionError),  # TOP-19
        (lambda admin, name: admin.delete_topics([name + "x"]), UnknownTopicOrPartitionError),  # TOP-15
    ],
    ids=["exists", "illegal name", "no partitions", "replicas", "config", "fewer", "grow unknown", "delete unknown"],
)
def test_what_cannot_be_done_is_refused(
    broker: Broker, admin: KafkaAdminClient, name: str, attempt: Callable[[KafkaAdminClient, str], object],
    error: type[Exception],
) -> None:
    create_topic(broker.bootstrap, name, partitions=2)
    with pytest.raises(error):
        attempt(admin, name)
    assert name + "x" not in admin.list_topics()


def test_describing_an_unknown_topic_does_not_create_it(admin: KafkaAdminClient, name: str) -> None:
    """MD-04, MD-07"""
    (described,) = admin.describe_topics([name])
    assert (described["error_code"], described["partitions"]) == (3, [])
    assert name not in admin.list_topics()


def test_validate_only_changes_nothing(admin: KafkaAdminClient, name: str) -> None:
    """TOP-09"""
    admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}}, validate_only=True)
    assert name not in admin.list_topics()


def test_topic_configs_are_altered_described_and_reset(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """CONF-01, CONF-02, CONF-13, CONF-25"""
    create_topic(broker.bootstrap, name, retention_ms="1000")
    admin.alter_configs([topic_config(name, {"retention.ms": "5000", "cleanup.policy": "compact,delete"})])
    until_modified(admin, name, retention_ms="5000", cleanup_policy="compact,delete")
    everything = admin.describe_configs([topic_config(name)], config_filter="all")["topic"][name]
    assert everything["retention.ms"]["config_type"] == "LONG"
    assert everything["segment.bytes"]["value"] == "1073741824"
    assert not any(entry["read_only"] or entry["is_sensitive"] for entry in everything.values())
    admin.reset_configs([topic_config(name, ["retention.ms", "cleanup.policy"])])
    until_modified(admin, name)


def test_lists_in_configs_are_appended_to_and_subtracted_from(
    broker: Broker, admin: KafkaAdminClient, name: str,
) -> None:
    """CONF-13, CONF-14"""
    create_topic(broker.bootstrap, name)
    admin.alter_configs([topic_config(name, {"cleanup.policy": ("APPEND", "compact")})])
    until_modified(admin, name, cleanup_policy="delete,compact")
    admin.alter_configs([topic_config(name, {"cleanup.policy": ("SUBTRACT", "delete")})])
    until_modified(admin, name, cleanup_policy="compact")


def test_legacy_alter_replaces_all_configs(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """CONF-19"""
    create_topic(broker.bootstrap, name, retention_ms="1000")
    admin.alter_configs([topic_config(name, {"retention.bytes": "77"})], incremental=False)
    # kafka-python itself sends the modified ones again, so both must be there.
    until_modified(admin, name, retention_ms="1000", retention_bytes="77")


def test_bad_config_value_is_refused(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """CONF-25"""
    create_topic(broker.bootstrap, name)
    answer = admin.alter_configs([topic_config(name, {"retention.ms": "soon"})])["topic"][name]
    assert "InvalidConfigurationError" in answer
    assert modified_configs(admin, name) == {}


def test_broker_configs_are_described(broker: Broker, admin: KafkaAdminClient) -> None:
    """CONF-01, CONF-02"""
    node = str(admin.describe_cluster()["controller_id"])
    resource = ConfigResource(ConfigResourceType.BROKER, node)
    everything = admin.describe_configs([resource], config_filter="all")["broker"][node]
    assert everything["listeners"]["config_source"] == "STATIC_BROKER_CONFIG"
    assert f"127.0.0.1:{broker.port}" in everything["listeners"]["value"]
    assert everything["listeners"]["config_type"] in ("STRING", "LIST")
    assert everything["num.partitions"]["value"] == "1"


def test_cluster_is_described(broker: Broker, admin: KafkaAdminClient) -> None:
    """MD-02, CLA-06, API-07"""
    cluster = admin.describe_cluster()
    assert len(cluster["cluster_id"]) == 22
    assert [(node["host"], node["port"], node["rack"]) for node in cluster["brokers"]] == [
        ("127.0.0.1", broker.port, None)
    ]
    assert cluster["controller_id"] == cluster["brokers"][0]["broker_id"]
    features = admin.describe_features()
    assert features["metadata.version"]["finalized"][1] >= 25
    assert admin.api_versions()


@not_yet("KIP-848 groups")
def test_the_new_group_protocol_is_finalized(admin: KafkaAdminClient) -> None:
    """API-07"""
    assert admin.describe_features()["group.version"]["finalized"][1] == 1


def test_partitions_are_described_page_by_page(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """CLA-07: DescribeTopicPartitions."""
    create_topic(broker.bootstrap, name, partitions=5)
    first = admin.describe_topic_partitions([name], response_partition_limit=3)
    assert [at["partition_index"] for at in first["topics"][0]["partitions"]] == [0, 1, 2]
    assert first["next_cursor"] == {"topic_name": name, "partition_index": 3}
    rest = admin.describe_topic_partitions([name], cursor=first["next_cursor"])
    assert [at["partition_index"] for at in rest["topics"][0]["partitions"]] == [3, 4]
    assert rest["next_cursor"] is None


def test_log_directories_are_described(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """CLA-08"""
    create_topic(broker.bootstrap, name, partitions=2)
    KafkaPython().produce(broker.bootstrap, name, [Record(b"x" * 1000, partition=1)])
    ((directory,),) = [answer["log_dirs"] for answer in admin.describe_log_dirs([name])]
    assert directory["error_code"] == 0
    assert directory["log_dir"] == str(broker.data)
    sizes = {at["partition_index"]: at["partition_size"] for at in directory["topics"][0]["partitions"]}
    assert sizes[0] == 0
    assert 1000 < sizes[1] < 1200
    assert directory["total_bytes"] > directory["usable_bytes"] > 0


def test_metadata_quorum_is_described(admin: KafkaAdminClient) -> None:
    """CLA-16"""
    quorum = admin.describe_metadata_quorum()
    (partition,) = quorum["topics"][0]["partitions"]
    assert quorum["topics"][0]["topic_name"] == "__cluster_metadata"
    assert [voter["replica_id"] for voter in partition["current_voters"]] == [partition["leader_id"]]
    assert partition["high_watermark"] > 0
    assert partition["observers"] == []


def test_idle_cluster_has_nothing_to_elect_or_reassign(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """CLA-10, CLA-15"""
    create_topic(broker.bootstrap, name)
    answer = admin.elect_leaders(0, {name: [0]})
    assert answer.replica_election_results[0].partition_result[0].error_code == 84
    assert admin.list_partition_reassignments() == {}


def test_active_producers_are_described(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """CLA-17"""
    create_topic(broker.bootstrap, name)
    at = TopicPartition(name, 0)
    assert admin.describe_producers([at])[at].active_producers == []
    KafkaPython().produce(broker.bootstrap, name, [Record(b"a"), Record(b"b")], idempotent=True)
    (producer,) = admin.describe_producers([at])[at].active_producers
    assert producer.producer_epoch == 0
    assert producer.last_sequence == 1


@not_yet("transactions")
def test_there_are_no_transactions(admin: KafkaAdminClient) -> None:
    assert admin.list_transactions() == {admin.describe_cluster()["controller_id"]: []}


def test_config_resources_are_listed(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """CONF-24"""
    create_topic(broker.bootstrap, name)
    found = admin.list_config_resources()
    assert name in found["topic"]
    assert found["broker"] == [str(admin.describe_cluster()["controller_id"])]


def test_group_is_listed_described_emptied_and_deleted(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """GAD-01, GAD-02, GAD-05, GAD-10, GRP-05, OFF-17, OFF-19"""
    create_topic(broker.bootstrap, name)
    KafkaPython().produce(broker.bootstrap, name, [Record(b"1"), Record(b"2")])
    at = TopicPartition(name, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap, group_id=name, auto_offset_reset="earliest", enable_auto_commit=False,
    )
    consumer.partitions_for_topic(name)
    consumer.subscribe([name])
    assert next(consumer).value == b"1"
    (group,) = [group for group in admin.list_groups() if group["group_id"] == name]
    assert (group["protocol_type"], group["group_state"], group["group_type"]) == ("consumer", "Stable", "classic")
    assert [g["group_id"] for g in admin.list_groups(states_filter=["Stable"]) if g["group_id"] == name] == [name]
    assert not [g for g in admin.list_groups(states_filter=["Empty"]) if g["group_id"] == name]
    described = admin.describe_groups([name])[name]
    assert (described["group_state"], described["protocol_data"]) == ("Stable", "range")
    (member,) = described["members"]
    assert member["client_host"] == "/127.0.0.1"
    assert member["member_id"].startswith(member["client_id"] + "-")
    assert admin.delete_groups([name]) == {name: "NonEmptyGroupError"}
    consumer.commit({at: OffsetAndMetadata(1, "a note", -1)})
    consumer.close()
    assert admin.describe_groups([name])[name]["group_state"] == "Empty"
    committed = admin.list_group_offsets({name: None})[name]
    assert {place: (offset.offset, offset.metadata) for place, offset in committed.items()} == {at: (1, "a note")}
    assert admin.delete_groups([name]) == {name: "OK"}
    assert name not in {group["group_id"] for group in admin.list_groups()}
    assert admin.delete_groups([name]) == {name: "GroupIdNotFoundError"}


def test_offsets_of_an_idle_group_are_altered_and_deleted(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """OFF-01, GAD-12, GAD-16"""
    create_topic(broker.bootstrap, name, partitions=2)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    admin.alter_group_offsets(name, {first: OffsetAndMetadata(5, "", -1), second: OffsetAndMetadata(7, "", -1)})
    assert {at: o.offset for at, o in admin.list_group_offsets({name: None})[name].items()} == {first: 5, second: 7}
    admin.delete_group_offsets(name, [first])
    assert {at: o.offset for at, o in admin.list_group_offsets({name: None})[name].items()} == {second: 7}


def test_offsets_of_a_busy_group_cannot_be_reset(broker: Broker, admin: KafkaAdminClient, name: str) -> None:
    """OFF-03, GAD-12, GAD-16, GRP-34"""
    create_topic(broker.bootstrap, name)
    KafkaPython().produce(broker.bootstrap, name, [Record(b"1")])
    at = TopicPartition(name, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap, group_id=name, auto_offset_reset="earliest", group_instance_id="one",
    )
    consumer.partitions_for_topic(name)
    consumer.subscribe([name])
    next(consumer)
    altered = admin.alter_group_offsets(name, {at: OffsetAndMetadata(0, "", -1)})
    assert "UnknownMemberId" in str(altered)
    assert "GroupSubscribedToTopic" in str(admin.delete_group_offsets(name, [at]))
    removed = admin.remove_group_members(name, [Remove(member_id=None, group_instance_id="one", reason="test")])
    assert "NoError" in str(removed)
    assert admin.describe_groups([name])[name]["group_state"] == "Empty"
    consumer.close()


def test_unknown_group_is_dead(admin: KafkaAdminClient, name: str) -> None:
    """GAD-07"""
    assert admin.describe_groups([name])[name]["group_state"] == "Dead"


def test_acls_need_an_authorizer(admin: KafkaAdminClient) -> None:
    """SEC-13"""
    from kafka.admin import ACLFilter, ACLOperation, ACLPermissionType, ResourcePatternFilter, ResourceType
    from kafka.admin import ACLResourcePatternType as Pattern

    everything = ACLFilter(
        principal=None, host="*", operation=ACLOperation.ANY, permission_type=ACLPermissionType.ANY,
        resource_pattern=ResourcePatternFilter(ResourceType.TOPIC, "t", Pattern.ANY),
    )
    with pytest.raises(BrokerResponseError):
        admin.describe_acls(everything)
