"""Finding positions: beginnings, ends, times, and deleting what lies before; with the clients that offer it."""

import pytest
from confluent_kafka import OFFSET_END, Consumer
from confluent_kafka import TopicPartition as At
from confluent_kafka.admin import AdminClient, OffsetSpec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from tests.compat.clients import Record
from tests.compat.clients.aio import run
from tests.compat.clients.kcat import kcat, records_in
from tests.compat.conftest import usable
from tests.compat.process import Broker
from tests.compat.topics import create_topic

START = 1_600_000_000_000


@pytest.fixture
def filled(broker: Broker, name: str) -> str:
    """A topic with 100 records, one a second since `START`, in compressed batches, but out of order at 50 and 51."""
    create_topic(broker.bootstrap, name, partitions=2)
    times = [START + number * 1000 for number in range(100)]
    times[50], times[51] = times[51], times[50]
    records = [Record(f"r{number}".encode(), timestamp=time) for number, time in enumerate(times)]
    usable("confluent").produce(broker.bootstrap, name, records, codec="gzip")
    return name


def test_kafka_python_finds_offsets(broker: Broker, filled: str) -> None:
    """LOFF-01, LOFF-02, LOFF-03, LOFF-04, LOFF-14"""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap)
    full, empty = TopicPartition(filled, 0), TopicPartition(filled, 1)
    assert consumer.beginning_offsets([full, empty]) == {full: 0, empty: 0}
    assert consumer.end_offsets([full, empty]) == {full: 100, empty: 0}

    def first_from(time: int) -> tuple[int, int] | None:
        found = consumer.offsets_for_times({full: time})[full]
        return (found.offset, found.timestamp) if found else None

    assert first_from(START) == (0, START)
    assert first_from(START + 1) == (1, START + 1000)
    assert first_from(START + 41_500) == (42, START + 42_000)
    assert first_from(START + 49_500) == (50, START + 51_000)
    assert first_from(START + 99_001) is None
    assert consumer.offsets_for_times({empty: 0})[empty] is None
    consumer.close()


def test_kafka_python_seeks(broker: Broker, filled: str) -> None:
    """FET-01, FET-03"""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap)
    at = TopicPartition(filled, 0)
    consumer.assign([at])

    def next_offset() -> int:
        return next(consumer).offset

    consumer.seek(at, 77)
    assert next_offset() == 77
    consumer.seek_to_beginning(at)
    assert next_offset() == 0
    consumer.seek_to_end(at)
    assert consumer.position(at) == 100
    consumer.close()


def test_position_out_of_range_is_reset(broker: Broker, filled: str) -> None:
    """FET-03: OFFSET_OUT_OF_RANGE lets the client apply its auto.offset.reset."""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    at = TopicPartition(filled, 0)
    consumer.assign([at])
    consumer.seek(at, 1_000_000)
    assert next(consumer).offset == 0
    consumer.close()


def test_confluent_finds_offsets(broker: Broker, filled: str) -> None:
    """LOFF-01, LOFF-02, LOFF-03, LOFF-04"""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": filled})
    assert consumer.get_watermark_offsets(At(filled, 0), timeout=10) == (0, 100)
    assert consumer.get_watermark_offsets(At(filled, 1), timeout=10) == (0, 0)
    (found,) = consumer.offsets_for_times([At(filled, 0, START + 41_500)], timeout=10)
    assert found.offset == 42
    (found,) = consumer.offsets_for_times([At(filled, 0, START + 1_000_000)], timeout=10)
    assert found.offset == OFFSET_END
    consumer.close()


