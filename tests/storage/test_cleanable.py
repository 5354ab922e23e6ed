"""What may be cleaned, when, and in which pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pykbroker.storage.cleanable import Cleanable, cleanable, filthiest, groups
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.segment import Segment
from pykbroker.storage.store import Store
from tests.fakes import NOW_MS, HeldWorkers, SeededRandom, fake_env
from tests.storage.builders import open_partition, open_store
from tests.storage.compacting import compacted, put, roll
from tests.storage.transactional import COMMIT, end, send


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "logs")
    yield store
    store.close()


@pytest.fixture
def partition(store: Store) -> Partition:
    """Five segments of one record, which were written one hour after the other; the last one is the active one."""
    partition = open_partition(store, compacted())
    for number in range(5):
        if number:
            roll(partition)
        put(partition, (b"a", b"v"), timestamp=NOW_MS + HOUR_MS * number)
    return partition


HOUR_MS = 3600000


def todo(partition: Partition, first_dirty: int | None = None, *, hours: float = 100) -> Cleanable:
    now_ms = NOW_MS + int(hours * HOUR_MS)
    return cleanable(partition.log, partition.last_stable_offset, first_dirty, now_ms)


def test_everything_but_the_active_segment_is_dirty_at_first(partition: Partition) -> None:
    """STO-20"""
    found = todo(partition)
    size = partition.log.segments[0].size
    assert (found.first_dirty_offset, found.first_uncleanable_offset) == (0, 4)
    assert (found.clean_bytes, found.dirty_bytes, found.dirty_ratio) == (0, 4 * size, 1.0)


def test_what_was_cleaned_is_clean(partition: Partition) -> None:
    found = todo(partition, 3)
    size = partition.log.segments[0].size
    assert (found.clean_bytes, found.dirty_bytes, found.dirty_ratio) == (3 * size, size, 0.25)


def test_without_dirty_segments_there_is_nothing_to_do(partition: Partition) -> None:
    assert todo(partition, 4).dirty_bytes == 0
    assert todo(partition, 5).dirty_bytes == 0
    assert not todo(partition, 5).is_due


def test_an_empty_log_is_never_due(store: Store) -> None:
    found = todo(open_partition(store, compacted(min_cleanable_dirty_ratio=0.0)))
    assert not found.is_due
    assert found.dirty_ratio == 0


@pytest.mark.parametrize("outside", [-1, 1, 6, 1000])
def test_a_first_dirty_offset_outside_the_log_means_the_whole_log(partition: Partition, outside: int) -> None:
    partition.log.start_offset = 2
    assert todo(partition, outside).first_dirty_offset == 2


def test_open_transactions_end_what_can_be_cleaned(store: Store) -> None:
    """STO-20"""
    partition = open_partition(store, compacted())
    put(partition, (b"a", b"v"))
    roll(partition)
    put(partition, (b"a", b"v"))
    send(partition, 1, 0)
    roll(partition)
    put(partition, (b"a", b"v"))
    roll(partition)
    put(partition, (b"a", b"v"))
    assert todo(partition).first_uncleanable_offset == 1
    end(partition, 1, COMMIT)
    assert todo(partition).first_uncleanable_offset == 4


def test_young_segments_are_not_cleaned(partition: Partition) -> None:
    """STO-20"""
    partition.reconfigure(compacted(min_compaction_lag_ms=2 * HOUR_MS))
    assert todo(partition, hours=3).first_uncleanable_offset == 2
    assert todo(partition, hours=1.5).first_uncleanable_offset == 0
    assert todo(partition, hours=2).first_uncleanable_offset == 1
    assert todo(partition, hours=10).first_uncleanable_offset == 4


def test_segments_without_timestamps_are_as_old_as_their_files(store: Store) -> None:
    partition = open_partition(store, compacted(min_compaction_lag_ms=HOUR_MS))
    put(partition, (b"a", b"v"), timestamp=-1)
    roll(partition)
    put(partition, (b"a", b"v"))
    written_ms = int(Path(partition.log.segments[0].path_of(".log")).stat().st_mtime * 1000)
    late = cleanable(partition.log, 2, None, written_ms + 2 * HOUR_MS)
    early = cleanable(partition.log, 2, None, written_ms + HOUR_MS // 2)
    assert (early.first_uncleanable_offset, late.first_uncleanable_offset) == (0, 1)


def test_a_log_is_due_when_enough_of_it_is_dirty(partition: Partition) -> None:
    """STO-20"""
    partition.reconfigure(compacted(min_cleanable_dirty_ratio=0.5))
    assert not todo(partition, 2).is_due  # exactly a half
    assert todo(partition, 1).is_due


def test_a_log_is_due_when_a_dirty_record_is_too_old(partition: Partition) -> None:
    """STO-20"""
    partition.reconfigure(compacted(min_cleanable_dirty_ratio=1.0, max_compaction_lag_ms=HOUR_MS))
    assert not todo(partition, 3, hours=4).is_due
    assert todo(partition, 3, hours=4.1).is_due
    assert not todo(partition, 4, hours=1000).is_due


def test_the_time_of_a_first_batch_is_read_if_it_is_not_known(partition: Partition) -> None:
    partition.reconfigure(compacted(min_cleanable_dirty_ratio=1.0, max_compaction_lag_ms=HOUR_MS))
    for segment in partition.log.segments[:-1]:
        segment.release()
    assert not todo(partition, 3, hours=4).is_due
    assert todo(partition, 3, hours=4.1).is_due


def test_a_segment_that_is_being_saved_is_left_alone(tmp_path: Path) -> None:
    workers = HeldWorkers()
    env = fake_env()
    env.workers = workers
    env.random = SeededRandom()
    store = open_store(tmp_path / "held", env)
    partition = open_partition(store, compacted())
    put(partition, (b"a", b"v"))
    roll(partition)
    put(partition, (b"a", b"v"))
    assert todo(partition).first_uncleanable_offset == 0
    workers.release()
    assert todo(partition).first_uncleanable_offset == 1
    store.close()


def a_cleanable(clean: int, dirty: int, *, is_overdue: bool = False, min_ratio: float = 0.5) -> Cleanable:
    return Cleanable(0, 10, clean, dirty, is_overdue, min_ratio)


def test_the_filthiest_goes_first() -> None:
    """STO-20"""
    candidates = [("clean", a_cleanable(9, 1)), ("dirty", a_cleanable(1, 9)), ("so-so", a_cleanable(4, 6))]
    found = filthiest(candidates)
    assert found is not None and found[0] == "dirty"


def test_overdue_logs_need_not_be_filthy() -> None:
    found = filthiest([("clean", a_cleanable(9, 1)), ("overdue", a_cleanable(99, 1, is_overdue=True))])
    assert found is not None and found[0] == "overdue"


def test_nothing_is_cleaned_without_need() -> None:
    assert filthiest([("empty", a_cleanable(0, 0, is_overdue=True)), ("clean", a_cleanable(5, 5))]) is None


# -- Groups


def segments(*sizes_and_bases: tuple[int, int]) -> list[Segment]:
    found = []
    for size, base_offset in sizes_and_bases:
        segment = Segment(fake_env().files, "/nowhere", base_offset, 4096, 0)
        segment.size = size
        found.append(segment)
    return found


def grouped(found: list[Segment], end_offset: int, config: LogConfig) -> list[list[int]]:
    return [[segment.base_offset for segment in group] for group in groups(found, end_offset, config)]


def test_neighbours_are_grouped_by_size() -> None:
    found = segments((40, 0), (60, 10), (1, 20), (99, 30), (500, 40), (1, 50))
    assert grouped(found, 60, LogConfig(segment_bytes=100)) == [[0, 10], [20, 30], [40], [50]]


def test_a_group_spans_no_more_offsets_than_an_index_can() -> None:
    far = 1 << 31
    found = segments((10, 0), (10, far - 10), (10, far + 1), (10, far + 10))
    assert grouped(found, far + 20, LogConfig()) == [[0], [far - 10, far + 1, far + 10]]
    assert grouped(segments((10, 0), (10, 5)), far, LogConfig()) == [[0, 5]]
    assert grouped(segments((10, 0), (10, 5)), far + 1, LogConfig()) == [[0], [5]]


def test_empty_segments_join_any_group() -> None:
    far = 1 << 32
    assert grouped(segments((10, 0), (0, far), (0, 2 * far)), 3 * far, LogConfig()) == [[0, far, 2 * far]]


def test_a_group_needs_no_larger_index_than_a_segment_may_have() -> None:
    found = segments((4096, 0), (4096, 10), (4096, 20))
    assert grouped(found, 30, LogConfig(segment_index_bytes=24)) == [[0, 10], [20]]
    assert grouped(found, 30, LogConfig(segment_index_bytes=24, index_interval_bytes=0)) == [[0], [10], [20]]


def test_nothing_to_group() -> None:
    assert grouped([], 0, LogConfig()) == []
