"""kafka-python: pure Python, its own network loop; a producer is idempotent by default."""

from collections.abc import Iterable, Sequence
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition, codec
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import KafkaError

from tests.compat.clients.model import TIMEOUT_S, Client, Member, Record, Refused, usable_codecs
from tests.compat.polling import deadline_in

# Not cooperative-sticky: with 3.0.12 two members rebalance for ever, also on Apache Kafka.
ASSIGNORS = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}


def record_of(message: Any) -> Record:
    """Return a ConsumerRecord as ours."""
    return Record(
        message.value, message.key, tuple((name, value) for name, value in message.headers), message.timestamp,
        message.partition, message.offset,
    )


class KafkaPythonMember(Member):
    def __init__(self, consumer: KafkaConsumer) -> None:
        self.consumer = consumer

    def poll(self) -> list[Record]:
        found = self.consumer.poll(timeout_ms=100)
        return [record_of(message) for messages in found.values() for message in messages]

    def assignment(self) -> set[tuple[str, int]]:
        return {(at.topic, at.partition) for at in self.consumer.assignment()}

    def commit(self) -> None:
        self.consumer.commit(timeout_ms=int(TIMEOUT_S * 1000))

    def close(self) -> None:
        self.consumer.close()


class KafkaPython(Client):
    name = "kafka-python"
    codecs = usable_codecs(codec)
    assignors = tuple(ASSIGNORS)
    sends_null_headers = False

    def produce(
        self, bootstrap: str, topic: str, records: Iterable[Record], *, codec: str = "none", acks: str = "all",
        idempotent: bool = False, max_bytes: int | None = None,
    ) -> list[int]:
        options: dict[str, Any] = {"acks": acks if acks == "all" else int(acks), "enable_idempotence": idempotent}
        if codec != "none":
            options["compression_type"] = codec
        if max_bytes is not None:
            options["max_request_size"] = max_bytes
        producer = KafkaProducer(bootstrap_servers=bootstrap, **options)
        try:
            futures = [
                producer.send(
                    topic, value=record.value, key=record.key, headers=list(record.headers),
                    partition=record.partition, timestamp_ms=record.timestamp,
                )
                for record in records
            ]
            producer.flush(TIMEOUT_S)
            return [future.get(TIMEOUT_S).offset for future in futures]
        except KafkaError as error:
            raise Refused(repr(error)) from error
        finally:
            producer.close()

    def consume(
        self, bootstrap: str, topic: str, count: int, *, partitions: Sequence[int] = (0,), start: int | None = None,
    ) -> list[Record]:
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        try:
            wanted = [TopicPartition(topic, partition) for partition in partitions]
            consumer.assign(wanted)
            for partition in wanted:
                if start is None:
                    consumer.seek_to_beginning(partition)
                else:
                    consumer.seek(partition, start)
            out: list[Record] = []
            late = deadline_in(TIMEOUT_S)
            while len(out) < count and not late():
                for messages in consumer.poll(timeout_ms=500).values():
                    out.extend(record_of(message) for message in messages)
            return out
        finally:
            consumer.close()

    def member(
        self, bootstrap: str, group: str, topic: str, *, assignor: str | None = None, instance: str | None = None,
        heartbeat_ms: int | None = None,
    ) -> Member:
        options: dict[str, Any] = {"group_instance_id": instance} if instance else {}
        if assignor:
            options["partition_assignment_strategy"] = [ASSIGNORS[assignor]]
        if heartbeat_ms:
            options["heartbeat_interval_ms"] = heartbeat_ms
        consumer = KafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False, **options,
        )
        # 3.0.12, when elected leader before its first metadata arrived, assigns nothing and stays at that: ask first.
        consumer.partitions_for_topic(topic)
        return KafkaPythonMember(consumer)