def test_confluent_admin_lists_offsets_by_every_spec(broker: Broker, filled: str) -> None:
    """LOFF-01, LOFF-02, LOFF-03, LOFF-06, LOFF-07: the largest timestamp is at 99."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})

    def offset(spec: OffsetSpec) -> tuple[int, int]:
        (future,) = admin.list_offsets({At(filled, 0): spec}, request_timeout=10).values()
        found = future.result(10)
        return found.offset, found.timestamp

    assert offset(OffsetSpec.earliest()) == (0, -1)
    assert offset(OffsetSpec.latest()) == (100, -1)
    assert offset(OffsetSpec.max_timestamp()) == (99, START + 99_000)
    assert offset(OffsetSpec.for_timestamp(START + 49_500)) == (50, START + 51_000)


def test_kafka_python_admin_lists_the_largest_timestamp(broker: Broker, name: str) -> None:
    """LOFF-06: the largest timestamp is not at the last offset; LOFF-08 for the special timestamps -4 and -5."""
    create_topic(broker.bootstrap, name)
    times = [START, START + 5000, START + 2000, START + 5000]
    usable("confluent").produce(broker.bootstrap, name, [Record(b"x", timestamp=time) for time in times])
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    at = TopicPartition(name, 0)

    def offset(timestamp: int) -> tuple[int, int]:
        found = admin.list_partition_offsets({at: timestamp})[at]
        return found.offset, found.timestamp

    assert offset(-3) == (1, START + 5000)
    assert offset(-4) == (0, -1)
    assert offset(-5)[0] == -1
    admin.close()


def test_aiokafka_finds_offsets_and_seeks(broker: Broker, filled: str) -> None:
    """LOFF-01, LOFF-02, LOFF-03, LOFF-04, FET-01"""
    usable("aiokafka")
    from aiokafka import AIOKafkaConsumer
    from aiokafka import TopicPartition as AioAt

    async def scenario() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
        await consumer.start()
        try:
            at, empty = AioAt(filled, 0), AioAt(filled, 1)
            assert await consumer.beginning_offsets([at, empty]) == {at: 0, empty: 0}
            assert await consumer.end_offsets([at, empty]) == {at: 100, empty: 0}
            found = (await consumer.offsets_for_times({at: START + 41_500}))[at]
            assert (found.offset, found.timestamp) == (42, START + 42_000)
            assert (await consumer.offsets_for_times({at: START + 1_000_000}))[at] is None
            consumer.assign([at])
            consumer.seek(at, 77)
            assert (await consumer.getone()).offset == 77
            await consumer.seek_to_beginning(at)
            assert (await consumer.getone()).offset == 0
            await consumer.seek_to_end(at)
            assert await consumer.position(at) == 100
        finally:
            await consumer.stop()

    run(scenario())


def test_kcat_finds_offsets_and_seeks(broker: Broker, filled: str) -> None:
    """LOFF-03, LOFF-04, FET-01"""
    usable("kcat")
    where = ["-b", broker.bootstrap]
    assert kcat("-Q", *where, "-t", f"{filled}:0:{START + 41_500}").decode() == f"{filled} [0] offset 42\n"
    assert kcat("-Q", *where, "-t", f"{filled}:0:-1").decode() == f"{filled} [0] offset 100\n"
    assert kcat("-Q", *where, "-t", f"{filled}:0:-2").decode() == f"{filled} [0] offset 0\n"
    consume = ["-C", *where, "-t", filled, "-p", "0", "-e", "-q", "-f", r"%p %o %T %K %S %h\n%k%s\n"]

    def offsets(*arguments: str) -> list[int]:
        return [record.offset for record in records_in(kcat(*consume, *arguments))]

    assert offsets("-o", "95") == [95, 96, 97, 98, 99]
    assert offsets("-o", "-3") == [97, 98, 99]
    assert offsets("-o", "end") == []
    assert offsets("-o", f"s@{START + 96_500}") == [97, 98, 99]
    assert offsets("-o", f"s@{START + 10_000}", "-o", f"e@{START + 12_000}") == [10, 11]
    assert offsets("-o", "beginning", "-c", "2") == [0, 1]


def test_deleted_records_are_out_of_reach(broker: Broker, filled: str) -> None:
    """TOP-21, TOP-22, TOP-23, TOP-26, LOFF-02"""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": filled})

    def delete(before: int) -> int:
        (future,) = admin.delete_records([At(filled, 0, before)]).values()
        return int(future.result(10).low_watermark)

    assert delete(30) == 30
    assert consumer.get_watermark_offsets(At(filled, 0), timeout=10) == (30, 100)
    (found,) = consumer.offsets_for_times([At(filled, 0, START)], timeout=10)
    assert found.offset == 30
    assert usable("confluent").consume(broker.bootstrap, filled, 70)[0].offset == 30
    assert delete(10) == 30
    with pytest.raises(Exception, match=r"(?i)out.?of.?range"):
        delete(1000)
    assert delete(OFFSET_END) == 100
    assert consumer.get_watermark_offsets(At(filled, 0), timeout=10) == (100, 100)
    assert usable("confluent").produce(broker.bootstrap, filled, [Record(b"after")]) == [100]
    consumer.close()


def test_kafka_python_and_aiokafka_delete_records(broker: Broker, filled: str) -> None:
    """TOP-21"""
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    at = TopicPartition(filled, 0)
    assert admin.delete_records({at: 12})[at]["low_watermark"] == 12
    admin.close()
    usable("aiokafka")
    from aiokafka import TopicPartition as AioAt
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

    async def scenario() -> None:
        aio = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await aio.start()
        try:
            where = AioAt(filled, 0)
            assert await aio.delete_records({where: RecordsToDelete(before_offset=34)}) == {where: 34}
        finally:
            await aio.close()

    run(scenario())
    assert usable("confluent").consume(broker.bootstrap, filled, 66)[0].offset == 34
