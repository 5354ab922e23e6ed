"""The `group` verb of confluent-kafka: members of classic groups, of the consumer protocol's, and of share groups."""

from collections.abc import Callable
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from connection import POLL_S, connection, consumer_settings, error_name, fields_of, is_record
from driving import Arguments, Commands, Unsupported, emit, emit_record

ASSIGNORS = ("range", "roundrobin", "cooperative-sticky")


def protocols() -> list[str]:
    """Return the words of `features` for the newer kinds of groups that this version has."""
    major, minor = (int(part) for part in confluent_kafka.libversion()[0].split(".")[:2])
    found = ["consumer-protocol"] if (major, minor) >= (2, 4) else []
    return found + (["share"] if hasattr(confluent_kafka, "ShareConsumer") else [])


def group(bootstrap: str, arguments: Arguments) -> None:
    protocol = arguments.get("protocol", "classic")
    if protocol != "classic" and {"consumer": "consumer-protocol", "share": "share"}[protocol] not in protocols():
        raise Unsupported(protocol)
    if protocol == "share":
        share(bootstrap, arguments)
    else:
        consumer = Consumer(member_settings(bootstrap, arguments))
        topics = [f"^({arguments['pattern']})$"] if "pattern" in arguments else arguments["topics"]
        consumer.subscribe(topics, on_assign=telling("assigned"), on_revoke=telling("revoked"))
        follow(consumer, lambda: consumer.consume(500, timeout=POLL_S))


def member_settings(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    settings = consumer_settings(bootstrap, arguments) | {
        "group.id": arguments["group"],
        "enable.auto.commit": arguments.get("auto_commit", False),
        "auto.commit.interval.ms": 200,
        "topic.metadata.refresh.interval.ms": arguments.get("metadata_ms", 1000),
    }
    if arguments.get("protocol") == "consumer":  # where the broker says how often it wants to hear
        settings["group.protocol"] = "consumer"
    else:
        settings["session.timeout.ms"] = arguments.get("session_timeout_ms", 6000)
        settings["heartbeat.interval.ms"] = arguments.get("heartbeat_ms", 500)
    if "assignor" in arguments:
        if arguments["assignor"] not in ASSIGNORS:
            raise Unsupported(arguments["assignor"])
        settings["partition.assignment.strategy"] = arguments["assignor"]
    if "instance" in arguments:
        settings["group.instance.id"] = arguments["instance"]
    return settings | arguments.get("config", {})


def telling(event: str) -> Callable[[Consumer, list[TopicPartition]], None]:
    """Return a rebalance callback that prints an event; a partition lost is revoked too."""
    return lambda _, partitions: emit(event, partitions=[[at.topic, at.partition] for at in partitions])


def follow(consumer: Any, poll: Callable[[], Any]) -> None:
    """Print what comes and obey commands, until one says to stop."""
    commands = Commands()
    while (command := commands.next() or {}).get("do") != "stop":
        if command.get("do") == "commit":
            commit(consumer, command.get("metadata"))
        for message in poll():
            if is_record(message):
                emit_record(*fields_of(message), topic=message.topic())
    consumer.close()


def commit(consumer: Consumer, metadata: str | None) -> None:
    try:
        if metadata is None:
            consumer.commit(asynchronous=False)
        else:
            owned = [at for at in consumer.position(consumer.assignment()) if at.offset >= 0]
            offsets = [TopicPartition(at.topic, at.partition, at.offset, metadata) for at in owned]
            for answer in consumer.commit(offsets=offsets, asynchronous=False):
                if answer.error:
                    raise KafkaException(answer.error)
    except KafkaException as error:
        if error.args[0].code() != KafkaError._NO_OFFSET:  # nothing read yet, nothing to commit
            emit("commit-failed", error=error_name(error))
            return
    emit("committed")


def share(bootstrap: str, arguments: Arguments) -> None:
    """A member of a share group: it owns nothing, and accepts what one poll gave with the next."""
    settings = connection(bootstrap, arguments) | {"group.id": arguments["group"]} | arguments.get("config", {})
    consumer = confluent_kafka.ShareConsumer(settings)
    consumer.subscribe(arguments["topics"])
    follow(consumer, lambda: consumer.poll(POLL_S))
