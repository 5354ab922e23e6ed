"""aiokafka's admin client; its calls hand back the response itself."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.compat.clients import Record
from tests.compat.clients.aio import AioKafka, run
from tests.compat.process import Broker
from tests.compat.topics import create_topic


def with_admin(broker: Broker, scenario: Callable[[AIOKafkaAdminClient], Awaitable[None]]) -> None:
    """Play a scenario with a started admin client."""

    async def play() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            await scenario(admin)
        finally:
            await admin.close()

    run(play())


def codes(answer: Any) -> list[int]:
    """Return the error codes of a response's topics."""
    return [row[1] for row in getattr(answer, "topic_errors", None) or answer.topic_error_codes]


def test_topic_is_created_grown_and_deleted(broker: Broker, name: str) -> None:
    """TOP-01, TOP-03, TOP-14, TOP-18"""

    async def scenario(admin: AIOKafkaAdminClient) -> None:
        assert codes(await admin.create_topics([NewTopic(name, 2, 1)])) == [0]
        assert codes(await admin.create_topics([NewTopic(name, 2, 1)])) == [36]
        assert codes(await admin.create_partitions({name: NewPartitions(4)})) == [0]
        (described,) = await admin.describe_topics([name])
        assert [at["partition"] for at in sorted(described["partitions"], key=lambda p: p["partition"])] == [0, 1, 2, 3]
        assert name in await admin.list_topics()
        assert codes(await admin.delete_topics([name])) == [0]
        assert name not in await admin.list_topics()

    with_admin(broker, scenario)


def test_configs_are_described_and_altered(broker: Broker, name: str) -> None:
    """CONF-01, CONF-19"""
    create_topic(broker.bootstrap, name)

    async def scenario(admin: AIOKafkaAdminClient) -> None:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "5000"})])
        answer = (await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]))[0]
        entries = {entry[0]: entry[1] for entry in answer.resources[0][4]}
        assert entries["retention.ms"] == "5000"
        assert entries["segment.bytes"] == "1073741824"

    with_admin(broker, scenario)


def test_cluster_is_described(broker: Broker) -> None:
    """MD-02"""

    async def scenario(admin: AIOKafkaAdminClient) -> None:
        cluster = await admin.describe_cluster()
        assert [(node["host"], node["port"]) for node in cluster["brokers"]] == [("127.0.0.1", broker.port)]
        assert cluster["controller_id"] == cluster["brokers"][0]["node_id"]

    with_admin(broker, scenario)


def test_group_is_listed_and_described(broker: Broker, name: str) -> None:
    """GAD-01, GAD-05, OFF-19, COORD-01"""
    create_topic(broker.bootstrap, name)
    AioKafka().produce(broker.bootstrap, name, [Record(b"1"), Record(b"2")])

    async def scenario(admin: AIOKafkaAdminClient) -> None:
        consumer = AIOKafkaConsumer(
            name, bootstrap_servers=broker.bootstrap, group_id=name, auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            assert (await consumer.getone()).value == b"1"
            assert (name, "consumer") in [group[:2] for group in await admin.list_consumer_groups()]
            described = (await admin.describe_consumer_groups([name]))[0].groups[0]
            assert described[:5] == (0, name, "Stable", "consumer", "roundrobin")
            assert len(described[5]) == 1
            await consumer.commit({TopicPartition(name, 0): (1, "a note")})
        finally:
            await consumer.stop()
        offsets = await admin.list_consumer_group_offsets(name)
        assert {at: (o.offset, o.metadata) for at, o in offsets.items()} == {TopicPartition(name, 0): (1, "a note")}
        assert await admin.find_coordinator(name) == (await admin.describe_cluster())["controller_id"]

    with_admin(broker, scenario)
