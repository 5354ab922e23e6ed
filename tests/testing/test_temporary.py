"""Directories of brokers for tests: where they are, and which of those found belong to nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pykbroker.storage.files import RealFiles
from pykbroker.testing.temporary import TemporaryDirectory, UnsyncedFiles, has_room, remove_abandoned


def abandoned(parent: Path, name: str = "pykbroker-x-temporary") -> Path:
    path = parent / name
    path.mkdir()
    (path / ".lock").touch()
    os.utime(path, (0, 0))
    return path


def test_a_directory_without_an_owner_is_removed(tmp_path: Path) -> None:
    path = abandoned(tmp_path)
    remove_abandoned(str(tmp_path))
    assert not path.exists()


def test_a_directory_whose_broker_runs_stays(tmp_path: Path) -> None:
    path = abandoned(tmp_path)
    lock = RealFiles().lock(str(path / ".lock"))
    assert lock is not None
    remove_abandoned(str(tmp_path))
    assert path.exists()
    lock.release()


def test_a_directory_whose_broker_may_be_starting_stays(tmp_path: Path) -> None:
    path = abandoned(tmp_path)
    os.utime(path)
    remove_abandoned(str(tmp_path))
    assert path.exists()


@pytest.mark.parametrize("name", ["pykbroker", "pykbroker-data", "other-temporary"])
def test_other_directories_stay(tmp_path: Path, name: str) -> None:
    path = abandoned(tmp_path, name)
    remove_abandoned(str(tmp_path))
    assert path.exists()


def test_without_room_in_memory_the_directory_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("pykbroker.testing.temporary.MEMORY", str(tmp_path / "missing"))
    directory = TemporaryDirectory(in_memory=True)
    assert Path(directory.path).parent == tmp_path
    directory.remove()
    directory.remove()  # harmless
    assert list(tmp_path.iterdir()) == []


def test_room_is_a_gibibyte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Volume:
        f_frsize = 1024
        f_bavail = 1 << 20

    monkeypatch.setattr(os, "statvfs", lambda _: Volume)
    assert has_room(str(tmp_path))
    Volume.f_bavail -= 1
    assert not has_room(str(tmp_path))


def test_files_are_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("a sync"))
    files = UnsyncedFiles()
    file = files.open(str(tmp_path / "log"))
    file.append(b"x")
    file.sync()
    file.close()
    files.replace(str(tmp_path / "checkpoint"), b"0")
    files.replace(str(tmp_path / "checkpoint"), b"1")
    files.sync_directory(str(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"log": b"x", "checkpoint": b"1"}
