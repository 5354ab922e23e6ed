"""Reading, looking up and deleting: compared with a plain list of batches."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.wire.records import Record, batch_of, records_in
from tests.fakes import NOW_MS
from tests.storage.builders import (
    a_batch,
    append,
    fetch,
    headers,
    kill,
    offsets,
    open_partition,
    open_store,
    records,
    timed_batch,
)


def filled(store: Store, config: LogConfig | None = None, batches: int = 20, count: int = 3) -> Partition:
    partition = open_partition(store, config)
    for _ in range(batches):
        append(partition, a_batch(count))
    return partition


def out_of_range(partition: Partition, offset: int) -> bool:
    with pytest.raises(KafkaError) as caught:
        partition.read(offset, 100, at_least_one=True, committed=False)
    return caught.value.code == errors.OFFSET_OUT_OF_RANGE


@pytest.mark.parametrize("segment_bytes", [250, 1000, 10**6])
def test_offset_inside_a_batch_gives_the_whole_batch(store: Store, segment_bytes: int) -> None:
    # FET-01, and FET-02 where the batch is the next segment's
    partition = filled(store, LogConfig(segment_bytes=segment_bytes, index_interval_bytes=100))
    for offset in range(60):
        assert offsets(fetch(partition, offset))[0] == offset - offset % 3


def test_offset_in_a_hole_gives_the_next_batch(store: Store) -> None:
    # FET-02: what compaction leaves; the last batch of the first segment is missing, too
    partition = open_partition(store)
    for base in (0, 3, 20, 30):
        partition.log.end_offset = base
        append(partition, a_batch(3))
    for offset, base in ((5, 3), (6, 20), (19, 20), (22, 20), (23, 30)):
        assert offsets(fetch(partition, offset))[0] == base


def test_reading_at_the_end_gives_nothing(partition: Partition) -> None:
    # FET-03, FET-05, FET-15
    for end in (0, 2):
        read = partition.read(end, 1000, at_least_one=True, committed=False)
        assert (read.records.nbytes, read.records.read()) == (0, b"")
        assert (read.high_watermark, read.last_stable_offset, read.log_start_offset) == (end, end, 0)
        append(partition, a_batch(2))


def test_reading_outside_the_log(partition: Partition) -> None:
    # FET-04
    append(partition, a_batch(3))
    partition.delete_records(2)
    assert out_of_range(partition, 1)
    assert out_of_range(partition, 4)
    assert out_of_range(partition, -1)
    assert offsets(fetch(partition, 2)) == [0]


def test_aborted_is_a_list_only_for_committed_reads(partition: Partition) -> None:
    # FET-18, FET-19
    append(partition, a_batch())
    assert partition.read(0, 100, at_least_one=True, committed=False).aborted is None
    assert partition.read(0, 100, at_least_one=True, committed=True).aborted == []


@pytest.mark.parametrize("max_bytes", [0, 1, 80, 150])
def test_first_batch_comes_whole(partition: Partition, max_bytes: int) -> None:
    # FET-06, FET-44
    batches = [a_batch(3, value=b"v" * 50) for _ in range(3)]
    for batch in batches:
        append(partition, batch)
    assert len(batches[0]) > max_bytes
    assert len(fetch(partition, 0, max_bytes)) == len(batches[0])
    assert fetch(partition, 0, max_bytes, at_least_one=False) == b""
    assert len(fetch(partition, 9 - 3, max_bytes)) == len(batches[2])


def test_later_batches_are_cut_at_the_limit(store: Store) -> None:
    # FET-07, FET-08
    partition = filled(store, LogConfig(segment_bytes=300))
    size = len(a_batch(3))
    for limit in range(size, 5 * size, 7):
        content = fetch(partition, 0, limit)
        assert len(content) == limit
        assert content == fetch(partition, 0)[:limit]


def test_slices_outlive_the_partition(store: Store) -> None:
    partition = filled(store)
    slices = partition.read(0, 10**6, at_least_one=True, committed=False).records
    expected = slices.read()
    store.delete(partition)
    assert slices.read() == expected
    assert slices.nbytes == len(expected)


def test_reader_at_the_end_needs_no_search(partition: Partition) -> None:
    append(partition, a_batch())
    fetch(partition, 0)
    batch = a_batch(2)
    append(partition, batch)
    segment = partition.log.segments[-1]
    assert segment._ends == {1: segment.size - len(batch)}
    assert offsets(fetch(partition, 1)) == [1]


def test_indexes_of_segments_that_were_read_are_let_go(store: Store) -> None:
    partition = filled(store, LogConfig(segment_bytes=300, index_interval_bytes=1), batches=30)
    for offset in range(0, 90, 3):
        fetch(partition, offset, 1)
    loaded = [segment for segment in partition.log.segments if segment._offsets is not None]
    assert len(loaded) <= 2


# -- Times


def first_by_time(found: list[Record], timestamp: int) -> tuple[int, int] | None:
    return next(((r.offset, r.timestamp) for r in found if r.timestamp >= timestamp), None)


@pytest.mark.parametrize("codec", [0, 1])
def test_time_finds_the_record_inside_its_batch(partition: Partition, codec: int) -> None:
    # LOFF-03, LOFF-04
    append(partition, timed_batch(10, 20, 30, codec=codec))
    append(partition, timed_batch(40, 50, codec=codec))
    assert partition.offset_for_time(0, False) == (0, 10, 0)
    assert partition.offset_for_time(21, False) == (2, 30, 0)
    assert partition.offset_for_time(31, True) == (3, 40, 0)
    assert partition.offset_for_time(51, False) is None


def test_time_in_an_empty_partition(partition: Partition) -> None:
    # LOFF-04, LOFF-06
    assert partition.offset_for_time(0, False) is None
    assert partition.offset_of_max_timestamp() is None


def test_earlier_offset_wins_among_times_out_of_order(partition: Partition) -> None:
    # LOFF-14
    append(partition, timed_batch(100, 500, 200))
    append(partition, timed_batch(300))
    assert partition.offset_for_time(250, False) == (1, 500, 0)
    assert partition.offset_for_time(150, False) == (1, 500, 0)


def test_time_ignores_deleted_records(partition: Partition) -> None:
    # LOFF-02, LOFF-03
    append(partition, timed_batch(10, 20, 30))
    partition.delete_records(2)
    assert partition.offset_for_time(0, False) == (2, 30, 0)
    assert partition.offset_of_max_timestamp() == (2, 30, 0)
    partition.delete_records(3)
    assert partition.offset_for_time(0, False) is None
    assert partition.offset_of_max_timestamp() is None


@pytest.mark.parametrize("codec", [0, 1])
def test_largest_timestamp(partition: Partition, codec: int) -> None:
    # LOFF-06, LOFF-07: the first of several
    for times in ((5, 9), (9, 30, 30), (30,), (2,)):
        append(partition, timed_batch(*times, codec=codec))
    assert partition.offset_of_max_timestamp() == (3, 30, 0)


def test_largest_timestamp_of_a_log_append_time_topic(store: Store) -> None:
    # LOFF-07
    partition = open_partition(store, LogConfig(message_timestamp_type="LogAppendTime"))
    append(partition, a_batch(2), NOW_MS)
    append(partition, a_batch(3), NOW_MS + 1)
    append(partition, a_batch(2), NOW_MS + 1)
    assert partition.offset_of_max_timestamp() == (2, NOW_MS + 1, 0)
    assert partition.offset_for_time(NOW_MS + 1, False) == (2, NOW_MS + 1, 0)


def test_time_gives_the_epoch_of_the_batch(tmp_path: Path) -> None:
    # LOFF-03
    store = open_store(tmp_path)
    append(open_partition(store, epoch=1), timed_batch(10))
    store.close()
    store = open_store(tmp_path)
    partition = open_partition(store, epoch=4)
    append(partition, timed_batch(20))
    assert partition.offset_for_time(5, False) == (0, 10, 1)
    assert partition.offset_for_time(15, False) == (1, 20, 4)
    store.close()


Times = st.lists(st.lists(st.integers(-1, 60), min_size=1, max_size=4), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(Times, st.integers(0, 30), st.booleans())
def test_time_look_ups_agree_with_a_list(batches: list[list[int]], start: int, restart: bool) -> None:
    # LOFF-03, LOFF-04, LOFF-06, LOFF-14
    config = LogConfig(segment_bytes=250, index_interval_bytes=60)
    with TemporaryDirectory() as directory:
        store = open_store(Path(directory))
        partition = open_partition(store, config)
        for times in batches:
            append(partition, timed_batch(*times))
        partition.delete_records(min(start, partition.high_watermark))
        if restart:
            store.close()
            store = open_store(Path(directory))
            partition = open_partition(store, config)
        left = [record for record in records(partition) if record.offset >= partition.log_start_offset]
        for timestamp in range(62):
            found = partition.offset_for_time(timestamp, False)
            assert (found and found[:2]) == first_by_time(left, timestamp)
        newest = partition.offset_of_max_timestamp()
        largest = max((record.timestamp for record in left), default=-1)
        assert (newest and newest[:2]) == (first_by_time(left, largest) if largest >= 0 else None)
        store.close()


# -- Leader epochs


def test_end_offsets_of_epochs(tmp_path: Path) -> None:
    # OFLE-01, OFLE-02, OFLE-03, OFLE-04
    store = open_store(tmp_path)
    for epoch, count in ((2, 5), (3, 1), (7, 4)):
        append(open_partition(store, epoch=epoch), a_batch(count))
        store.close()
        store = open_store(tmp_path)
    partition = open_partition(store, epoch=7)
    assert partition.end_offset_for_epoch(7) == (7, 10)
    assert [partition.end_offset_for_epoch(epoch) for epoch in (2, 3, 4, 6)] == [(2, 5), (3, 6), (3, 6), (3, 6)]
    assert [partition.end_offset_for_epoch(epoch) for epoch in (0, 1)] == [(0, 0), (1, 0)]
    assert [partition.end_offset_for_epoch(epoch) for epoch in (8, 99, -1)] == [(-1, -1)] * 3
    assert [partition.epoch_at(offset) for offset in (0, 4, 5, 6, 9, 10)] == [2, 2, 3, 7, 7, 7]
    store.close()


def test_current_epoch_of_an_empty_partition(store: Store) -> None:
    # OFLE-01
    partition = open_partition(store, epoch=3)
    assert partition.end_offset_for_epoch(3) == (3, 0)
    assert partition.end_offset_for_epoch(2) == (2, 0)


def test_an_epoch_without_records_gives_way(tmp_path: Path) -> None:
    # OFLE-02
    store = open_store(tmp_path)
    append(open_partition(store, epoch=1), a_batch(2))
    for epoch in (2, 3):
        store.close()
        store = open_store(tmp_path)
        partition = open_partition(store, epoch=epoch)
    assert partition.end_offset_for_epoch(1) == (1, 2)
    assert partition.end_offset_for_epoch(2) == (1, 2)
    store.close()


def test_deleted_records_take_their_epochs_along(tmp_path: Path) -> None:
    # OFLE-04
    store = open_store(tmp_path)
    append(open_partition(store, epoch=1), a_batch(4))
    store.close()
    store = open_store(tmp_path)
    partition = open_partition(store, epoch=2)
    append(partition, a_batch(4))
    partition.delete_records(6)
    assert (tmp_path / "t-0" / "leader-epoch-checkpoint").read_text() == "0\n1\n2 6\n"
    assert partition.end_offset_for_epoch(1) == (1, 6)
    store.close()


# -- DeleteRecords


def test_delete_records_moves_the_start(store: Store) -> None:
    # TOP-21, FET-36
    partition = filled(store, batches=4)
    assert partition.delete_records(7) == 7
    assert partition.log_start_offset == 7
    assert out_of_range(partition, 6)
    assert offsets(fetch(partition, 7)) == [6, 9]


def test_delete_records_up_to_the_high_watermark(store: Store) -> None:
    # TOP-22, TOP-26
    partition = filled(store, batches=4)
    assert partition.delete_records(-1) == 12
    assert append(partition, a_batch()) == 12


@pytest.mark.parametrize("offset", [-2, 13, 2**40])
def test_delete_records_outside_the_log(store: Store, offset: int) -> None:
    # TOP-22
    partition = filled(store, batches=4)
    with pytest.raises(KafkaError) as caught:
        partition.delete_records(offset)
    assert caught.value.code == errors.OFFSET_OUT_OF_RANGE
    assert partition.log_start_offset == 0


def test_delete_records_below_the_start_changes_nothing(store: Store) -> None:
    # TOP-23
    partition = filled(store, batches=4)
    partition.delete_records(7)
    assert partition.delete_records(3) == 7
    assert partition.log_start_offset == 7


def test_delete_records_of_a_compacted_topic(store: Store) -> None:
    # TOP-24
    partition = filled(store, LogConfig(cleanup_policy=("compact",)))
    with pytest.raises(KafkaError) as caught:
        partition.delete_records(1)
    assert caught.value.code == errors.POLICY_VIOLATION
    partition.reconfigure(LogConfig(cleanup_policy=("compact", "delete")))
    assert partition.delete_records(1) == 1


@pytest.mark.parametrize("up_to", [5, 12])
@pytest.mark.parametrize("killed", [False, True])
def test_start_survives_a_restart(tmp_path: Path, up_to: int, killed: bool) -> None:
    # TOP-25, TOP-26, STO-09: after a kill, too, once the second until the checkpoint is over
    store = open_store(tmp_path)
    partition = filled(store, LogConfig(segment_bytes=400), batches=4)
    partition.delete_records(up_to)
    if killed:
        store.env.clock.advance(1000)  # type: ignore[attr-defined]
        kill(store)
    else:
        store.close()
    assert (tmp_path / "log-start-offset-checkpoint").read_text() == f"0\n1\nt 0 {up_to}\n"
    store = open_store(tmp_path)
    partition = open_partition(store)
    assert (partition.log_start_offset, partition.log_end_offset) == (up_to, 12)
    assert append(partition, a_batch()) == 12
    store.close()


# -- Everything at random, against a list


class LogAgainstAList(RuleBasedStateMachine):
    """The model: the stored batches as (base offset, bytes) and the log's start."""

    @initialize(segment_bytes=st.integers(200, 900), interval=st.sampled_from([1, 100, 4096]))
    def begin(self, segment_bytes: int, interval: int) -> None:
        self.directory = TemporaryDirectory()
        self.config = LogConfig(segment_bytes=segment_bytes, index_interval_bytes=interval)
        self.batches: list[tuple[int, bytes]] = []
        self.start = self.end = 0
        self.open()

    def open(self) -> None:
        self.store = open_store(Path(self.directory.name))
        self.partition = open_partition(self.store, self.config)

    @rule(count=st.integers(1, 4), size=st.integers(0, 20), times=st.integers(1, 6))
    def append(self, count: int, size: int, times: int) -> None:
        for _ in range(times):
            batch = a_batch(count, value=b"v" * size)
            assert append(self.partition, batch) == self.end
            self.batches.append((self.end, bytes(batch[16:])))
            self.end += count

    @rule(where=st.floats(0, 1))
    def delete(self, where: float) -> None:
        offset = round(where * self.end)
        self.start = max(self.start, offset)
        assert self.partition.delete_records(offset) == self.start

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.open()

    @rule()
    def crash(self) -> None:
        self.store.directories[0].checkpoint()
        kill(self.store)
        self.open()

    @precondition(lambda self: self.batches)
    @rule(lost=st.sampled_from([".index", ".timeindex", ".snapshot"]))
    def lose(self, lost: str) -> None:
        # STO-25
        self.store.close()
        for path in Path(self.directory.name).glob(f"t-0/*{lost}"):
            path.unlink()
        self.open()

    @rule(where=st.floats(0, 1), limit=st.integers(0, 1500), at_least_one=st.booleans())
    def read(self, where: float, limit: int, at_least_one: bool) -> None:
        offset = self.start + round(where * (self.end - self.start))
        expected = [b for at, (base, b) in enumerate(self.batches) if self.next_offset(at) > offset]
        content = fetch(self.partition, offset, limit, at_least_one=at_least_one)
        whole = b"".join(bytes(16) + b for b in expected)
        if not expected:
            assert content == b""
        elif len(expected[0]) + 16 <= limit:
            assert len(content) == min(limit, len(whole))
        else:
            assert len(content) == (len(expected[0]) + 16 if at_least_one else 0)
        at = 0
        for batch in expected:
            length = len(batch) + 16
            if at + length > len(content):
                break
            assert content[at + 16 : at + length] == batch
            at += length

    def next_offset(self, at: int) -> int:
        return self.batches[at + 1][0] if at + 1 < len(self.batches) else self.end

    @invariant()
    def ends_agree(self) -> None:
        assert (self.partition.log_start_offset, self.partition.log_end_offset) == (self.start, self.end)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            found = [bytes(batch[16:]) for batch in self.partition.batches()]
            kept = [b for at, (_, b) in enumerate(self.batches) if self.next_offset(at) > self.start]
            assert found == kept
            self.store.close()
            self.directory.cleanup()


TestLogAgainstAList = LogAgainstAList.TestCase
TestLogAgainstAList.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_batches_for_replay(store: Store) -> None:
    # large ones, small ones, and a start in the middle
    partition = open_partition(store, LogConfig(max_message_bytes=10**7, segment_bytes=4 * 10**6))
    sizes = [10, 3 * 10**6, 20, 10**6, 30]
    for size in sizes:
        partition.append_own(batch_of([Record(0, NOW_MS, b"k", b"v" * size)]))
    assert [len(record.value or b"") for record in records_in(partition.batches())] == sizes
    assert [record.offset for record in records_in(partition.batches(3))] == [3, 4]
    assert list(partition.batches(5)) == []
    assert headers(fetch(partition, 1, 10))[0].length > 3 * 10**6
