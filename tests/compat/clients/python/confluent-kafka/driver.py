"""confluent-kafka: Confluent's binding of librdkafka. One driver for all versions, which asks what the library has."""

import time
from typing import Any

import admin
import confluent_kafka
import members
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_STORED,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from connection import CALL_S, POLL_S, connection, consumer_settings, error_name, fields_of, is_record, name_of
from driving import CODECS, Arguments, Deliveries, Intake, Outgoing, emit, main, outgoing
from members import ASSIGNORS


def features(_bootstrap: str, _arguments: Arguments) -> None:
    can = ["none", *CODECS, "headers", "null-headers", "null-keys", "empty-keys", "tombstones", "timestamps", "acks"]
    can += ["reports-offsets", "idempotence", "transactions", "seek", "seek-time", "offset-reset-none"]
    # Not commit-metadata: it commits a NUL byte after the text.
    can += ["group", *ASSIGNORS, "static", "regex", "auto-commit", "manual-commit"]
    can += [*members.protocols(), "list-offsets", "committed", *admin.actions(), "sasl-plain", "sasl-scram", "tls"]
    library = f"librdkafka {confluent_kafka.libversion()[0]}"
    emit("features", client="confluent-kafka", version=confluent_kafka.__version__, library=library, can=can)


def producer_settings(arguments: Arguments) -> dict[str, Any]:
    settings: dict[str, Any] = {"compression.type": arguments.get("codec", "none")}
    if "transactional_id" in arguments:
        settings["transactional.id"] = arguments["transactional_id"]
    else:
        settings["enable.idempotence"] = arguments.get("idempotent", False)
    for name, argument in (("acks", "acks"), ("message.max.bytes", "max_bytes"), ("linger.ms", "linger_ms")):
        if argument in arguments:
            settings[name] = arguments[argument]
    return settings | arguments.get("config", {})


def produce(bootstrap: str, arguments: Arguments) -> None:
    producer = Producer(connection(bootstrap, arguments) | producer_settings(arguments))
    deliveries = Deliveries(arguments)
    if "transactional_id" in arguments:
        producer.init_transactions(CALL_S)
        producer.begin_transaction()
    for index, record in enumerate(outgoing(arguments)):
        send(producer, arguments["topic"], index, record, deliveries)
        if "pause_ms" in arguments:
            while len(producer):
                producer.poll(POLL_S)
            time.sleep(arguments["pause_ms"] / 1000)
    while len(producer):
        producer.flush(POLL_S)
    if "transactional_id" in arguments:
        producer.commit_transaction(CALL_S) if arguments.get("end") == "commit" else producer.abort_transaction(CALL_S)
    deliveries.end()


def send(producer: Producer, topic: str, index: int, record: Outgoing, deliveries: Deliveries) -> None:
    """Hand a record to the library, when its queue has room; refused on the spot is failed too."""

    def settled(error: KafkaError | None, message: Message) -> None:
        if error is None:
            deliveries.delivered(index, message.partition(), message.offset())
        else:
            deliveries.failed(index, name_of(error), error)

    extra: dict[str, Any] = {}
    if record.partition is not None:
        extra["partition"] = record.partition
    if record.timestamp is not None:
        extra["timestamp"] = record.timestamp
    while True:
        try:
            producer.produce(
                topic, value=record.value, key=record.key, headers=list(record.headers), on_delivery=settled, **extra
            )
        except BufferError:
            producer.poll(POLL_S)
        except KafkaException as error:
            deliveries.failed(index, error_name(error), error)
            return
        else:
            producer.poll(0)
            return


def consume(bootstrap: str, arguments: Arguments) -> None:
    start = arguments.get("from", "beginning")
    group = start.get("committed", "unused") if isinstance(start, dict) else "unused"
    settings = consumer_settings(bootstrap, arguments) | {"group.id": group, "enable.auto.commit": False}
    consumer = Consumer(settings | arguments.get("config", {}))
    topic, numbers = arguments["topic"], arguments.get("partitions", [0])
    consumer.assign([TopicPartition(topic, number, where(consumer, topic, number, start)) for number in numbers])
    emit("ready")
    intake = Intake(arguments)
    while not intake.enough:
        for message in consumer.consume(500, timeout=POLL_S):
            if is_record(message):
                intake.take(*fields_of(message))
    consumer.close()


def where(consumer: Consumer, topic: str, partition: int, start: Any) -> int:
    """Return the offset at which a `consume` starts; the end is asked for, to be ready for what comes from now on."""
    if start == "beginning":
        return OFFSET_BEGINNING
    if start == "end":
        return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=CALL_S)[1]
    if "offset" in start:
        return start["offset"]
    if "time" in start:
        (found,) = consumer.offsets_for_times([TopicPartition(topic, partition, start["time"])], timeout=CALL_S)
        return OFFSET_END if found.offset < 0 else found.offset
    return OFFSET_STORED


def list_offsets(bootstrap: str, arguments: Arguments) -> None:
    consumer = Consumer(connection(bootstrap, arguments) | {"group.id": "unused"} | arguments.get("config", {}))
    at = TopicPartition(arguments["topic"], arguments["partition"])
    if arguments["at"] in ("earliest", "latest"):
        offset = consumer.get_watermark_offsets(at, timeout=CALL_S)[arguments["at"] == "latest"]
    else:
        at.offset = arguments["at"]
        (found,) = consumer.offsets_for_times([at], timeout=CALL_S)
        offset = max(found.offset, -1)
    emit("offset", offset=offset)
    consumer.close()


def committed(bootstrap: str, arguments: Arguments) -> None:
    settings = connection(bootstrap, arguments) | {"group.id": arguments["group"]} | arguments.get("config", {})
    consumer = Consumer(settings)
    wanted = [TopicPartition(arguments["topic"], partition) for partition in arguments["partitions"]]
    for at in consumer.committed(wanted, timeout=CALL_S):
        if at.error:
            raise KafkaException(at.error)
        emit("committed", partition=at.partition, offset=max(at.offset, -1), metadata=at.metadata or "")
    consumer.close()


if __name__ == "__main__":
    verbs = {
        "features": features,
        "produce": produce,
        "consume": consume,
        "group": members.group,
        "list-offsets": list_offsets,
        "committed": committed,
        "admin": admin.act,
    }
    main(verbs, error_name)
