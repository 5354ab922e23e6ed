"""What survives: a clean restart, and the kill of the process in the middle of work."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import CoordinatorLoadInProgressError, NotCoordinatorError

from tests.compat.clients import Client, Member, Record
from tests.compat.conftest import usable
from tests.compat.polling import eventually
from tests.compat.process import Broker
from tests.compat.topics import create_topic

EITHER = pytest.mark.parametrize("clean", [True, False], ids=["restart", "kill"])


@pytest.fixture
def own(start_broker: Callable[..., Broker]) -> Iterator[Broker]:
    """A broker that only this test uses."""
    yield start_broker()


@EITHER
def test_topics_configs_offsets_and_commits_come_back(own: Broker, name: str, clean: bool) -> None:
    """STO-27, STO-28, OFF-30, TOP-25, MD-10"""
    create_topic(own.bootstrap, name, partitions=2, retention_ms="77000")
    client = usable("confluent")
    client.produce(own.bootstrap, name, [Record(str(n).encode(), partition=n % 2) for n in range(100)], codec="lz4")
    member = client.member(own.bootstrap, name, name)
    read: list[Record] = []

    def read_all() -> bool:
        read.extend(member.poll())
        return len(read) == 100

    eventually(read_all)
    member.commit()
    member.close()

    def committed(admin: KafkaAdminClient) -> dict[TopicPartition, Any]:
        try:
            return dict(admin.list_group_offsets({name: None})[name])
        except (NotCoordinatorError, CoordinatorLoadInProgressError):  # Kafka answers before it has loaded its groups
            return {}

    def seen() -> dict[str, Any]:
        admin = KafkaAdminClient(bootstrap_servers=own.bootstrap)
        try:
            configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])["topic"][name]
            return {
                "cluster": admin.describe_cluster()["cluster_id"],
                "topic": admin.describe_topics([name]),
                "configs": {key: entry["value"] for key, entry in configs.items()},
                "commits": {at: o.offset for at, o in eventually(lambda: committed(admin)).items()},
                "ends": {at: o.offset for at, o in admin.list_partition_offsets(ends).items()},
                "starts": {at: o.offset for at, o in admin.list_partition_offsets(starts).items()},
            }
        finally:
            admin.close()

    ends = {TopicPartition(name, partition): -1 for partition in range(2)}
    starts = {TopicPartition(name, partition): -2 for partition in range(2)}
    admin = KafkaAdminClient(bootstrap_servers=own.bootstrap)
    admin.delete_records({TopicPartition(name, 0): 10})
    admin.close()
    before = seen()
    assert before["commits"] == before["ends"] == dict.fromkeys(ends, 50)
    own.restart(clean)
    after = seen()
    if not clean:  # the log start offset is checkpointed once a minute, so a kill may undo it; that is Kafka's way too
        before["starts"] = after["starts"]
    for view in (before, after):
        for topic in view["topic"]:
            for partition in topic["partitions"]:
                partition.pop("leader_epoch")  # grows in Kafka, when the broker returns
    assert after == before
    records = client.consume(own.bootstrap, name, 90, partitions=(0, 1))
    assert len({(record.partition, record.offset) for record in records}) >= 90


@EITHER
def test_members_continue_in_their_generation(own: Broker, name: str, client: Client, clean: bool) -> None:
    """GRP-42, STO-27: the group is still there, members keep reading, and what was committed is not read again."""
    create_topic(own.bootstrap, name, partitions=2)
    client.produce(own.bootstrap, name, [Record(b"before", partition=p) for p in range(2)])
    members: list[Member] = [client.member(own.bootstrap, name, name)]
    read: list[Record] = []

    def poll() -> None:
        for member in members:
            read.extend(member.poll())

    def read_all(count: int) -> bool:
        poll()
        return len(read) >= count

    eventually(lambda: read_all(2))
    members[0].commit()
    own.restart(clean)
    client.produce(own.bootstrap, name, [Record(b"after", partition=p) for p in range(2)])
    eventually(lambda: read_all(4), 60)
    assert sorted((r.partition, r.offset, r.value) for r in read) == [
        (p, o, v) for p in range(2) for o, v in enumerate((b"before", b"after"))
    ]
    members[0].commit()
    members[0].close()


@EITHER
def test_generation_of_an_idle_group_comes_back(own: Broker, name: str, clean: bool) -> None:
    """GRP-42: kafka-python tells the generation; it goes on with the next number, not with 1."""
    create_topic(own.bootstrap, name)
    usable("kafka-python").produce(own.bootstrap, name, [Record(b"x")])

    def generation() -> int:
        consumer = KafkaConsumer(bootstrap_servers=own.bootstrap, group_id=name, auto_offset_reset="earliest")
        consumer.partitions_for_topic(name)
        consumer.subscribe([name])
        eventually(lambda: consumer.poll(timeout_ms=100) or consumer.assignment())
        number = consumer.group_metadata().generation_id
        consumer.close()
        return int(number)

    first = generation()
    assert first == 1
    own.restart(clean)
    assert generation() > first


class Stream:
    """A thread that sends numbered records until told to stop, with at most 2,000 of them unanswered."""

    def __init__(self, send: Callable[[bytes, Callable[[object], None]], None]) -> None:
        self.sent = 0
        self.answered = 0
        self.errors: list[object] = []
        self._send = send
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def heard(self, error: object) -> None:
        """Count the answer to one record."""
        self.answered += 1
        if error is not None:
            self.errors.append(error)

    def _run(self) -> None:
        while not self._stop.is_set():
            if self.sent - self.answered < 2000:
                self._send(b"%d" % self.sent, self.heard)
                self.sent += 1
            else:
                self._stop.wait(0.005)

    def stop(self) -> None:
        """Send no more; return when everything is answered."""
        self._stop.set()
        self._thread.join(60)
        eventually(lambda: self.answered == self.sent, 60, "all records are answered")


@pytest.mark.parametrize("which", ["confluent", "kafka-python"])
def test_idempotent_producer_goes_on_over_a_kill_without_loss_or_duplicate(
    own: Broker, name: str, which: str,
) -> None:
    """PROD-41, STO-24, STO-27, STO-28: kill -9 under load, twice."""
    usable(which)
    create_topic(own.bootstrap, name)
    if which == "confluent":
        confluent = Producer({"bootstrap.servers": own.bootstrap, "enable.idempotence": True})
        poller = threading.Event()

        def serve() -> None:
            while not poller.is_set():
                confluent.poll(0.1)

        threading.Thread(target=serve, daemon=True).start()

        def send(value: bytes, heard: Callable[[object], None]) -> None:
            confluent.produce(name, value, partition=0, on_delivery=lambda error, _: heard(error))

        def close() -> None:
            poller.set()
    else:
        python = KafkaProducer(bootstrap_servers=own.bootstrap)  # idempotent by default

        def send(value: bytes, heard: Callable[[object], None]) -> None:
            future = python.send(name, value, partition=0)
            future.add_callback(lambda _: heard(None))
            future.add_errback(heard)

        def close() -> None:
            python.close()

    stream = Stream(send)
    try:
        for _ in range(2):
            enough = stream.answered + 1000
            eventually(lambda: stream.answered >= enough, 60)  # noqa: B023  # called at once
            own.restart(clean=False)
        stream.stop()
    finally:
        close()
    assert not stream.errors
    records = usable("confluent").consume(own.bootstrap, name, stream.sent)
    assert [record.value for record in records] == [b"%d" % number for number in range(stream.sent)]
    assert [record.offset for record in records] == list(range(stream.sent))
    (end,) = KafkaConsumer(bootstrap_servers=own.bootstrap).end_offsets([TopicPartition(name, 0)]).values()
    assert end == stream.sent


@EITHER
def test_topic_deleted_before_stays_deleted(own: Broker, name: str, clean: bool) -> None:
    """TOP-14, STO-27"""
    create_topic(own.bootstrap, name)
    usable("confluent").produce(own.bootstrap, name, [Record(b"x")])
    admin = KafkaAdminClient(bootstrap_servers=own.bootstrap)
    admin.delete_topics([name])
    admin.close()
    own.restart(clean)
    admin = KafkaAdminClient(bootstrap_servers=own.bootstrap)
    assert name not in admin.list_topics()
    admin.close()
