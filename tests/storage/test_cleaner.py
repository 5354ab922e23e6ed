"""Cleanings of real logs: what is there afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from pykbroker.env import Env
from pykbroker.later import Later
from pykbroker.storage.cleaner import Cleaned
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.wire.batch import header
from pykbroker.wire.records import Record, batch_of
from tests.fakes import NOW_MS, FakeClock, HeldWorkers, InlineWorkers, SeededRandom, fake_env
from tests.storage.builders import append, fetch, open_partition, open_store
from tests.storage.compacting import Cleaning, batches, cleaned, compacted, contents, names, put, roll

T = TypeVar("T")

DAY_MS = 86400000


@pytest.fixture
def partition(store: Store) -> Partition:
    return open_partition(store, compacted())


# -- What stays


def test_the_last_record_of_each_key_stays_where_it_was(env: Env, partition: Partition) -> None:
    """STO-19"""
    put(partition, (b"a", b"1"), (b"b", b"1"), (b"a", b"2"))
    put(partition, (b"b", b"2"), (b"c", b"1"))
    put(partition, (b"a", b"3"))
    roll(partition)
    done = cleaned(env, partition)
    assert contents(partition) == [(3, b"b", b"2"), (4, b"c", b"1"), (5, b"a", b"3")]
    assert (done.first_dirty_offset, done.keys, done.records_read, done.records_written) == (6, 3, 6, 3)
    assert partition.log_end_offset == 6


def test_gaps_are_visible(env: Env, partition: Partition) -> None:
    """STO-19"""
    put(partition, (b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"d", b"1"))
    put(partition, (b"a", b"2"), (b"d", b"2"))
    roll(partition)
    cleaned(env, partition)
    first, second = (batch for batch, _ in batches(partition))
    assert (first.base_offset, first.last_offset, first.count) == (0, 3, 2)
    assert (second.base_offset, second.last_offset, second.count) == (4, 5, 2)


@pytest.mark.parametrize("codec", range(5))
def test_records_stay_as_they_were(env: Env, partition: Partition, codec: int) -> None:
    put(partition, *((b"k%d" % number, b"v" * number) for number in range(20)), codec=codec, leader_epoch=3)
    before = batches(partition)[0]
    put(partition, (b"k7", b"new"))
    roll(partition)
    cleaned(env, partition)
    batch, records = batches(partition)[0]
    assert records == [record for record in before[1] if record.key != b"k7"]
    assert (batch.codec, batch.leader_epoch, batch.max_timestamp) == (codec, 0, NOW_MS)


def test_a_batch_that_stays_whole_is_copied_byte_for_byte(env: Env, partition: Partition) -> None:
    append(partition, batch_of([Record(0, NOW_MS, b"a", b"x" * 500)], codec=1, level=9))
    put(partition, (b"b", b"1"))
    roll(partition)
    before = fetch(partition, 0)
    cleaned(env, partition)
    assert fetch(partition, 0) == before


def test_the_timestamp_of_a_thinned_batch_is_that_of_what_is_left(env: Env, partition: Partition) -> None:
    records = [Record(index, NOW_MS - index, key, b"v") for index, key in enumerate([b"a", b"b", b"c"])]
    append(partition, batch_of(records))
    put(partition, (b"a", b"2"), timestamp=NOW_MS - 10)
    roll(partition)
    cleaned(env, partition)
    batch, left = batches(partition)[0]
    assert batch.max_timestamp == NOW_MS - 1
    assert left == records[1:]
    assert partition.log.segments[0].max_timestamp == NOW_MS - 1
    assert partition.offset_for_time(NOW_MS - 1, False) == (1, NOW_MS - 1, 0)


def test_log_append_time_stays(env: Env, store: Store) -> None:
    partition = open_partition(store, compacted(message_timestamp_type="LogAppendTime"))
    partition.append(memoryview(batch_of([Record(0, 5, b"a", b"1"), Record(1, 6, b"b", None)])), NOW_MS)
    partition.append(memoryview(batch_of([Record(0, 7, b"a", b"2")])), NOW_MS + 1)
    roll(partition)
    cleaned(env, partition)
    first, second = batches(partition)
    assert first[0].is_log_append_time and first[0].has_delete_horizon
    assert [(record.offset, record.timestamp) for record in first[1]] == [(1, NOW_MS)]
    assert [(record.offset, record.timestamp) for record in second[1]] == [(2, NOW_MS + 1)]


def test_records_without_a_key_go(env: Env, store: Store) -> None:
    """STO-23"""
    partition = open_partition(store, LogConfig())
    put(partition, (None, b"1"), (b"a", b"1"), (None, None))
    put(partition, (None, b"2"))
    put(partition, (b"b", b"1"))
    partition.reconfigure(compacted())
    roll(partition)
    cleaned(env, partition)
    assert contents(partition) == [(1, b"a", b"1"), (4, b"b", b"1")]


def test_the_active_segment_is_not_touched(env: Env, partition: Partition) -> None:
    """STO-20"""
    put(partition, (b"a", b"1"))
    roll(partition)
    put(partition, (b"b", b"1"))
    put(partition, (b"b", b"2"))
    put(partition, (b"a", b"2"))
    done = cleaned(env, partition)
    assert done.first_dirty_offset == 1
    assert [offset for offset, _, _ in contents(partition)] == [0, 1, 2, 3]


def test_the_end_of_what_was_cleaned_stays_known(env: Env, clock: FakeClock, partition: Partition) -> None:
    """The last batch of a round stays, if need be without records, so that offsets never go back."""
    put(partition, (b"a", b"1"))
    put(partition, (b"a", None))
    roll(partition)
    first = cleaned(env, partition)
    clock.advance(2 * DAY_MS)
    put(partition, (b"b", b"1"), timestamp=env.clock.now_ms())
    partition._roll(env.clock.now_ms())
    cleaned(env, partition, first.first_dirty_offset)
    assert [(batch.base_offset, batch.count) for batch, _ in batches(partition)] == [(2, 1)]
    partition.delete_old_segments(env.clock.now_ms())
    assert partition.log_end_offset == 3


def test_a_log_of_deletes_ends_where_it_did(env: Env, clock: FakeClock, partition: Partition) -> None:
    put(partition, (b"a", b"1"))
    put(partition, (b"a", None))
    roll(partition)
    cleaned(env, partition)
    clock.advance(2 * DAY_MS)
    cleaned(env, partition, 0)
    assert [(batch.base_offset, batch.count) for batch, _ in batches(partition)] == [(1, 0)]
    assert partition.offset_for_time(0, False) is None


# -- Deletes


def test_a_delete_outlives_what_it_deletes_by_the_retention(env: Env, clock: FakeClock, partition: Partition) -> None:
    """STO-21"""
    put(partition, (b"a", b"1"), (b"b", b"1"))
    put(partition, (b"a", None), (b"c", b"1"))
    put(partition, (b"d", b"1"))
    roll(partition)
    cleaned(env, partition)
    assert contents(partition) == [(1, b"b", b"1"), (2, b"a", None), (3, b"c", b"1"), (4, b"d", b"1")]
    batch, records = batches(partition)[1]
    assert batch.has_delete_horizon
    assert batch.base_timestamp == NOW_MS + DAY_MS
    assert [record.timestamp for record in records] == [NOW_MS, NOW_MS]
    assert [batch.has_delete_horizon for batch, _ in batches(partition)] == [False, True, False]

    clock.advance(DAY_MS - 1)
    cleaned(env, partition, 0)
    assert batches(partition)[1][0].base_timestamp == NOW_MS + DAY_MS
    assert len(contents(partition)) == 4

    clock.advance(1)
    cleaned(env, partition, 0)
    assert contents(partition) == [(1, b"b", b"1"), (3, b"c", b"1"), (4, b"d", b"1")]


def test_a_deleted_key_that_comes_back_is_there(env: Env, clock: FakeClock, partition: Partition) -> None:
    put(partition, (b"a", None))
    roll(partition)
    first = cleaned(env, partition)
    put(partition, (b"a", b"again"))
    put(partition, (b"b", b"1"))
    roll(partition)
    clock.advance(2 * DAY_MS)
    cleaned(env, partition, first.first_dirty_offset)
    assert contents(partition) == [(1, b"a", b"again"), (2, b"b", b"1")]


@pytest.mark.parametrize("codec", range(5))
def test_horizons_keep_the_times_of_records(env: Env, partition: Partition, codec: int) -> None:
    records = [Record(index, NOW_MS - 100 * index, b"k%d" % index, b"v", [("h", b"1")]) for index in range(9)]
    records[4] = Record(4, NOW_MS - 400, b"k4", None)
    append(partition, batch_of(records, codec=codec))
    put(partition, (b"k0", b"2"))
    roll(partition)
    cleaned(env, partition)
    batch, left = batches(partition)[0]
    assert left == records[1:]
    assert (batch.codec, batch.has_delete_horizon, batch.max_timestamp) == (codec, True, NOW_MS - 100)


# -- Rounds


def test_what_the_table_has_no_room_for_is_left_for_the_next_round(env: Env, partition: Partition) -> None:
    put(partition, *((b"k%d" % (number % 6), b"1") for number in range(12)))
    put(partition, (b"k0", b"2"))
    roll(partition)
    first_dirty, rounds = 0, []
    while first_dirty < 13:
        done = cleaned(env, partition, first_dirty, most_keys=4)
        assert done.keys <= 4
        assert done.first_dirty_offset > first_dirty
        first_dirty = done.first_dirty_offset
        rounds.append(first_dirty)
        assert {key: value for _, key, value in contents(partition)}[b"k0"] == b"2"
    assert len(rounds) > 2
    assert [offset for offset, _, _ in contents(partition)] == [7, 8, 9, 10, 11, 12]


def test_a_table_for_one_key_is_enough(env: Env, partition: Partition) -> None:
    put(partition, (b"a", b"1"), (b"b", b"1"), (b"b", b"2"), (b"a", b"2"))
    roll(partition)
    first_dirty = 0
    while first_dirty < 4:
        first_dirty = cleaned(env, partition, first_dirty, most_keys=1).first_dirty_offset
    assert [offset for offset, _, _ in contents(partition)] == [2, 3]


def test_a_second_round_looks_at_clean_segments_again(env: Env, partition: Partition) -> None:
    put(partition, (b"a", b"1"), (b"b", b"1"))
    roll(partition)
    first = cleaned(env, partition)
    put(partition, (b"a", b"2"))
    roll(partition)
    second = cleaned(env, partition, first.first_dirty_offset)
    assert contents(partition) == [(1, b"b", b"1"), (2, b"a", b"2")]
    assert second == Cleaned(3, 1, second.bytes_read, second.bytes_written, 3, 2)


def test_a_gap_before_the_next_segment_is_clean_too(env: Env, clock: FakeClock, partition: Partition) -> None:
    put(partition, (b"a", b"1"))
    put(partition, (b"b", b"x" * 500))
    roll(partition)
    put(partition, (b"b", b"2"), timestamp=NOW_MS + 1000)
    roll(partition)
    partition.reconfigure(compacted(segment_bytes=600))
    cleaned(env, partition)
    assert [batch.base_offset for batch, _ in batches(partition)] == [0, 2]
    partition.reconfigure(compacted(segment_bytes=600, min_compaction_lag_ms=1000))
    clock.advance(1500)
    assert cleaned(env, partition, 0).first_dirty_offset == 2


def test_a_batch_may_be_larger_than_what_is_read_at_once(env: Env, store: Store) -> None:
    partition = open_partition(store, compacted(max_message_bytes=1 << 22))
    put(partition, (b"a", b"1"), (b"b", bytes(3 << 20)))
    put(partition, (b"a", b"2"), (b"c", bytes(1 << 20)))
    roll(partition)
    cleaned(env, partition)
    assert [(offset, key) for offset, key, _ in contents(partition)] == [(1, b"b"), (2, b"a"), (3, b"c")]


class CountingWorkers(InlineWorkers):
    """Counts what it is given to do."""

    calls = 0

    def submit(self, call: Callable[[], T]) -> Later[T]:
        self.calls += 1
        return super().submit(call)


@pytest.mark.parametrize(("nbytes", "calls"), [(1000, 0), (100_000, 3)])
def test_large_batches_are_for_workers(env: Env, partition: Partition, nbytes: int, calls: int) -> None:
    """Decompressed twice, compressed once; nobody else would get a turn meanwhile."""
    noise = env.random.bytes(nbytes)
    put(partition, (b"a", b"1"), (b"b", noise), codec=4)
    put(partition, (b"a", b"2"))
    roll(partition)
    env.workers = workers = CountingWorkers()
    cleaned(env, partition)
    assert workers.calls == calls + 6  # read twice, written, settled, names synced twice
    assert [value for _, _, value in contents(partition)] == [noise, b"2"]


def test_a_log_without_dirty_segments_is_left_alone(env: Env, partition: Partition) -> None:
    put(partition, (b"a", b"1"))
    assert cleaned(env, partition) == Cleaned(0, 0, 0, 0, 0, 0)


# -- Segments


def test_small_segments_become_one(env: Env, partition: Partition) -> None:
    for number in range(6):
        put(partition, (b"k%d" % number, b"v"))
        roll(partition)
    put(partition, (b"x", b"v"))
    cleaned(env, partition)
    assert partition.log.bases == [0, 6]
    assert len(contents(partition)) == 7


def test_segments_are_not_made_larger_than_they_may_be(env: Env, partition: Partition) -> None:
    for number in range(6):
        put(partition, (b"k%d" % number, b"v"))
        roll(partition)
    size = partition.log.segments[0].size
    partition.reconfigure(compacted(segment_bytes=2 * size))
    cleaned(env, partition)
    assert partition.log.bases == [0, 2, 4, 6]


def test_a_segment_of_which_nothing_is_left_stays_as_a_name(env: Env, partition: Partition) -> None:
    put(partition, (b"a", b"1" * 500))
    roll(partition)
    put(partition, (b"a", b"2"))
    roll(partition)
    partition.reconfigure(compacted(segment_bytes=600))
    cleaned(env, partition)
    assert partition.log.bases == [0, 1, 2]
    assert contents(partition) == [(1, b"a", b"2")]
    assert partition.log_start_offset == 0
    assert fetch(partition, 0)
    cleaned(env, partition, 0)
    assert partition.log.bases == [0, 2]


def test_indexes_are_those_that_a_rebuild_makes(env: Env, partition: Partition) -> None:
    for number in range(60):
        put(partition, (b"k%d" % (number % 40), b"v" * 30), (b"k%d" % number, b"w"), timestamp=NOW_MS + number)
    roll(partition)
    cleaned(env, partition)
    segment = partition.log.segments[0]
    files = [Path(segment.path_of(kind)).read_bytes() for kind in (".index", ".timeindex")]
    assert len(files[0]) > 8 and len(files[1]) > 12
    segment.rebuild_indexes()
    segment.finish()
    assert files == [bytes(segment.offsets.entries), bytes(segment.times.entries)]
    for offset, _, _ in contents(partition):
        assert header(fetch(partition, offset)).last_offset >= offset


def test_replaced_files_are_erased_later(env: Env, clock: FakeClock, partition: Partition) -> None:
    """STO-17"""
    put(partition, (b"a", b"1"))
    roll(partition)
    put(partition, (b"a", b"2"))
    roll(partition)
    cleaning = Cleaning(env, partition)
    clock.advance(0)
    assert sorted(Path(path).name for path in cleaning.erased) == [
        f"{base:020d}{kind}.deleted" for base in (0, 1) for kind in (".index", ".log", ".timeindex")
    ]
    assert all(Path(path).exists() for path in cleaning.erased)
    assert not [name for name in names(partition) if name.endswith((".cleaned", ".swap"))]


def test_what_a_cleaning_leaves_survives_a_restart(tmp_path: Path) -> None:
    """STO-27"""
    env = fake_env()
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    for number in range(30):
        put(partition, (b"k%d" % (number % 4), b"%d" % number))
        if number % 7 == 6:
            roll(partition)
    cleaned(env, partition)
    before = contents(partition)
    store.close()
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    assert contents(partition) == before
    assert not [name for name in names(partition) if name.endswith((".deleted", ".cleaned", ".swap"))]
    store.close()


def test_files_are_not_kept_open(tmp_path: Path, clock: FakeClock) -> None:
    workers = HeldWorkers()
    env = Env(clock, fake_env().files, workers, SeededRandom(1))
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    for number in range(20):
        put(partition, (b"k%d" % number, b"v"))
        roll(partition)
    workers.release()
    old = partition.log.segments[:-1]
    cleaning = Cleaning(env, partition)
    most = 0
    while not cleaning.result.done:
        clock.advance(0)
        workers.release()
        most = max(most, sum(segment._file is not None for segment in {*old, *partition.log.segments}))
    assert most <= 3
    assert sum(segment._file is not None for segment in {*old, *partition.log.segments}) <= 1
    store.close()
