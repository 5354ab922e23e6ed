"""aiokafka: asyncio; its coroutines run on a loop in a thread, so that scenarios stay plain functions."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, codec
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from tests.compat.clients.kafka_python import record_of
from tests.compat.clients.model import TIMEOUT_S, Client, Member, Record, Refused, usable_codecs
from tests.compat.polling import deadline_in

T = TypeVar("T")

ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}

_loops: list[asyncio.AbstractEventLoop] = []


def run(work: Coroutine[Any, Any, T], timeout_s: float = 3 * TIMEOUT_S) -> T:
    """Return what a coroutine returns, run on the shared loop."""
    if not _loops:
        loop = asyncio.new_event_loop()
        _loops.append(loop)
        threading.Thread(target=loop.run_forever, name="aiokafka", daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loops[0]).result(timeout_s)


class AioKafkaMember(Member):
    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        # start() waits for the first join, which may need other members of the test to rejoin first.
        self.starting = asyncio.run_coroutine_threadsafe(self._start(), _loops[0])

    async def _start(self) -> None:
        await self.consumer.start()

    def poll(self) -> list[Record]:
        return run(self._poll())

    async def _poll(self) -> list[Record]:
        if not self.starting.done():
            await asyncio.wait([asyncio.wrap_future(self.starting)], timeout=0.05)
            return []
        self.starting.result()
        found = await self.consumer.getmany(timeout_ms=100)
        return [record_of(message) for messages in found.values() for message in messages]

    def assignment(self) -> set[tuple[str, int]]:
        if not self.starting.done():
            return set()
        return {(at.topic, at.partition) for at in self.consumer.assignment()}

    def commit(self) -> None:
        run(self._commit())

    async def _commit(self) -> None:
        await self.consumer.commit()

    def close(self) -> None:
        self.starting.result(TIMEOUT_S)
        run(self.consumer.stop())


class AioKafka(Client):
    name = "aiokafka"
    codecs = usable_codecs(codec)
    assignors = tuple(ASSIGNORS)

    def produce(
        self, bootstrap: str, topic: str, records: Iterable[Record], *, codec: str = "none", acks: str = "all",
        idempotent: bool = False, max_bytes: int | None = None,
    ) -> list[int]:
        options: dict[str, Any] = {"acks": acks if acks == "all" else int(acks)}
        if idempotent:
            options["enable_idempotence"] = True
        if codec != "none":
            options["compression_type"] = codec
        if max_bytes is not None:
            options["max_request_size"] = max_bytes
        return run(self._produce(bootstrap, topic, records, options))

    async def _produce(
        self, bootstrap: str, topic: str, records: Iterable[Record], options: dict[str, Any],
    ) -> list[int]:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
        await producer.start()
        try:
            futures = [
                await producer.send(
                    topic, value=record.value, key=record.key, partition=record.partition,
                    timestamp_ms=record.timestamp, headers=list(record.headers),
                )
                for record in records
            ]
            done = await asyncio.wait_for(asyncio.gather(*futures), TIMEOUT_S)
            return [-1 if answer is None else answer.offset for answer in done]
        except KafkaError as error:
            raise Refused(repr(error)) from error
        finally:
            await producer.stop()

    def consume(
        self, bootstrap: str, topic: str, count: int, *, partitions: Sequence[int] = (0,), start: int | None = None,
    ) -> list[Record]:
        return run(self._consume(bootstrap, topic, count, partitions, start))

    async def _consume(
        self, bootstrap: str, topic: str, count: int, partitions: Sequence[int], start: int | None,
    ) -> list[Record]:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            wanted = [TopicPartition(topic, partition) for partition in partitions]
            consumer.assign(wanted)
            for partition in wanted:
                if start is None:
                    await consumer.seek_to_beginning(partition)
                else:
                    consumer.seek(partition, start)
            out: list[Record] = []
            late = deadline_in(TIMEOUT_S)
            while len(out) < count and not late():
                for messages in (await consumer.getmany(timeout_ms=500)).values():
                    out.extend(record_of(message) for message in messages)
            return out
        finally:
            await consumer.stop()

    def member(
        self, bootstrap: str, group: str, topic: str, *, assignor: str | None = None, instance: str | None = None,
        heartbeat_ms: int | None = None,
    ) -> Member:
        options: dict[str, Any] = {"group_instance_id": instance} if instance else {}
        if assignor:
            options["partition_assignment_strategy"] = [ASSIGNORS[assignor]]
        if heartbeat_ms:
            options["heartbeat_interval_ms"] = heartbeat_ms
        return AioKafkaMember(run(self._consumer(bootstrap, group, topic, options)))

    async def _consumer(self, bootstrap: str, group: str, topic: str, options: dict[str, Any]) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False, **options,
        )
