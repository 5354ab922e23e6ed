"""Kills and power cuts at every single file operation: what clients were promised is there (`lives.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EIO

import pytest

from pykbroker.env import Env
from pykbroker.errors import KAFKA_STORAGE_ERROR, KafkaError
from pykbroker.storage.checkpoints import CLEAN_SHUTDOWN, LEADER_EPOCHS, RECOVERY_POINTS
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.store import Store
from pykbroker.testing.faults import Crashed
from tests.fakes import HeldWorkers, InlineWorkers, SeededRandom
from tests.storage.builders import open_partition
from tests.storage.lives import LazyWorkers, Lives, below

BATCHES = 10
UNFLUSHED = LogConfig(segment_bytes=300, index_interval_bytes=80, retention_bytes=900)
FLUSHED = LogConfig(segment_bytes=300, index_interval_bytes=80, retention_bytes=900, flush_messages=1)
FLUSHED_AT_TIMES = LogConfig(segment_bytes=300, index_interval_bytes=80, retention_bytes=900, flush_messages=4)
CONFIGS = {"unflushed": UNFLUSHED, "flush each": FLUSHED, "flush every 4": FLUSHED_AT_TIMES}


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> LogConfig:
    return CONFIGS[request.param]


def deaths(config: LogConfig, written: float = 0.0) -> Iterator[tuple[int, Lives]]:
    """Yield, for each operation of a first life, its number and lives that came to their end there."""
    operations = 1
    while True:
        lives = Lives(config)
        if not lives.dies(BATCHES, operations, written):
            assert operations > 2 * BATCHES
            return
        yield operations, lives
        operations += 1


@pytest.mark.parametrize("written", [0.0, 0.5, 0.8, 1.0])
def test_nothing_acknowledged_is_lost_when_killed_at_any_operation(config: LogConfig, written: float) -> None:
    # STO-28, STO-24
    for _, lives in deaths(config, written):
        lives.files.kill()
        acknowledged = [each for each in lives.sent if each.is_acknowledged]
        _, partition = lives.start()
        assert lives.sent[: len(acknowledged)] == acknowledged
        lives.append(partition)


@pytest.mark.parametrize("seed", range(5))
def test_power_cut_at_any_operation(config: LogConfig, seed: int) -> None:
    # STO-24, STO-28
    for operations, lives in deaths(config, 0.5):
        lives.files.power_cut(SeededRandom(1000 * seed + operations))
        lives.live(2).close()


def test_power_cut_that_takes_all_that_was_not_synced(config: LogConfig) -> None:
    # STO-24, STO-28
    for _, lives in deaths(config):
        lives.files.power_cut()
        lives.live(2).close()


@pytest.mark.parametrize("seed", range(20))
def test_power_cut_after_a_clean_stop(config: LogConfig, seed: int) -> None:
    # STO-11: what the marker promises is on the device
    lives = Lives(config)
    lives.live(BATCHES).close()
    sent = list(lives.sent)
    lives.files.power_cut(SeededRandom(seed))
    lives.start()
    assert lives.sent == sent


@pytest.mark.parametrize("seed", range(40))
def test_several_lives_that_end_by_chance(config: LogConfig, seed: int) -> None:
    # STO-24: what was cut off once does not come back
    random = SeededRandom(seed)
    lives = Lives(config)
    for _ in range(6):
        workers = LazyWorkers(random)
        lives.files.crash_after(1 + below(random, 120), below(random, 11) / 10)
        try:
            store, partition = lives.start(workers)
            lives.live_by_chance(partition, workers, random, turns=below(random, 30))
            if below(random, 3) == 0:
                store.close()
        except Crashed:
            pass
        except KafkaError as error:
            assert error.code == KAFKA_STORAGE_ERROR
            assert lives.files.capacity_bytes is not None
        if below(random, 4) == 0:
            lives.files.kill()
        else:
            lives.files.power_cut(random)
    lives.files.kill()
    lives.start()


# -- What was found that way, one by one


def power_cuts(make: Callable[[], Lives]) -> Iterator[Lives]:
    """Yield what `make` makes, again and again, after power cuts that leave different things."""
    for seed in range(60):
        lives = make()
        lives.files.power_cut(SeededRandom(seed))
        yield lives


def test_names_that_a_killed_process_made_are_flushed_by_the_next() -> None:
    # STO-28: what recovery finds is in the page cache, maybe no more
    lives = Lives(UNFLUSHED)
    lives.live(2)
    lives.files.kill()
    lives.config = FLUSHED
    lives.live(1)
    lives.files.power_cut()
    lives.start()
    assert len(lives.sent) == 3


def test_what_recovery_cut_off_stays_cut_off(config: LogConfig) -> None:
    # STO-24: the second of three segments is damaged
    def lives_cut_by_recovery() -> Lives:
        lives = Lives(UNFLUSHED)
        lives.live(8).close()
        for name in (RECOVERY_POINTS, CLEAN_SHUTDOWN):
            lives.files.remove(f"/logs/{name}")
        second = lives.files.open(f"/logs/t-0/{6:020d}.log")
        second.truncate(second.size - 1)
        for path in ("/logs", "/logs/t-0"):
            lives.files.sync_directory(path)
        second.sync()
        lives.config = config
        lives.on_device = 0
        for sent in lives.sent:
            sent.is_acknowledged = False
        lives.live(1)  # ends where the third began
        return lives

    for lives in power_cuts(lives_cut_by_recovery):
        lives.start()


def test_clean_stop_does_what_workers_have_not_done_yet() -> None:
    # STO-11, STO-28: the first fsync of the partition is still to come when the broker stops
    lives = Lives(FLUSHED)
    store, partition = lives.start(HeldWorkers())
    lives.append(partition)
    store.close()
    lives.files.power_cut()
    lives.start()
    assert len(lives.sent) == 1


def test_flush_does_not_rely_on_other_workers() -> None:
    # STO-28: the first segment is not yet saved when the second is flushed
    lives = Lives(LogConfig(segment_bytes=300, flush_messages=8))
    workers = HeldWorkers()
    _, partition = lives.start(workers)
    for _ in range(5):
        lives.append(partition)
    assert len(workers.held) == 2
    workers.held[1]()
    lives.files.power_cut()
    lives.start()


def test_log_directory_that_the_broker_made_is_on_the_device() -> None:
    # Kafka: LogManager.createAndValidateLogDirs flushes the parent
    lives = Lives(FLUSHED)
    lives.files.remove_tree("/logs")
    lives.files.sync_directory("/")
    lives.live(1)
    lives.files.power_cut()
    lives.start()
    assert len(lives.sent) == 1


def test_whose_partition_it_is_is_on_the_device_before_its_records() -> None:
    # STO-10: the topic is deleted and made anew, but its old directory comes back
    lives = Lives(FLUSHED)
    store = lives.live(1)
    store.delete(open_partition(store, FLUSHED))
    lives.files.power_cut()
    lives.born += 1
    store = Store(Env(lives.clock, lives.files, InlineWorkers(), SeededRandom()), ["/logs"], node_id=1)
    store.open()
    assert store.partition("t", 0, bytes(range(16)), FLUSHED).log_end_offset == 0


def test_leader_epochs_are_those_of_the_log() -> None:
    # STO-09, OFLE-02: the checkpoint on the device may be the one of an earlier life
    def lives_twice() -> Lives:
        lives = Lives(UNFLUSHED)
        lives.live(5).close()
        lives.files.open(f"/logs/t-0/{LEADER_EPOCHS}").sync()  # as happens after a while
        lives.files.kill()
        lives.live(BATCHES)
        return lives

    for lives in power_cuts(lives_twice):
        lives.start()


def test_nothing_is_missing_in_the_middle() -> None:
    # STO-24: the first segment's records are lost, the name of the second is not
    lives = Lives(UNFLUSHED)
    _, partition = lives.start(HeldWorkers())
    for _ in range(4):
        lives.append(partition)
    assert len(partition.log.segments) == 2
    for path in ("/logs", "/logs/t-0"):
        lives.files.sync_directory(path)
    partition.log.segments[1].file.sync()
    lives.files.power_cut()
    lives.start()


def test_index_that_could_not_be_written_is_not_trusted() -> None:
    # STO-25: its file is still as a clean stop left it, when the segment was shorter
    lives = Lives(LogConfig(segment_bytes=500, index_interval_bytes=80, flush_messages=1))
    lives.live(3).close()
    lives.files.kill()
    workers = HeldWorkers()
    store, partition = lives.start(workers)
    while len(partition.log.segments) < 2:
        lives.append(partition)
        lives.fill_disk(0)
        workers.release()
        lives.files.capacity_bytes = None
    store.directories[0].checkpoint()
    assert lives.checkpoint(RECOVERY_POINTS) > partition.log.bases[1]
    lives.files.kill()
    lives.start()


@pytest.mark.parametrize("written", [0.0, 0.34, 0.67])
def test_index_that_was_written_in_part_is_not_trusted(written: float) -> None:
    # STO-25: the next segment is flushed already
    for operations in range(1, 9):
        lives = Lives(LogConfig(segment_bytes=500, index_interval_bytes=80, flush_messages=1))
        workers = HeldWorkers()
        store, partition = lives.start(workers)
        while len(partition.log.segments) < 2:
            workers.release()
            lives.append(partition)
        assert len(partition.log.segments[0].times) == 3
        save, flush = workers.held
        flush()
        store.directories[0].checkpoint()
        assert partition.log.recovery_point > partition.log.bases[1]
        assert lives.checkpoint(RECOVERY_POINTS) == partition.log.bases[0], "as long as its indexes are not complete"
        lives.files.crash_after(operations, written)
        with suppress(Crashed):
            save()
        lives.files.kill()
        lives.start()


def test_deleted_segments_that_come_back_are_checked() -> None:
    # STO-16, STO-24: they were never synced
    def lives_with_retention() -> Lives:
        lives = Lives(UNFLUSHED)
        store, partition = lives.start(HeldWorkers())
        for _ in range(2 * BATCHES):
            lives.append(partition)
        for path in ("/logs", "/logs/t-0"):
            lives.files.sync_directory(path)
        lives.starts.update(partition.log.bases)
        assert partition.delete_old_segments(lives.clock.now_ms())
        store.directories[0].checkpoint()
        return lives

    for lives in power_cuts(lives_with_retention):
        lives.start()


@pytest.mark.parametrize("is_flushed", [True, False])
def test_append_that_failed_leaves_no_trace_below_the_recovery_point(is_flushed: bool) -> None:
    # STO-24: it was cut back, but that is not on the device when the next segment, or the checkpoint, is
    def lives_with_a_full_disk() -> Lives:
        lives = Lives(LogConfig(segment_bytes=300, flush_messages=1))
        store, partition = lives.start()
        lives.append(partition)
        lives.fill_disk(30)
        with pytest.raises(KafkaError):
            lives.append(partition)
        lives.files.capacity_bytes = None
        partition.log.config = LogConfig(segment_bytes=100, flush_messages=1)
        workers = store.env.workers = HeldWorkers()  # so that the rolled segment is not saved
        lives.append(partition)
        assert len(partition.log.segments) == 2
        if is_flushed:
            workers.held.pop()()
        store.directories[0].checkpoint()
        return lives

    for lives in power_cuts(lives_with_a_full_disk):
        lives.start()
        assert len(lives.sent) >= (2 if is_flushed else 1)


def test_recovery_point_moves_on_after_a_kill() -> None:
    # STO-24: or the next recovery has to check all again, and again
    lives = Lives(UNFLUSHED)
    _, partition = lives.start(HeldWorkers())
    for _ in range(BATCHES):
        lives.append(partition)
    lives.files.kill()
    _, partition = lives.start()
    assert len(partition.log.segments) > 2
    while len(partition.log.segments) < 7:
        lives.append(partition)
    assert partition.log.recovery_point == partition.log.bases[-1]


@pytest.mark.parametrize("failing", range(BATCHES))
def test_nothing_is_acknowledged_that_a_failed_sync_lost(failing: int) -> None:
    # STO-28: the directory goes offline, because a later sync would not write it
    for seed in range(20):
        lives = Lives(FLUSHED)
        _, partition = lives.start()
        with suppress(KafkaError):
            for number in range(BATCHES):
                if number == failing:
                    lives.files.fail("/logs", EIO, {"sync"}, times=1)
                lives.append(partition)
        assert partition.home.failure is not None
        with pytest.raises(KafkaError):
            lives.append(partition)
        lives.files.power_cut(SeededRandom(seed))
        lives.start()
        assert len(lives.sent) >= failing
