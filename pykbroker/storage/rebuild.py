"""Producers, and the `.txnindex` files, made anew from a log's batches when it is opened.

After a crash every batch from the recovery point on is walked anyway (`recovery.py`), so what its producers did comes
with it: that a transaction is open is known before anyone reads. After a clean stop the snapshot of the log's end says
it, one small file, and that is read when the partition is first used (`snapshots.py`): a log that nobody reads costs
nothing, and one without transactions this one read.

A `.txnindex` that is damaged is made anew at once, as Kafka does when it loads a log (`LogLoader`,
`LogSegment.recover`): nobody would miss it later, and aborted records would be read as if they were committed. That
one is gone can only be noticed if the `.index` is gone too.
"""

from __future__ import annotations

from collections.abc import Collection

from pykbroker.env import Bytes
from pykbroker.errors import KafkaError
from pykbroker.storage.aborted import AbortedIndex
from pykbroker.storage.failures import warn
from pykbroker.storage.log import Log
from pykbroker.storage.producers import Producers
from pykbroker.storage.segment import Segment
from pykbroker.storage.snapshots import ProducerSnapshots
from pykbroker.wire.batch import CONTROL, Batch


class Rebuild:
    """The producers of a log as they were after one batch, carried on from batch to batch and segment to segment.

    `producers` are None as long as no segment was begun; `end` is the offset after the last segment that was finished.
    """

    __slots__ = ("_aborted", "_expiration_ms", "_finished", "_log", "_now_ms", "_snapshots", "end", "producers")

    def __init__(self, log: Log, snapshots: ProducerSnapshots, expiration_ms: int, now_ms: int) -> None:
        self._log = log
        self._snapshots = snapshots
        self._expiration_ms = expiration_ms
        self._now_ms = now_ms
        self._aborted = AbortedIndex()
        self._finished: Segment | None = None
        self.producers: Producers | None = None
        self.end = -1

    def begin(self, segment: Segment) -> None:
        """Get ready for the batches of a segment: all of them, in order."""
        log, base_offset = self._log, segment.base_offset
        before = log.index_of(base_offset) - 1
        if self.producers is None or before < 0 or log.segments[before] is not self._finished:
            self.producers = self._snapshots.load(log, base_offset, self._expiration_ms, self._now_ms)
        self._aborted = AbortedIndex()

    def take(self, batch: Batch, content: Bytes) -> None:
        """Take in a batch of the segment; `content` is all of it, if it is a control batch."""
        assert self.producers is not None
        aborted = self.producers.replay(batch, content, self._now_ms)
        if aborted is not None:
            self._aborted.add(aborted)

    def finish(self, segment: Segment, end: int) -> None:
        """Write the `.txnindex` of the segment, which ends at offset `end`, exclusive. OSError if that fails."""
        segment.replace_aborted(self._aborted)
        if self._aborted:
            self._log.has_aborted = True
        self._finished, self.end = segment, end


def mend_aborted(log: Log, rebuild: Rebuild, count: int, indexed: Collection[int], aborted: Collection[int]) -> None:
    """Make what is missing or damaged anew for the oldest `count` segments, whose batches are not walked otherwise.

    `indexed` are the base offsets of the segments that have an `.index`, `aborted` of those that have a `.txnindex`.
    """
    ends = [*log.bases[1:], log.end_offset]
    for segment, end in zip(log.segments[:count], ends, strict=False):
        if segment.base_offset in aborted:
            index = segment.read_aborted()
            if index is not None and index.fits(segment.base_offset, end):
                log.has_aborted = True
                continue
            warn("%s.txnindex is damaged, and made anew", segment.path)
        elif segment.base_offset in indexed or not segment.size:
            continue
        _walk(segment, rebuild, end)


def _walk(segment: Segment, rebuild: Rebuild, end: int) -> None:
    rebuild.begin(segment)
    try:
        for position, batch in segment.headers():
            if batch.producer_id >= 0:
                rebuild.take(batch, segment.file.read(batch.length, position) if batch.attributes & CONTROL else b"")
    except KafkaError as error:
        warn("%s.txnindex may lack aborted transactions: %s", segment.path, error.message)
    rebuild.finish(segment, end)
