"""The `group` verb of kafka-python: members of classic groups, which is all it knows."""

from typing import Any

from connection import CONSUMER, POLL_MS, consumer_settings, error_name, needing
from driving import Arguments, Commands, emit, emit_record
from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import KafkaError
from settings import membership

ASSIGNORS: dict[str, Any] = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}
try:
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

    ASSIGNORS["cooperative-sticky"] = CooperativeStickyAssignor
except ImportError:
    pass  # new in 3.0


class Rebalances(ConsumerRebalanceListener):
    """Tells what the callbacks tell; 3.x has `on_partitions_lost`, which by default is a revocation too."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        emit("assigned", partitions=[list(at) for at in assigned])

    def on_partitions_revoked(self, revoked: Any) -> None:
        emit("revoked", partitions=[list(at) for at in revoked])


def group(bootstrap: str, arguments: Arguments) -> None:
    settings = consumer_settings(bootstrap, arguments) | membership(arguments, ASSIGNORS)
    if "instance" in arguments:
        settings |= needing("group_instance_id", CONSUMER, arguments["instance"])
    consumer = KafkaConsumer(**(settings | arguments.get("config", {})))
    if "pattern" in arguments:
        consumer.subscribe(pattern=f"^({arguments['pattern']})$", listener=Rebalances())
    else:
        consumer.subscribe(arguments["topics"], listener=Rebalances())
    commands = Commands()
    while (command := commands.next() or {}).get("do") != "stop":
        if command.get("do") == "commit":
            commit(consumer, command.get("metadata"))
        for records in consumer.poll(timeout_ms=POLL_MS).values():
            for record in records:
                emit_record(
                    record.partition, record.offset, record.timestamp, record.key, record.value, record.headers,
                    topic=record.topic,
                )
    consumer.close()


def commit(consumer: KafkaConsumer, metadata: str | None) -> None:
    try:
        if metadata is None:
            consumer.commit()
        else:
            consumer.commit({at: with_metadata(consumer.position(at), metadata) for at in consumer.assignment()})
    except KafkaError as error:
        emit("commit-failed", error=error_name(error))
    else:
        emit("committed")


def with_metadata(offset: int, metadata: str) -> OffsetAndMetadata:
    """Return what is to be committed. The third field, the leader's epoch, is new in 2.1."""
    return OffsetAndMetadata(*(offset, metadata, -1)[: len(OffsetAndMetadata._fields)])
