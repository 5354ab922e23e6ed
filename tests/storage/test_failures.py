"""A disk that is full or broken: clients hear KAFKA_STORAGE_ERROR, and what is stored stays sound."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.env import Bytes
from pykbroker.errors import KafkaError
from pykbroker.storage.files import RealFile, RealFiles
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from tests.fakes import fake_env
from tests.storage.builders import a_batch, append, kill, open_partition, open_store, records


class FullFile(RealFile):
    """A file on a disk with little room."""

    __slots__ = ("disk",)
    disk: FullDisk

    def append(self, content: Bytes) -> None:
        if len(content) > self.disk.room:
            super().append(content[: self.disk.room])
            self.truncate(self.size - self.disk.room)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
        super().append(content)
        self.disk.room -= len(content)


class FullDisk(RealFiles):
    """Files that can take `room` more bytes in total."""

    __slots__ = ("room",)

    def __init__(self) -> None:
        super().__init__()
        self.room = 10**9

    def open(self, path: str) -> RealFile:
        file = FullFile(path)
        file.disk = self
        return file


@pytest.fixture
def disk() -> FullDisk:
    return FullDisk()


def fails(partition: Partition, batch: bytearray) -> bool:
    end, size = partition.log_end_offset, partition.size_bytes
    with pytest.raises(KafkaError) as caught:
        append(partition, batch)
    assert (partition.log_end_offset, partition.size_bytes) == (end, size)
    return caught.value.code == errors.KAFKA_STORAGE_ERROR


def test_append_without_room_leaves_nothing(tmp_path: Path, disk: FullDisk) -> None:
    store = open_store(tmp_path, fake_env(files=disk))
    partition = open_partition(store)
    append(partition, a_batch(2, producer=7))
    disk.room = 50
    assert fails(partition, a_batch(3, producer=7, sequence=2))
    assert (tmp_path / "t-0" / f"{0:020d}.log").stat().st_size == len(a_batch(2))
    disk.room = 10**6
    assert append(partition, a_batch(3, producer=7, sequence=2)) == 2
    assert len(records(partition)) == 5
    store.close()


@pytest.mark.parametrize("room", [0, 20, 60, 100])
def test_first_append_without_room(tmp_path: Path, disk: FullDisk, room: int) -> None:
    store = open_store(tmp_path, fake_env(files=disk))
    partition = open_partition(store)
    disk.room = room
    assert fails(partition, a_batch(3))
    disk.room = 10**6
    assert append(partition, a_batch(3)) == 0
    kill(store)
    assert len(records(open_partition(open_store(tmp_path)))) == 3


def test_roll_without_room(tmp_path: Path, disk: FullDisk) -> None:
    config = LogConfig(segment_bytes=200)
    store = open_store(tmp_path, fake_env(files=disk))
    partition = open_partition(store, config)
    append(partition, a_batch(3))
    disk.room = 0
    for _ in range(2):
        assert fails(partition, a_batch(3))
    disk.room = 10**6
    for base in (3, 6, 9):
        assert append(partition, a_batch(3)) == base
    store.close()
    store = open_store(tmp_path)
    assert [record.offset for record in records(open_partition(store, config))] == list(range(12))
    store.close()


def test_stop_without_room_is_no_clean_stop(tmp_path: Path, disk: FullDisk) -> None:
    store = open_store(tmp_path, fake_env(files=disk))
    append(open_partition(store), a_batch(3))
    disk.room = 0
    store.close()
    assert not (tmp_path / ".kafka_cleanshutdown").exists()
    store = open_store(tmp_path)
    assert len(records(open_partition(store))) == 3
    store.close()


def test_directory_that_vanished(tmp_path: Path) -> None:
    from shutil import rmtree

    store = open_store(tmp_path)
    partition = open_partition(store, LogConfig(segment_bytes=100))
    append(partition, a_batch())
    rmtree(tmp_path / "t-0")
    assert fails(partition, a_batch())
    kill(store)


# -- RealFile


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RealFile(str(tmp_path / "file"))
    file.append(b"head")
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, rest, at: real(fd, rest[:3], at))
    file.append(memoryview(b"abcdefgh"))
    assert (tmp_path / "file").read_bytes() == b"headabcdefgh"
    assert file.size == 12
    assert file.read(100, 4) == b"abcdefgh"


def test_failed_write_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RealFile(str(tmp_path / "file"))
    file.append(b"head")
    real = os.pwrite

    def filling_up(fd: int, rest: bytes, at: int) -> int:
        if at > len(b"head"):
            raise OSError(errno.ENOSPC, "full")
        return real(fd, rest[:3], at)

    monkeypatch.setattr(os, "pwrite", filling_up)
    with pytest.raises(OSError, match="full"):
        file.append(b"abcdef")
    assert (tmp_path / "file").read_bytes() == b"head"
    monkeypatch.undo()
    file.append(b"x")
    assert (tmp_path / "file").read_bytes() == b"headx"


def test_replace_leaves_nothing_but_the_new_content(tmp_path: Path) -> None:
    files = RealFiles()
    path = str(tmp_path / "file")
    for content in (b"one", b"another", b""):
        files.replace(path, content)
        assert files.read(path) == content
    assert files.list(str(tmp_path)) == ["file"]


def test_missing_things(tmp_path: Path) -> None:
    files = RealFiles()
    missing = str(tmp_path / "missing")
    assert files.list(missing) == []
    assert not files.exists(missing)
    files.remove(missing)
    files.remove_tree(missing)
    with pytest.raises(FileNotFoundError):
        files.read(missing)
    total, free = files.free_bytes(str(tmp_path))
    assert total >= free > 0
