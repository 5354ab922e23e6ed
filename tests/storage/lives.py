"""`Lives`: one simulated disk, the stores that live on it one after the other, and what clients may then observe.

A life opens the store, checks what it finds against what was sent before, and goes on appending. It ends with a clean
stop, a kill, or a power cut. Every batch has its own content and timestamp, and comes from an idempotent producer.
"""

from __future__ import annotations

from contextlib import suppress

from pykbroker.env import Env, Workers
from pykbroker.errors import KAFKA_STORAGE_ERROR, KafkaError
from pykbroker.storage.checkpoints import LOG_STARTS, RECOVERY_POINTS, read_offsets
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.testing.faults import Crashed
from pykbroker.testing.sim_files import SimFiles
from pykbroker.wire.batch import peek, verify
from tests.fakes import NOW_MS, FakeClock, HeldWorkers, InlineWorkers, SeededRandom
from tests.storage.builders import a_batch, open_partition

AFTER_STAMPS = 16  # base offset, length and leader epoch come before
BETWEEN_APPENDS_MS = 600
SIZES = [1, 3, 2, 1, 2]
"""How many records the batches have, over and over."""


class LazyWorkers(HeldWorkers):
    """Threads that run now and then, in any order."""

    def __init__(self, random: SeededRandom) -> None:
        super().__init__()
        self._random = random

    def work(self) -> None:
        """Run some of what waits."""
        while self.held and below(self._random, 3) != 0:
            self.held.pop(below(self._random, len(self.held)))()


class Sent:
    """A batch that was appended: where to, and in which epoch of the leader."""

    def __init__(self, batch: bytearray, base_offset: int, epoch: int) -> None:
        self.batch = bytes(batch)
        self.base_offset = base_offset
        self.epoch = epoch
        self.header = peek(batch)
        self.is_acknowledged = False

    @property
    def records(self) -> int:
        return self.header.last_offset_delta + 1

    @property
    def end(self) -> int:
        return self.base_offset + self.records


