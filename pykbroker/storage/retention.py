"""Which of a log's oldest segments have had their time: by age, by size, or below the log's start.

    retention.ms       a segment goes once its largest timestamp is too old; without timestamps, the time of its last
                       write counts. The active segment goes as well: a new one begins before
    retention.bytes    segments go while what stays is still as large as that
    log start          what is wholly below it goes, under every policy

Segments go from the oldest on, whole, and never beyond the high watermark. The first that must stay ends it
(`UnifiedLog.deleteOldSegments`; STO-14 to STO-18).
"""

from __future__ import annotations

from pykbroker.storage.log import Log
from pykbroker.storage.segment import Segment

BY_TIME = "retention.ms"
BY_SIZE = "retention.bytes"
BY_START = "the log's start"


def segments_to_delete(log: Log, high_watermark: int, now_ms: int) -> tuple[int, str]:
    """Return how many of the oldest segments are to go, and by which rule; the rules are asked one after the other."""
    segments, config = log.segments, log.config
    ends = [*log.bases[1:], log.end_offset]
    if not segments:
        return 0, ""
    most = sum(1 for end in ends if end <= high_watermark)
    if not segments[-1].size:
        most = min(most, len(segments) - 1)  # an empty active segment stays: it says where the log ends
    gone = 0
    while gone < most and gone + 1 < len(segments) and ends[gone] <= log.start_offset:
        gone += 1
    if gone:
        return gone, BY_START
    if "delete" not in config.cleanup_policy:
        return 0, ""
    if config.retention_bytes >= 0:
        excess = log.size_bytes - config.retention_bytes
        while gone < most and excess - segments[gone].size >= 0:
            excess -= segments[gone].size
            gone += 1
        if gone:
            return gone, BY_SIZE
    if config.retention_ms >= 0:
        while gone < most and _is_older(segments[gone], now_ms - config.retention_ms):
            gone += 1
    return gone, BY_TIME


def _is_older(segment: Segment, time_ms: int) -> bool:
    """Tell if all of a segment is from before `time_ms`; one that compaction has emptied has nothing to keep."""
    return not segment.size or segment.newest_ms() < time_ms
