"""What a power cut may take from simulated files, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from errno import EIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pykbroker.testing.sim_files import SimFile, SimFiles
from tests.fakes import FakeClock, SeededRandom

SEEDS = 200


def some_files() -> SimFiles:
    return SimFiles(FakeClock())


def a_file(files: SimFiles, content: bytes = b"") -> SimFile:
    """`/file`, safe with its content."""
    file = files.open("/file")
    file.append(content)
    file.sync()
    files.sync_directory("/")
    return file


def outcomes(act: Callable[[SimFiles], object], see: Callable[[SimFiles], object]) -> set[object]:
    """What can be seen after a power cut, over many seeds."""
    found = set()
    for seed in range(SEEDS):
        files = some_files()
        act(files)
        files.power_cut(SeededRandom(seed))
        found.add(see(files))
    return found


def content(files: SimFiles) -> bytes:
    return files.read("/file")


def names(files: SimFiles) -> tuple[str, ...]:
    return tuple(files.list("/"))


# -- Contents


def test_synced_content_stays() -> None:
    assert outcomes(lambda files: a_file(files, b"content"), content) == {b"content"}


def test_appended_bytes_are_lost_kept_cut_or_torn() -> None:
    found = outcomes(lambda files: a_file(files, b"safe").append(b"abc"), content)
    assert {b"safe", b"safea", b"safeab", b"safeabc", b"safe\0\0\0", b"safea\0\0", b"safeab\0"} <= found
    others = {each for each in found if not (b"safeabc".startswith(each) or each.endswith(b"\0"))}
    assert others
    assert all(isinstance(each, bytes) and each.startswith(b"safe") and len(each) == 7 for each in others)


def test_truncate_may_or_may_not_have_happened() -> None:
    assert outcomes(lambda files: a_file(files, b"content").truncate(3), content) == {b"content", b"con"}


def test_rewritten_file_is_old_or_empty_or_part_of_the_new() -> None:
    def rewrite(files: SimFiles) -> None:
        file = a_file(files, b"old")
        file.truncate(0)
        file.append(b"N")

    found = outcomes(rewrite, content)
    assert {b"old", b"", b"N", b"\0"} <= found
    assert all(isinstance(each, bytes) and (each == b"old" or len(each) <= 1) for each in found)


def test_bytes_that_were_cut_off_again_may_come_back() -> None:
    def append_and_cut(files: SimFiles) -> None:
        file = a_file(files, b"safe")
        file.append(b"failed")
        file.truncate(4)
        file.append(b"next")

    found = outcomes(append_and_cut, content)
    assert {b"safefailed", b"safenext", b"safe"} <= found


def test_cut_does_not_make_safe_what_is_left() -> None:
    def append_and_cut(files: SimFiles) -> None:
        file = a_file(files, b"safe")
        file.append(b"abcdef")
        file.truncate(7)

    assert {b"safe\0\0\0", b"safea\0\0", b"safeabc"} <= outcomes(append_and_cut, content)


def test_failed_sync_loses_what_took_the_place_of_safe_bytes() -> None:
    def act(files: SimFiles) -> None:
        file = a_file(files, b"safe...")
        file.truncate(4)
        file.append(b"xy")
        files.fail("/file", EIO, {"sync"}, times=1)
        with pytest.raises(OSError):
            file.sync()
        file.append(b"!")
        file.sync()

    found = outcomes(act, content)
    assert b"safe\0\0!" in found
    assert b"safexy!" not in found


def test_files_fare_independently() -> None:
    def act(files: SimFiles) -> None:
        for path in ("/a", "/b"):
            files.open(path).append(b"x")
        files.sync_directory("/")

    found = outcomes(act, lambda files: (files.size("/a"), files.size("/b")))
    assert found == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_what_a_failed_sync_should_have_written_is_lost() -> None:
    def act(files: SimFiles) -> None:
        file = a_file(files, b"safe")
        file.append(b"lost")
        files.fail("/file", EIO, {"sync"}, times=1)
        with pytest.raises(OSError):
            file.sync()
        file.append(b"more")
        file.sync()
        assert file.read(100, 0) == b"safelostmore"

    found = outcomes(act, content)
    assert b"safe\0\0\0\0more" in found
    assert len(found) > 1
    for each in found:
        assert isinstance(each, bytes)
        assert each[:4] + each[8:] == b"safemore"
        assert each[4:8] != b"lost"


def test_what_is_written_again_after_a_failed_sync_is_safe() -> None:
    def act(files: SimFiles) -> None:
        file = a_file(files, b"safe")
        file.append(b"lost")
        files.fail("/file", EIO, {"sync"}, times=1)
        with pytest.raises(OSError):
            file.sync()
        file.truncate(4)
        file.append(b"again")
        file.sync()

    assert outcomes(act, content) == {b"safeagain"}


def test_sync_that_fails_at_the_end_may_cost_the_size_too() -> None:
    def act(files: SimFiles) -> None:
        file = a_file(files, b"safe")
        file.append(b"lost")
        files.fail("/file", EIO, {"sync"}, times=1)
        with pytest.raises(OSError):
            file.sync()
        file.sync()

    found = outcomes(act, content)
    assert {b"safe", b"safe\0\0\0\0"} <= found
    assert b"safelost" not in found


WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.binary(min_size=1, max_size=6)),
        st.tuples(st.just("truncate"), st.integers(0, 10)),
        st.tuples(st.just("sync")),
    ),
    max_size=20,
)


@given(WRITES, st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_no_seed_takes_what_is_safe(writes: list[tuple[str, object]], seed: int) -> None:
    files = some_files()
    file = a_file(files)
    synced, safe, longest = b"", 0, 0
    for method, *arguments in writes:
        getattr(file, method)(*arguments)
        safe = min(safe, file.size)
        longest = max(longest, file.size)
        if method == "sync":
            synced = files.read("/file")
            safe = longest = len(synced)
    files.power_cut(SeededRandom(seed))
    left = files.read("/file")
    assert left[:safe] == synced[:safe]
    assert len(left) <= longest
    files.power_cut()
    assert files.read("/file") == left


@given(WRITES)
@settings(deadline=None)
def test_without_randomness_only_what_was_synced_is_left(writes: list[tuple[str, object]]) -> None:
    files = some_files()
    file = a_file(files)
    synced = b""
    for method, *arguments in writes:
        getattr(file, method)(*arguments)
        if method == "sync":
            synced = files.read("/file")
    files.power_cut()
    assert files.read("/file") == synced


# -- Entries


def test_name_needs_its_directory_synced() -> None:
    def act(files: SimFiles) -> None:
        file = files.open("/file")
        file.append(b"content")
        file.sync()

    assert outcomes(act, names) == {(), ("file",)}
    files = some_files()
    act(files)
    files.power_cut()
    assert names(files) == ()


def test_synced_name_does_not_save_the_content() -> None:
    files = some_files()
    files.open("/file").append(b"content")
    files.sync_directory("/")
    files.power_cut()
    assert content(files) == b""


def test_directory_that_is_not_in_its_parent_is_gone_with_all_it_has() -> None:
    files = some_files()
    files.make_directory("/d")
    files.open("/d/file").sync()
    files.sync_directory("/d")
    files.power_cut()
    assert names(files) == ()


def test_first_changes_of_a_directory_survive() -> None:
    def act(files: SimFiles) -> None:
        files.open("/a")
        files.open("/b")
        files.rename("/a", "/c")
        files.remove("/b")

    assert outcomes(act, names) == {(), ("a",), ("a", "b"), ("b", "c"), ("c",)}


def test_directories_fare_independently() -> None:
    def act(files: SimFiles) -> None:
        files.make_directory("/d")
        files.sync_directory("/")
        files.open("/d/x")
        files.open("/y")

    found = outcomes(act, lambda files: (*files.list("/d"), *files.list("/")))
    assert found == {("d",), ("x", "d"), ("d", "y"), ("x", "d", "y")}


def test_rename_between_directories_is_one_change() -> None:
    def act(files: SimFiles) -> None:
        files.make_directory("/from")
        files.make_directory("/to")
        files.open("/from/file")
        for path in ("/", "/from", "/to"):
            files.sync_directory(path)
        files.open("/to/before")
        files.rename("/from/file", "/to/file")
        files.open("/from/after")

    found = outcomes(act, lambda files: (*files.list("/from"), "|", *files.list("/to")))
    assert found == {
        ("file", "|"), ("file", "|", "before"), ("|", "before", "file"), ("after", "|", "before", "file")
    }  # fmt: skip


@pytest.mark.parametrize("synced", ["/from", "/to"])
def test_rename_is_safe_once_either_directory_is_synced(synced: str) -> None:
    files = some_files()
    files.make_directory("/from")
    files.make_directory("/to")
    files.open("/from/file")
    files.sync_directory("/")
    files.rename("/from/file", "/to/file")
    files.sync_directory(synced)
    files.power_cut()
    assert (files.list("/from"), files.list("/to")) == ([], ["file"])


def test_removed_file_may_come_back_with_its_content() -> None:
    def act(files: SimFiles) -> None:
        a_file(files, b"content")
        files.remove("/file")

    found = outcomes(act, lambda files: content(files) if files.exists("/file") else None)
    assert found == {b"content", None}


def test_replace_is_safe_when_it_returns() -> None:
    files = some_files()
    files.replace("/file", b"old")
    files.replace("/file", b"new")
    files.power_cut()
    assert content(files) == b"new"
    assert names(files) == ("file",)


def test_what_is_left_is_safe_from_the_next_cut() -> None:
    for seed in range(SEEDS):
        files = some_files()
        a_file(files, b"safe").append(b"abcdef")
        files.open("/other").append(b"x")
        files.power_cut(SeededRandom(seed))
        left = {name: files.read(f"/{name}") for name in files.list("/")}
        files.power_cut()
        assert left == {name: files.read(f"/{name}") for name in files.list("/")}


def test_kill_takes_nothing() -> None:
    files = some_files()
    files.make_directory("/d")
    files.open("/d/file").append(b"content")
    files.kill()
    assert files.read("/d/file") == b"content"


def test_same_seed_leaves_the_same() -> None:
    def left(seed: int) -> list[tuple[str, bytes]]:
        files = some_files()
        for name in "abcdefgh":
            files.open(f"/{name}").append(bytes(range(100)))
        files.power_cut(SeededRandom(seed))
        return [(name, files.read(f"/{name}")) for name in files.list("/")]

    assert left(1) == left(1)
    assert left(1) != left(2)
