"""What a log must give after a crash, found out by code as plain as can be, which shares nothing with the broker's.

It works on the content of files: `{"00000000000000000000.log": b"..."}`. The recovery fuzzer and the kill tests
compare with it. The rule: from the recovery point's segment on, every batch counts whose checksum is right and whose
offsets adjoin those before it (in a compacted log: come after them); the log ends at the first that does not count.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from crc32c import crc32c

_HEADER = struct.Struct(">qiibIhiqqqhii")
_LOG_NAME = re.compile(r"\d{20}\.log", re.ASCII)
_INT64_MAX = 2**63 - 1
_TRANSACTIONAL, _CONTROL = 0x10, 0x20
_MARKER_KIND = 61 + 8  # the low byte of the kind in a marker's key, whose five fields before take a byte each
_ABORT = 0


class PlainBatch(NamedTuple):
    """One batch: what its header says, and its bytes."""

    base_offset: int
    last_offset: int
    epoch: int
    attributes: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    raw: bytes


class PlainLog(NamedTuple):
    """A log after recovery: what is left of each `.log` file, the next offset, and whether anything was cut off."""

    kept: dict[str, bytes]
    end: int
    is_cut: bool


def sound_batches(
    content: bytes, segment_base: int, next_offset: int, *, may_have_gaps: bool = True
) -> list[PlainBatch]:
    """Return the batches from the beginning of `content` up to the first that does not count."""
    found = []
    at = 0
    while len(content) - at >= 61:
        header = _HEADER.unpack_from(content, at)
        base, length, epoch, magic, crc, attributes, delta, _, timestamp, *producer, _ = header
        end = at + 12 + length
        if length < 49 or end > len(content) or magic != 2 or crc32c(content[at + 21 : end]) != crc:
            break
        if base < next_offset or (base > next_offset and not may_have_gaps):
            break
        if delta < 0 or base + delta - segment_base > 2**31 - 1:
            break
        raw = content[at:end]
        found.append(PlainBatch(base, base + delta, epoch, attributes, timestamp, *producer, raw))
        next_offset = base + delta + 1
        at = end
    return found


def base_offsets(files: Mapping[str, bytes]) -> list[int]:
    """Return the base offsets of the segments, in order."""
    return sorted(int(name[:20]) for name in files if _LOG_NAME.fullmatch(name) and int(name[:20]) <= _INT64_MAX)


def log_name(base_offset: int) -> str:
    """Return the name of a segment's file."""
    return f"{base_offset:020d}.log"


def recovered(files: Mapping[str, bytes], recovery_point: int, *, may_have_gaps: bool = False) -> PlainLog:
    """Return what recovery must make of the files in a partition's directory, which has at least one segment.

    Only in a compacted log need batches, and segments, not adjoin one another.
    """
    bases = base_offsets(files)
    first = max([0, *(index for index, base in enumerate(bases) if base <= recovery_point)])
    kept = {log_name(base): files[log_name(base)] for base in bases[:first]}
    next_offset = bases[first]
    for base in bases[first:]:
        if base < next_offset or (base > next_offset and not may_have_gaps):
            return PlainLog(kept, next_offset, True)
        content = files[log_name(base)]
        batches = sound_batches(content, base, base, may_have_gaps=may_have_gaps)
        kept[log_name(base)] = b"".join(batch.raw for batch in batches)
        next_offset = batches[-1].last_offset + 1 if batches else base
        if kept[log_name(base)] != content:
            return PlainLog(kept, next_offset, True)
    return PlainLog(kept, next_offset, False)


def all_batches(kept: Mapping[str, bytes]) -> list[PlainBatch] | None:
    """Return the batches of all segments; None if any is not sound, be it below the recovery point."""
    found: list[PlainBatch] = []
    for base in base_offsets(kept):
        next_offset = found[-1].last_offset + 1 if found else 0
        batches = sound_batches(kept[log_name(base)], base, max(base, next_offset))
        if sum(len(batch.raw) for batch in batches) != len(kept[log_name(base)]):
            return None
        found += batches
    return found


def committed_offsets(batches: Iterable[PlainBatch]) -> list[int]:
    """Return the offsets of data that a client with read_committed gets, up to the first open transaction."""
    open_ones: dict[int, list[int]] = {}
    data: list[int] = []
    aborted: set[int] = set()
    for batch in batches:
        offsets = range(batch.base_offset, batch.last_offset + 1)
        if batch.attributes & _CONTROL:
            mine = open_ones.pop(batch.producer_id, [])
            if batch.raw[_MARKER_KIND] == _ABORT:
                aborted.update(mine)
            continue
        data += offsets
        if batch.attributes & _TRANSACTIONAL:
            open_ones.setdefault(batch.producer_id, []).extend(offsets)
    end = min((offsets[0] for offsets in open_ones.values()), default=_INT64_MAX)
    return [offset for offset in data if offset < end and offset not in aborted]


def checkpoint(content: bytes | None) -> dict[str, int] | None:
    """Return the offsets of a checkpoint by directory name; None if there is none, or it is no good."""
    match = re.fullmatch(rb"0\n(\d{1,9})\n((?:[^ \n]+ \d{1,19} \d{1,19}\n)*)", content or b"")
    if match is None:
        return None
    rows = [line.split(" ") for line in match[2].decode("latin-1").split("\n")[:-1]]
    if len(rows) != int(match[1]) or any(int(row[2]) > _INT64_MAX for row in rows):
        return None
    return {f"{row[0]}-{int(row[1])}": int(row[2]) for row in rows}
