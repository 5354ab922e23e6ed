"""aiokafka: asyncio; every verb is a coroutine, run on a loop of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import admin
import aiokafka
import members
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, codec
from aiokafka.errors import KafkaError
from connection import connection, consumer_settings, error_name, fields_of
from driving import CODECS, Arguments, Deliveries, Intake, Outgoing, Verb, emit, main, outgoing


def features(_bootstrap: str, _arguments: Arguments) -> None:
    can = ["none", *(name for name in CODECS if getattr(codec, f"has_{name}")())]
    can += ["headers", "null-headers", "null-keys", "empty-keys", "tombstones", "timestamps", "acks", "reports-offsets"]
    can += ["idempotence", "transactions", "seek", "seek-time", "offset-reset-none", "group", *members.ASSIGNORS]
    can += ["static", "regex", "auto-commit", "manual-commit", "commit-metadata", "list-offsets", "committed"]
    can += [*admin.actions(), "sasl-plain", "sasl-scram", "tls"]
    emit("features", client="aiokafka", version=aiokafka.__version__, library="", can=can)


def producer_settings(arguments: Arguments) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if arguments.get("codec", "none") != "none":
        settings["compression_type"] = arguments["codec"]
    if "acks" in arguments:
        settings["acks"] = arguments["acks"] if arguments["acks"] == "all" else int(arguments["acks"])
    if "transactional_id" in arguments:
        settings["transactional_id"] = arguments["transactional_id"]
    else:
        settings["enable_idempotence"] = arguments.get("idempotent", False)
    if "max_bytes" in arguments:
        settings["max_request_size"] = arguments["max_bytes"]
    if "linger_ms" in arguments:
        settings["linger_ms"] = arguments["linger_ms"]
    return settings | arguments.get("config", {})


async def produce(bootstrap: str, arguments: Arguments) -> None:
    producer = AIOKafkaProducer(**connection(bootstrap, arguments), **producer_settings(arguments))
    await producer.start()
    deliveries = Deliveries(arguments)
    if "transactional_id" in arguments:
        await producer.begin_transaction()
    sending = []
    for index, record in enumerate(outgoing(arguments)):
        settled = await send(producer, arguments["topic"], index, record, deliveries)
        sending.append(asyncio.create_task(settled))
        if "pause_ms" in arguments:
            await sending[-1]
            await asyncio.sleep(arguments["pause_ms"] / 1000)
    await asyncio.gather(*sending)
    if "transactional_id" in arguments:
        await (producer.commit_transaction() if arguments.get("end") == "commit" else producer.abort_transaction())
    await producer.stop()
    deliveries.end()


async def send(
    producer: AIOKafkaProducer, topic: str, index: int, record: Outgoing, deliveries: Deliveries
) -> Any:
    """Hand a record to the library, when its queue has room; return the coroutine that tells how it ends."""
    try:
        future = await producer.send(
            topic, value=record.value, key=record.key, headers=list(record.headers), partition=record.partition,
            timestamp_ms=record.timestamp,
        )
    except KafkaError as error:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(error)

    async def settled() -> None:
        try:
            sent = await future
        except KafkaError as error:
            deliveries.failed(index, error_name(error), error)
        else:  # with acks=0 nothing is known
            deliveries.delivered(index, sent.partition if sent else -1, sent.offset if sent else -1)

    return settled()


async def consume(bootstrap: str, arguments: Arguments) -> None:
    start = arguments.get("from", "beginning")
    group = start.get("committed") if isinstance(start, dict) else None
    settings = consumer_settings(bootstrap, arguments) | {"group_id": group, "enable_auto_commit": False}
    consumer = AIOKafkaConsumer(**(settings | arguments.get("config", {})))
    await consumer.start()
    partitions = [TopicPartition(arguments["topic"], number) for number in arguments.get("partitions", [0])]
    consumer.assign(partitions)
    for at in partitions:
        await go_to(consumer, at, start)
        await consumer.position(at)
    emit("ready")
    intake = Intake(arguments)
    while not intake.enough:
        for records in (await consumer.getmany(timeout_ms=members.POLL_MS)).values():
            for record in records:
                intake.take(*fields_of(record))
    await consumer.stop()


async def go_to(consumer: AIOKafkaConsumer, at: TopicPartition, start: Any) -> None:
    """Move a partition to where a `consume` starts; past the last record when none is as late as the time."""
    if start == "beginning":
        await consumer.seek_to_beginning(at)
    elif start == "end":
        await consumer.seek_to_end(at)
    elif "offset" in start:
        consumer.seek(at, start["offset"])
    elif "time" in start:
        found = (await consumer.offsets_for_times({at: start["time"]}))[at]
        if found:
            consumer.seek(at, found.offset)
        else:
            await consumer.seek_to_end(at)


async def list_offsets(bootstrap: str, arguments: Arguments) -> None:
    consumer = AIOKafkaConsumer(**(connection(bootstrap, arguments) | arguments.get("config", {})))
    await consumer.start()
    at = TopicPartition(arguments["topic"], arguments["partition"])
    if arguments["at"] == "earliest":
        offset = (await consumer.beginning_offsets([at]))[at]
    elif arguments["at"] == "latest":
        offset = (await consumer.end_offsets([at]))[at]
    else:
        found = (await consumer.offsets_for_times({at: arguments["at"]}))[at]
        offset = found.offset if found else -1
    emit("offset", offset=offset)
    await consumer.stop()


async def committed(bootstrap: str, arguments: Arguments) -> None:
    """By the administration client: a consumer's `committed` does not tell the metadata."""
    wanted = [TopicPartition(arguments["topic"], partition) for partition in arguments["partitions"]]
    async with admin.administration(bootstrap, arguments) as client:
        found = await client.list_consumer_group_offsets(arguments["group"], partitions=wanted)
    for at in wanted:
        emit("committed", partition=at.partition, offset=found[at].offset, metadata=found[at].metadata or "")


def on_a_loop(verb: Callable[[str, Arguments], Awaitable[None]]) -> Verb:
    """Return a verb as `main` wants it."""

    async def carried_out(bootstrap: str, arguments: Arguments) -> None:
        await verb(bootstrap, arguments)

    return lambda bootstrap, arguments: asyncio.run(carried_out(bootstrap, arguments))


if __name__ == "__main__":
    verbs = {
        "features": features,
        "produce": on_a_loop(produce),
        "consume": on_a_loop(consume),
        "group": on_a_loop(members.group),
        "list-offsets": on_a_loop(list_offsets),
        "committed": on_a_loop(committed),
        "admin": on_a_loop(admin.act),
    }
    main(verbs, error_name)
