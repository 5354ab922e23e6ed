"""`SimFiles` and `RealFiles` are alike: the same tests run on both, and random operations give the same on both."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pykbroker.env import File, Files
from pykbroker.storage.files import RealFiles
from pykbroker.storage.segment import FileSlice
from pykbroker.testing.sim_files import SimFiles
from tests.fakes import NOW_MS, FakeClock


class Place:
    """Files, and a directory in which to use them. `path` makes paths from names."""

    def __init__(self, files: Files, root: str) -> None:
        self.files = files
        self.root = root

    def path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root

    def write(self, name: str, content: bytes) -> File:
        file = self.files.open(self.path(name))
        file.append(content)
        return file

    def touches(self, name: str, call: Callable[[], object]) -> bool:
        """Whether a call changes the time of a file."""
        if isinstance(self.files, SimFiles):
            self.files.clock.advance(1000)  # type: ignore[attr-defined]
        else:
            os.utime(self.path(name), (0, 0))
        before = self.files.modified_ms(self.path(name))
        call()
        return self.files.modified_ms(self.path(name)) != before


def a_sim_place() -> Place:
    files = SimFiles(FakeClock())
    files.make_directory("/root")
    return Place(files, "/root")


@pytest.fixture(params=["real", "sim"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield Place(RealFiles(), str(tmp_path)) if request.param == "real" else a_sim_place()


def errno_of(call: Callable[[], object]) -> str:
    with pytest.raises(OSError) as caught:
        call()
    assert caught.value.strerror == os.strerror(caught.value.errno)
    return errno.errorcode[caught.value.errno]


# -- Files


def test_append_read_and_truncate(place: Place) -> None:
    file = place.files.open(place.path("file"))
    assert (file.path, file.size) == (place.path("file"), 0)
    file.append(b"hello ")
    file.append(memoryview(bytearray(b"world")))
    file.append(b"")
    assert file.size == place.files.size(place.path("file")) == 11
    assert [file.read(5, 6), file.read(100, 6), file.read(5, 11), file.read(0, 0)] == [b"world", b"world", b"", b""]
    file.truncate(4)
    file.append(b"!")
    assert place.files.read(place.path("file")) == b"hell!"
    file.truncate(7)
    assert (file.size, file.read(10, 0)) == (7, b"hell!\0\0")
    file.sync()


def test_open_file_that_is_there_appends_at_its_end(place: Place) -> None:
    place.write("file", b"one")
    file = place.write("file", b"two")
    assert (file.size, file.read(10, 0)) == (6, b"onetwo")


def test_two_handles_each_write_where_they_saw_the_end(place: Place) -> None:
    first, second = (place.files.open(place.path("file")) for _ in range(2))
    first.append(b"abcdef")
    second.append(b"xy")
    assert (first.size, second.size, second.read(10, 0)) == (6, 2, b"xycdef")
    second.truncate(0)
    first.append(b"!")
    assert second.read(10, 0) == b"\0\0\0\0\0\0!"


def test_closed_file_is_of_no_use(place: Place) -> None:
    file = place.write("file", b"content")
    file.close()
    file.close()
    for call in (lambda: file.append(b"x"), lambda: file.read(1, 0), lambda: file.truncate(0)):
        assert errno_of(call) == "EBADF"
    with pytest.raises((OSError, ValueError)):  # Python's fsync looks at the descriptor first
        file.sync()
    assert place.files.read(place.path("file")) == b"content"


def test_numbers_below_zero_are_refused(place: Place) -> None:
    file = place.write("file", b"content")
    for call in (lambda: file.read(-1, 0), lambda: file.read(1, -1), lambda: file.truncate(-1)):
        assert errno_of(call) == "EINVAL"
    assert file.size == 7


@pytest.mark.parametrize("take_away", ["remove", "remove_tree", "rename", "replace"])
def test_slice_survives_what_happens_to_the_name(place: Place, take_away: str) -> None:
    place.files.make_directory(place.path("d"))
    file = place.write("d/file", b"content")
    part = FileSlice(file, 1, 3)
    if take_away == "remove":
        place.files.remove(place.path("d/file"))
    elif take_away == "remove_tree":
        place.files.remove_tree(place.path("d"))
    elif take_away == "rename":
        place.write("other", b"other")
        place.files.rename(place.path("other"), place.path("d/file"))
    else:
        place.files.replace(place.path("d/file"), b"other")
    file.append(b"!")
    assert part.read() == b"ont"
    assert file.read(10, 0) == b"content!"


def test_time_of_a_file_is_when_it_was_written_to(place: Place) -> None:
    file = place.write("file", b"content")
    assert place.touches("file", lambda: file.append(b"more"))
    assert place.touches("file", lambda: file.truncate(3))
    assert place.touches("file", lambda: file.truncate(3))
    assert place.touches("file", lambda: place.files.replace(place.path("file"), b"new"))
    assert not place.touches("file", lambda: file.append(b"to the old one"))
    file = place.files.open(place.path("file"))
    assert not place.touches("file", lambda: file.append(b""))
    assert not place.touches("file", lambda: file.read(3, 0))
    assert not place.touches("file", file.sync)
    assert not place.touches("file", lambda: place.files.open(place.path("file")))
    assert place.touches("", lambda: place.files.rename(place.path("file"), place.path("renamed")))
    assert place.touches("", lambda: place.files.remove(place.path("renamed")))


def test_rename_keeps_the_time(place: Place) -> None:
    place.write("file", b"content")
    before = place.files.modified_ms(place.path("file"))
    if isinstance(place.files, SimFiles):
        place.files.clock.advance(1000)  # type: ignore[attr-defined]
        assert before == NOW_MS
    place.files.rename(place.path("file"), place.path("renamed"))
    assert place.files.modified_ms(place.path("renamed")) == before


# -- Names


def test_list_is_sorted_and_empty_for_what_is_no_directory(place: Place) -> None:
    for name in ("b", "a", "c"):
        place.write(name, b"")
    place.files.make_directory(place.path("a.d"))
    assert place.files.list(place.root) == ["a", "a.d", "b", "c"]
    assert place.files.list(place.root + "/") == ["a", "a.d", "b", "c"]
    assert [place.files.list(place.path(name)) for name in ("a.d", "a", "a/x", "missing", "missing/x")] == [[]] * 5


def test_exists(place: Place) -> None:
    place.write("file", b"")
    place.files.make_directory(place.path("d"))
    found = [place.files.exists(place.path(name)) for name in ("file", "d", "", "file/x", "d/x", "x/y")]
    assert found == [True, True, True, False, False, False]


def test_missing_is_harmless_where_it_should_be(place: Place) -> None:
    for name in ("missing", "missing/x"):
        place.files.remove(place.path(name))
        place.files.remove_tree(place.path(name))


def test_missing_is_an_error_elsewhere(place: Place) -> None:
    files, missing, below = place.files, place.path("missing"), place.path("missing/x")
    for call in (files.read, files.size, files.modified_ms, files.sync_directory, files.free_bytes):
        assert errno_of(lambda call=call: call(missing)) == "ENOENT"
        assert errno_of(lambda call=call: call(below)) == "ENOENT"
    for call in (files.open, files.lock, lambda path: files.replace(path, b"")):
        assert errno_of(lambda call=call: call(below)) == "ENOENT"
    assert files.list(place.root) == []


def test_file_is_no_directory(place: Place) -> None:
    files, below = place.files, place.path("file/x")
    place.write("file", b"content")
    for call in (files.read, files.size, files.modified_ms, files.sync_directory, files.free_bytes, files.open):
        assert errno_of(lambda call=call: call(below)) == "ENOTDIR"
    for call in (files.lock, lambda path: files.replace(path, b""), files.make_directory, files.remove):
        assert errno_of(lambda call=call: call(below)) == "ENOTDIR"
    assert errno_of(lambda: files.make_directory(place.path("file"))) == "EEXIST"
    assert errno_of(lambda: files.make_directory(place.path("file/x/y"))) == "ENOTDIR"
    files.remove_tree(place.path("file"))
    files.remove_tree(below)
    files.sync_directory(place.path("file"))
    assert files.read(place.path("file")) == b"content"


def test_directory_is_no_file(place: Place) -> None:
    files, directory = place.files, place.path("d")
    files.make_directory(place.path("d/e/f"))
    files.make_directory(place.path("d/e"))
    for call in (files.read, files.open, files.lock, files.remove, lambda path: files.replace(path, b"")):
        assert errno_of(lambda call=call: call(directory)) == "EISDIR"
    assert files.list(place.root) == ["d"]
    assert files.list(directory) == ["e"]
    files.sync_directory(directory)
    files.remove_tree(directory)
    assert files.list(place.root) == []


def test_rename_takes_the_place_of_what_is_there(place: Place) -> None:
    files = place.files
    for name in ("d/full", "empty", "e"):
        files.make_directory(place.path(name))
    place.write("file", b"content")
    place.write("other", b"other")
    files.rename(place.path("file"), place.path("other"))
    files.rename(place.path("other"), place.path("other"))
    files.rename(place.path("d/full"), place.path("empty"))
    files.rename(place.path("d"), place.path("e/d"))
    assert files.list(place.root) == ["e", "empty", "other"]
    assert files.list(place.path("e")) == ["d"]
    assert files.read(place.path("other")) == b"content"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("missing", "x", "ENOENT"),
        ("file", "missing/x", "ENOENT"),
        ("file", "file/x", "ENOTDIR"),
        ("missing", "file/x", "ENOTDIR"),
        ("file/x", "x", "ENOTDIR"),
        ("d", "file", "ENOTDIR"),
        ("file", "d", "EISDIR"),
        ("d", "d/x", "EINVAL"),
        ("d", "d/full/x", "EINVAL"),
        ("d", "d/full", "EINVAL"),
        ("d", "d/missing/x", "ENOENT"),
        ("d/full", "d", "ENOTEMPTY"),
        ("d/full/file", "d", "ENOTEMPTY"),
        ("empty", "d", "ENOTEMPTY"),
    ],
)
def test_rename_that_cannot_be(place: Place, old: str, new: str, expected: str) -> None:
    place.files.make_directory(place.path("d/full"))
    place.files.make_directory(place.path("empty"))
    place.write("file", b"content")
    place.write("d/full/file", b"content")
    assert errno_of(lambda: place.files.rename(place.path(old), place.path(new))) == expected
    assert place.files.list(place.root) == ["d", "empty", "file"]


def test_replace_leaves_nothing_but_the_content(place: Place) -> None:
    for content in (b"one", b"another", b""):
        place.files.replace(place.path("file"), content)
        assert place.files.read(place.path("file")) == content
    assert place.files.list(place.root) == ["file"]


def test_lock_is_exclusive_until_released(place: Place) -> None:
    lock = place.files.lock(place.path(".lock"))
    assert lock is not None
    assert place.files.list(place.root) == [".lock"]
    assert place.files.lock(place.path(".lock")) is None
    other = place.files.lock(place.path("other"))
    assert other is not None
    place.files.rename(place.path(".lock"), place.path("renamed"))
    assert place.files.lock(place.path("renamed")) is None
    lock.release()
    lock.release()
    again = place.files.lock(place.path("renamed"))
    assert again is not None
    again.release()
    other.release()


def test_free_bytes(place: Place) -> None:
    total, free = place.files.free_bytes(place.root)
    assert total >= free > 0


def test_simulated_file_has_no_descriptor() -> None:
    assert a_sim_place().files.open("/root/file").fileno() == -1


def test_simulated_files_take_absolute_paths_only() -> None:
    with pytest.raises(ValueError, match="absolute"):
        a_sim_place().files.open("file")


# -- Random operations

NAMES = st.sampled_from(["", "a", "b", "a/a", "a/b", "b/a", "a/a/b"])
NUMBERS = st.integers(-1, 12)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(
                ["open", "open", "read", "size", "list", "exists", "make_directory", "make_directory", "remove",
                 "remove_tree", "sync_directory", "lock"]
            ),
            NAMES,
        ),
        st.tuples(st.just("rename"), NAMES, NAMES),
        st.tuples(st.just("replace"), NAMES, st.binary(max_size=8)),
        st.tuples(st.just("file.append"), NUMBERS, st.binary(max_size=8)),
        st.tuples(st.just("file.read"), NUMBERS, NUMBERS, NUMBERS),
        st.tuples(st.just("file.truncate"), NUMBERS, NUMBERS),
        st.tuples(st.sampled_from(["file.sync", "file.close", "lock.release"]), NUMBERS),
    ),
    max_size=40,
)  # fmt: skip


class Player:
    """Plays operations on some files, and says what came of each."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.opened: dict[str, list[Any]] = {"file": [], "lock": []}

    def play(self, operation: str, *arguments: Any) -> object:
        kind, _, method = operation.rpartition(".")
        try:
            if not kind:
                return self._on_files(method, *arguments)
            opened = self.opened[kind]
            if not opened:
                return None
            target = opened[arguments[0] % len(opened)]
            return getattr(target, method)(*arguments[1:]), getattr(target, "size", 0)
        except OSError as error:
            return errno.errorcode[error.errno]
        except ValueError:  # of RealFile.sync when closed
            return "EBADF"

    def _on_files(self, method: str, name: str, *rest: Any) -> object:
        files, path = self.place.files, self.place.path(name)
        if method == "rename":
            rest = (self.place.path(rest[0]),)
        if method in ("remove_tree", "rename") and "" in (name, *rest):
            return None
        found = getattr(files, method)(path, *rest)
        if method == "open":
            self.opened["file"].append(found)
            return found.size
        if method == "lock" and found is not None:
            self.opened["lock"].append(found)
            return True
        # how large a directory is, is the file system's own affair
        return None if method == "size" and not is_file(files, path) else found

    def tree(self, name: str = "") -> object:
        files, path = self.place.files, self.place.path(name)
        if is_file(files, path):
            return files.read(path)
        return {entry: self.tree(f"{name}/{entry}") for entry in files.list(path)}

    def end(self) -> None:
        for each in self.opened["lock"]:
            each.release()


def is_file(files: Files, path: str) -> bool:
    try:
        files.read(path)
    except IsADirectoryError:
        return False
    return True


@given(OPERATIONS)
@settings(max_examples=300, deadline=None)
def test_random_operations_give_the_same(operations: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as directory:
        sim, real = Player(a_sim_place()), Player(Place(RealFiles(), directory))
        for operation in operations:
            assert sim.play(*operation) == real.play(*operation), operation
            assert sim.tree() == real.tree(), operation
        real.end()


# -- Processes


def test_handles_and_locks_end_with_their_process() -> None:
    files = SimFiles(FakeClock())
    file, lock = files.open("/file"), files.lock("/lock")
    assert lock is not None
    file.append(b"written")
    files.kill()
    for call in (lambda: file.append(b"x"), lambda: file.read(1, 0), lambda: file.truncate(0), file.sync):
        assert errno_of(call) == "EBADF"
    file.close()
    second = files.lock("/lock")
    assert second is not None
    lock.release()
    assert files.lock("/lock") is None
    assert files.read("/file") == b"written"
