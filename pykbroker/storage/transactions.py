"""The transactions of one partition: which are open, and from which offset on nothing is decided yet.

A transaction begins with a producer's first transactional batch, and ends with a marker: a control batch, of the same
producer, with one record.

    key    version int16 | type int16, 0 abort, 1 commit
    value  version int16 | coordinator epoch int32

Until then its records may be aborted, so a reader with read_committed gets nothing from its first offset on: that of
the oldest open transaction is the first unstable offset, and the last stable offset never passes it (KIP-98;
`ProducerStateManager.firstUnstableOffset`). Producers own this (`producers.py`), and a partition that never saw a
transaction has none of it.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from pykbroker.errors import KafkaError
from pykbroker.wire.batch import Batch, Buffer
from pykbroker.wire.records import records_of

_ABORT: Final = 0
_COMMIT: Final = 1
_KEY: Final = Struct(">hh")
_VALUE: Final = Struct(">hi")


class Marker(NamedTuple):
    """A marker that is, or will be, in the log at `offset`."""

    producer_id: int
    producer_epoch: int
    coordinator_epoch: int
    offset: int
    timestamp: int
    is_abort: bool


def marker_in(view: Buffer, batch: Batch) -> Marker | None:
    """Return the marker in a control batch; None if it is of another kind, or if compaction left nothing in it."""
    try:
        record = next(records_of(view, batch), None)
    except KafkaError:
        return None
    if record is None or record.key is None or record.value is None:
        return None
    if len(record.key) < _KEY.size or len(record.value) < _VALUE.size:
        return None
    version, kind = _KEY.unpack_from(record.key)
    if version < 0 or kind not in (_ABORT, _COMMIT):
        return None
    _, coordinator_epoch = _VALUE.unpack_from(record.value)
    return Marker(
        batch.producer_id, batch.producer_epoch, coordinator_epoch, record.offset, record.timestamp, kind == _ABORT
    )


class Transactions:
    """The transactions that a reader with read_committed has to wait for. Owns no more than where they began and ended.

    Those are the open ones, and those that have ended by a marker that may still be lost: it is held back, with
    all that follows the high watermark, until it is on the device (`flushing.py`; Kafka's `unreplicatedTxns`).
    """

    __slots__ = ("_held", "_open")

    def __init__(self) -> None:
        self._open: dict[int, int] = {}  # producer id to first offset; these ascend, as transactions begin in order
        self._held: list[tuple[int, int]] = []  # first and last offset; the last ones ascend

    def begin(self, producer_id: int, first_offset: int) -> None:
        """Take in that a producer began one, at an offset beyond all others'."""
        self._open[producer_id] = first_offset

    def end(self, producer_id: int) -> None:
        """Take in that a producer's transaction ended; harmless if it had none."""
        self._open.pop(producer_id, None)

    def hold(self, first_offset: int, last_offset: int) -> None:
        """Take in that one that has ended does not count before the high watermark has passed its marker."""
        self._held.append((first_offset, last_offset))

    def first_unstable(self, high_watermark: int) -> int | None:
        """Return the lowest offset of those that are not decided, or None."""
        held = self._held
        while held and held[0][1] < high_watermark:
            del held[0]
        first = next(iter(self._open.values()), None)
        if not held:
            return first
        first_held = min(held)[0]
        return first_held if first is None else min(first, first_held)

    def stable_after(self, producer_id: int, marker_offset: int) -> int:
        """Return the last stable offset once a producer's transaction has ended: the last field of an index entry."""
        return min((at for other, at in self._open.items() if other != producer_id), default=marker_offset + 1)
