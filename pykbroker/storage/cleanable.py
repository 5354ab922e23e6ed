"""Which part of a log may be compacted, whether it is time, which log is the filthiest, what goes into one segment.

    log start    first dirty        first uncleanable      end
        |  clean     |    dirty           |                 |
                                          open transactions, the high watermark
                                          the active segment
                                          what is younger than min.compaction.lag.ms

Clean and dirty part are cleaned together, in whole segments; the first dirty offset is what a cleaning moves
(`LogCleanerManager`, `LogToClean`, `Cleaner.groupSegmentsBySize`; STO-20).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from pykbroker.storage.index import MAX_RELATIVE_OFFSET
from pykbroker.storage.log import Log
from pykbroker.storage.log_config import UNLIMITED, LogConfig
from pykbroker.storage.segment import Segment
from pykbroker.wire.batch import HEADER_BYTES

T = TypeVar("T")

_TIME_ENTRY_BYTES: Final = 12  # the wider of the two kinds of index entries


class Cleanable(NamedTuple):
    """What there is to clean in a log. Bytes are of whole segments.

    `is_overdue` tells if max.compaction.lag.ms has passed; `min_ratio` is min.cleanable.dirty.ratio.
    """

    first_dirty_offset: int
    first_uncleanable_offset: int
    clean_bytes: int
    dirty_bytes: int
    is_overdue: bool
    min_ratio: float

    @property
    def dirty_ratio(self) -> float:
        """The share of the bytes that is dirty; 0 of no bytes."""
        return self.dirty_bytes / (self.clean_bytes + self.dirty_bytes) if self.dirty_bytes else 0.0

    @property
    def is_due(self) -> bool:
        """Whether it should be cleaned now."""
        return self.dirty_bytes > 0 and (self.is_overdue or self.dirty_ratio > self.min_ratio)


def cleanable(log: Log, last_stable_offset: int, first_dirty_offset: int | None, now_ms: int) -> Cleanable:
    """Return what may be cleaned in a log; `first_dirty_offset` is what its last cleaning returned, None without one.

    Where that is outside the log, because records were deleted or lost, everything counts as dirty. OSError on failure.
    """
    if first_dirty_offset is None or not log.start_offset <= first_dirty_offset <= log.end_offset:
        first_dirty_offset = log.start_offset
    uncleanable = max(first_dirty_offset, _first_uncleanable(log, last_stable_offset, first_dirty_offset, now_ms))
    end = log.index_of(uncleanable)  # a segment is cleaned whole, or not at all
    dirty = log.segments[log.index_of(first_dirty_offset) : end]
    clean = log.segments[: bisect_left(log.bases, first_dirty_offset)]
    return Cleanable(
        first_dirty_offset,
        log.bases[end] if log.segments else uncleanable,
        sum(segment.size for segment in clean),
        sum(segment.size for segment in dirty),
        _is_overdue(log, first_dirty_offset, now_ms),
        log.config.min_cleanable_dirty_ratio,
    )


def _first_uncleanable(log: Log, last_stable_offset: int, first_dirty_offset: int, now_ms: int) -> int:
    bound = min(last_stable_offset, log.bases[-1]) if log.segments else last_stable_offset
    for segment in log.segments[log.index_of(first_dirty_offset) : -1]:
        if segment.base_offset >= bound:
            break
        if segment.is_being_saved or (
            log.config.min_compaction_lag_ms > 0 and segment.newest_ms() > now_ms - log.config.min_compaction_lag_ms
        ):
            return segment.base_offset
    return bound


def _is_overdue(log: Log, first_dirty_offset: int, now_ms: int) -> bool:
    """Return whether a dirty segment, the active one aside, began longer ago than max.compaction.lag.ms."""
    lag_ms = log.config.max_compaction_lag_ms
    if lag_ms == UNLIMITED:
        return False
    dirty = log.segments[log.index_of(first_dirty_offset) : -1]
    return any(0 < _began_ms(segment) < now_ms - lag_ms for segment in dirty)


def _began_ms(segment: Segment) -> int:
    """Return the timestamp of a segment's first batch, which is read once; -1 if it has none."""
    if segment.first_timestamp is None:
        first = next(segment.headers(), None)
        segment.first_timestamp = first[1].max_timestamp if first is not None else -1
    return segment.first_timestamp


def filthiest(candidates: Iterable[tuple[T, Cleanable]]) -> tuple[T, Cleanable] | None:
    """Return the one with the largest dirty ratio among those that are due, or None."""
    return max((each for each in candidates if each[1].is_due), key=lambda each: each[1].dirty_ratio, default=None)


def groups(segments: Sequence[Segment], end_offset: int, config: LogConfig) -> list[list[Segment]]:
    """Return segments, which end at `end_offset`, in groups of neighbours that fit into one, as large as that may be.

    They fit if neither log nor index gets larger than a segment's may, nor an offset too far from the first.
    """
    found: list[list[Segment]] = []
    size = 0
    ends = [*(segment.base_offset for segment in segments[1:]), end_offset]
    entry_every = max(config.index_interval_bytes, HEADER_BYTES)
    most_bytes = min(config.segment_bytes, config.segment_index_bytes // _TIME_ENTRY_BYTES * entry_every)
    for segment, end in zip(segments, ends, strict=False):
        size += segment.size
        if (
            found
            and size <= most_bytes
            and (not segment.size or end - 1 - found[-1][0].base_offset <= MAX_RELATIVE_OFFSET)
        ):
            found[-1].append(segment)
        else:
            found.append([segment])
            size = segment.size
    return found
