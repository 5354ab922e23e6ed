"""confluent-kafka: librdkafka, the C client behind most languages' bindings."""

from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from tests.compat.clients.model import TIMEOUT_S, Client, Member, Record, Refused
from tests.compat.polling import deadline_in


def record_of(message: Any) -> Record:
    """Return a Message as ours; an error in its place raises."""
    if message.error() is not None:
        raise Refused(str(message.error()))
    return Record(
        message.value(), message.key(), tuple(message.headers() or ()), message.timestamp()[1],
        message.partition(), message.offset(),
    )


class ConfluentMember(Member):
    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer

    def poll(self) -> list[Record]:
        return [
            record_of(message)
            for message in self.consumer.consume(500, timeout=0.1)
            if message.error() is None or not message.error().retriable()
        ]

    def assignment(self) -> set[tuple[str, int]]:
        return {(at.topic, at.partition) for at in self.consumer.assignment()}

    def commit(self) -> None:
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:  # nothing read yet, nothing to commit
                raise

    def close(self) -> None:
        self.consumer.close()


class Confluent(Client):
    name = "confluent"
    assignors = ("range", "roundrobin", "cooperative-sticky")

    def produce(
        self, bootstrap: str, topic: str, records: Iterable[Record], *, codec: str = "none", acks: str = "all",
        idempotent: bool = False, max_bytes: int | None = None,
    ) -> list[int]:
        settings: dict[str, Any] = {"bootstrap.servers": bootstrap, "acks": acks, "compression.type": codec}
        if idempotent:
            settings["enable.idempotence"] = True
        if max_bytes is not None:
            settings["message.max.bytes"] = max_bytes
        producer = Producer(settings)
        delivered: dict[int, int] = {}
        refused: list[KafkaError] = []

        def send(number: int, record: Record) -> None:
            def heard(error: KafkaError | None, message: Any) -> None:
                if error is not None:
                    refused.append(error)
                else:
                    delivered[number] = message.offset()

            extra = {} if record.timestamp is None else {"timestamp": record.timestamp}
            while True:
                try:
                    producer.produce(
                        topic, value=record.value, key=record.key, partition=record.partition,
                        headers=list(record.headers), on_delivery=heard, **extra,
                    )
                    return
                except BufferError:
                    producer.poll(0.1)

        count = 0
        try:
            for number, record in enumerate(records):
                send(number, record)
                count += 1
        except KafkaException as error:
            raise Refused(str(error)) from error
        left = producer.flush(TIMEOUT_S)
        if refused:
            raise Refused(str(refused[0]))
        assert left == 0, f"{left} records not delivered in {TIMEOUT_S} s"
        return [delivered[number] for number in range(count)]

    def consume(
        self, bootstrap: str, topic: str, count: int, *, partitions: Sequence[int] = (0,), start: int | None = None,
    ) -> list[Record]:
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False})
        try:
            at = OFFSET_BEGINNING if start is None else start
            consumer.assign([TopicPartition(topic, partition, at) for partition in partitions])
            out: list[Record] = []
            late = deadline_in(TIMEOUT_S)
            while len(out) < count and not late():
                out.extend(record_of(message) for message in consumer.consume(1000, timeout=0.1))
            return out
        finally:
            consumer.close()

    def member(
        self, bootstrap: str, group: str, topic: str, *, assignor: str | None = None, instance: str | None = None,
        heartbeat_ms: int | None = None,
    ) -> Member:
        settings: dict[str, Any] = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
        if assignor:
            settings["partition.assignment.strategy"] = assignor
        if instance:
            settings["group.instance.id"] = instance
        if heartbeat_ms:
            settings["heartbeat.interval.ms"] = heartbeat_ms
        consumer = Consumer(settings)
        consumer.subscribe([topic])
        return ConfluentMember(consumer)