class Lives:
    """Owns what was sent and may still be there, and what was promised: `on_device`, the highest recovery point."""

    def __init__(self, config: LogConfig) -> None:
        self.config = config
        self.clock = FakeClock()
        self.files = SimFiles(self.clock)
        self.files.make_directory("/logs")
        self.files.sync_directory("/")
        self.sent: list[Sent] = []
        self.starts = {0}  # of the log, as they were set
        self.producer = 7
        self.born = 0
        self.made = 0  # batches, in all lives
        self.on_device = 0

    # -- Living

    def start(self, workers: Workers | None = None) -> tuple[Store, Partition]:
        """Open the store in a process of its own, and check what it finds."""
        self.born += 1
        self.clock = self.files.clock = FakeClock(self.clock.now_ms())
        self.files.capacity_bytes = None
        env = Env(self.clock, self.files, workers or InlineWorkers(), SeededRandom(self.born))
        store = Store(env, ["/logs"], node_id=1)
        store.open()
        point, start = (self.checkpoint(name) for name in (RECOVERY_POINTS, LOG_STARTS))
        partition = open_partition(store, self.config, epoch=self.born)
        self.check(partition, point, start)
        return store, partition

    def checkpoint(self, name: str) -> int:
        """Return the partition's offset in a checkpoint, 0 if it has none."""
        return read_offsets(self.files, f"/logs/{name}").get(("t", 0), 0)

    def live(self, batches: int) -> Store:
        """Start, append, and leave the store open."""
        store, partition = self.start()
        for _ in range(batches):
            self.append(partition)
            self.clock.advance(BETWEEN_APPENDS_MS)
            self.note(partition)
        return store

    def dies(self, batches: int, operations: int, written: float) -> bool:
        """Live, crash at an operation, and return True; False if a clean stop came before."""
        self.files.crash_after(operations, written)
        try:
            self.live(batches).close()
        except Crashed:
            return True
        return False

    def live_by_chance(self, partition: Partition, workers: LazyWorkers, random: SeededRandom, turns: int) -> None:
        """Append, delete, wait, have a full disk and room again, and let workers work, in no particular order."""
        for _ in range(turns):
            chance = below(random, 16)
            with suppress(KafkaError):  # only while the disk is full, see `append`
                if chance < 9:
                    self.append(partition)
                elif chance == 9:
                    offset = below(random, partition.high_watermark + 1)
                    self.starts.add(max(offset, partition.log_start_offset))
                    partition.delete_records(offset)
                elif chance == 10:
                    self.starts.update(partition.log.bases)
                    partition.delete_old_segments(self.clock.now_ms())
                elif chance == 11:
                    self.fill_disk(below(random, 200))
                elif chance == 12:
                    self.files.capacity_bytes = None
                else:
                    self.clock.advance(10 ** below(random, 6))
            workers.work()
            self.note(partition)

    def fill_disk(self, room: int) -> None:
        """Leave so many bytes free."""
        total, free = self.files.free_bytes("/")
        self.files.capacity_bytes = total - free + room

    def append(self, partition: Partition) -> None:
        """Append the next batch of the producer."""
        sequence = 0
        if self.sent and self.sent[-1].header.producer_id == self.producer:
            sequence = self.sent[-1].header.last_sequence + 1
        batch = a_batch(
            SIZES[self.made % len(SIZES)],
            timestamp=NOW_MS + self.made,
            producer=self.producer,
            sequence=sequence,
            value=b"batch %d" % self.made,
        )
        self.made += 1
        sent = Sent(batch, partition.log_end_offset, self.born)
        self.sent.append(sent)
        try:
            appended = partition.append(memoryview(batch), self.clock.now_ms())
        except KafkaError as error:
            assert error.code == KAFKA_STORAGE_ERROR
            if partition.log_end_offset == sent.base_offset:
                self.sent.pop()
            raise
        assert (appended.base_offset, appended.duplicate) == (sent.base_offset, False)
        if appended.held is None:
            sent.is_acknowledged = True
        else:
            appended.held.then(lambda later: setattr(sent, "is_acknowledged", later.error is None))
        self.note(partition)

    def note(self, partition: Partition) -> None:
        """Note what counts as being on the device."""
        self.on_device = max(self.on_device, partition.log.recovery_point)

    # -- Checking

    def check(self, partition: Partition, recovery_point: int, start: int) -> None:
        """What is there must be what was sent first, with all that was promised; forget the rest."""
        assert partition.log_start_offset in self.starts
        assert partition.log_start_offset >= start
        there = [each for each in self.sent if each.end > partition.log_start_offset]
        found = list(partition.batches())
        for sent, view in zip(there, found, strict=False):
            header = peek(view)
            verify(view, header)
            assert (header.base_offset, header.leader_epoch) == (sent.base_offset, sent.epoch)
            assert bytes(view[AFTER_STAMPS:]) == sent.batch[AFTER_STAMPS:]
        assert len(found) <= len(there)
        end = there[len(found) - 1].end if found else partition.log_start_offset
        assert partition.log_end_offset == end
        assert max(self.on_device, recovery_point) <= end
        lost = there[len(found) :]
        assert sum(each.records for each in lost if each.is_acknowledged) < self.config.flush_messages
        self.sent = [each for each in self.sent if each not in lost]
        self.check_look_ups(partition, there[: len(found)])
        self.check_producers(partition, there[: len(found)])

    def check_look_ups(self, partition: Partition, there: list[Sent]) -> None:
        """Offsets are found by time and by leader epoch."""
        start = partition.log_start_offset
        known_from = max(self.starts)  # if the start went back in a crash, the epochs did not
        for sent in there:
            timestamp = sent.header.max_timestamp
            expected = (max(start, sent.base_offset), timestamp, sent.epoch)
            assert partition.offset_for_time(timestamp, False) == expected
            if expected[0] >= known_from:
                assert partition.epoch_at(expected[0]) == sent.epoch
        assert partition.offset_for_time(NOW_MS + self.made, False) is None
        for epoch in {each.epoch for each in there}:
            end = max(each.end for each in there if each.epoch == epoch)
            if end > known_from:
                assert partition.end_offset_for_epoch(epoch) == (epoch, end)

    def check_producers(self, partition: Partition, there: list[Sent]) -> None:
        """A retry of the last batch is a duplicate; the producer is known by nothing that is not there."""
        if not self.sent:
            assert partition.producers() == []
        elif there:
            last = there[-1]
            appended = partition.append(memoryview(bytearray(last.batch)), self.clock.now_ms())
            assert (appended.base_offset, appended.duplicate) == (last.base_offset, True)
            [state] = [each for each in partition.producers() if each.producer_id == last.header.producer_id]
            assert (state.last_offset, state.last_sequence) == (last.end - 1, last.header.last_sequence)
        else:  # its last batches may be lost or deleted: like any client then, it begins anew
            self.producer += 1


def below(random: SeededRandom, end: int) -> int:
    """Return a number from 0 to `end` - 1."""
    return int.from_bytes(random.bytes(4), "big") % end
