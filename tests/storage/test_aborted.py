"""The `.txnindex` file: its layout, what is found in it, and what is not taken for one."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykbroker.storage.aborted import Aborted, AbortedIndex
from pykbroker.storage.files import RealFiles

ONE = Aborted(producer_id=7, first_offset=10, last_offset=20, last_stable_offset=15)
TWO = Aborted(producer_id=8, first_offset=15, last_offset=30, last_stable_offset=31)


def test_layout_of_an_entry(tmp_path: Path) -> None:
    # STO-07
    path = str(tmp_path / "x.txnindex")
    AbortedIndex.of([ONE, TWO]).save(RealFiles(), path)
    content = RealFiles().read(path)
    assert content == pack(">hqqqq", 0, 7, 10, 20, 15) + pack(">hqqqq", 0, 8, 15, 30, 31)
    assert len(content) == 2 * 34


def test_saving_adds_what_is_new(tmp_path: Path) -> None:
    path = str(tmp_path / "x.txnindex")
    index = AbortedIndex.of([ONE])
    index.save(RealFiles(), path)
    index.add(TWO)
    index.save(RealFiles(), path)
    assert RealFiles().read(path) == AbortedIndex.of([ONE, TWO]).entries


def test_what_is_taken_back_leaves_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "x.txnindex")
    index = AbortedIndex.of([ONE, TWO])
    index.save(RealFiles(), path)
    index.drop_last()
    index.save(RealFiles(), path)
    assert RealFiles().read(path) == AbortedIndex.of([ONE]).entries


def test_loaded_again() -> None:
    index = AbortedIndex.load(bytes(AbortedIndex.of([ONE, TWO]).entries))
    assert index is not None
    assert [index.entry(0), index.entry(1)] == [ONE, TWO]
    assert not AbortedIndex.load(b"")


@pytest.mark.parametrize(
    "content",
    [
        pack(">hqqqq", 1, 7, 10, 20, 21),
        pack(">hqqqq", 0, 7, 20, 20, 21),
        pack(">hqqqq", 0, 7, -1, 20, 21),
        bytes(34),
        bytes(AbortedIndex.of([ONE]).entries) + bytes(68),
        bytes(AbortedIndex.of([ONE]).entries)[:-1],
        bytes(AbortedIndex.of([TWO, ONE]).entries),
        bytes(AbortedIndex.of([ONE, ONE]).entries),
    ],
    ids=["version", "empty transaction", "negative", "zeros", "zeros behind", "cut", "order", "twice"],
)
def test_damage_is_noticed(content: bytes) -> None:
    # STO-07
    assert AbortedIndex.load(content) is None


@pytest.mark.parametrize(("base", "end", "fits"), [(0, 31, True), (20, 31, True), (21, 31, False), (0, 30, False)])
def test_markers_must_be_inside_the_segment(base: int, end: int, fits: bool) -> None:
    assert AbortedIndex.of([ONE, TWO]).fits(base, end) is fits


def test_nothing_fits_everywhere() -> None:
    assert AbortedIndex().fits(5, 5)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0, 10, []),
        (0, 11, [ONE]),
        (0, 15, [ONE]),
        (0, 16, [ONE, TWO]),
        (20, 21, [ONE, TWO]),
        (21, 22, [TWO]),
        (30, 40, [TWO]),
        (31, 40, []),
    ],
)
def test_overlap_includes_the_marker_and_excludes_the_end(start: int, end: int, found: list[Aborted]) -> None:
    # FET-16
    assert AbortedIndex.of([ONE, TWO]).overlapping(start, end)[0] == found


def test_a_later_segment_may_have_more_until_the_stable_offset_passed_the_end() -> None:
    # FET-16: another transaction was open at 5 when this marker was stored
    index = AbortedIndex.of([Aborted(7, 10, 20, last_stable_offset=5)])
    assert index.overlapping(0, 5) == ([], True)
    assert index.overlapping(0, 6) == ([], False)
    assert AbortedIndex.of([TWO]).overlapping(0, 31) == ([TWO], True)
    assert AbortedIndex.of([TWO]).overlapping(0, 32) == ([TWO], False)
    assert AbortedIndex().overlapping(0, 1) == ([], False)


@st.composite
def histories(draw: st.DrawFn) -> list[Aborted]:
    """What aborted transactions leave: markers in order, and a stable offset that only grows."""
    entries, offset = [], 0
    for _ in range(draw(st.integers(0, 8))):
        first = draw(st.integers(max(0, offset - 10), offset + 5))
        offset = max(first, offset) + draw(st.integers(1, 5))
        stable = draw(st.integers(max([0, *(each.last_stable_offset for each in entries)]), offset + 1))
        entries.append(Aborted(draw(st.integers(0, 3)), first, offset, stable))
    return entries


@given(histories(), st.integers(0, 60), st.integers(0, 60))
def test_all_that_overlap_are_found(entries: list[Aborted], start: int, length: int) -> None:
    """FET-16: as by looking at every entry, up to where the stable offset says that no more can come."""
    end = start + length
    expected, is_all = [], False
    for entry in entries:
        if entry.last_offset >= start and entry.first_offset < end:
            expected.append(entry)
        # An entry with a marker before `start` also has its stable offset there, so it never ends the search.
        if entry.last_stable_offset >= end and entry.last_offset >= start:
            is_all = True
            break
    assert AbortedIndex.of(entries).overlapping(start, end) == (expected, is_all)
