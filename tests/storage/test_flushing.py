"""`flush.messages` and `flush.ms`: fsyncs by a worker, and what is not seen before they are over."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.storage.answers import Appended
from pykbroker.storage.files import RealFile, RealFiles
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from tests.fakes import NOW_MS, FakeClock, HeldWorkers, fake_env
from tests.storage.builders import TOPIC_ID, a_batch, append, fetch, offsets, open_partition, open_store


class CountedFile(RealFile):
    __slots__ = ("disk",)
    disk: CountingFiles

    def sync(self) -> None:
        if self.disk.is_broken:
            raise OSError(errno.EIO, "Input/output error", self.path)
        self.disk.synced.append(Path(self.path).relative_to(self.disk.root).as_posix())
        super().sync()


class CountingFiles(RealFiles):
    """Knows what was synced, in order; or fails to."""

    __slots__ = ("is_broken", "root", "synced")

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.synced: list[str] = []
        self.is_broken = False

    def open(self, path: str) -> RealFile:
        file = CountedFile(path)
        file.disk = self
        return file

    def sync_directory(self, path: str) -> None:
        self.synced.append(Path(path).relative_to(self.root).as_posix() + "/")
        super().sync_directory(path)


class Bench:
    """A store whose workers wait until they are let go, and its partition."""

    def __init__(self, path: Path, **settings: int) -> None:
        self.clock = FakeClock()
        self.files = CountingFiles(path)
        self.workers = HeldWorkers()
        env = fake_env(self.clock, self.files)
        env.workers = self.workers
        self.store: Store = open_store(path, env)
        self.partition: Partition = open_partition(self.store, LogConfig(**settings))  # type: ignore[arg-type]
        self.files.synced.clear()

    def append(self, count: int = 1, **options: int) -> Appended:
        return self.partition.append(memoryview(bytes(a_batch(count, **options))), NOW_MS)  # type: ignore[arg-type]


def test_without_a_setting_nothing_is_held(tmp_path: Path) -> None:
    # STO-28
    bench = Bench(tmp_path)
    assert bench.append().held is None
    assert not bench.workers.held
    assert bench.partition.high_watermark == 1


def test_the_append_that_is_one_too_many_waits_for_the_device(tmp_path: Path) -> None:
    # STO-28
    bench = Bench(tmp_path, flush_messages=3)
    assert bench.append(2).held is None
    held = bench.append().held
    assert held is not None
    assert not held.done
    assert (bench.partition.high_watermark, bench.partition.log_end_offset) == (2, 3)
    bench.workers.release()
    assert held.done
    assert held.error is None
    assert bench.partition.high_watermark == 3


def test_what_is_not_flushed_cannot_be_read(tmp_path: Path) -> None:
    # STO-28: Kafka moves the high watermark after the flush
    bench = Bench(tmp_path, flush_messages=1)
    bench.append(2)
    assert fetch(bench.partition, 0) == b""
    assert bench.partition.offset_for_time(0, committed=False) is None
    bench.workers.release()
    assert offsets(fetch(bench.partition, 0)) == [0]
    assert bench.partition.offset_for_time(0, committed=False) is not None


def test_a_flush_makes_the_names_last_as_well_as_the_bytes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flush_messages=1)
    bench.append()
    bench.workers.release()
    assert bench.files.synced == [
        f"t-0/{0:020d}.log",
        "t-0/leader-epoch-checkpoint",
        "t-0/partition.metadata",
        "./",
        "t-0/",
    ], "contents before names"
    bench.files.synced.clear()
    bench.append()
    bench.workers.release()
    assert bench.files.synced == [f"t-0/{0:020d}.log"], "the names are there already"


def test_the_log_that_says_which_logs_exist_is_flushed_before_any_other(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flush_messages=1)
    first = bench.store.partition("first", 0, TOPIC_ID, LogConfig())
    bench.store.flush_first(first)
    append(first, a_batch())
    bench.append()
    bench.workers.release()
    logs = [name for name in bench.files.synced if name.endswith(".log")]
    assert logs == [f"first-0/{0:020d}.log", f"t-0/{0:020d}.log"]
    assert first.log.recovery_point == 1


def test_one_flush_covers_what_came_before_it_and_the_next_the_rest(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flush_messages=1)
    one, two, three = (bench.append().held for _ in range(3))
    assert one is not None
    assert two is not None
    assert three is not None
    assert len(bench.workers.held) == 1, "one at a time"
    bench.workers.release()
    assert [one.done, two.done, three.done] == [True, False, False]
    assert bench.partition.high_watermark == 1
    bench.workers.release()
    assert [one.done, two.done, three.done] == [True, True, True]
    assert bench.partition.high_watermark == 3
    assert not bench.workers.held


def test_watchers_hear_of_a_batch_when_it_can_be_read(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flush_messages=1)
    heard: list[int] = []

    class Watcher:
        def appended(self, partition: Partition, nbytes: int) -> None:
            heard.append(partition.high_watermark)

        def changed(self, partition: Partition) -> None:
            raise AssertionError

    bench.partition.watch(Watcher())
    bench.append(2)
    assert heard == []
    bench.workers.release()
    assert heard == [2]


def test_a_retry_of_a_batch_that_is_held_is_held_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flush_messages=1)
    bench.append(2, producer=7)
    again = bench.append(2, producer=7)
    assert again.duplicate
    assert again.held is not None
    bench.workers.release()
    assert again.held.done
    assert bench.append(2, producer=7).held is None


def test_a_failed_flush_is_told_and_takes_the_directory_offline(tmp_path: Path) -> None:
    # STO-28: what the system could not write once it has forgotten
    bench = Bench(tmp_path, flush_messages=1)
    gone: list[Partition] = []
    bench.store.on_offline = gone.extend
    held = bench.append().held
    assert held is not None
    bench.files.is_broken = True
    bench.workers.release()
    assert isinstance(held.error, KafkaError)
    assert held.error.code == errors.KAFKA_STORAGE_ERROR
    assert gone == [bench.partition]
    with pytest.raises(KafkaError) as caught:
        bench.append()
    assert caught.value.code == errors.KAFKA_STORAGE_ERROR


def test_flush_ms_is_for_the_device_only(tmp_path: Path) -> None:
    # STO-28: nobody waits for it
    bench = Bench(tmp_path, flush_ms=500)
    assert bench.append().held is None
    bench.clock.advance(499)
    assert not bench.workers.held
    bench.clock.advance(1)
    bench.workers.release()
    assert f"t-0/{0:020d}.log" in bench.files.synced
    assert bench.partition.log.recovery_point == 1


def test_deleting_the_topic_answers_who_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flush_messages=1)
    held = bench.append().held
    assert held is not None
    bench.store.delete(bench.partition)
    assert isinstance(held.error, KafkaError)
    bench.workers.release()


def test_a_clean_stop_flushes_and_answers_who_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path, flush_messages=1)
    held = bench.append().held
    assert held is not None
    bench.store.close()
    assert held.done
    assert held.error is None


def test_the_setting_may_come_later(tmp_path: Path) -> None:
    # CONF-20
    bench = Bench(tmp_path)
    bench.append()
    bench.partition.reconfigure(LogConfig(flush_messages=1))
    assert bench.append().held is not None
    bench.partition.reconfigure(LogConfig())
    assert bench.append().held is not None, "the one before is held still"
    bench.workers.release()
    bench.workers.release()
    assert bench.append().held is None
