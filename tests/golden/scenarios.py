"""What each client does while `capture.py` listens: a little of everything that it can ask of a broker."""

from collections.abc import Callable
from typing import Any

from tests.compat.clients import Client, Record, client_named
from tests.compat.polling import eventually
from tests.compat.topics import create_topic

Scenario = Callable[[str, str], None]

TOOLS = "kafka-tools"
"""Kafka's own command-line tools: not one of the clients that the other tests use."""


def _records(client: Client, bootstrap: str, topic: str, partitions: int = 1) -> list[Record]:
    headers = (("h", b"1"),)
    records = [Record(b"value %d" % n, b"key %d" % n, headers, partition=n % partitions) for n in range(6)]
    client.produce(bootstrap, topic, records, codec="lz4")
    client.produce(bootstrap, topic, records[:2], idempotent=True)
    return records


def _everything(name: str) -> tuple[Scenario, Scenario]:
    """Return what all clients play: records, and a group of two."""
    client = client_named(name)

    def records(bootstrap: str, topic: str) -> None:
        client.produce(bootstrap, topic, [Record(b"creates the topic")])
        _records(client, bootstrap, topic)
        client.consume(bootstrap, topic, 9)

    def group(bootstrap: str, topic: str) -> None:
        _topic(bootstrap, topic)
        _records(client, bootstrap, topic, partitions=2)
        read: list[Record] = []
        members = [client.member(bootstrap, topic, topic, heartbeat_ms=300)]

        def turn() -> bool:
            for member in members:
                read.extend(member.poll())
            return all(member.assignment() for member in members)

        eventually(lambda: turn() and len(read) >= 8)
        members[0].commit()
        members.append(client.member(bootstrap, topic, topic, instance="static", heartbeat_ms=300))
        eventually(turn)
        for member in members:
            member.commit()
            member.close()

    return records, group


def _topic(bootstrap: str, topic: str) -> None:
    create_topic(bootstrap, topic, 2)


def kafka_python_admin(bootstrap: str, name: str) -> None:
    """Call everything that KafkaAdminClient offers and one broker answers."""
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
    from kafka.admin import ConfigResource, ConfigResourceType, MemberToRemove
    from kafka.structs import OffsetAndMetadata

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    at = TopicPartition(name, 0)
    topic = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "90000"})
    node = admin.describe_cluster()["controller_id"]
    _attempt(lambda: admin.create_topics({name: {"num_partitions": 2, "replication_factor": 1}}))
    _attempt(lambda: admin.create_topics(["no good"]))
    client_named("kafka-python").produce(bootstrap, name, [Record(b"x"), Record(b"y")], idempotent=True)
    calls: list[Callable[[], Any]] = [
        lambda: admin.create_partitions({name: 3}),
        lambda: admin.describe_topics([name]),
        lambda: admin.alter_configs([topic]),
        lambda: admin.alter_configs([topic], incremental=False),
        lambda: admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": None})]),
        lambda: admin.reset_configs([topic]),
        lambda: admin.list_config_resources(),
        lambda: admin.describe_features(),
        lambda: admin.describe_topic_partitions([name]),
        lambda: admin.describe_metadata_quorum(),
        lambda: admin.elect_leaders(0, {name: [0]}),
        lambda: admin.list_partition_reassignments(),
        lambda: admin.alter_partition_reassignments({at: [node]}),
        lambda: admin.describe_producers([at]),
        lambda: admin.list_transactions(),
        lambda: admin.list_partition_offsets({at: -3}),
        lambda: admin.delete_records({at: 1}),
        lambda: admin.alter_group_offsets(name, {at: OffsetAndMetadata(1, "note", -1)}),
        lambda: admin.list_group_offsets({name: None}),
        lambda: admin.list_group_offsets({name: [at]}),
        lambda: admin.list_groups(),
        lambda: admin.describe_groups([name]),
        lambda: admin.remove_group_members(name, [MemberToRemove(None, "nobody", "test")]),
        lambda: admin.delete_group_offsets(name, [at]),
        lambda: admin.delete_groups([name]),
        lambda: admin.describe_user_scram_credentials(),
        lambda: admin.describe_acls(_any_acl()),
        lambda: admin.describe_log_dirs([name]),
        lambda: admin.delete_topics([name]),
    ]
    for call in calls:
        _attempt(call)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    _attempt(lambda: consumer.offsets_for_times({at: 0}))
    consumer.close()
    admin.close()


def kafka_python_transaction(bootstrap: str, name: str) -> None:
    """Consume, transform, produce in one transaction, and abort another."""
    from kafka import KafkaProducer, TopicPartition
    from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

    _topic(bootstrap, name)
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(name, b"one", partition=0).get(20)
    offsets = {TopicPartition(name, 0): OffsetAndMetadata(1, "", -1)}
    producer.send_offsets_to_transaction(offsets, ConsumerGroupMetadata(name, -1, "", None))
    producer.commit_transaction()
    producer.begin_transaction()
    producer.send(name, b"two", partition=0).get(20)
    producer.abort_transaction()
    producer.close()


