"""Errors and crashes that simulated files can be told to have."""

from __future__ import annotations

from errno import EIO, ENOSPC, EROFS

import pytest

from pykbroker.testing.faults import OPERATIONS, WRITING, Crashed
from pykbroker.testing.sim_files import SimFiles
from tests.fakes import FakeClock
from tests.testing.test_sim_files import errno_of


@pytest.fixture
def files() -> SimFiles:
    files = SimFiles(FakeClock())
    files.make_directory("/d1")
    files.make_directory("/d10")
    for path in ("/d1/file", "/d10/file"):
        files.open(path).append(b"content")
    return files


# -- Errors


def test_broken_directory_fails_everything_in_it_and_nothing_else(files: SimFiles) -> None:
    opened, other = files.open("/d1/file"), files.open("/d10/file")
    files.fail("/d1", EIO)
    for call in (
        lambda: files.open("/d1/file"),
        lambda: files.read("/d1/file"),
        lambda: files.size("/d1/file"),
        lambda: files.modified_ms("/d1/file"),
        lambda: files.list("/d1"),
        lambda: files.remove("/d1/file"),
        lambda: files.remove_tree("/d1"),
        lambda: files.rename("/d1/file", "/file"),
        lambda: files.rename("/d10/file", "/d1/other"),
        lambda: files.replace("/d1/file", b""),
        lambda: files.make_directory("/d1/e"),
        lambda: files.sync_directory("/d1"),
        lambda: files.lock("/d1/.lock"),
        lambda: files.free_bytes("/d1"),
        lambda: opened.append(b"x"),
        lambda: opened.read(1, 0),
        lambda: opened.truncate(0),
        opened.sync,
    ):
        assert errno_of(call) == "EIO"
    assert not files.exists("/d1")
    other.append(b"!")
    other.sync()
    assert files.read("/d10/file") == b"content!"
    files.heal()
    assert files.read("/d1/file") == b"content"


def test_read_only_directory_can_be_read(files: SimFiles) -> None:
    files.fail("/d1", EROFS, WRITING)
    assert files.read("/d1/file") == b"content"
    assert files.list("/d1") == ["file"]
    assert files.exists("/d1/file")
    for call in (lambda: files.open("/d1/file"), lambda: files.lock("/d1/file"), lambda: files.remove("/d1/file")):
        assert errno_of(call) == "EROFS"


def test_fault_ends_after_so_many_times(files: SimFiles) -> None:
    file = files.open("/d1/file")
    files.fail("/d1/file", EIO, {"sync"}, times=2)
    file.append(b"!")
    for _ in range(2):
        assert errno_of(file.sync) == "EIO"
    file.sync()


def test_heal_is_for_one_place(files: SimFiles) -> None:
    files.fail("/d1", EIO)
    files.fail("/d10", ENOSPC)
    files.heal("/d1/")
    assert files.list("/d1") == ["file"]
    assert errno_of(lambda: files.list("/d10")) == "ENOSPC"


def test_whole_disk_can_fail(files: SimFiles) -> None:
    files.fail("/", EIO)
    assert errno_of(lambda: files.list("/")) == "EIO"
    assert errno_of(lambda: files.read("/d1/file")) == "EIO"


def test_faults_outlive_the_process(files: SimFiles) -> None:
    files.fail("/d1", EIO)
    files.kill()
    files.power_cut()
    assert errno_of(lambda: files.list("/d1")) == "EIO"


def test_failed_append_leaves_the_file_as_it_was(files: SimFiles) -> None:
    file = files.open("/d1/file")
    files.fail("/d1", EIO, {"append"})
    assert errno_of(lambda: file.append(b"x")) == "EIO"
    assert (file.size, files.read("/d1/file")) == (7, b"content")


def test_failed_cut_leaves_a_torn_tail_that_the_next_append_covers(files: SimFiles) -> None:
    files.capacity_bytes = 16
    file = files.open("/d1/file")
    files.fail("/d1", EIO, {"truncate"})
    assert errno_of(lambda: file.append(b"abc")) == "ENOSPC"
    assert (file.size, files.read("/d1/file")) == (7, b"contentab")
    files.heal()
    file.append(b"XY")
    assert files.read("/d1/file") == b"contentXY"


def test_unknown_operation_is_a_mistake(files: SimFiles) -> None:
    with pytest.raises(ValueError, match="fsync"):
        files.fail("/", EIO, {"fsync"})
    assert "sync" in OPERATIONS


# -- A full disk


