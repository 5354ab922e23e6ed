"""`Simulation`: one seed. A world, its clients, and what they may observe; `run` raises what is not as it should be.

Several lives, one after the other: start, look at everything, let clients and time go their way, end. A life ends with
a clean stop, a kill or a power cut, between two operations of the file system or in the middle of one, also while the
broker starts or stops. What happened is in `trace`.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EIO
from random import Random
from typing import Any

from pykbroker.config import StartError
from pykbroker.errors import Disconnect
from pykbroker.groups.coordinator import OFFSETS_TOPIC
from pykbroker.testing.client import Client, Pending
from pykbroker.testing.faults import Crashed
from pykbroker.wire.message import Message
from pykbroker.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from pykbroker.wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from pykbroker.wire.records import Record, batches_in, records_in
from tests.sim.admin import Admin
from tests.sim.clients import Committer, Consumer, Producer, SimClient
from tests.sim.history import Committed, Metadata, State
from tests.sim.model import PartitionModel, Promise, TopicModel, require
from tests.sim.world import World

_EARLIEST = -2
_LATEST = -1
_SETTINGS = {
    "log.dirs": "/one,/two",
    "offsets.topic.num.partitions": "2",
    "offsets.topic.segment.bytes": "600",
    "log.initial.task.delay.ms": "1000",
    "log.retention.check.interval.ms": "10000",
    "log.cleaner.backoff.ms": "2000",
    "metadata.log.max.record.bytes.between.snapshots": "1500",
    "metadata.max.retention.bytes": "3000",
    "internal.metadata.log.segment.bytes": "1000",
    "log.segment.delete.delay.ms": "3000",
}

Answered = Callable[[Any], None]


class Simulation:
    """One course of events. Owns the model: `metadata`, `commits`, and which producers were `bereft` of batches."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        settings = dict(_SETTINGS)
        self.flushes_all = random.random() < 0.4
        if self.flushes_all:
            settings["log.flush.interval.messages"] = "1"
        self.world = World(random, settings)
        self.trace: list[str] = []
        self.metadata = Metadata()
        self.commits: dict[tuple[str, str, int], Committed] = {}
        self.bereft: set[int] = set()
        self.producer_ids: set[int] = set()
        self.has_lost_metadata = False
        self.has_crashed = False
        self.is_stopping = False
        self._numbers = 0
        self._pending: list[tuple[SimClient, Pending, Answered]] = []
        self._connections: dict[SimClient, Client] = {}
        self._needs_power_cut = False  # a broken disk is whole again when the machine was off
        self._lost_power = False
        self._left: tuple[object, ...] | None = None  # what a clean stop left
        self.admin = Admin(self, "admin")
        self.committers = [Committer(self, f"group-{number}") for number in range(2)]
        self.clients: list[SimClient] = [
            self.admin,
            *self.committers,
            *(Producer(self, f"idempotent-{number}", is_idempotent=True) for number in range(2)),
            Producer(self, "plain", is_idempotent=False),
            *(Consumer(self, f"consumer-{number}") for number in range(2)),
        ]
        self._weights = [1, 1, 1, 4, 4, 2, 2, 2]

    # -- For clients

    def note(self, *what: object) -> None:
        """Write down what happens."""
        self.trace.append(f"{self.world.clock.now_ms() % 10_000_000:>7} {' '.join(map(str, what))}")

    def next_number(self) -> int:
        """Return a number that nobody had."""
        self._numbers += 1
        return self._numbers

    def committed(self, group: str, topic: str, index: int) -> Committed:
        """Return what a group committed for a partition."""
        return self.commits.setdefault((group, topic, index), Committed())

    def is_flushed(self, topic: TopicModel) -> bool:
        """Tell if what is acknowledged there now is on the device."""
        return topic.config.get("flush.messages", "1" if self.flushes_all else "") == "1"

    def ask(
        self, client: SimClient, request: Message, version: int, answered: Answered, *, may_be_lost: bool = True
    ) -> None:
        """Send a request; `answered` is called with the response, or with None if it never comes."""
        chance = self.random.random() if may_be_lost else 1.0
        if chance < 0.02:
            self.note(client.name, "does not get through")
            answered(None)
            return
        client.is_waiting = True
        try:
            answer = self._connection(client).send(request, version)
        except Disconnect:
            answer = None
        except OSError:  # of the files that are read as the answer is sent
            require(self.world.is_troubled, "a file cannot be read")
            answer = None
        except Crashed:
            client.is_waiting = False
            answered(None)
            raise
        if chance < 0.1:
            self.note(client.name, "loses the answer")
            self._connections.pop(client, None)
            client.is_waiting = False
            answered(None)
        elif isinstance(answer, Pending):
            self._pending.append((client, answer, answered))
            self._connections.pop(client, None)
        else:
            client.is_waiting = False
            answered(answer)

    def _connection(self, client: SimClient) -> Client:
        found = self._connections.get(client)
        if found is None:
            found = self._connections[client] = self.world.client(client.name)
        return found

    def _deliver(self) -> None:
        """Give clients the answers that have come."""
        for entry in list(self._pending):
            client, pending, answered = entry
            if pending.done:
                self._pending.remove(entry)
                client.is_waiting = False
                try:
                    response = pending.response
                except OSError:
                    require(self.world.is_troubled or self.is_stopping, "a file cannot be read")
                    response = None
                answered(response)

    def _drop_pending(self) -> None:
        pending, self._pending = self._pending, []
        for client, _, answered in pending:
            client.is_waiting = False
            answered(None)
        self._connections.clear()

    # -- Lives

    def run(self) -> None:
        """Go through all lives."""
        lives = self.random.randint(2, 6)
        for _ in range(lives):
            self._start()
            power_cut = self.random.random() < 0.4
            try:
                if self.random.random() < 0.5:
                    self._crash_soon(self.random.choice((100, 1000)))
                for _ in range(self.random.choice((5, 20, 60, 120))):
                    self._act()
                if self.random.random() < 0.5:
                    self._stop()
                    continue
            except Crashed:
                self.world.happened["crashed"] += 1
            self._end(power_cut=power_cut or self._needs_power_cut)
        self._start()

    def _crash_soon(self, operations: int) -> None:
        self.world.files.crash_after(self.random.randint(1, operations), self.random.choice((0.0, 0.5, 0.9, 1.0)))

    def _act(self) -> None:
        random, world = self.random, self.world
        chance = random.random()
        if chance < 0.75:
            random.choices(self.clients, self._weights)[0].act()
        elif chance < 0.92:
            world.pass_time(random.choice((1, 10, 100, 1000, 3000)))
        elif chance < 0.95:
            world.pass_time(random.choice((11_000, 60_000, 200_000)))
        elif chance < 0.97:
            self._settle()
        elif chance < 0.985:
            self._full_disk()
        elif chance < 0.99:
            self._broken_disk()
        world.some_turns()
        self._deliver()

    def _settle(self) -> None:
        self.note("all settles")
        starts = {p: p.start for topic in self.metadata.topics.values() for p in topic.partitions}
        self.world.settle()
        self._deliver()
        if not self.world.is_troubled:
            for partition, start in starts.items():
                partition.safe_start = max(partition.safe_start, start)

    def _full_disk(self) -> None:
        if self.world.files.capacity_bytes is None:
            room = self.random.randint(0, 500)
            self.note("the disk has room for", room, "bytes")
            self.world.fill_disk(room)
        else:
            self.note("the disk has room again")
            self.world.heal_room()

    def _broken_disk(self) -> None:
        if not self._needs_power_cut:
            self.note("/two breaks")
            self.world.break_disk("/two", EIO)
            self._needs_power_cut = True

    def _stop(self) -> None:
        self.note("stops")
        self.is_stopping = True
        self.world.release()
        self._deliver()
        left = self._state_of_broker()
        self.world.stop()
        self._deliver()
        self._drop_pending()
        if self.world.is_troubled:
            self.has_crashed = True  # as good as: what could not be closed is recovered
        else:
            self._left = left
            for topic in self.metadata.topics.values():
                for partition in topic.partitions:
                    partition.safe_start = partition.start
            self._all_is_safe()
        if self._needs_power_cut or self.random.random() < 0.3:
            self._end(power_cut=True)

    def _all_is_safe(self) -> None:
        self.metadata.safe = len(self.metadata.states) - 1
        for committed in self.commits.values():
            committed.all_is_safe()
        for topic in self.metadata.topics.values():
            for partition in topic.partitions:
                for batch in partition.batches.values():
                    if batch.promise == Promise.KILL:
                        batch.promise = Promise.POWER

    def _end(self, *, power_cut: bool) -> None:
        self.note("power cut" if power_cut else "kill")
        self.world.happened["power cut" if power_cut else "kill"] += 1
        self._drop_pending()
        self.world.end(power_cut=power_cut)
        self._lost_power = self._lost_power or power_cut
        self.has_crashed = True

    def _start(self) -> None:
        """Start, also if that crashes at first, and look at everything."""
        world = self.world
        while True:
            self._needs_power_cut = self._needs_power_cut and not self._lost_power
            try:
                world.heal()
                world.is_troubled = self.is_stopping = False
                if self.random.random() < 0.2:
                    self._crash_soon(60)
                self.note("starts")
                try:
                    world.start()
                except StartError as error:
                    raise AssertionError(f"does not start: {error}") from error
                self._look(power_cut=self._lost_power)
                break
            except Crashed:
                world.happened["crashed at a start"] += 1
                self._left = None
                self._end(power_cut=self.random.random() < 0.3)
        world.files.crash_after(1 << 60)
        self._lost_power = False
        self._left = None

    def left_on_disk(self) -> dict[str, int]:
        """Return the sizes of all files in the log directories, by path."""
        files = self.world.files
        names = [(path, name) for path in self.world.directories for name in files.list(path)]
        found = [f"{path}/{name}/{file}" for path, name in names for file in files.list(f"{path}/{name}")]
        return {path: files.size(path) for path in found}

    # -- Looking

    def _look(self, *, power_cut: bool) -> None:
        """Read everything, and compare it with what may be there."""
        if self._left is not None:
            found = self._state_of_broker()
            for part, before in zip(found, self._left, strict=True):
                require(part == before, "there is", part, "after a clean stop, instead of", before)
        self.has_lost_metadata |= power_cut
        self.metadata.restarted(self._topics(), power_cut=power_cut)
        for topic in self.metadata.topics.values():
            for partition in topic.partitions:
                self._look_at(partition, power_cut=power_cut)
        for (group, name, index), committed in self.commits.items():
            committer = next(each for each in self.committers if each.name == group)
            offset = committer.look(name, index, may_be_lost=False)
            assert offset is not None
            committed.restarted(offset, power_cut=power_cut)
        for client in self.clients:
            client.broker_restarted()

    def _look_at(self, partition: PartitionModel, *, power_cut: bool) -> None:
        client = self.world.client("looking")
        start, end = (self._offset(client, partition, which) for which in (_EARLIEST, _LATEST))
        found: list[Record] = []
        at = start
        while at < end:
            records = self._records(client, partition, at)
            if not records:
                break
            found += records
            at = records[-1].offset + 1
        known = [batch for batch in partition.batches.values() if batch.offset is not None and batch.promise]
        now_ms = self.world.clock.now_ms()
        partition.restarted(found, start, end, now_ms, Promise.POWER if power_cut else Promise.KILL)
        self.bereft.update(batch.producer_id for batch in known if batch.offset is None)

    def _offset(self, client: Client, partition: PartitionModel, which: int) -> int:
        wanted = ListOffsetsPartition(partition_index=partition.index, timestamp=which)
        request = ListOffsetsRequest(
            replica_id=-1, topics=[ListOffsetsTopic(name=partition.topic.name, partitions=[wanted])]
        )
        [answer] = client.send(request, 7).topics[0].partitions
        require(answer.error_code == 0, partition, "has no offsets:", answer.error_code)
        offset: int = answer.offset
        return offset

    def _records(self, client: Client, partition: PartitionModel, at: int) -> list[Record]:
        most = self.random.choice((1, 500, 1 << 20))
        wanted = FetchPartition(partition=partition.index, fetch_offset=at, partition_max_bytes=most)
        request = FetchRequest(
            max_wait_ms=0, min_bytes=1, max_bytes=most,
            topics=[FetchTopic(topic_id=partition.topic.topic_id, partitions=[wanted])],
        )  # fmt: skip
        [answer] = client.send(request, 13).responses[0].partitions
        require(answer.error_code == 0, partition, "cannot be read at", at, "error", answer.error_code)
        content = bytes(answer.records)
        batches = list(batches_in(content))
        records = list(records_in(content[begin : begin + batch.length] for begin, batch in batches))
        found = [record for record in records if record.offset >= at]
        if batches and not found:  # compaction has left only headers: go on behind them
            return self._records(client, partition, batches[-1][1].next_offset)
        return found

    def _topics(self) -> State:
        topics = self.world.services().image.topics
        return {
            name: (topic.id, len(topic.partitions), tuple(sorted(topic.config.items())))
            for name, topic in topics.items()
            if name != OFFSETS_TOPIC
        }

    def _state_of_broker(self) -> tuple[object, ...]:
        """Return what a clean stop must keep: all that the image, the groups and the logs say."""
        services = self.world.services()
        image = services.image
        logs = {}
        for partition in services.partitions.open_all():
            log = partition.log
            producers = [
                (each.producer_id, each.epoch, each.last_sequence, each.last_offset)
                for each in partition.producers()
                if each.last_offset >= log.start_offset  # of others, less may be known after a crash than before
            ]
            path = partition.directory if log.segments else ""
            logs[partition.key] = (log.start_offset, log.end_offset, sorted(producers), path)
        offsets = {
            group: {
                (topic, index): committed.offset
                for topic, partitions in shard.state.offsets.of_group(group).items()
                for index, committed in partitions.items()
            }
            for shard in services.groups.shards()
            for group in shard.state.offsets.groups()
        }
        return self._topics(), dict(image.features), image.next_producer_id, logs, offsets