def _any_acl() -> Any:
    from kafka.admin import ACLFilter, ACLOperation, ACLPermissionType, ResourcePatternFilter, ResourceType
    from kafka.admin import ACLResourcePatternType as Pattern

    pattern = ResourcePatternFilter(ResourceType.TOPIC, "t", Pattern.ANY)
    return ACLFilter(None, "*", ACLOperation.ANY, ACLPermissionType.ANY, pattern)


def confluent_admin(bootstrap: str, name: str) -> None:
    """Call everything that librdkafka's admin client offers and one broker answers."""
    from confluent_kafka import (
        Consumer,
        ConsumerGroupTopicPartitions,
        ElectionType,
        TopicCollection,
        TopicPartition,
    )
    from confluent_kafka.admin import (
        AclBinding,
        AclBindingFilter,
        AclOperation,
        AclPermissionType,
        AdminClient,
        AlterConfigOpType,
        ConfigEntry,
        ConfigResource,
        NewPartitions,
        NewTopic,
        OffsetSpec,
        ResourcePatternType,
        ResourceType,
        ScramCredentialInfo,
        ScramMechanism,
        UserScramCredentialUpsertion,
    )

    admin = AdminClient({"bootstrap.servers": bootstrap})
    at = TopicPartition(name, 0)
    topic = ConfigResource.Type.TOPIC
    entry = ConfigEntry("retention.ms", "90000", incremental_operation=AlterConfigOpType.SET)
    wanted = [ConsumerGroupTopicPartitions(name)]
    offsets = [ConsumerGroupTopicPartitions(name, [TopicPartition(name, 0, 1)])]
    anything = (ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
    some = (ResourceType.TOPIC, "t", ResourcePatternType.LITERAL)
    acl = (*some, "User:x", "*", AclOperation.READ, AclPermissionType.ALLOW)
    scram = UserScramCredentialUpsertion("someone", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"secret")
    calls: list[Callable[[], Any]] = [
        lambda: admin.create_topics([NewTopic(name, 2)]),
        lambda: client_named("confluent").produce(bootstrap, name, [Record(b"x"), Record(b"y")]),
        lambda: admin.create_partitions([NewPartitions(name, 3)]),
        lambda: admin.list_topics(timeout=20),
        lambda: admin.describe_topics(TopicCollection([name]), include_authorized_operations=True),
        lambda: admin.describe_cluster(include_authorized_operations=True),
        lambda: admin.describe_configs([ConfigResource(topic, name)]),
        lambda: admin.incremental_alter_configs([ConfigResource(topic, name, incremental_configs=[entry])]),
        lambda: admin.alter_configs([ConfigResource(topic, name, set_config={"retention.ms": "80000"})]),
        lambda: admin.list_offsets({at: OffsetSpec.max_timestamp()}),
        lambda: admin.delete_records([TopicPartition(name, 0, 1)]),
        lambda: admin.elect_leaders(ElectionType.PREFERRED, [at]),
        lambda: admin.alter_consumer_group_offsets(offsets),
        lambda: admin.list_consumer_group_offsets(wanted),
        lambda: admin.list_consumer_groups(),
        lambda: admin.describe_consumer_groups([name]),
        lambda: admin.list_groups(timeout=20),
        lambda: admin.delete_consumer_groups([name]),
        lambda: admin.describe_user_scram_credentials(),
        lambda: admin.alter_user_scram_credentials([scram]),
        lambda: admin.describe_acls(AclBindingFilter(*anything)),
        lambda: admin.create_acls([AclBinding(*acl)]),
        lambda: admin.delete_acls([AclBindingFilter(*anything)]),
    ]
    for call in calls:
        _attempt(lambda call=call: _results(call()))  # type: ignore[misc]
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": name})
    _attempt(lambda: consumer.offsets_for_times([TopicPartition(name, 0, 0)], timeout=20))
    _attempt(lambda: consumer.get_watermark_offsets(at, timeout=20))
    consumer.close()
    _attempt(lambda: _results(admin.delete_topics([name])))


def confluent_new_group(bootstrap: str, name: str) -> None:
    """Join by the new group protocol (KIP-848), and be described."""
    from confluent_kafka import Consumer
    from confluent_kafka.admin import AdminClient

    _topic(bootstrap, name)
    client_named("confluent").produce(bootstrap, name, [Record(b"x"), Record(b"y")])
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": name, "group.protocol": "consumer", "auto.offset.reset": "earliest",
    })
    consumer.subscribe([name])
    eventually(lambda: consumer.poll(0.1))
    consumer.commit(asynchronous=False)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    _results(admin.describe_consumer_groups([name]))
    consumer.close()


