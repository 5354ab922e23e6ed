"""Cleanings beside readers and writers, and their ends: good, early, bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from struct import pack_into

import pytest

from pykbroker.env import Env
from pykbroker.errors import KafkaError
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.segment import Segment
from pykbroker.storage.store import Store
from pykbroker.wire.batch import crc32c, header
from pykbroker.wire.records import Record, batch_of, records_of
from tests.fakes import NOW_MS, FakeClock, FakeTimer, HeldWorkers, SeededRandom, fake_env
from tests.storage.builders import fetch, open_partition, open_store
from tests.storage.compacting import Cleaning, cleaned, compacted, contents, names, put, roll


@pytest.fixture
def partition(store: Store) -> Partition:
    return open_partition(store, compacted())


# -- Beside the traffic


def test_reads_and_appends_go_on_all_the_while(tmp_path: Path, clock: FakeClock) -> None:
    workers = HeldWorkers()
    env = Env(clock, fake_env().files, workers, SeededRandom(1))
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted(segment_bytes=2000))
    for number in range(120):
        put(partition, *((b"k%d" % (each % 50), b"%d" % number) for each in range(number, number + 12)))
    workers.release()
    newest = {key: value for _, key, value in contents(partition)}
    cleaning = Cleaning(env, partition)
    seen = set()
    while not cleaning.result.done:
        now = contents(partition)
        assert {key: value for _, key, value in now} == newest
        seen.add(len(now))
        offset = put(partition, (b"new", b"%d" % len(seen)))
        newest[b"new"] = b"%d" % len(seen)
        assert header(fetch(partition, offset)).base_offset == offset
        clock.advance(0)
        workers.release()
    assert cleaning.result.result() is not None
    assert len(seen) > 3
    store.close()


def test_what_a_reader_has_found_stays_readable(env: Env, clock: FakeClock, partition: Partition) -> None:
    put(partition, (b"a", b"1"), (b"b", b"1"))
    put(partition, (b"a", b"2"))
    roll(partition)
    slices = partition.read(0, 1 << 20, at_least_one=True, committed=False).records
    walking = partition.batches()
    next(walking)
    cleaning = Cleaning(env, partition)
    clock.advance(0)
    for path in cleaning.erased:
        Path(path).unlink()
    assert [record.value for record in records_of(slices.read(), header(slices.read()))] == [b"1", b"1"]
    assert header(next(walking)).base_offset == 2
    assert contents(partition) == [(1, b"b", b"1"), (2, b"a", b"2")]


def test_a_late_reader_of_a_replaced_segment_makes_no_file(env: Env, partition: Partition) -> None:
    put(partition, (b"a", b"1"))
    roll(partition)
    put(partition, (b"a", b"2"))
    roll(partition)
    late = partition.log.segments[1]
    cleaned(env, partition)
    assert late.size
    late.release()
    assert next(late.headers())[1].base_offset == 1
    assert f"{1:020d}.log" not in names(partition)


class CountingClock(FakeClock):
    """Counts the turns of tasks."""

    turns = 0

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> FakeTimer:
        self.turns += delay_ms == 0
        return super().call_later(delay_ms, callback)


def test_turns_are_short(tmp_path: Path) -> None:
    clock = CountingClock()
    env = fake_env(clock)
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    put(partition, *((b"k%d" % number, b"v") for number in range(20000)))
    put(partition, *((b"k%d" % number, None) for number in range(0, 20000, 3)))
    roll(partition)
    cleaned(env, partition, most_keys=30000)
    # Each record is walked twice, what is left of the batches once more.
    assert clock.turns >= (2 * 26667 + 20000) // 500
    assert len(contents(partition)) == 20000
    store.close()


def test_the_speed_limit_spreads_the_work(env: Env, clock: FakeClock, partition: Partition) -> None:
    put(partition, (b"a", b"x" * 10000))
    roll(partition)
    cleaning = Cleaning(env, partition, bytes_per_second=10000)
    clock.advance(2900)  # three times 10 KB: the keys, the copying from and the copying to
    assert not cleaning.result.done
    clock.advance(300)
    assert cleaning.result.done


# -- Coming to an end


def stopped_after(turns: int, env: Env, clock: FakeClock, partition: Partition, workers: HeldWorkers) -> Cleaning:
    cleaning = Cleaning(env, partition)
    for _ in range(turns):
        clock.advance(0)
        workers.release()
    return cleaning


@pytest.mark.parametrize("turns", range(9))
def test_a_cleaning_stops_when_the_partition_is_closed(tmp_path: Path, clock: FakeClock, turns: int) -> None:
    workers = HeldWorkers()
    env = Env(clock, fake_env().files, workers, SeededRandom(1))
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    put(partition, (b"a", b"1"))
    roll(partition)
    put(partition, (b"a", b"2"))
    roll(partition)
    workers.release()
    cleaning = stopped_after(turns, env, clock, partition, workers)
    store.close()
    store = open_store(tmp_path / "logs", fake_env())
    partition = open_partition(store, compacted())
    for _ in range(10):
        clock.advance(0)
        workers.release()
    assert cleaning.result.done
    assert contents(partition)[-1] == (1, b"a", b"2")
    store.close()
    store = open_store(tmp_path / "logs", fake_env())
    partition = open_partition(store, compacted())
    assert contents(partition)[-1] == (1, b"a", b"2")
    store.close()


@pytest.mark.parametrize("turns", range(7))
def test_a_cleaning_stops_when_the_policy_changes(tmp_path: Path, clock: FakeClock, turns: int) -> None:
    workers = HeldWorkers()
    env = Env(clock, fake_env().files, workers, SeededRandom(1))
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    put(partition, (b"a", b"1"))
    put(partition, (b"a", b"2"))
    roll(partition)
    workers.release()
    cleaning = stopped_after(turns, env, clock, partition, workers)
    partition.reconfigure(LogConfig())
    before = contents(partition)
    while not cleaning.result.done:
        clock.advance(0)
        workers.release()
    # Once it is being put in place, that is brought to its end.
    assert contents(partition) == before
    assert (cleaning.result.result() is None) == (len(before) == 2)
    assert not [name for name in names(partition) if name.endswith((".cleaned", ".swap"))]
    store.close()


def test_a_cleaning_stops_when_its_segments_are_gone(tmp_path: Path, clock: FakeClock) -> None:
    workers = HeldWorkers()
    env = Env(clock, fake_env().files, workers, SeededRandom(1))
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted(cleanup_policy=("compact", "delete"), retention_bytes=0))
    put(partition, (b"a", b"1"))
    roll(partition)
    put(partition, (b"b", b"1"))
    workers.release()
    cleaning = stopped_after(3, env, clock, partition, workers)
    partition.delete_old_segments(NOW_MS)
    while not cleaning.result.done:
        clock.advance(0)
        workers.release()
    assert cleaning.result.result() is None
    assert not [name for name in names(partition) if name.endswith((".cleaned", ".swap"))]
    store.close()


def test_a_segment_that_is_deleted_while_it_is_put_in_place_stays_deleted(tmp_path: Path, clock: FakeClock) -> None:
    workers = HeldWorkers()
    env = Env(clock, fake_env().files, workers, SeededRandom(1))
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted(cleanup_policy=("compact", "delete"), retention_bytes=0))
    put(partition, (b"a", b"1"))
    roll(partition)
    put(partition, (b"b", b"1"))
    workers.release()
    cleaning = Cleaning(env, partition)
    while not any(name.endswith(".swap") for name in names(partition)):
        clock.advance(0)
        workers.release()
    partition.delete_old_segments(NOW_MS)
    while not cleaning.result.done:
        clock.advance(0)
        workers.release()
    assert partition.log_start_offset == partition.log.bases[0] == partition.log_end_offset
    left = [name for name in names(partition) if ".log" in name and not name.endswith(".deleted")]
    assert left == [f"{partition.log_end_offset:020d}.log"]
    store.close()


# -- Damage


def test_a_damaged_batch_is_not_made_good(env: Env, clock: FakeClock, partition: Partition) -> None:
    put(partition, (b"a", b"1"))
    put(partition, (b"a", b"2"))
    roll(partition)
    path = Path(partition.log.segments[0].path_of(".log"))
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    cleaning = Cleaning(env, partition)
    clock.advance(0)
    with pytest.raises(KafkaError, match=r"cannot clean .*t-0"):
        cleaning.result.result()
    assert path.read_bytes() == content
    assert not [name for name in names(partition) if name.endswith((".cleaned", ".swap"))]


def test_a_batch_with_something_behind_its_records_is_not_made_good(
    env: Env, clock: FakeClock, partition: Partition
) -> None:
    batch = batch_of([Record(0, NOW_MS, b"a", b"1")])
    batch += b"?"
    pack_into(">i", batch, 8, len(batch) - 12)
    pack_into(">I", batch, 17, crc32c(batch[21:], 0))
    partition.append_own(batch)
    roll(partition)
    cleaning = Cleaning(env, partition)
    clock.advance(0)
    with pytest.raises(KafkaError, match="1 bytes follow the last record"):
        cleaning.result.result()


def test_a_log_that_was_cut_short_is_not_cleaned(env: Env, clock: FakeClock, partition: Partition) -> None:
    put(partition, (b"a", b"1"))
    roll(partition)
    path = Path(partition.log.segments[0].path_of(".log"))
    path.write_bytes(path.read_bytes()[:-1])
    cleaning = Cleaning(env, partition)
    clock.advance(0)
    with pytest.raises(KafkaError, match="no batch at byte 0"):
        cleaning.result.result()


def test_a_cleaning_removes_what_an_earlier_one_left(env: Env, partition: Partition) -> None:
    put(partition, (b"a", b"1"))
    roll(partition)
    Path(partition.log.segments[0].path + ".log.cleaned").write_bytes(b"x" * 1000)
    before = contents(partition)
    cleaned(env, partition)
    assert contents(partition) == before


def test_a_full_disk_leaves_the_log_as_it_was(
    env: Env, clock: FakeClock, partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(partition, (b"a", b"1"))
    put(partition, (b"a", b"2"))
    roll(partition)
    before = contents(partition)

    def fails(segment: Segment) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Segment, "save_indexes", fails)
    cleaning = Cleaning(env, partition)
    clock.advance(0)
    with pytest.raises(OSError, match="No space left"):
        cleaning.result.result()
    assert contents(partition) == before
    assert not [name for name in names(partition) if name.endswith((".cleaned", ".swap"))]
    monkeypatch.undo()
    cleaned(env, partition)
    assert contents(partition) == [(1, b"a", b"2")]


def test_a_cleaned_segment_that_was_removed_replaces_nothing(tmp_path: Path, clock: FakeClock) -> None:
    workers = HeldWorkers()
    env = Env(clock, fake_env().files, workers, SeededRandom(1))
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    put(partition, (b"a", b"1"), (b"b", b"1"))
    roll(partition)
    workers.release()
    before = contents(partition)
    cleaning = stopped_after(4, env, clock, partition, workers)
    Path(partition.log.segments[0].path + ".log.cleaned").unlink()
    clock.advance(0)
    assert isinstance(cleaning.result.error, OSError)
    assert contents(partition) == before
    store.close()
