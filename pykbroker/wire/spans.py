"""Where records begin and end, and their keys: all that compaction needs of them. For the layout see `records.py`.

    from   record: length | attributes | timestamp delta | offset delta | key | value | headers   to
           varint           1 byte       varlong           varint         a varint length, then the bytes

A record's bytes are good in another batch as they are, as long as base offset and base timestamp stay the same. So a
thinned batch is cut out of the old one, and only a new base timestamp (`rebased`) touches records at all.

`spans` is where the cleaner spends its time: one loop, no call per record, no object but a tuple.
"""

from __future__ import annotations

from collections.abc import Iterable

from pykbroker.errors import INVALID_RECORD, KafkaError, Malformed
from pykbroker.wire.primitives import read_varlong, varlong

Span = tuple[int, bytes | None, bool, int, int]
"""One record: offset - base offset, key, whether its value is null, from, to."""


def spans(raw: bytes, at: int, count: int) -> list[Span]:
    """Return the next `count` records of decompressed `raw`, the first of which begins at `at`.

    Raises KafkaError(INVALID_RECORD) where there is no record.
    """
    found: list[Span] = []
    add = found.append
    end = at
    try:
        for _ in range(count):
            start = end
            size = raw[start]
            if size < 0x80:
                end = start + 1 + (size >> 1)
                at = start + 2
            elif (high := raw[start + 1]) < 0x80:
                end = start + 2 + ((size & 0x7F | high << 7) >> 1)
                at = start + 3
            else:
                size, at = read_varlong(raw, start)
                end = at + size
                at += 1
            while raw[at] >= 0x80:
                at += 1
            delta = raw[at + 1]
            if delta < 0x80:
                delta >>= 1
                at += 2
            elif (high := raw[at + 2]) < 0x80:
                delta = (delta & 0x7F | high << 7) >> 1
                at += 3
            else:
                delta, at = read_varlong(raw, at + 1)
                if delta < 0:
                    raise Malformed("before the first record")
            size = raw[at]
            if size < 0x80:
                at += 1
            else:
                size, at = read_varlong(raw, at)
                size = size << 1 if size >= 0 else 1
            if size & 1:
                key = None
            else:
                size >>= 1
                key = raw[at : at + size]
                at += size
            if at >= end:
                raise Malformed("a field passes the end of its record")
            add((delta, key, raw[at] == 1, start, end))
    except (IndexError, Malformed):
        raise KafkaError(INVALID_RECORD, f"record {len(found)} from byte {start} on cannot be read") from None
    if end > len(raw):
        raise KafkaError(INVALID_RECORD, "the last record passes the end of the batch")
    return found


def latest_timestamp(raw: bytes, kept: Iterable[Span], base_timestamp: int) -> int:
    """Return the largest timestamp of these records, one at least, of a batch with CreateTime."""
    largest = -1 << 63
    for _, _, _, start, _ in kept:
        at = start + 2 if raw[start] < 0x80 else start + 3
        delta = raw[at]
        if delta < 0x80 and raw[at - 2] < 0x80:
            delta = (delta >> 1) ^ -(delta & 1)
        else:
            delta = _timestamp_delta(raw, start)[0]
        if delta > largest:
            largest = delta
    return _in_64_bits(base_timestamp + largest)


def rebased(raw: bytes, kept: Iterable[Span], shift: int) -> bytes:
    """Return these records for a batch whose base timestamp is `shift` milliseconds later; they stay as old."""
    out = bytearray()
    for _, _, _, start, end in kept:
        delta, at, after = _timestamp_delta(raw, start)
        shifted = varlong(_in_64_bits(delta - shift))
        out += varlong(end - after + len(shifted) + 1)
        out += raw[at - 1 : at]
        out += shifted
        out += raw[after:end]
    return bytes(out)


def _timestamp_delta(raw: bytes, start: int) -> tuple[int, int, int]:
    """Return the timestamp delta of the record at `start`, where it begins and where it ends."""
    _, at = read_varlong(raw, start)
    delta, after = read_varlong(raw, at + 1)
    return delta, at + 1, after


def _in_64_bits(value: int) -> int:
    """Return what Java makes of a sum: it adds without a check."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)
