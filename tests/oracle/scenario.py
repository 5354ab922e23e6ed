"""What real clients make a broker write, ours or Apache Kafka, and what must be found in its files afterwards.

Small segments, frequent index entries; every codec, small and large batches; keys, headers and values that are null,
empty or neither; timestamps out of order, LogAppendTime; idempotent producers, transactions; a compacted topic; a moved
log start; groups with ordinary and static members; topics that were changed, grown and deleted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic

from tests.compat.clients import Record
from tests.compat.clients.confluent import record_of
from tests.compat.polling import deadline_in, eventually

NOW_MS = 1_700_000_000_000
SETTINGS = {
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.num.partitions": "3",
    "log.cleaner.backoff.ms": "50",
    "log.index.size.max.bytes": "100000",  # Kafka makes them as large as that at once, and a copy is not sparse
    "metadata.log.max.record.bytes.between.snapshots": "3000",
}
"""What both brokers are started with, beside what they need."""

SMALL = {"internal.segment.bytes": "4096"}
TOPICS: dict[str, tuple[int, dict[str, str]]] = {
    "segments": (2, {"internal.segment.bytes": "16384", "index.interval.bytes": "1000"}),
    "codecs": (1, {"internal.segment.bytes": "200000"}),
    "producer-codec": (1, {"compression.type": "zstd"}),
    "append-time": (1, {**SMALL, "message.timestamp.type": "LogAppendTime", "index.interval.bytes": "500"}),
    "idempotent": (2, {"internal.segment.bytes": "8192"}),
    "cut": (1, {**SMALL, "index.interval.bytes": "0"}),
    "one-batch": (1, {}),
    "never-used": (3, {}),
}
"""Name -> partitions, configs."""

TRANSACTIONS: dict[str, tuple[int, dict[str, str]]] = {"transactions": (2, SMALL), "open": (1, {})}
COMPACTED = {"compacted": (1, {**SMALL, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"})}

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")

Place = tuple[str, int]


@dataclass
class Contents:
    """What was written.

    `records` by (topic, partition) are those that a consumer gets which reads from the start, and only what is
    committed; `aborted` those that one gets besides which reads everything. `committed` are the offsets of groups.
    """

    records: dict[Place, list[Record]] = field(default_factory=dict)
    aborted: dict[Place, list[Record]] = field(default_factory=dict)
    committed: dict[str, dict[Place, int]] = field(default_factory=dict)

    def add(self, topic: str, records: Iterable[Record], *, aborted: bool = False) -> None:
        """Note records that were stored."""
        found = self.aborted if aborted else self.records
        for record in records:
            found.setdefault((topic, record.partition), []).append(record)

    def copy(self) -> "Contents":
        """Return one that can be added to."""
        return deepcopy(self)

    def everything(self, place: Place) -> list[Record]:
        """Return the records of a partition, aborted ones and open ones too."""
        return sorted(self.records.get(place, []) + self.aborted.get(place, []), key=lambda record: record.offset)


def options(bootstrap: str, **settings: Any) -> dict[str, Any]:
    """Return a client's options: `fetch_wait_max_ms=10` sets fetch.wait.max.ms. It tells of no lost connections."""
    named = {name.replace("_", "."): value for name, value in settings.items()}
    return {"bootstrap.servers": bootstrap, "log_level": 0, **named}


class Sender:
    """One producer, whose every `send` is at least one batch for each partition."""

    def __init__(self, bootstrap: str, topic: str, **settings: Any) -> None:
        self.topic = topic
        self.producer = Producer(options(bootstrap, **settings))

    def send(self, records: Sequence[Record]) -> list[Record]:
        """Send records; return them as they were stored, with offsets and timestamps."""
        stored: list[Record] = []

        def send(record: Record) -> None:
            def heard(error: KafkaError | None, message: Any) -> None:
                assert error is None, error
                stored.append(record._replace(offset=message.offset(), timestamp=message.timestamp()[1]))

            self.producer.produce(
                self.topic, record.value, record.key, record.partition, on_delivery=heard,
                timestamp=record.timestamp or NOW_MS, headers=list(record.headers),
            )  # fmt: skip

        for record in records:
            send(record)
        left = self.producer.flush(30)
        assert not left, f"{left} records were not delivered"
        return sorted(stored, key=lambda record: record.offset)


def write(bootstrap: str) -> Contents:
    """Make a broker write all of it."""
    admin = AdminClient(options(bootstrap))
    create(admin, TOPICS)
    contents = Contents()
    _segments(bootstrap, contents)
    _codecs(bootstrap, contents)
    _append_time(bootstrap, contents)
    _idempotent(bootstrap, contents)
    _cut(bootstrap, admin, contents)
    contents.add("one-batch", Sender(bootstrap, "one-batch").send([Record(b"only", timestamp=NOW_MS)]))
    _groups(bootstrap, admin, contents)
    _metadata(admin)
    return contents


