"""`KeyOffsets`: the newest offset of each key in the part of a log that is not clean yet, in bounded memory.

Kafka keeps 24 bytes a key, an MD5 and an offset, in a flat table (`SkimpyOffsetMap`). A Python dict costs more: key and
offset are objects of 64 and 32 bytes, and an entry takes 27 to 108 bytes of the table, depending on how full it is.
So a key counts as 200 bytes here, and log.cleaner.dedupe.buffer.size holds an eighth of the keys that it holds in
Kafka: 600,000 by default. What does not fit is left for the next round. Keys that are longer than 30 bytes are replaced
by a digest of 31, which no short key can be mistaken for.

The table is split, because growing or freeing a dict of 600,000 keys takes 30 ms in one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from pykbroker.wire.spans import Span

BYTES_PER_KEY: Final = 200
_SHORT: Final = 30
_PARTS: Final = 64
_MASK: Final = _PARTS - 1


def most_keys(buffer_bytes: int, load_factor: float) -> int:
    """Return how many keys log.cleaner.dedupe.buffer.size holds, filled up to log.cleaner.io.buffer.load.factor."""
    return max(1, int(buffer_bytes * load_factor) // BYTES_PER_KEY)


class KeyOffsets:
    """Up to `limit` keys and their newest offsets. `latest_offset` is the last one that was taken into account, or -1.

    `note` and `survivors` are called for each record of a log: hot loops.
    """

    __slots__ = ("_limit", "_parts", "_room", "latest_offset")

    def __init__(self, limit: int) -> None:
        self.latest_offset = -1
        self._limit = self._room = limit
        self._parts: list[dict[bytes, int]] = [{} for _ in range(_PARTS)]

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def room(self) -> int:
        """Return how many records may be noted now, whatever their keys; 0 if it is full."""
        if self._room <= 0:  # each record noted may have been a new key, or not
            self._room = self._limit - len(self)
        return self._room

    def note(self, records: list[Span], base_offset: int, start_offset: int = 0) -> None:
        """Take in records, up to `room()` of them, of a batch; those before `start_offset` do not count."""
        parts = self._parts
        for delta, key, _, _, _ in records:
            if key is not None and base_offset + delta >= start_offset:
                if len(key) > _SHORT:
                    key = _digest(key)
                parts[hash(key) & _MASK][key] = base_offset + delta
        self._room -= len(records)
        self.reach(base_offset + records[-1][0])

    def reach(self, offset: int) -> None:
        """Take in that everything up to `offset` was seen."""
        if offset > self.latest_offset:
            self.latest_offset = offset

    def survivors(self, records: list[Span], base_offset: int, *, keeps_deletes: bool) -> list[Span]:
        """Return the records that stay: those that are newest of their key, or not taken into account yet (STO-19).

        What has no key goes (STO-23), and without `keeps_deletes` so does what has no value (STO-21).
        """
        parts, latest = self._parts, self.latest_offset
        kept = []
        for record in records:
            delta, key, is_delete, _, _ = record
            offset = base_offset + delta
            if offset > latest:
                kept.append(record)
            elif key is not None:
                if len(key) > _SHORT:
                    key = _digest(key)
                if offset >= parts[hash(key) & _MASK].get(key, -1) and (keeps_deletes or not is_delete):
                    kept.append(record)
        return kept

    def drain(self) -> Iterator[None]:
        """Forget all keys, a part of them at each step."""
        while self._parts:
            self._parts.pop()
            yield


def _digest(key: bytes) -> bytes:
    return blake2b(key, digest_size=_SHORT + 1).digest()
