"""The `group` verb of aiokafka: members of classic groups, which is all it knows."""

from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError
from connection import consumer_settings, error_name, fields_of
from driving import Arguments, Commands, emit, emit_record
from settings import membership

POLL_MS = 100
ASSIGNORS: dict[str, Any] = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}


class Rebalances(ConsumerRebalanceListener):
    """Tells what the callbacks tell."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        emit("assigned", partitions=[list(at) for at in assigned])

    def on_partitions_revoked(self, revoked: Any) -> None:
        emit("revoked", partitions=[list(at) for at in revoked])


async def group(bootstrap: str, arguments: Arguments) -> None:
    settings = consumer_settings(bootstrap, arguments) | membership(arguments, ASSIGNORS)
    if "instance" in arguments:
        settings["group_instance_id"] = arguments["instance"]
    consumer = AIOKafkaConsumer(**(settings | arguments.get("config", {})))
    if "pattern" in arguments:
        consumer.subscribe(pattern=f"^({arguments['pattern']})$", listener=Rebalances())
    else:
        consumer.subscribe(arguments["topics"], listener=Rebalances())
    await consumer.start()
    commands = Commands()
    while (command := commands.next() or {}).get("do") != "stop":
        if command.get("do") == "commit":
            await commit(consumer, command.get("metadata"))
        for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
            for record in records:
                emit_record(*fields_of(record), topic=record.topic)
    await consumer.stop()


async def commit(consumer: AIOKafkaConsumer, metadata: str | None) -> None:
    try:
        if metadata is None:
            await consumer.commit()
        else:
            await consumer.commit({at: (await consumer.position(at), metadata) for at in consumer.assignment()})
    except KafkaError as error:
        emit("commit-failed", error=error_name(error))
    else:
        emit("committed")