def create(admin: AdminClient, topics: dict[str, tuple[int, dict[str, str]]]) -> None:
    """Create topics and wait until they can be used."""
    wanted = [NewTopic(name, partitions, 1, config=configs) for name, (partitions, configs) in topics.items()]
    for future in admin.create_topics(wanted).values():
        future.result()
    eventually(lambda: topics.keys() <= admin.list_topics(timeout=10).topics.keys(), why="the topics are there")


def text(random: Random, size: int) -> bytes:
    """Return text that does not shrink much when compressed, and can be printed."""
    return random.randbytes(size // 2).hex().encode()


def records_of_all_kinds(count: int, partitions: int = 1, seed: int = 0) -> Iterator[Record]:
    """Yield records whose parts are null, empty or neither in all combinations; every seventh is late."""
    random = Random(seed)
    for number in range(count):
        value = (text(random, 200), b"", None, b"value %d" % number)[number % 4]
        key = (b"key %d" % number, None, b"")[number % 3]
        headers: tuple[tuple[str, bytes | None], ...] = (
            (), (("name", b"value"),), (("empty", b""), ("null", None)), (("twice", b"1"), ("twice", b"2")),
            (("", b"x"),),
        )[number % 5]  # fmt: skip
        time = NOW_MS + number * 1000 - (5000 if number % 7 == 3 else 0)
        yield Record(value, key, headers, time, number % partitions)


def _segments(bootstrap: str, contents: Contents) -> None:
    sender = Sender(bootstrap, "segments")
    records = list(records_of_all_kinds(1200, partitions=2))
    for start in range(0, len(records), 20):
        contents.add("segments", sender.send(records[start : start + 20]))


def _codecs(bootstrap: str, contents: Contents) -> None:
    random = Random(1)
    for codec in CODECS:
        small = Sender(bootstrap, "codecs", compression_type=codec)
        contents.add("codecs", small.send(list(records_of_all_kinds(30, seed=2))))
        large = Sender(bootstrap, "codecs", compression_type=codec, linger_ms=1000, batch_size=900_000)
        words = [text(random, 40) for _ in range(50)]
        values = [b" ".join(random.choices(words, k=20)) for _ in range(150)]
        contents.add("codecs", large.send([Record(value, b"large", (), NOW_MS + 60_000) for value in values]))
        again = Sender(bootstrap, "producer-codec", compression_type=codec)
        contents.add("producer-codec", again.send(list(records_of_all_kinds(10, seed=3))))


def _append_time(bootstrap: str, contents: Contents) -> None:
    sender = Sender(bootstrap, "append-time")
    for seed in range(20):
        contents.add("append-time", sender.send(list(records_of_all_kinds(10, seed=seed))))


def _idempotent(bootstrap: str, contents: Contents) -> None:
    senders = [Sender(bootstrap, "idempotent", enable_idempotence=True) for _ in range(3)]
    for seed in range(8):
        for sender in senders:
            contents.add("idempotent", sender.send(list(records_of_all_kinds(12, partitions=2, seed=seed))))


def _cut(bootstrap: str, admin: AdminClient, contents: Contents) -> None:
    sender = Sender(bootstrap, "cut")
    for seed in range(10):
        contents.add("cut", sender.send(list(records_of_all_kinds(10, seed=seed))))
    first = 55  # in the middle of a batch
    for future in admin.delete_records([TopicPartition("cut", 0, first)]).values():
        assert future.result().low_watermark == first
    contents.records["cut", 0] = contents.records["cut", 0][first:]


def _groups(bootstrap: str, admin: AdminClient, contents: Contents) -> None:
    """A member that leaves and a static one, still a member when the broker stops; a group without; a deleted one."""
    places = [("segments", 0), ("segments", 1)]
    contents.committed["members"] = {place: len(contents.records[place]) for place in places}
    consumers = [_member(bootstrap, "members", instance) for instance in (None, "static")]
    ends = dict.fromkeys(places, 0)

    def all_read() -> bool:
        for consumer in consumers:
            for message in consumer.consume(1000, timeout=0.05):
                if message.error() is None:
                    ends[message.topic(), message.partition()] = message.offset() + 1
        shared = all(len(consumer.assignment()) == 1 for consumer in consumers)
        return shared and ends == contents.committed["members"]

    eventually(all_read, why="the members have shared the partitions, and read everything")
    for consumer in consumers:
        own = [TopicPartition(at.topic, at.partition, ends[at.topic, at.partition]) for at in consumer.assignment()]
        consumer.commit(offsets=own, asynchronous=False)
    for consumer in consumers:
        consumer.close()
    for group in ("alone", "deleted"):
        lone = Consumer(options(bootstrap, group_id=group))
        lone.commit(offsets=[TopicPartition("codecs", 0, 7, metadata="by hand")], asynchronous=False)
        lone.close()
    contents.committed["alone"] = {("codecs", 0): 7}
    for future in admin.delete_consumer_groups(["deleted"]).values():
        future.result()


def _member(bootstrap: str, group: str, instance: str | None) -> Consumer:
    static = {"group_instance_id": instance} if instance else {}
    consumer = Consumer(
        options(
            bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
            heartbeat_interval_ms=100, **static,
        )
    )  # fmt: skip
    consumer.subscribe(["segments"])
    return consumer


def _metadata(admin: AdminClient) -> None:
    create(admin, {f"many-{number}": (2, {"retention.ms": str(number)}) for number in range(20)})
    for future in admin.delete_topics(["many-3", "many-4"]).values():
        future.result()
    for future in admin.create_partitions([NewPartitions("many-5", 5)]).values():
        future.result()
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in (("cleanup.policy", "compact"), ("retention.ms", "-1"))
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, "many-6", incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()


def write_transactions(bootstrap: str, contents: Contents) -> None:
    """Commit and abort, interleaved and over segments, with records of no transaction between; leave one open."""
    create(AdminClient(options(bootstrap)), TRANSACTIONS)
    plain = Sender(bootstrap, "transactions")
    ours, others = (Sender(bootstrap, "transactions", transactional_id=name) for name in ("one", "other"))
    for sender in (ours, others):
        sender.producer.init_transactions(30)
    for seed in range(6):
        records = list(records_of_all_kinds(12, partitions=2, seed=seed))
        for sender in (ours, others):
            sender.producer.begin_transaction()
        contents.add("transactions", ours.send(records[:6]), aborted=True)
        contents.add("transactions", plain.send(records))
        contents.add("transactions", others.send(records))
        contents.add("transactions", ours.send(records[6:]), aborted=True)
        if seed % 2:
            others.producer.commit_transaction(30)
            ours.producer.abort_transaction(30)
        else:
            ours.producer.abort_transaction(30)
            others.producer.commit_transaction(30)
    contents.add("open", Sender(bootstrap, "open").send(list(records_of_all_kinds(3))))
    hanging = Sender(bootstrap, "open", transactional_id="open")
    hanging.producer.init_transactions(30)
    hanging.producer.begin_transaction()
    contents.add("open", hanging.send(list(records_of_all_kinds(5))), aborted=True)
    contents.add("open", Sender(bootstrap, "open").send(list(records_of_all_kinds(2))), aborted=True)  # held back


def write_compacted(bootstrap: str, contents: Contents) -> None:
    """Overwrite and delete keys until the cleaner has been there, and has left nothing to do."""
    create(AdminClient(options(bootstrap)), COMPACTED)
    sender = Sender(bootstrap, "compacted", compression_type="lz4")
    random = Random(4)
    for turn in range(30):
        keys = [b"key %d" % random.randrange(20) for _ in range(10)]
        sender.send([Record(None if turn == 28 else text(random, 100), key, (), NOW_MS + turn) for key in keys])
    for turn in range(8):  # more than what stays in the active segment, and no key of it twice
        sender.send([Record(text(random, 300), b"last %d" % (10 * turn + number)) for number in range(10)])

    def cleaned() -> list[Record]:
        found = read(bootstrap, [("compacted", 0)])["compacted", 0]
        keys = [record.key for record in found]
        return found if len(keys) == len(set(keys)) else []

    contents.records["compacted", 0] = eventually(cleaned, 60, "the cleaner has been there")


def append(bootstrap: str, topics: Mapping[str, tuple[int, dict[str, str]]], contents: Contents) -> None:
    """Add some records to every partition of topics that are there already, from a new idempotent producer."""
    sender = Sender(bootstrap, "", enable_idempotence=True)
    for sender.topic, (partitions, _) in topics.items():
        records = records_of_all_kinds(6 * partitions, partitions, seed=5)
        keyed = [record._replace(key=b"more %d" % number) for number, record in enumerate(records)]
        contents.add(sender.topic, sender.send(keyed))


def read(bootstrap: str, places: Iterable[Place], *, committed: bool = True) -> dict[Place, list[Record]]:
    """Return everything that a consumer gets which reads partitions from their starts to their ends."""
    found: dict[Place, list[Record]] = {place: [] for place in places}
    level = "read_committed" if committed else "read_uncommitted"
    consumer = Consumer(
        options(
            bootstrap, group_id="unused", enable_auto_commit=False, isolation_level=level, enable_partition_eof=True,
            fetch_wait_max_ms=10,
        )
    )  # fmt: skip
    try:
        consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in found])
        unread, late = set(found), deadline_in(30)
        while unread and not late():
            for message in consumer.consume(1000, timeout=0.1):
                error, place = message.error(), (message.topic(), message.partition())
                if error is None:
                    found[place].append(record_of(message))
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, f"{place}: {error}"
                    unread.discard(place)
        assert not unread, f"no end of {unread}"
        return found
    finally:
        consumer.close()


def committed_by(bootstrap: str, group: str) -> dict[Place, int]:
    """Return the offsets that a group has committed."""
    admin = AdminClient(options(bootstrap))
    (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    return {(at.topic, at.partition): at.offset for at in future.result().topic_partitions}
