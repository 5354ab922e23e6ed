"""The aborted transactions of a segment: what a consumer with read_committed must leave out. Kafka's `.txnindex`.

    bytes  field                 one entry for each abort marker that is in the segment, and ended a transaction
        2  version = 0
        8  producer id
        8  first offset          of the transaction's first batch, in this segment or an earlier one
        8  last offset           that of the abort marker; ascends from entry to entry
        8  last stable offset    when the marker was stored: what starts at or after it is in a later entry

The file is only there if something was aborted. It is written at each abort, because nothing else tells aborted data
from committed; still it can be made anew from the log (`recovery.py`). A file that is cut, or that breaks these rules,
is not used at all (`org.apache.kafka.storage.internals.log.TransactionIndex`, `AbortedTxn`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from struct import Struct
from typing import Final, NamedTuple, Self

from pykbroker.storage.index import IndexEntries

VERSION: Final = 0
_ENTRY: Final = Struct(">hqqqq")


class Aborted(NamedTuple):
    """One aborted transaction; see the fields of an entry."""

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class AbortedIndex(IndexEntries):
    """The aborted transactions whose markers are in one segment, in the order of the markers."""

    __slots__ = ()
    width = _ENTRY.size

    @classmethod
    def of(cls, entries: Iterable[Aborted]) -> Self:
        """Return a new index, in no file yet."""
        index = cls()
        for entry in entries:
            index.add(entry)
        return index

    @classmethod
    def load(cls, raw: bytes) -> Self | None:
        """Return the index that a file holds, or None if it is not one. Zeros are damage: nothing is preallocated."""
        return cls(raw) if len(raw) % cls.width == 0 and cls._is_sound(raw) else None

    @classmethod
    def _is_sound(cls, raw: bytes) -> bool:
        before = -1
        for version, _, first, last, _ in _ENTRY.iter_unpack(raw):
            if version != VERSION or not 0 <= first < last or last <= before:
                return False
            before = last
        return True

    def fits(self, base_offset: int, end_offset: int) -> bool:
        """Return whether every marker can be in a segment of these offsets, the end exclusive."""
        if not self.entries:
            return True
        return self.entry(0).last_offset >= base_offset and self.entry(len(self) - 1).last_offset < end_offset

    def entry(self, index: int) -> Aborted:
        """Return one entry, counted from 0."""
        return Aborted(*_ENTRY.unpack_from(self.entries, index * self.width)[1:])

    def add(self, aborted: Aborted) -> None:
        """Note one more, whose marker is later than all others'."""
        self.entries += _ENTRY.pack(VERSION, *aborted)

    def drop_last(self) -> None:
        """Take the last one back: its marker could not be stored."""
        del self.entries[-self.width :]
        self.saved = 0  # so that the next `save` writes all of the file anew

    def overlapping(self, start: int, end: int) -> tuple[list[Aborted], bool]:
        """Return the transactions that overlap offsets from `start` up to `end`, exclusive, and whether these are all.

        They are not if a later segment may have the marker of one more.
        """
        found = []
        first = bisect_left(range(len(self)), start, key=lambda index: self.entry(index).last_offset)
        for index in range(first, len(self)):
            aborted = self.entry(index)
            if aborted.first_offset < end:
                found.append(aborted)
            if aborted.last_stable_offset >= end:
                return found, True
        return found, False
