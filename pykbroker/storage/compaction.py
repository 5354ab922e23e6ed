"""Compaction, the rules: which batches and records of a log stay. Nothing here reads or writes; `cleaner.py` does.

    a record    stays if it is the newest of its key, or comes after what this round has looked at
      no key    goes: it can only be from before the topic was compacted
      no value  hides older values like any other, and goes itself once the delete horizon of its batch has passed
    a batch     goes when no record of it stays, unless its offsets or sequences are still needed: it is the last of a
                producer that is still known, or the last of the round. Then its header stays
    aborted     data goes
    a marker    stays as long as there was data of its transaction, and then until its delete horizon

A delete horizon is the time up to which readers may still need to see a delete or a marker: `delete.retention.ms` after
the cleaning that first meets it. It is stored in the batch, in place of the base timestamp (KIP-534).

What is left of a batch keeps offsets, codec, producer and epoch; what is missing shows as gaps (`Cleaner.cleanInto`,
`CleanedTransactionMetadata`, `MemoryRecords.filterTo`; STO-19 to STO-23).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from pykbroker.storage.aborted import Aborted
from pykbroker.storage.key_offsets import KeyOffsets
from pykbroker.wire.batch import (
    CODEC_MASK,
    CRC_START,
    DELETE_HORIZON,
    HEADER,
    HEADER_BYTES,
    LENGTH_END,
    Batch,
    Buffer,
    crc32c,
)
from pykbroker.wire.compression import compress
from pykbroker.wire.spans import Span

_NO_TIMESTAMP: Final = -1

LastBatches = Mapping[int, tuple[int, int]]
"""By producer id, of the producers that are known: its epoch, and the last offset of its data, or -1 without data."""


class TransactionsMet:
    """What one pass over a log, from `start` on, has met of transactions. Owns which of them go on.

    `aborted` are those of the log, in the order of their markers. `still_there` collects those whose markers must stay.
    """

    __slots__ = ("_coming", "_committed", "_going_on", "_with_data", "still_there")

    def __init__(self, aborted: Iterable[Aborted], start: int) -> None:
        self._coming = sorted((a for a in aborted if a.last_offset >= start), key=lambda a: -a.first_offset)
        self._going_on: dict[int, Aborted] = {}
        self._with_data: set[int] = set()  # of those, the ones that data was met of
        self._committed: set[int] = set()  # producers with data that was not aborted, and no marker yet
        self.still_there: list[Aborted] = []

    def takes_back(self, batch: Batch) -> bool:
        """Take in a batch of data; return whether it was aborted."""
        self._begin_up_to(batch.last_offset)
        if not batch.is_transactional:
            return False
        if batch.producer_id in self._going_on:
            self._with_data.add(batch.producer_id)
            return True
        self._committed.add(batch.producer_id)
        return False

    def is_done_with(self, batch: Batch, *, is_abort: bool) -> bool:
        """Take in a marker; return whether there was no data of its transaction any more."""
        self._begin_up_to(batch.last_offset)
        producer_id = batch.producer_id
        if not is_abort:
            had_data = producer_id in self._committed
            self._committed.discard(producer_id)
            return not had_data
        aborted = self._going_on.pop(producer_id, None)
        if aborted is None or producer_id not in self._with_data:
            return True
        self._with_data.discard(producer_id)
        self.still_there.append(aborted)
        return False

    def _begin_up_to(self, offset: int) -> None:
        while self._coming and self._coming[-1].first_offset <= offset:
            aborted = self._coming.pop()
            self._going_on.setdefault(aborted.producer_id, aborted)


class Fate(Enum):
    """What becomes of a batch, whatever its records."""

    GOES = "it goes, with all its records"
    GOES_IF_EMPTY = "it goes if none of its records stays"
    STAYS = "it stays, if need be without records"


class Verdict(NamedTuple):
    """Its fate; whether the records go in any case; whether it has a marker that only waits for its horizon."""

    fate: Fate
    takes_records: bool
    is_idle_marker: bool


class Round:
    """One cleaning of a log, up to `end_offset`: what it knows, and what follows from that for a batch.

    `now_ms` is when the round began. The pass over the log owns `transactions`.
    """

    __slots__ = ("_delete_retention_ms", "_end_offset", "_last_batches", "_now_ms", "offsets", "transactions")

    def __init__(
        self,
        offsets: KeyOffsets,
        transactions: TransactionsMet,
        last_batches: LastBatches,
        *,
        end_offset: int,
        now_ms: int,
        delete_retention_ms: int,
    ) -> None:
        self.offsets = offsets
        self.transactions = transactions
        self._last_batches = last_batches
        self._end_offset = end_offset
        self._now_ms = now_ms
        self._delete_retention_ms = delete_retention_ms

    def judge(self, batch: Batch, *, is_abort: bool | None = None) -> Verdict:
        """Decide about a batch before its records are looked at; each batch of the log once, in order.

        For a control batch `is_abort` tells which marker it has, None for no marker.
        """
        is_idle_marker = False
        if not batch.is_control:
            takes_records = self.transactions.takes_back(batch)
        else:
            if batch.count == 0:
                is_idle_marker = True
            elif is_abort is not None:
                is_idle_marker = self.transactions.is_done_with(batch, is_abort=is_abort)
            takes_records = is_idle_marker and self._is_past_horizon(batch)
        if self._is_last_of_producer(batch) or batch.next_offset == self._end_offset:
            return Verdict(Fate.STAYS, takes_records, is_idle_marker)
        return Verdict(Fate.GOES if takes_records else Fate.GOES_IF_EMPTY, takes_records, is_idle_marker)

    def _is_last_of_producer(self, batch: Batch) -> bool:
        """Return whether it has the sequence, or without data the epoch, that a producer will be checked against."""
        if batch.producer_id < 0 or batch.producer_id not in self._last_batches:
            return False
        epoch, last_offset = self._last_batches[batch.producer_id]
        if last_offset >= 0:
            return batch.last_offset == last_offset
        return batch.is_control and batch.producer_epoch == epoch

    def _is_past_horizon(self, batch: Batch) -> bool:
        return batch.has_delete_horizon and batch.base_timestamp <= self._now_ms

    def staying(self, batch: Batch, records: list[Span]) -> list[Span]:
        """Return which of these records of a batch stay, if its verdict does not take them all."""
        if batch.is_control:
            return records
        keeps_deletes = not self._is_past_horizon(batch)
        return self.offsets.survivors(records, batch.base_offset, keeps_deletes=keeps_deletes)

    def new_horizon_ms(self, batch: Batch, verdict: Verdict, *, has_deletes: bool) -> int | None:
        """Return the delete horizon that a batch must get now, or None if it has one, or needs none."""
        if batch.has_delete_horizon or not (has_deletes or verdict.is_idle_marker):
            return None
        return self._now_ms + self._delete_retention_ms


def without_records(batch: Batch) -> bytearray:
    """Return the header of a batch that must stay, although no record of it does (`writeEmptyHeader`)."""
    attributes = batch.attributes & ~(CODEC_MASK | DELETE_HORIZON)
    return _sealed(batch, attributes, _NO_TIMESTAMP, batch.max_timestamp, 0, b"")


def with_records(batch: Batch, records: bytes, count: int, max_timestamp: int, horizon_ms: int | None) -> bytearray:
    """Return a batch with the records that stay, compressed as it was, at the codec's default level as Kafka's cleaner.

    The records' timestamps must count from `horizon_ms` if that is given, and from the base timestamp otherwise.
    """
    body = compress(batch.codec, records) if batch.codec else records
    if horizon_ms is None:
        return _sealed(batch, batch.attributes, batch.base_timestamp, max_timestamp, count, body)
    return _sealed(batch, batch.attributes | DELETE_HORIZON, horizon_ms, max_timestamp, count, body)


def _sealed(
    batch: Batch, attributes: int, base_timestamp: int, max_timestamp: int, count: int, body: Buffer
) -> bytearray:
    """Return a header with what stays as it was and what does not, and the records after it."""
    sealed = bytearray(HEADER_BYTES)
    sealed += body
    before = (batch.base_offset, len(sealed) - LENGTH_END, batch.leader_epoch, batch.magic)
    after = (
        attributes,
        batch.last_offset_delta,
        base_timestamp,
        max_timestamp,
        batch.producer_id,
        batch.producer_epoch,
        batch.base_sequence,
        count,
    )
    HEADER.pack_into(sealed, 0, *before, 0, *after)
    HEADER.pack_into(sealed, 0, *before, crc32c(memoryview(sealed)[CRC_START:], 0), *after)
    return sealed
