"""What a flow's tool finds: topics, records, members of groups, committed offsets, files.

Two libraries make it, each for what it is good at from many threads: kafka-python asks and writes (librdkafka's group
requests have crashed here), librdkafka joins groups (the assignors of kafka-python keep state in their class).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from confluent_kafka import Consumer
from kafka import KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

from tests.compat.polling import eventually
from tests.compat.tools.place import Place

WAIT_S = 30.0
TIME_MS = 1_700_000_000_000
"""2023-11-14T22:13:20Z: the time of the first record of a partition; each next is a second later."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, which keeps records however old they are."""

    name: str = "$topic"
    partitions: int = 1
    configs: Mapping[str, str] = field(default_factory=dict)

    def do(self, place: Place) -> None:
        configs = {"retention.ms": "-1", **self.configs}
        name = place.fill(self.name)
        place.admin.create_topics([NewTopic(name, self.partitions, 1, topic_configs=configs)])
        eventually(lambda: self._has_leaders(place, name), why="the topic's partitions have leaders")

    def _has_leaders(self, place: Place, name: str) -> bool:
        (found,) = place.admin.describe_topics([name])
        return [partition["leader_id"] for partition in found["partitions"]] == [1] * self.partitions


@dataclass(frozen=True, slots=True)
class Records:
    """`count` records in each of `partitions`, each in a batch of its own: `key-N`, `value-N`, one second apart."""

    count: int
    topic: str = "$topic"
    partitions: Sequence[int] = (0,)
    headers: Sequence[tuple[str, bytes]] = ()

    def do(self, place: Place) -> None:
        producer = KafkaProducer(bootstrap_servers=place.broker.bootstrap, enable_idempotence=False)
        for number in range(self.count):
            for partition in self.partitions:
                producer.send(
                    place.fill(self.topic),
                    b"value-%d" % number,
                    b"key-%d" % number,
                    list(self.headers),
                    partition,
                    TIME_MS + 1000 * number,
                ).get(WAIT_S)
        producer.close()


@dataclass(frozen=True, slots=True)
class Committed:
    """A group that has committed `offset` for each of `partitions`, and has no members."""

    offset: int
    group: str = "$group"
    topic: str = "$topic"
    partitions: Sequence[int] = (0,)

    def do(self, place: Place) -> None:
        topic = place.fill(self.topic)
        offsets = {
            TopicPartition(topic, partition): OffsetAndMetadata(self.offset, "", -1) for partition in self.partitions
        }
        done = place.admin.alter_group_offsets(place.fill(self.group), offsets)
        assert set(done.values()) == {NoError}, done


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group, which lives until the flow ends. It reads, and commits nothing."""

    group: str = "$group"
    topic: str = "$topic"
    name: str = "member"
    instance: str = ""
    assignor: str = "range"

    def do(self, place: Place) -> None:
        settings = {
            "bootstrap.servers": place.broker.bootstrap,
            "log_level": 0,
            "group.id": place.fill(self.group),
            "client.id": self.name,
            "session.timeout.ms": 6000,  # a static member that is gone is in the group no longer than that
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": self.assignor,
            **({"group.instance.id": self.instance} if self.instance else {}),
        }
        assigned, over = Event(), Event()
        # One thread alone touches the consumer from its birth to its death.
        poller = Thread(target=_live, args=(settings, place.fill(self.topic), assigned, over), daemon=True)
        poller.start()

        def leave() -> None:
            over.set()
            poller.join(WAIT_S)

        place.closers.append(leave)
        assert assigned.wait(WAIT_S), "the member has got no partitions"


def _live(settings: dict[str, object], topic: str, assigned: Event, over: Event) -> None:
    consumer = Consumer(settings)
    consumer.subscribe([topic], on_assign=lambda *_: assigned.set())
    while not over.is_set():
        consumer.poll(0.05)
    consumer.close()


@dataclass(frozen=True, slots=True)
class File:
    """A file in the flow's directory; placeholders in it are filled in."""

    name: str
    text: str

    def do(self, place: Place) -> None:
        Path(place.values["dir"], self.name).write_text(place.fill(self.text))