def test_append_without_room_changes_nothing() -> None:
    files = SimFiles(FakeClock(), capacity_bytes=10)
    file = files.open("/file")
    file.append(b"12345678")
    assert errno_of(lambda: file.append(b"abc")) == "ENOSPC"
    assert (file.size, files.read("/file"), files.free_bytes("/")) == (8, b"12345678", (10, 2))
    file.append(b"ab")
    assert errno_of(lambda: files.replace("/other", b"x")) == "ENOSPC"
    assert files.list("/") == ["file"]


def test_room_comes_back() -> None:
    files = SimFiles(FakeClock(), capacity_bytes=10)
    file = files.open("/file")
    file.append(bytes(10))
    file.truncate(4)
    assert files.free_bytes("/") == (10, 6)
    files.replace("/other", bytes(5))
    files.replace("/file", bytes(1))
    assert files.free_bytes("/") == (10, 4)
    file.append(bytes(4))  # it has no name any more
    files.make_directory("/d")
    files.rename("/other", "/d/other")
    files.remove_tree("/d")
    assert files.free_bytes("/") == (10, 9)
    files.power_cut()
    assert files.free_bytes("/") == (10, 4)  # the rename and the removals came to nothing


# -- Crashes


def test_nothing_changes_from_the_crash_on(files: SimFiles) -> None:
    file = files.open("/d1/file")
    before = files.operations
    files.crash_after(3)
    file.append(b"1")
    file.sync()
    for call in (
        lambda: file.append(b"2"),
        lambda: file.truncate(0),
        file.sync,
        lambda: files.open("/d1/other"),
        lambda: files.make_directory("/d2"),
        lambda: files.rename("/d1/file", "/d1/other"),
        lambda: files.remove("/d1/file"),
        lambda: files.remove_tree("/d1"),
        lambda: files.replace("/d1/file", b""),
        lambda: files.sync_directory("/d1"),
        lambda: files.lock("/d1/.lock"),
    ):
        with pytest.raises(Crashed):
            call()
    assert files.operations >= before + 3
    assert files.list("/") == ["d1", "d10"]
    assert files.list("/d1") == ["file"]
    assert file.read(100, 0) == b"content1"
    files.kill()
    files.open("/d1/other")


def test_only_what_changes_something_counts(files: SimFiles) -> None:
    before = files.operations
    file = files.open("/d1/file")
    file.read(1, 0)
    files.read("/d1/file")
    files.list("/d1")
    files.make_directory("/d1")
    files.remove("/missing")
    files.remove_tree("/missing")
    files.rename("/d1/file", "/d1/file")
    assert files.operations == before
    file.append(b"x")
    files.make_directory("/d1/e/f")
    assert files.operations == before + 3


@pytest.mark.parametrize(("written", "expected"), [(0.0, b"content"), (0.5, b"contentab"), (1.0, b"contentabcd")])
def test_crash_in_the_middle_of_an_append(files: SimFiles, written: float, expected: bytes) -> None:
    file = files.open("/d1/file")
    files.crash_after(1, written)
    for _ in range(2):
        with pytest.raises(Crashed):
            file.append(b"abcd")
    files.kill()
    assert files.read("/d1/file") == expected


def test_crash_before_a_short_write_is_cut_back(files: SimFiles) -> None:
    files.capacity_bytes = 16
    file = files.open("/d1/file")
    files.crash_after(2)
    with pytest.raises(Crashed):
        file.append(b"abcd")
    files.kill()
    assert files.read("/d1/file") == b"contentab"
    assert files.free_bytes("/") == (16, 0)


def test_replace_crashes_into_old_or_new() -> None:
    found = []
    for operations in range(1, 8):
        files = SimFiles(FakeClock())
        files.replace("/file", b"old")
        files.crash_after(operations)
        try:
            files.replace("/file", b"new")
        except Crashed:
            left_overs = [name for name in files.list("/") if name != "file"]
            assert all(name.endswith(".tmp") for name in left_overs)
        else:
            found.append(b"done")
        files.power_cut()
        found.append(files.read("/file"))
    # open, truncate, append, sync, rename, sync of the directory
    assert found == [b"old"] * 6 + [b"done", b"new"]


def test_remove_tree_can_stop_in_the_middle(files: SimFiles) -> None:
    files.make_directory("/d1/e")
    files.open("/d1/z")
    files.crash_after(3)
    with pytest.raises(Crashed):
        files.remove_tree("/d1")
    files.kill()
    assert files.list("/d1") == ["z"]
