"""Several log directories: where partitions go, and what stays when one of them fails (KIP-112)."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.env import Bytes
from pykbroker.errors import KafkaError
from pykbroker.storage.files import RealFile, RealFiles
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import METADATA_LOG, Store, StoreError, Wanted
from tests.fakes import FakeClock, fake_env
from tests.storage.builders import TOPIC_ID, a_batch, append, fetch, kill, offsets, open_partition, open_store

METADATA_TOPIC = METADATA_LOG.rpartition("-")[0]


class BrokenFile(RealFile):
    __slots__ = ("disks",)
    disks: Disks

    def append(self, content: Bytes) -> None:
        self.disks.check(self.path)
        super().append(content)

    def read(self, length: int, position: int) -> bytes:
        self.disks.check(self.path)
        return super().read(length, position)


class Disks(RealFiles):
    """File systems of which one can break."""

    __slots__ = ("broken", "code")

    def __init__(self) -> None:
        super().__init__()
        self.broken = "nothing"
        self.code = errno.EIO

    def check(self, path: str) -> None:
        if path.startswith(self.broken):
            raise OSError(self.code, os.strerror(self.code), path)

    def open(self, path: str) -> RealFile:
        self.check(path)
        file = BrokenFile(path)
        file.disks = self
        return file

    def list(self, directory: str) -> list[str]:
        self.check(directory)
        return super().list(directory)


class Two:
    """A store with a partition in each of two directories, both with a record; the metadata log is in the first."""

    def __init__(self, path: Path) -> None:
        self.paths = [path / "one", path / "two"]
        self.disks = Disks()
        self.clock = FakeClock()
        self.offline: list[Partition] = []
        self.lost: list[str] = []
        self.start()
        self.first = self.store.partition(METADATA_TOPIC, 0, TOPIC_ID, LogConfig())
        self.store.flush_first(self.first)
        append(self.first, a_batch())
        self.zero, self.one = (open_partition(self.store, index=index) for index in (0, 1))
        for partition in (self.zero, self.one):
            append(partition, a_batch(2))
        assert [each.home.path for each in (self.first, self.zero, self.one)] == [
            str(self.paths[at]) for at in (0, 1, 0)
        ]

    def start(self) -> None:
        self.store: Store = open_store(self.paths, fake_env(self.clock, self.disks))
        self.store.on_offline = self.offline.extend
        self.store.on_lost = self.lost.append

    def break_disk(self, at: int) -> None:
        self.disks.broken = str(self.paths[at])


def refusal(call: object) -> int:
    with pytest.raises(KafkaError) as caught:
        call()  # type: ignore[operator]
    return caught.value.code


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def test_a_new_partition_goes_where_the_fewest_are(tmp_path: Path) -> None:
    paths: Sequence[Path] = [tmp_path / name for name in ("one", "two", "three")]
    store = open_store(paths)
    for index in range(4):
        append(open_partition(store, index=index), a_batch())
    store.close()
    store = open_store(paths)  # what is there counts, whether it was opened or not
    homes = [open_partition(store, index=index).home.path for index in (10, 11, 12)]
    assert [Path(home).name for home in homes] == ["two", "three", "one"]
    store.close()


def test_a_broken_disk_takes_its_partitions_offline_and_no_others(two: Two) -> None:
    two.break_disk(1)
    assert refusal(lambda: append(two.zero, a_batch())) == errors.KAFKA_STORAGE_ERROR
    assert two.offline == [two.zero]
    assert two.lost == []
    assert append(two.one, a_batch()) == 2
    assert offsets(fetch(two.one, 0)) == [0, 2]


def test_what_is_offline_cannot_be_opened_again(two: Two) -> None:
    two.break_disk(1)
    refusal(lambda: append(two.zero, a_batch()))
    two.disks.broken = "nothing"
    assert refusal(lambda: open_partition(two.store, index=0)) == errors.KAFKA_STORAGE_ERROR, "until a restart"
    assert open_partition(two.store, index=7).home.path == str(two.paths[0])


def test_a_failing_read_takes_the_directory_offline(two: Two) -> None:
    two.break_disk(1)
    assert refusal(lambda: list(two.zero.batches())) == errors.KAFKA_STORAGE_ERROR
    assert two.offline == [two.zero]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE])
def test_a_full_disk_can_be_put_right(two: Two, code: int) -> None:
    # Kafka takes the directory offline for these as well; see docs/decisions.
    two.break_disk(1)
    two.disks.code = code
    assert refusal(lambda: append(two.zero, a_batch())) == errors.KAFKA_STORAGE_ERROR
    two.disks.broken = "nothing"
    assert append(two.zero, a_batch()) == 2
    assert two.offline == []


def test_watchers_hear_of_it(two: Two) -> None:
    heard: list[object] = []

    class Watcher:
        def appended(self, partition: Partition, nbytes: int) -> None:
            raise AssertionError

        def changed(self, partition: Partition) -> None:
            heard.append(partition)

    two.zero.watch(Watcher())
    two.break_disk(1)
    refusal(lambda: append(two.zero, a_batch()))
    assert heard == [two.zero]


def test_without_the_metadata_the_broker_cannot_go_on(two: Two) -> None:
    two.break_disk(0)
    refusal(lambda: append(two.one, a_batch()))
    [reason] = two.lost
    assert str(two.paths[0]) in reason


def test_a_failed_directory_is_not_left_as_clean(two: Two) -> None:
    two.break_disk(1)
    refusal(lambda: append(two.zero, a_batch()))
    two.store.close()
    assert (two.paths[0] / ".kafka_cleanshutdown").exists()
    assert not (two.paths[1] / ".kafka_cleanshutdown").exists()


def test_records_are_back_when_the_disk_is(two: Two) -> None:
    two.break_disk(1)
    refusal(lambda: append(two.zero, a_batch()))
    two.store.close()
    two.disks.broken = "nothing"
    two.start()
    assert offsets(fetch(open_partition(two.store, index=0), 0)) == [0]
    assert append(open_partition(two.store, index=0), a_batch()) == 2


def test_a_directory_that_is_broken_at_the_start_is_left_out(two: Two) -> None:
    two.store.close()
    two.break_disk(1)
    two.start()
    two.store.older_topics = frozenset([TOPIC_ID])
    assert offsets(fetch(open_partition(two.store, index=1), 0)) == [0]
    assert refusal(lambda: open_partition(two.store, index=0)) == errors.KAFKA_STORAGE_ERROR, "never made anew"
    assert two.store.partition("new", 0, bytes(16), LogConfig()).home.path == str(two.paths[0])


def test_no_start_without_the_directory_of_the_metadata(two: Two) -> None:
    two.store.close()
    two.break_disk(0)
    with pytest.raises(StoreError) as caught:
        two.start()
    assert str(two.paths[0]) in str(caught.value)
    two.disks.broken = "nothing"
    two.start()
    assert open_partition(two.store, index=1).log_end_offset == 2, "and nothing was lost or locked by the attempt"


def test_the_metadata_log_may_have_a_directory_of_its_own(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("one", "two")]
    for metadata, home in ((paths[1], paths[1]), (str(tmp_path / "three"), str(tmp_path / "three")), (None, paths[0])):
        store = Store(fake_env(), paths, node_id=1, metadata_directory=metadata)
        store.open()
        partition = store.partition(METADATA_TOPIC, 0, TOPIC_ID, LogConfig())
        assert partition.home.path == home
        others = {open_partition(store, index=index).home.path for index in range(4)}
        assert others == set(paths), "which takes no others unless it is one of log.dirs"
        store.close()


def test_checkpoints_of_partitions_that_nobody_opened_are_kept(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    partition = open_partition(store)
    append(partition, a_batch(4))
    partition.delete_records(2)
    store.close()
    for _ in range(2):
        store = open_store(tmp_path)
        append(open_partition(store, index=1), a_batch())
        store.close()
    assert open_partition(open_store(tmp_path)).log_start_offset == 2


def test_after_a_kill_all_logs_are_checked_before_anybody_asks(tmp_path: Path) -> None:
    # STO-24
    store = open_store(tmp_path)
    for index in range(3):
        append(open_partition(store, index=index), a_batch(index + 1))
    kill(store)
    store = open_store(tmp_path)
    store.recover([Wanted("t", index, TOPIC_ID, LogConfig()) for index in (*range(3), 9)], threads=2)
    assert [partition.log_end_offset for partition in store.partitions()] == [1, 2, 3]
    store.close()


def test_after_a_clean_stop_nothing_is_checked(tmp_path: Path) -> None:
    # STO-11
    store = open_store(tmp_path)
    append(open_partition(store), a_batch())
    store.close()
    store = open_store(tmp_path)
    store.recover([Wanted("t", 0, TOPIC_ID, LogConfig())], threads=2)
    assert not list(store.partitions())
    store.close()
