"""The table of keys: newest offsets, within its memory."""

from __future__ import annotations

import pytest

from pykbroker.storage.key_offsets import BYTES_PER_KEY, KeyOffsets, most_keys
from pykbroker.wire.spans import Span


def spans(*keys: bytes | None, start: int = 0) -> list[Span]:
    return [(start + index, key, False, 0, 1) for index, key in enumerate(keys)]


def surviving(offsets: KeyOffsets, records: list[Span], base_offset: int = 0) -> list[int]:
    return [base_offset + each[0] for each in offsets.survivors(records, base_offset, keeps_deletes=True)]


def test_the_newest_record_of_each_key_survives() -> None:
    offsets = KeyOffsets(10)
    offsets.note(spans(b"a", b"b", b"a"), 0)
    offsets.note(spans(b"c", b"b"), 10)
    assert surviving(offsets, spans(b"a", b"b", b"a")) == [2]
    assert surviving(offsets, spans(b"c", b"b"), 10) == [10, 11]
    assert len(offsets) == 3
    assert offsets.latest_offset == 11


def test_a_key_that_was_not_noted_is_the_newest_of_its_kind() -> None:
    offsets = KeyOffsets(10)
    offsets.note(spans(b"a"), 100)
    assert surviving(offsets, spans(b"a", b"x")) == [1]


def test_what_was_not_looked_at_survives() -> None:
    offsets = KeyOffsets(10)
    offsets.note(spans(b"a", b"a"), 0)
    assert surviving(offsets, spans(b"a", b"a", b"a", None)) == [1, 2, 3]


def test_records_before_the_start_do_not_count() -> None:
    offsets = KeyOffsets(10)
    offsets.note(spans(b"a", b"b", b"c"), 0, start_offset=2)
    assert len(offsets) == 1


@pytest.mark.parametrize("length", [0, 30, 31, 32, 100000])
def test_keys_of_any_length_are_told_apart(length: int) -> None:
    offsets = KeyOffsets(10)
    one, other = b"x" * length, b"x" * length + b"y"
    offsets.note(spans(one, other, one), 0)
    assert surviving(offsets, spans(one, other, one)) == [1, 2]


def test_a_short_key_is_never_taken_for_the_digest_of_a_long_one() -> None:
    offsets = KeyOffsets(10)
    offsets.note(spans(b"x" * 100), 50)
    [stored] = [key for part in offsets._parts for key in part]
    assert surviving(offsets, spans(stored)) == [0]


def test_room_is_for_new_keys() -> None:
    offsets = KeyOffsets(3)
    assert offsets.room() == 3
    offsets.note(spans(b"a", b"a", b"b"), 0)
    assert offsets.room() == 1
    offsets.note(spans(b"b"), 3)
    assert offsets.room() == 1
    offsets.note(spans(b"c"), 4)
    assert offsets.room() == 0


def test_draining_leaves_nothing() -> None:
    offsets = KeyOffsets(200)
    offsets.note(spans(*(b"%d" % number for number in range(200))), 0)
    steps = sum(1 for _ in offsets.drain())
    assert steps > 1
    assert len(offsets) == 0


def test_memory_is_that_of_the_settings() -> None:
    assert most_keys(128 * 1024 * 1024, 0.9) == 128 * 1024 * 1024 * 9 // 10 // BYTES_PER_KEY
    assert most_keys(1, 0.9) == 1
