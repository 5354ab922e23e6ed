"""Transactions in a log: the last stable offset, what a reader with read_committed gets, and what markers do."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pykbroker.env import Bytes
from pykbroker.errors import (
    INVALID_PRODUCER_EPOCH,
    INVALID_TXN_STATE,
    KAFKA_STORAGE_ERROR,
    OUT_OF_ORDER_SEQUENCE_NUMBER,
    TRANSACTION_COORDINATOR_FENCED,
    KafkaError,
)
from pykbroker.storage.aborted import Aborted, AbortedIndex
from pykbroker.storage.files import RealFile, RealFiles
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.producers import Producers
from pykbroker.storage.store import Store
from pykbroker.storage.transactions import Transactions, marker_in
from pykbroker.wire.batch import CONTROL, TRANSACTIONAL, peek
from pykbroker.wire.records import build_batch
from tests.fakes import NOW_MS, FakeClock, HeldWorkers, fake_env
from tests.storage.builders import a_batch, append, fetch, offsets, open_partition, open_store
from tests.storage.transactional import ABORT, COMMIT, a_marker, aborted, committed, end, send

DAY_MS = 86400000


def refused(call: Callable[[], object]) -> int:
    """The code of the error that a call raises."""
    with pytest.raises(KafkaError) as caught:
        call()
    return caught.value.code


def txnindexes(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.glob("*.txnindex"))}


# -- The last stable offset


def test_without_transactions_all_is_stable(partition: Partition) -> None:
    # FET-19, FET-18
    append(partition, a_batch(3, producer=7))
    read = partition.read(0, 1 << 20, at_least_one=True, committed=True)
    assert (read.aborted, read.last_stable_offset, read.high_watermark) == ([], 3, 3)
    assert offsets(read.records.read()) == [0]
    assert partition.read(0, 1 << 20, at_least_one=True, committed=False).aborted is None


def test_open_transaction_holds_the_stable_offset(partition: Partition) -> None:
    # FET-16, FET-18, LOFF-01
    append(partition, a_batch(2))
    send(partition, 7, 0, 2)
    append(partition, a_batch(1))
    assert (partition.last_stable_offset, partition.high_watermark) == (2, 5)
    read = partition.read(0, 1 << 20, at_least_one=True, committed=True)
    assert (offsets(read.records.read()), read.last_stable_offset, read.aborted) == ([0], 2, [])
    beyond = partition.read(2, 1 << 20, at_least_one=True, committed=True)
    assert (beyond.records.nbytes, beyond.aborted) == (0, [])
    assert offsets(fetch(partition, 0)) == [0, 2, 4]


@pytest.mark.parametrize("kind", [ABORT, COMMIT])
def test_marker_moves_the_stable_offset_to_the_next_open_transaction(partition: Partition, kind: int) -> None:
    # TXN-31
    send(partition, 7, 0)
    send(partition, 8, 0)
    send(partition, 9, 0)
    end(partition, 8, kind)
    assert partition.last_stable_offset == 0
    end(partition, 7, kind)
    assert partition.last_stable_offset == 2
    end(partition, 9, kind)
    assert partition.last_stable_offset == partition.high_watermark == 6


def test_marker_of_an_empty_transaction_only_takes_an_offset(store: Store, partition: Partition) -> None:
    # TXN-30: such a transaction is not in the index either
    append(partition, a_batch(1))
    assert end(partition, 7, ABORT) == 1
    append(partition, a_batch(1))
    assert (partition.last_stable_offset, aborted(partition), committed(partition)) == (3, [], [0, 2])
    assert txnindexes(Path(partition.directory)) == {}


def test_second_batch_belongs_to_the_same_transaction(partition: Partition) -> None:
    send(partition, 7, 0, 2)
    send(partition, 7, 2, 2)
    assert partition.last_stable_offset == 0
    end(partition, 7, ABORT)
    assert aborted(partition) == [(7, 0)]
    send(partition, 7, 4)
    assert partition.last_stable_offset == 5


def test_log_start_is_stable_even_inside_a_transaction(partition: Partition) -> None:
    # TXN-31: UnifiedLog takes the log's start where the first record is gone
    send(partition, 7, 0, 4)
    append(partition, a_batch(1))
    partition.delete_records(2)
    assert partition.last_stable_offset == 2
    assert end(partition, 7, ABORT) == 5
    assert (partition.last_stable_offset, aborted(partition, 2), committed(partition)) == (6, [(7, 0)], [4])


def test_stable_offset_of_a_flush_waits_for_the_marker(tmp_path: Path) -> None:
    # TXN-31: the marker may still be lost, and then nobody knows how the transaction ends
    workers = HeldWorkers()
    env = fake_env()
    env.workers = workers
    partition = open_partition(open_store(tmp_path, env), LogConfig(flush_messages=2))
    send(partition, 7, 0)
    workers.release()
    end(partition, 7, ABORT)
    assert (partition.high_watermark, partition.last_stable_offset) == (1, 0)
    assert committed(partition) == []
    workers.release()
    assert (partition.high_watermark, partition.last_stable_offset) == (2, 2)
    append(partition, a_batch(1))
    send(partition, 7, 1)
    assert (partition.high_watermark, partition.last_stable_offset) == (3, 3)
    workers.release()
    assert (partition.high_watermark, partition.last_stable_offset) == (4, 3)


def test_ended_transactions_are_held_beside_open_ones() -> None:
    transactions = Transactions()
    transactions.begin(7, 10)
    transactions.begin(8, 12)
    transactions.end(8)
    transactions.hold(12, 20)
    assert transactions.first_unstable(20) == 10
    transactions.end(7)
    transactions.hold(10, 25)
    assert transactions.first_unstable(20) == 10
    assert transactions.first_unstable(21) == 10
    assert transactions.first_unstable(26) is None
    transactions.begin(9, 30)
    transactions.hold(5, 31)
    assert transactions.first_unstable(31) == 5
    assert transactions.first_unstable(32) == 30


# -- What a reader with read_committed gets


def test_aborted_data_and_markers_stay_in_the_records(partition: Partition) -> None:
    # FET-17: the list is what tells them apart
    send(partition, 7, 0, 2)
    send(partition, 8, 0, 2)
    end(partition, 7, ABORT)
    end(partition, 8, COMMIT)
    read = partition.read(0, 1 << 20, at_least_one=True, committed=True)
    assert (offsets(read.records.read()), read.aborted) == ([0, 2, 4, 5], [(7, 0)])
    assert committed(partition) == [2, 3]


def test_transaction_that_was_aborted_before_or_after_is_not_listed(store: Store) -> None:
    # FET-16: up to the next entry of the offset index
    partition = open_partition(store, LogConfig(index_interval_bytes=1))
    for sequence in range(5):
        send(partition, 7, 2 * sequence, 2)
        end(partition, 7, ABORT)
    size = len(a_batch(2))
    assert aborted(partition, 3, size) == [(7, 3)]
    assert aborted(partition, 5, size) == [(7, 3), (7, 6)]
    assert aborted(partition) == [(7, 0), (7, 3), (7, 6), (7, 9), (7, 12)]


def test_marker_in_a_later_segment_is_found(store: Store) -> None:
    # FET-16, STO-07: the entry is where the marker is
    partition = open_partition(store, LogConfig(segment_bytes=1000))
    send(partition, 7, 0, value=bytes(900))
    send(partition, 8, 0, value=bytes(900))
    append(partition, a_batch(1, value=bytes(900)))
    end(partition, 8, ABORT)
    end(partition, 7, ABORT)
    assert partition.log.bases == [0, 1, 2, 3]
    assert [aborted(partition, offset, 500) for offset in range(5)] == [[(7, 0)], *([[(8, 1), (7, 0)]] * 3), [(7, 0)]]
    assert committed(partition, 1000) == [2]
    index = AbortedIndex.of([Aborted(8, 1, 3, last_stable_offset=0), Aborted(7, 0, 4, last_stable_offset=5)])
    assert txnindexes(Path(partition.directory)) == {f"{3:020d}.txnindex": bytes(index.entries)}


def test_stable_offset_where_a_segment_begins(store: Store) -> None:
    # FET-16: the read looks into that segment, and takes nothing of it
    partition = open_partition(store, LogConfig(segment_bytes=200))
    send(partition, 7, 0)
    end(partition, 7, ABORT)
    for _ in range(2):
        append(partition, a_batch(1))
    for sequence in range(5):
        send(partition, 8, sequence)
    assert partition.log.bases == [0, 2, 4, 6, 8]
    read = partition.read(0, 1 << 20, at_least_one=True, committed=True)
    assert (read.last_stable_offset, read.aborted, offsets(read.records.read())) == (4, [(7, 0)], [0, 1, 2, 3])


def test_only_a_segment_with_aborts_has_an_index(store: Store) -> None:
    # STO-07
    partition = open_partition(store)
    send(partition, 7, 0)
    end(partition, 7, COMMIT)
    assert txnindexes(Path(partition.directory)) == {}
    send(partition, 7, 1)
    end(partition, 7, ABORT)
    index = AbortedIndex.of([Aborted(7, 2, 3, last_stable_offset=4)])
    assert txnindexes(Path(partition.directory)) == {f"{0:020d}.txnindex": bytes(index.entries)}


def test_look_ups_stop_at_the_stable_offset(partition: Partition) -> None:
    # LOFF-05, LOFF-04, LOFF-06: a newest record that is not stable is not found, although an older one is
    append(partition, a_batch(1, timestamp=NOW_MS))
    send(partition, 7, 0, timestamp=NOW_MS + 10)
    assert partition.offset_for_time(NOW_MS, True) == (0, NOW_MS, 0)
    assert partition.offset_for_time(NOW_MS + 1, True) is None
    assert partition.offset_for_time(NOW_MS + 1, False) == (1, NOW_MS + 10, 0)
    assert partition.offset_of_max_timestamp(True) is None
    assert partition.offset_of_max_timestamp(False) == (1, NOW_MS + 10, 0)
    end(partition, 7, COMMIT)
    assert partition.offset_for_time(NOW_MS + 1, True) == (1, NOW_MS + 10, 0)
    assert partition.offset_of_max_timestamp(True) == (1, NOW_MS + 10, 0)


# -- Producers


def test_marker_with_a_new_epoch_resets_sequences(partition: Partition) -> None:
    # KIP-890: the coordinator bumps the epoch with each transaction
    send(partition, 7, 0, 3)
    end(partition, 7, COMMIT, epoch=1, coordinator_epoch=4)
    [state] = partition.producers()
    assert (state.epoch, state.coordinator_epoch, state.txn_first_offset, state.last_sequence) == (1, 4, -1, -1)
    again = a_batch(1, producer=7, epoch=1, sequence=3)
    assert refused(lambda: append(partition, again)) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert refused(lambda: append(partition, a_batch(1, producer=7, sequence=3))) == INVALID_PRODUCER_EPOCH
    assert append(partition, a_batch(1, producer=7, epoch=1, sequence=0)) == 4


def test_marker_of_the_same_epoch_keeps_sequences(partition: Partition) -> None:
    send(partition, 7, 0, 3)
    end(partition, 7, COMMIT)
    again = a_batch(1, producer=7, sequence=2)
    assert refused(lambda: append(partition, again)) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert append(partition, a_batch(1, producer=7, sequence=3)) == 4


def test_marker_makes_a_producer_known(partition: Partition) -> None:
    end(partition, 7, ABORT, epoch=3, coordinator_epoch=2)
    assert refused(lambda: append(partition, a_batch(1, producer=7, epoch=2))) == INVALID_PRODUCER_EPOCH
    assert append(partition, a_batch(1, producer=7, epoch=3)) == 1


@pytest.mark.parametrize(
    ("epoch", "coordinator_epoch", "code"), [(4, 2, INVALID_PRODUCER_EPOCH), (5, 1, TRANSACTION_COORDINATOR_FENCED)]
)
def test_outdated_marker_is_refused(partition: Partition, epoch: int, coordinator_epoch: int, code: int) -> None:
    # TXN-32
    end(partition, 7, COMMIT, epoch=5, coordinator_epoch=2)
    send(partition, 7, 0, epoch=5)
    marker = a_marker(7, ABORT, epoch=epoch, coordinator_epoch=coordinator_epoch)
    assert refused(lambda: partition.append_own(marker)) == code
    assert (partition.log_end_offset, partition.last_stable_offset) == (2, 1)
    end(partition, 7, ABORT, epoch=5, coordinator_epoch=2)
    assert partition.last_stable_offset == 3


def test_plain_batch_inside_a_transaction_is_refused(partition: Partition) -> None:
    # ProducerAppendInfo.appendDataBatch
    send(partition, 7, 0)
    plain = a_batch(1, producer=7, sequence=1)
    assert refused(lambda: append(partition, plain)) == INVALID_TXN_STATE
    newer = a_batch(1, producer=7, epoch=1)
    assert refused(lambda: append(partition, newer)) == INVALID_TXN_STATE
    assert partition.log_end_offset == 1
    end(partition, 7, COMMIT)
    assert append(partition, plain) == 2


def test_producer_with_an_open_transaction_does_not_expire(store: Store, clock: FakeClock) -> None:
    partition = open_partition(store)
    send(partition, 7, 0)
    append(partition, a_batch(1, producer=8))
    clock.advance(2 * DAY_MS)
    partition.expire_producers(clock.now_ms())
    assert [state.producer_id for state in partition.producers()] == [7]
    assert partition.last_stable_offset == 0


def test_snapshot_keeps_open_transactions() -> None:
    # STO-08: whatever the order of its entries
    producers = Producers(DAY_MS)
    for producer, offset in ((9, 4), (7, 6), (8, 8)):
        producers.stored(peek(a_batch(2, producer=producer, attributes=TRANSACTIONAL)), offset, NOW_MS)
    batch = a_marker(9, COMMIT, epoch=1, coordinator_epoch=3)
    marker = marker_in(batch, peek(batch))
    assert marker is not None
    assert producers.ended(marker, NOW_MS) == 4
    producers.stored(peek(a_batch(2, producer=9, epoch=1, attributes=TRANSACTIONAL)), 20, NOW_MS)
    loaded = Producers(DAY_MS)
    assert loaded.load(producers.snapshot(NOW_MS), NOW_MS + 2 * DAY_MS)
    assert loaded.transactions is not None
    assert loaded.transactions.first_unstable(100) == 6
    known = {state.producer_id: (state.txn_first_offset, state.coordinator_epoch) for state in loaded.known(NOW_MS)}
    assert known == {7: (6, -1), 8: (8, -1), 9: (20, 3)}


# -- Markers


def test_marker_is_read() -> None:
    # TXN-30
    batch = a_marker(7, ABORT, epoch=2, coordinator_epoch=9, timestamp=123)
    assert marker_in(batch, peek(batch)) == (7, 2, 9, 0, 123, True)
    batch = a_marker(7, COMMIT)
    assert marker_in(batch, peek(batch)) == (7, 0, 0, 0, NOW_MS, False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"\0\0\0\2", bytes(6)),  # KRaft's leader change
        (b"\xff\xff\0\0", bytes(6)),
        (b"\0\0\0", bytes(6)),
        (b"\0\0\0\0", bytes(5)),
        (None, bytes(6)),
        (b"\0\0\0\0", None),
    ],
)
def test_other_control_records_end_nothing(partition: Partition, key: bytes | None, value: bytes | None) -> None:
    send(partition, 7, 0)
    attributes = TRANSACTIONAL | CONTROL
    partition.append_own(
        build_batch([(key, value)], timestamp_ms=NOW_MS, producer_id=7, producer_epoch=0, attributes=attributes)
    )
    assert (partition.log_end_offset, partition.last_stable_offset) == (2, 0)
    [state] = partition.producers()
    assert (state.last_sequence, state.txn_first_offset) == (0, 0)


def test_control_batch_that_compaction_emptied_ends_nothing(partition: Partition) -> None:
    batch = a_marker(7, ABORT)
    batch[57:] = bytes(4)
    batch[8:12] = (len(batch) - 12).to_bytes(4, "big")
    assert marker_in(batch, peek(batch)) is None


# -- The device


class SyncedFiles(RealFiles):
    """Knows the names of what was synced."""

    __slots__ = ("synced",)

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[str] = []

    def open(self, path: str) -> RealFile:
        file = SyncedFile(path)
        file.disk = self
        return file

    def sync_directory(self, path: str) -> None:
        self.synced.append(Path(path).name)
        super().sync_directory(path)


class SyncedFile(RealFile):
    __slots__ = ("disk",)
    disk: SyncedFiles

    def sync(self) -> None:
        self.disk.synced.append(Path(self.path).suffix)
        super().sync()


def test_flush_includes_the_aborted_transactions(tmp_path: Path) -> None:
    # STO-28: below the recovery point nobody would make them anew
    disk = SyncedFiles()
    partition = open_partition(open_store(tmp_path, fake_env(files=disk)), LogConfig(flush_messages=1))
    send(partition, 7, 0)
    disk.synced.clear()
    end(partition, 7, ABORT)
    assert sorted(disk.synced) == [".log", ".txnindex", "t-0"]
    disk.synced.clear()
    send(partition, 7, 1)
    assert disk.synced == [".log", ".txnindex"]


def test_roll_and_stop_include_the_aborted_transactions(tmp_path: Path) -> None:
    # STO-13, STO-28
    disk = SyncedFiles()
    store = open_store(tmp_path, fake_env(files=disk))
    partition = open_partition(store, LogConfig(segment_bytes=200))
    send(partition, 7, 0)
    end(partition, 7, ABORT)
    disk.synced.clear()
    append(partition, a_batch(1))
    assert {".log", ".txnindex"} <= set(disk.synced)
    send(partition, 7, 1)
    end(partition, 7, ABORT)
    disk.synced.clear()
    store.close()
    assert {".log", ".txnindex"} <= set(disk.synced)


# -- A disk without room


class Disk(RealFiles):
    """Files that cannot be written to if their names end with `full`."""

    __slots__ = ("full",)

    def __init__(self) -> None:
        super().__init__()
        self.full = "-"

    def open(self, path: str) -> RealFile:
        file = FullFile(path)
        file.disk = self
        return file


class FullFile(RealFile):
    __slots__ = ("disk",)
    disk: Disk

    def append(self, content: Bytes) -> None:
        if self.path.endswith(self.disk.full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
        super().append(content)


@pytest.mark.parametrize("full", [".log", ".txnindex"])
def test_abort_without_room_leaves_nothing(tmp_path: Path, full: str) -> None:
    # STO-07: neither the marker nor its entry without the other
    disk = Disk()
    store = open_store(tmp_path, fake_env(files=disk))
    partition = open_partition(store)
    send(partition, 6, 0)
    end(partition, 6, ABORT)
    send(partition, 7, 0)
    before = txnindexes(tmp_path / "t-0")
    disk.full = full
    assert refused(lambda: end(partition, 7, ABORT)) == KAFKA_STORAGE_ERROR
    assert (partition.log_end_offset, partition.last_stable_offset, aborted(partition)) == (3, 2, [(6, 0)])
    assert txnindexes(tmp_path / "t-0") == before
    disk.full = "-"
    append(partition, a_batch(1))
    end(partition, 7, ABORT)
    index = AbortedIndex.of([Aborted(6, 0, 1, last_stable_offset=2), Aborted(7, 2, 4, last_stable_offset=5)])
    assert txnindexes(tmp_path / "t-0") == {f"{0:020d}.txnindex": bytes(index.entries)}
    assert committed(partition) == [3]
    store.close()