def confluent_transaction(bootstrap: str, name: str) -> None:
    """Consume, transform, produce in one transaction, and abort another."""
    from confluent_kafka import Consumer, Producer, TopicPartition

    _topic(bootstrap, name)
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name})
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": name})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(name, b"one", partition=0)
    offsets = [TopicPartition(name, 0, 1)]
    producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), 20)
    producer.commit_transaction(20)
    producer.begin_transaction()
    producer.produce(name, b"two", partition=0)
    producer.flush(20)
    producer.abort_transaction(20)
    consumer.close()


def aiokafka_admin(bootstrap: str, name: str) -> None:
    """Call everything that AIOKafkaAdminClient offers, and list offsets."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    from tests.compat.clients.aio import run

    async def play() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        at = TopicPartition(name, 0)
        await admin.create_topics([NewTopic(name, 2, 1)])
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
        await producer.start()
        async with producer.transaction():
            await producer.send_and_wait(name, b"x", partition=0)
            await producer.send_offsets_to_transaction({at: 1}, name)
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        await consumer.offsets_for_times({at: 0})
        await consumer.end_offsets([at])
        await consumer.stop()
        await admin.create_partitions({name: NewPartitions(3)})
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "90000"})])
        await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": None})])
        await admin.describe_cluster()
        await admin.list_consumer_groups()
        await admin.describe_consumer_groups([name])
        await admin.list_consumer_group_offsets(name)
        await admin.delete_records({at: RecordsToDelete(before_offset=1)})
        await admin.delete_topics([name])
        await admin.close()

    run(play())


def kcat_modes(bootstrap: str, name: str) -> None:
    """List, query, and a transaction."""
    from tests.compat.clients.kcat import kcat

    kcat("-P", "-b", bootstrap, "-t", name, "-X", f"transactional.id={name}", stdin=b"one\ntwo\n")
    kcat("-L", "-b", bootstrap)
    kcat("-Q", "-b", bootstrap, "-t", f"{name}:0:-1")


def kafka_tools(bootstrap: str, name: str) -> None:
    """Run those of Kafka's own tools whose requests no other client here can send."""
    from subprocess import run

    from tests.kafka_jars import java

    def tool(main_class: str, *arguments: str) -> None:
        run(java(main_class, "--bootstrap-server", bootstrap, *arguments), check=False, capture_output=True, timeout=60)

    def configs(kind: str, *arguments: str) -> None:
        tool("kafka.admin.ConfigCommand", "--entity-type", kind, *arguments)

    features = "org.apache.kafka.tools.FeatureCommand"
    tokens = "org.apache.kafka.tools.DelegationTokenCommand"
    _topic(bootstrap, name)
    for added in ("producer_byte_rate=1000,request_percentage=12.5", "SCRAM-SHA-512=[password=secret]"):
        configs("users", "--alter", "--entity-name", name, "--add-config", added)
    configs("users", "--describe")
    tool(features, "upgrade", "--feature", "metadata.version=9999")
    tool(features, "upgrade", "--feature", "group.version=1")
    run(java("org.apache.kafka.tools.ClusterTool", "unregister", "--bootstrap-server", bootstrap, "--id", "77"),
        check=False, capture_output=True, timeout=60)  # fmt: skip
    tool("org.apache.kafka.tools.MetadataQuorumCommand", "remove-controller", "--controller-id", "77",
         "--controller-directory-id", "AAAAAAAAAAAAAAAAAAAAAQ")  # fmt: skip
    for arguments in (
        ("--create", "--max-life-time-period", "-1"), ("--describe",),
        ("--renew", "--renew-time-period", "-1", "--hmac", "AAAA"),
        ("--expire", "--expiry-time-period", "-1", "--hmac", "AAAA"),
    ):  # fmt: skip
        tool(tokens, "--command-config", "/dev/null", *arguments)


def _attempt(call: Callable[[], object]) -> None:
    """Call and go on: a refusal is a frame as well."""
    try:
        call()
    except Exception as error:
        print(f"  {type(error).__name__}: {str(error)[:150]}")


def _results(futures: Any) -> None:
    """Wait for the future, or the futures of a dictionary."""
    for future in futures.values() if isinstance(futures, dict) else [futures]:
        if hasattr(future, "result"):
            future.result(20)


SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "kafka-python": (*_everything("kafka-python"), kafka_python_admin, kafka_python_transaction),
    "confluent": (*_everything("confluent"), confluent_admin, confluent_new_group, confluent_transaction),
    "aiokafka": (*_everything("aiokafka"), aiokafka_admin),
    "kcat": (*_everything("kcat"), kcat_modes),
    TOOLS: (kafka_tools,),
}
