"""Old segments go: by time, by size, below the log's start; driven by the clock that the test moves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pykbroker.errors import KafkaError
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from tests.fakes import NOW_MS, FakeClock, HeldWorkers, fake_env
from tests.storage.builders import a_batch, append, fetch, kill, offsets, open_partition, open_store, records

BATCH = len(a_batch(2))
ONE_EACH = 2 * BATCH - 1
"""A segment size that has room for one batch of two records."""


def filled(store: Store, config: LogConfig, *timestamps: int) -> Partition:
    """A partition with a segment of two records for each timestamp."""
    partition = open_partition(store, config)
    for timestamp in timestamps:
        append(partition, a_batch(2, timestamp=timestamp))
    return partition


def files(path: Path, suffix: str = ".log") -> list[int]:
    return sorted(int(each.name.split(".")[0]) for each in (path / "t-0").iterdir() if each.name.endswith(suffix))


def test_segments_go_when_their_newest_record_is_too_old(tmp_path: Path) -> None:
    # STO-14, STO-16
    store = open_store(tmp_path)
    config = LogConfig(segment_bytes=ONE_EACH, retention_ms=1000)
    partition = filled(store, config, NOW_MS - 5000, NOW_MS - 1001, NOW_MS - 1000, NOW_MS)
    assert partition.delete_old_segments(NOW_MS) == 2
    assert (partition.log_start_offset, partition.log_end_offset) == (4, 8)
    assert offsets(fetch(partition, 4)) == [4, 6]
    with pytest.raises(KafkaError):
        fetch(partition, 3)
    assert partition.delete_old_segments(NOW_MS) == 0
    store.close()


def test_a_young_segment_protects_the_older_ones_behind_it(tmp_path: Path) -> None:
    # STO-14: oldest first, and no gaps
    store = open_store(tmp_path)
    config = LogConfig(segment_bytes=ONE_EACH, retention_ms=1000)
    partition = filled(store, config, NOW_MS, NOW_MS - 5000, NOW_MS - 5000)
    assert partition.delete_old_segments(NOW_MS) == 0
    store.close()


def test_the_active_segment_goes_too_and_offsets_go_on(tmp_path: Path) -> None:
    # STO-14, STO-16: the end offset never changes, also over a restart and a kill
    clock = FakeClock()
    store = open_store(tmp_path, fake_env(clock))
    config = LogConfig(segment_bytes=ONE_EACH, retention_ms=1000)
    partition = filled(store, config, NOW_MS, NOW_MS)
    clock.advance(1001)
    assert partition.delete_old_segments(clock.now_ms()) == 2
    assert (partition.log_start_offset, partition.log_end_offset, partition.size_bytes) == (4, 4, 0)
    assert partition.delete_old_segments(clock.now_ms()) == 0, "an empty active segment stays"
    kill(store)
    store = open_store(tmp_path)
    partition = open_partition(store, config)
    assert (partition.log_start_offset, partition.log_end_offset) == (4, 4)
    assert append(partition, a_batch(2)) == 4
    store.close()


def test_producers_are_known_when_all_their_records_are_gone(tmp_path: Path) -> None:
    # STO-27: a retry of what was stored, and then deleted, is still a retry
    clock = FakeClock()
    store = open_store(tmp_path, fake_env(clock))
    config = LogConfig(retention_ms=1000)
    partition = open_partition(store, config)
    append(partition, a_batch(2, producer=7))
    clock.advance(1001)
    assert partition.delete_old_segments(clock.now_ms()) == 1
    kill(store)
    partition = open_partition(open_store(tmp_path), config)
    assert append(partition, a_batch(2, producer=7)) == 0
    assert append(partition, a_batch(2, producer=7, sequence=2)) == 2


def test_no_limit_of_time(tmp_path: Path) -> None:
    # STO-14
    store = open_store(tmp_path)
    partition = filled(store, LogConfig(segment_bytes=ONE_EACH, retention_ms=-1), 0, 0, 0)
    assert partition.delete_old_segments(NOW_MS) == 0
    store.close()


def test_without_timestamps_the_last_write_counts(tmp_path: Path) -> None:
    # STO-14: as Kafka, which asks the file
    store = open_store(tmp_path)
    config = LogConfig(segment_bytes=ONE_EACH, retention_ms=1000)
    partition = filled(store, config, -1, -1, -1)
    for base, seconds in ((0, NOW_MS / 1000 - 2), (2, NOW_MS / 1000 - 0.5), (4, NOW_MS / 1000)):
        os.utime(tmp_path / "t-0" / f"{base:020d}.log", (seconds, seconds))
    assert partition.delete_old_segments(NOW_MS) == 1
    assert partition.log_start_offset == 2
    store.close()


@pytest.mark.parametrize(("limit", "left"), [(4 * BATCH, 4), (3 * BATCH, 3), (3 * BATCH - 1, 3), (BATCH, 1), (0, 0)])
def test_segments_go_while_the_rest_is_large_enough(tmp_path: Path, limit: int, left: int) -> None:
    # STO-15: what stays is at least the limit; with 0 all may go
    store = open_store(tmp_path)
    config = LogConfig(segment_bytes=ONE_EACH, retention_bytes=limit)
    partition = filled(store, config, *[NOW_MS] * 4)
    partition.delete_old_segments(NOW_MS)
    assert partition.size_bytes == left * BATCH
    assert partition.log_end_offset == 8
    store.close()


def test_no_limit_of_size(tmp_path: Path) -> None:
    # STO-15
    store = open_store(tmp_path)
    partition = filled(store, LogConfig(segment_bytes=ONE_EACH, retention_bytes=-1), *[NOW_MS] * 4)
    assert partition.delete_old_segments(NOW_MS) == 0
    store.close()


@pytest.mark.parametrize("policy", [("compact",), ("delete",), ("compact", "delete")])
def test_below_the_log_start_segments_go_under_every_policy(tmp_path: Path, policy: tuple[str, ...]) -> None:
    # STO-18, TOP-25
    store = open_store(tmp_path)
    config = LogConfig(segment_bytes=ONE_EACH)
    partition = filled(store, config, *[NOW_MS] * 4)
    partition.delete_records(5)
    partition.reconfigure(LogConfig(segment_bytes=ONE_EACH, cleanup_policy=policy))
    assert partition.delete_old_segments(NOW_MS) == 2
    assert (partition.log_start_offset, partition.log.bases) == (5, [4, 6])
    store.close()


def test_the_active_segment_stays_below_the_log_start(tmp_path: Path) -> None:
    # STO-16: it says where the log ends
    store = open_store(tmp_path)
    partition = filled(store, LogConfig(), NOW_MS)
    partition.delete_records(-1)
    assert partition.delete_old_segments(NOW_MS) == 0
    store.close()


@pytest.mark.parametrize("policy", [("compact",), ()])
def test_without_the_policy_delete_neither_age_nor_size_matters(tmp_path: Path, policy: tuple[str, ...]) -> None:
    # STO-18
    store = open_store(tmp_path)
    partition = filled(store, LogConfig(segment_bytes=ONE_EACH), 0, 0, 0)
    partition.reconfigure(
        LogConfig(segment_bytes=ONE_EACH, cleanup_policy=policy, retention_ms=1, retention_bytes=0)
    )
    assert partition.delete_old_segments(NOW_MS) == 0
    store.close()


def test_files_are_renamed_and_erased_after_the_delay(tmp_path: Path) -> None:
    # STO-17
    clock = FakeClock()
    store = open_store(tmp_path, fake_env(clock))
    config = LogConfig(segment_bytes=ONE_EACH, retention_bytes=0, file_delete_delay_ms=5000)
    partition = filled(store, config, NOW_MS, NOW_MS)
    partition.delete_old_segments(NOW_MS)
    assert files(tmp_path) == [4]
    assert files(tmp_path, ".log.deleted") == [0, 2]
    clock.advance(4999)
    assert files(tmp_path, ".log.deleted") == [0, 2]
    clock.advance(1)
    assert files(tmp_path, ".deleted") == []
    store.close()


def test_what_could_not_be_erased_before_the_stop_goes_at_the_next_start(tmp_path: Path) -> None:
    # STO-26
    store = open_store(tmp_path)
    config = LogConfig(segment_bytes=ONE_EACH, retention_bytes=0)
    filled(store, config, NOW_MS, NOW_MS).delete_old_segments(NOW_MS)
    store.close()
    assert files(tmp_path, ".log.deleted") == [0, 2]
    store = open_store(tmp_path)
    open_partition(store, config)
    assert files(tmp_path, ".deleted") == []
    store.close()


def test_who_reads_a_deleted_segment_reads_on(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_store(tmp_path, fake_env(clock))
    partition = filled(store, LogConfig(segment_bytes=ONE_EACH, retention_bytes=0), NOW_MS, NOW_MS)
    slices = partition.read(0, 1 << 20, at_least_one=True, committed=False).records
    partition.delete_old_segments(NOW_MS)
    clock.advance(60_000)
    assert offsets(slices.read()) == [0, 2]
    store.close()


def test_a_roll_that_is_still_being_saved_leaves_no_file_behind(tmp_path: Path) -> None:
    clock = FakeClock()
    env = fake_env(clock)
    workers = env.workers = HeldWorkers()
    store = open_store(tmp_path, env)
    partition = filled(store, LogConfig(segment_bytes=ONE_EACH, retention_bytes=0), NOW_MS, NOW_MS)
    partition.delete_old_segments(NOW_MS)
    workers.release()
    assert files(tmp_path, ".index") == []
    store.close()


def test_offsets_of_a_log_that_lost_its_start_survive_a_clean_restart(tmp_path: Path) -> None:
    # STO-16, STO-27
    store = open_store(tmp_path)
    config = LogConfig(segment_bytes=ONE_EACH, retention_ms=1000)
    filled(store, config, 0, 0, NOW_MS).delete_old_segments(NOW_MS)
    store.close()
    store = open_store(tmp_path)
    partition = open_partition(store, config)
    assert (partition.log_start_offset, partition.log_end_offset) == (4, 6)
    assert [record.offset for record in records(partition)] == [4, 5]
    store.close()


def test_leader_epochs_are_cut_at_the_start(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    config = LogConfig(segment_bytes=ONE_EACH, retention_ms=1000)
    partition = filled(store, config, 0, 0, NOW_MS)
    partition.delete_old_segments(NOW_MS)
    assert (tmp_path / "t-0" / "leader-epoch-checkpoint").read_text() == "0\n1\n0 4\n"
    store.close()


def test_watchers_hear_of_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    partition = filled(store, LogConfig(segment_bytes=ONE_EACH, retention_bytes=0), NOW_MS)
    heard: list[object] = []

    class Watcher:
        def appended(self, partition: Partition, nbytes: int) -> None:
            raise AssertionError

        def changed(self, partition: Partition) -> None:
            heard.append(partition)

    partition.watch(Watcher())
    partition.delete_old_segments(NOW_MS)
    assert heard == [partition]
    store.close()
