"""kafka-python, from 2.0.2 to 3.x, and its fork kafka-python-ng: one driver, which asks the library what it can do.

A producer of 2.x is not idempotent by default, one of 3.x is. What the versions disagree about most, administration, is
in admin.py.
"""

import importlib.metadata
import time
from typing import Any

import admin
import kafka.codec
import members
from connection import CONSUMER, POLL_MS, PRODUCER, connection, consumer_settings, error_name, needing
from driving import CODECS, Arguments, Deliveries, Intake, Outgoing, Unsupported, emit, main, outgoing
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

BROKEN = {"2.0.2": {"sticky"}, "2.2.21": {"acks"}, "2.3.3": {"acks"}}
"""What versions have, but cannot do with Apache Kafka either: the assignor of 2.0.2 raises a TypeError in a Python 3,
and with acks=0 2.2 and 2.3 send nothing."""


def features(_bootstrap: str, _arguments: Arguments) -> None:
    can = ["none", *(codec for codec in CODECS if getattr(kafka.codec, f"has_{codec}")())]
    can += ["headers", "null-keys", "empty-keys", "tombstones", "timestamps", "acks", "reports-offsets"]
    can += ["idempotence"] if "enable_idempotence" in PRODUCER else []
    can += ["transactions"] if "transactional_id" in PRODUCER else []
    can += ["seek", "seek-time", "offset-reset-none", "group", *members.ASSIGNORS]
    can += ["static"] if "group_instance_id" in CONSUMER else []
    can += ["regex", "auto-commit", "manual-commit", "commit-metadata", "list-offsets", "committed", *admin.actions()]
    can += ["sasl-plain", "sasl-scram", "tls"]
    distribution = importlib.metadata.packages_distributions()["kafka"][0]
    can = [word for word in can if word not in BROKEN.get(kafka.__version__, ())]
    emit("features", client=distribution, version=kafka.__version__, library="", can=can)


def producer_settings(arguments: Arguments) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if arguments.get("codec", "none") != "none":
        settings["compression_type"] = arguments["codec"]
    if "acks" in arguments:
        settings["acks"] = arguments["acks"] if arguments["acks"] == "all" else int(arguments["acks"])
    if "transactional_id" in arguments:
        settings |= needing("transactional_id", PRODUCER, arguments["transactional_id"])
    elif arguments.get("idempotent"):
        settings |= needing("enable_idempotence", PRODUCER, True)
    elif "enable_idempotence" in PRODUCER:
        settings["enable_idempotence"] = False
    if "max_bytes" in arguments:
        settings["max_request_size"] = arguments["max_bytes"]
        if arguments["max_bytes"] > PRODUCER.get("buffer_memory", arguments["max_bytes"]):
            settings["buffer_memory"] = arguments["max_bytes"]
    if "linger_ms" in arguments:
        settings["linger_ms"] = arguments["linger_ms"]
    return settings | arguments.get("config", {})


def produce(bootstrap: str, arguments: Arguments) -> None:
    producer = KafkaProducer(**connection(bootstrap, arguments), **producer_settings(arguments))
    deliveries = Deliveries(arguments)
    if "transactional_id" in arguments:
        producer.init_transactions()
        producer.begin_transaction()
    for index, record in enumerate(outgoing(arguments)):
        future = send(producer, arguments["topic"], index, record, deliveries)
        if "pause_ms" in arguments:
            while future and not future.is_done:
                time.sleep(0.001)
            time.sleep(arguments["pause_ms"] / 1000)
    producer.flush()
    if "transactional_id" in arguments:
        producer.commit_transaction() if arguments.get("end") == "commit" else producer.abort_transaction()
    producer.close()
    deliveries.end()


def send(producer: KafkaProducer, topic: str, index: int, record: Outgoing, deliveries: Deliveries) -> Any:
    """Hand a record to the library; return its future, or None when it was refused on the spot."""
    if any(value is None for _, value in record.headers):
        raise Unsupported("null-headers")
    try:
        future = producer.send(
            topic, value=record.value, key=record.key, headers=list(record.headers), partition=record.partition,
            timestamp_ms=record.timestamp,
        )
    except KafkaError as error:
        deliveries.failed(index, error_name(error), error)
        return None
    future.add_callback(lambda sent: deliveries.delivered(index, sent.partition, sent.offset))
    future.add_errback(lambda error: deliveries.failed(index, error_name(error), error))
    return future


def consume(bootstrap: str, arguments: Arguments) -> None:
    start = arguments.get("from", "beginning")
    group = start.get("committed") if isinstance(start, dict) else None
    settings = consumer_settings(bootstrap, arguments) | {"group_id": group, "enable_auto_commit": False}
    consumer = KafkaConsumer(**(settings | arguments.get("config", {})))
    partitions = [TopicPartition(arguments["topic"], number) for number in arguments.get("partitions", [0])]
    consumer.assign(partitions)
    for at in partitions:
        go_to(consumer, at, start)
        consumer.position(at)
    emit("ready")
    intake = Intake(arguments)
    while not intake.enough:
        for records in consumer.poll(timeout_ms=POLL_MS).values():
            for record in records:
                intake.take(
                    record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
                )
    consumer.close()


def go_to(consumer: KafkaConsumer, at: TopicPartition, start: Any) -> None:
    """Move a partition to where a `consume` starts; past the last record when none is as late as the time."""
    if start == "beginning":
        consumer.seek_to_beginning(at)
    elif start == "end":
        consumer.seek_to_end(at)
    elif "offset" in start:
        consumer.seek(at, start["offset"])
    elif "time" in start:
        found = consumer.offsets_for_times({at: start["time"]})[at]
        consumer.seek(at, found.offset) if found else consumer.seek_to_end(at)


def list_offsets(bootstrap: str, arguments: Arguments) -> None:
    consumer = KafkaConsumer(**(connection(bootstrap, arguments) | arguments.get("config", {})))
    at = TopicPartition(arguments["topic"], arguments["partition"])
    if arguments["at"] == "earliest":
        offset = consumer.beginning_offsets([at])[at]
    elif arguments["at"] == "latest":
        offset = consumer.end_offsets([at])[at]
    else:
        found = consumer.offsets_for_times({at: arguments["at"]})[at]
        offset = found.offset if found else -1
    emit("offset", offset=offset)
    consumer.close()


def committed(bootstrap: str, arguments: Arguments) -> None:
    settings = connection(bootstrap, arguments) | {"group_id": arguments["group"]} | arguments.get("config", {})
    consumer = KafkaConsumer(**settings)
    for partition in arguments["partitions"]:
        found = consumer.committed(TopicPartition(arguments["topic"], partition), metadata=True)
        offset, metadata = (found.offset, found.metadata) if found else (-1, None)
        emit("committed", partition=partition, offset=offset, metadata=metadata or "")
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
