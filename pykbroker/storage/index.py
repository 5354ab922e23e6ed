"""Sparse indexes of a segment: from offset to file position, and from timestamp to offset. Kafka's formats.

    .index      8-byte entries: offset - base offset (int32), position of the batch whose last offset that is (int32)
    .timeindex 12-byte entries: largest timestamp so far (int64), offset - base offset (int32)

An index in memory is the content of its file in one bytearray: loading, saving and looking up need no conversion.
Offsets ascend, timestamps ascend strictly. The first batch has no entry, because a look-up that finds none starts at
the beginning. A missing entry only makes a look-up scan further; an index that breaks these rules is not used at all,
and the segment rebuilds it (`org.apache.kafka.storage.internals.log.OffsetIndex`, `TimeIndex`).

Kafka preallocates the indexes of the active segment, and cuts off the zeros when it rolls or closes. We never
preallocate; zeros at the end are read as nothing (STO-12).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from operator import lt
from struct import Struct, unpack
from typing import ClassVar, Final, Self

from pykbroker.env import Files

MAX_RELATIVE_OFFSET: Final = 0x7FFFFFFF

_OFFSET_ENTRY: Final = Struct(">II")
_TIME_ENTRY: Final = Struct(">qI")


class IndexEntries:
    """The entries of an index; how many bytes of them are in the file already. `aborted.py` has the third kind."""

    __slots__ = ("entries", "saved")
    width: ClassVar[int]

    def __init__(self, entries: bytes = b"") -> None:
        self.entries = bytearray(entries)
        self.saved = len(entries)

    def __len__(self) -> int:
        return len(self.entries) // self.width

    @classmethod
    def load(cls, raw: bytes) -> Self | None:
        """Return the index that a file holds, or None if it is not one."""
        if raw.endswith(bytes(2 * cls.width)):  # one zero entry can be real: timestamp 0 at the first offset
            raw = raw[: -(-len(raw.rstrip(b"\0")) // cls.width) * cls.width]
        return cls(raw) if len(raw) % cls.width == 0 and cls._is_sound(raw) else None

    @classmethod
    def _is_sound(cls, raw: bytes) -> bool:
        raise NotImplementedError

    def save(self, files: Files, path: str, *, sync: bool = True) -> None:
        """Bring the file up to date, and return once that is on the device. Without `sync` somebody else sees to that.

        What a power cut leaves of a file could pass for a sound index, and point anywhere.
        """
        file = files.open(path)
        try:
            if file.size != self.saved:
                file.truncate(0)
                self.saved = 0
            if self.saved < len(self.entries):
                file.append(self.entries[self.saved :])  # a copy: an error would hold on to a view, and `entries` grow
                if sync:
                    file.sync()
            self.saved = len(self.entries)
        finally:
            file.close()


class OffsetIndex(IndexEntries):
    """From relative offset to position."""

    __slots__ = ()
    width = 8

    @classmethod
    def _is_sound(cls, raw: bytes) -> bool:
        numbers = unpack(f">{len(raw) // 4}I", raw)
        offsets, positions = numbers[::2], numbers[1::2]
        ascend = all(map(lt, offsets, offsets[1:])) and all(map(lt, positions, positions[1:]))
        return ascend and (not offsets or offsets[-1] <= MAX_RELATIVE_OFFSET)

    def add(self, offset: int, position: int) -> None:
        """Note that the batch at `position` ends with the relative `offset`."""
        self.entries += _OFFSET_ENTRY.pack(offset, position)

    def last(self) -> tuple[int, int]:
        """Return the last (offset, position), or (0, 0)."""
        return _OFFSET_ENTRY.unpack_from(self.entries, len(self.entries) - 8) if self.entries else (0, 0)

    def behind(self, position: int) -> tuple[int, int] | None:
        """Return the (offset, position) of the first entry at or behind a position, or None."""
        entries, read = self.entries, _OFFSET_ENTRY.unpack_from
        first = bisect_left(range(len(self)), position, key=lambda i: read(entries, i * 8)[1])
        return read(entries, first * 8) if first < len(self) else None

    def before(self, offset: int) -> tuple[int, int]:
        """Return the (offset, position) to start scanning for a relative offset: what is earlier ends before it."""
        entries, read = self.entries, _OFFSET_ENTRY.unpack_from
        after = bisect_right(range(len(self)), offset, key=lambda i: read(entries, i * 8)[0])
        return read(entries, after * 8 - 8) if after else (0, 0)


class TimeIndex(IndexEntries):
    """From timestamp to relative offset."""

    __slots__ = ()
    width = 12

    @classmethod
    def _is_sound(cls, raw: bytes) -> bool:
        entries = list(_TIME_ENTRY.iter_unpack(raw))
        ascend = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(entries))
        return ascend and (not entries or (entries[0][0] >= 0 and entries[-1][1] <= MAX_RELATIVE_OFFSET))

    def add(self, timestamp: int, offset: int) -> None:
        """Note the largest timestamp so far and the relative offset that has it, unless it is no news."""
        if timestamp > self.last()[0]:
            self.entries += _TIME_ENTRY.pack(timestamp, offset)

    def last(self) -> tuple[int, int]:
        """Return the last (timestamp, offset), or (-1, 0)."""
        return _TIME_ENTRY.unpack_from(self.entries, len(self.entries) - 12) if self.entries else (-1, 0)

    def before(self, timestamp: int) -> tuple[int, int]:
        """Return the (timestamp, offset) to start scanning from: all records before that relative offset are older."""
        entries, read = self.entries, _TIME_ENTRY.unpack_from
        # An entry (t, o): the largest timestamp up to o is t, so what has `timestamp` > t comes after o. An equal t
        # must not be skipped, because o itself may be the first that has it, or not.
        after = bisect_right(range(len(self)), timestamp - 1, key=lambda i: read(entries, i * 12)[0])
        return read(entries, after * 12 - 12) if after else (-1, 0)
