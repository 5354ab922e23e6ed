"""What a partition remembers of its idempotent producers, so that a retry is not stored twice.

For each producer id: its epoch, and the last five batches with their sequences and offsets. A batch is

    next in sequence         stored
    one of the five, again   not stored; answered with the offset it got the first time
    of a higher epoch        stored, if its sequence starts at 0
    of a lower epoch         refused: INVALID_PRODUCER_EPOCH
    anything else            refused: OUT_OF_ORDER_SEQUENCE_NUMBER

A transactional batch begins a transaction, unless one is open, and a marker ends it (`transactions.py`). A marker may
bring a new epoch, whose sequences start at 0 again.

A producer that is not known may start with any sequence: after its state expired, nobody can tell what came before.
Five is the number of requests a client may have in flight (KIP-98, KIP-360; `ProducerStateManager`,
`ProducerAppendInfo`, `ProducerStateEntry`). The snapshot file keeps the last batch only, as Kafka's does.
"""

from __future__ import annotations

from typing import Final

from pykbroker.env import Bytes
from pykbroker.errors import (
    INVALID_PRODUCER_EPOCH,
    INVALID_TXN_STATE,
    OUT_OF_ORDER_SEQUENCE_NUMBER,
    TRANSACTION_COORDINATOR_FENCED,
    KafkaError,
    Malformed,
)
from pykbroker.storage.aborted import Aborted
from pykbroker.storage.transactions import Marker, Transactions, marker_in
from pykbroker.wire.batch import CONTROL, MAX_SEQUENCE, TRANSACTIONAL, Batch
from pykbroker.wire.checksum import crc32c
from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.messages.producer_snapshot import ProducerEntry, ProducerSnapshot

BATCHES_KEPT: Final = 5
SNAPSHOT_VERSION: Final = 1
_SWEEP_FIRST_AT: Final = 64


class StoredBatch:
    """Where a producer's batch went. `timestamp` is the batch's largest."""

    __slots__ = ("base_offset", "base_sequence", "last_offset", "last_sequence", "timestamp")

    def __init__(
        self, base_sequence: int, last_sequence: int, base_offset: int, last_offset: int, timestamp: int
    ) -> None:
        self.base_sequence = base_sequence
        self.last_sequence = last_sequence
        self.base_offset = base_offset
        self.last_offset = last_offset
        self.timestamp = timestamp


class ProducerState:
    """One producer. `batches` are its last five, oldest first; `seen_ms` is when the last one came.

    `txn_first_offset` is where its open transaction began, or -1; `coordinator_epoch` that of its last marker, or -1.
    """

    __slots__ = ("batches", "coordinator_epoch", "epoch", "producer_id", "seen_ms", "timestamp", "txn_first_offset")

    def __init__(self, producer_id: int, epoch: int) -> None:
        self.producer_id = producer_id
        self.epoch = epoch
        self.coordinator_epoch = -1
        self.txn_first_offset = -1
        self.timestamp = -1
        self.seen_ms = -1
        self.batches: list[StoredBatch] = []

    @property
    def last_sequence(self) -> int:
        """The last sequence that was stored, or -1."""
        return self.batches[-1].last_sequence if self.batches else -1

    @property
    def last_offset(self) -> int:
        """The offset of the last record, or -1."""
        return self.batches[-1].last_offset if self.batches else -1


class Producers:
    """The producers of one partition. Owns their states.

    `transactions` are the transactions that matter to readers; None if there never was one.

    Expiry is decided when it matters: nothing is done for a producer that stays silent, until the table has doubled.
    """

    __slots__ = ("_expiration_ms", "_states", "_sweep_at", "transactions")

    def __init__(self, expiration_ms: int) -> None:
        self._expiration_ms = expiration_ms
        self._states: dict[int, ProducerState] = {}
        self._sweep_at = _SWEEP_FIRST_AT
        self.transactions: Transactions | None = None

    def __len__(self) -> int:
        return len(self._states)

    def known(self, now_ms: int) -> list[ProducerState]:
        """Return the producers that have not expired."""
        return [state for state in self._states.values() if not self._has_expired(state, now_ms)]

    def check(self, batch: Batch, now_ms: int) -> StoredBatch | None:
        """Return None if the batch may be stored, or the stored batch that it repeats; KafkaError if it is neither."""
        state = self._states.get(batch.producer_id)
        if state is None:
            return None
        if state.epoch == batch.producer_epoch and state.batches and state.txn_first_offset < 0:
            due = (state.batches[-1].last_sequence + 1) & MAX_SEQUENCE
            if due == batch.base_sequence:
                return None
        return self._judge(state, batch, now_ms)

    def _judge(self, state: ProducerState, batch: Batch, now_ms: int) -> StoredBatch | None:
        """Decide about a batch that is not simply the next one, outside of a transaction."""
        if self._has_expired(state, now_ms):
            del self._states[state.producer_id]
            return None
        if batch.producer_epoch < state.epoch:
            raise KafkaError(
                INVALID_PRODUCER_EPOCH,
                f"producer {batch.producer_id} has epoch {state.epoch}, the batch an older one: {batch.producer_epoch}",
            )
        if batch.producer_epoch > state.epoch:
            if batch.base_sequence != 0:
                raise self._out_of_order(batch, "the first of a new epoch must have sequence 0")
        else:
            last_sequence = batch.last_sequence
            for stored in state.batches:
                if stored.base_sequence == batch.base_sequence and stored.last_sequence == last_sequence:
                    return stored
            if batch.base_sequence != (state.last_sequence + 1) & MAX_SEQUENCE:
                raise self._out_of_order(batch, f"the last sequence stored is {state.last_sequence}")
        if state.txn_first_offset >= 0 and not batch.attributes & TRANSACTIONAL:
            raise KafkaError(INVALID_TXN_STATE, f"producer {batch.producer_id} has a transaction open")
        return None

    @staticmethod
    def _out_of_order(batch: Batch, reason: str) -> KafkaError:
        return KafkaError(
            OUT_OF_ORDER_SEQUENCE_NUMBER,
            f"producer {batch.producer_id} sent sequence {batch.base_sequence}, but {reason}",
        )

    def stored(self, batch: Batch, base_offset: int, now_ms: int) -> None:
        """Take in that the batch was stored at `base_offset`."""
        state = self._states.get(batch.producer_id)
        if state is None or state.epoch != batch.producer_epoch:
            state = self._renewed(state, batch.producer_id, batch.producer_epoch, now_ms)
        batches = state.batches
        if len(batches) == BATCHES_KEPT:
            del batches[0]
        batches.append(
            StoredBatch(
                batch.base_sequence,
                batch.last_sequence,
                base_offset,
                base_offset + batch.last_offset_delta,
                batch.max_timestamp,
            )
        )
        state.timestamp = batch.max_timestamp
        state.seen_ms = now_ms
        if batch.attributes & TRANSACTIONAL and state.txn_first_offset < 0:
            state.txn_first_offset = base_offset
            self._began(state)

    def _renewed(self, state: ProducerState | None, producer_id: int, epoch: int, now_ms: int) -> ProducerState:
        """Return the state of a producer that is new, or has a new epoch."""
        if state is None:
            if len(self._states) >= self._sweep_at:
                self.expire(now_ms)
            state = self._states[producer_id] = ProducerState(producer_id, epoch)
        else:
            state.epoch = epoch
            state.batches = []
        return state

    def _began(self, state: ProducerState) -> None:
        if self.transactions is None:
            self.transactions = Transactions()
        self.transactions.begin(state.producer_id, state.txn_first_offset)

    # -- Markers

    def check_marker(self, marker: Marker) -> None:
        """Raise KafkaError if the producer, or its coordinator, was replaced by a newer one (TXN-32)."""
        state = self._states.get(marker.producer_id)
        if state is None:
            return
        if marker.producer_epoch < state.epoch:
            raise KafkaError(
                INVALID_PRODUCER_EPOCH,
                f"producer {marker.producer_id} has epoch {state.epoch}, the marker {marker.producer_epoch}",
            )
        if marker.coordinator_epoch < state.coordinator_epoch:
            raise KafkaError(
                TRANSACTION_COORDINATOR_FENCED,
                f"the coordinator has epoch {state.coordinator_epoch}, the marker {marker.coordinator_epoch}",
            )

    def aborted_by(self, marker: Marker) -> Aborted | None:
        """Return the transaction that a marker aborts, for the index; None if it commits, or nothing was open."""
        state = self._states.get(marker.producer_id)
        if not marker.is_abort or state is None or state.txn_first_offset < 0 or self.transactions is None:
            return None
        return Aborted(
            marker.producer_id,
            state.txn_first_offset,
            marker.offset,
            self.transactions.stable_after(marker.producer_id, marker.offset),
        )

    def ended(self, marker: Marker, now_ms: int) -> int:
        """Take in that a marker was stored; return where the transaction began that it ended, -1 if none was open."""
        state = self._states.get(marker.producer_id)
        if state is None or state.epoch != marker.producer_epoch:
            state = self._renewed(state, marker.producer_id, marker.producer_epoch, now_ms)
        state.coordinator_epoch = marker.coordinator_epoch
        state.timestamp = marker.timestamp
        state.seen_ms = now_ms
        first_offset, state.txn_first_offset = state.txn_first_offset, -1
        if self.transactions is not None:
            self.transactions.end(marker.producer_id)
        return first_offset

    def hold(self, first_offset: int, marker_offset: int) -> None:
        """Take in that a transaction that has ended does not count before the high watermark passes its marker."""
        if self.transactions is not None:
            self.transactions.hold(first_offset, marker_offset)

    # -- The log, replayed

    def replay(self, batch: Batch, content: Bytes, now_ms: int) -> Aborted | None:
        """Take in one batch of the log; return the transaction that it aborts, if it is a marker that does.

        `content` is the whole batch; only that of a control batch is looked at. When it was stored is not known: it
        counts as seen now. Nothing is checked, because that was done before it came into the log.
        """
        if batch.producer_id < 0:
            return None
        if not batch.attributes & CONTROL:
            self.stored(batch, batch.base_offset, now_ms)
            return None
        marker = marker_in(content, batch)
        if marker is None:
            return None
        aborted = self.aborted_by(marker)
        self.ended(marker, now_ms)
        return aborted

    # -- Expiry

    def _has_expired(self, state: ProducerState, now_ms: int) -> bool:
        return state.txn_first_offset < 0 and now_ms - state.seen_ms >= self._expiration_ms

    def expire(self, now_ms: int) -> None:
        """Forget the producers that have expired."""
        self._states = {state.producer_id: state for state in self.known(now_ms)}
        self._sweep_at = max(_SWEEP_FIRST_AT, 2 * len(self._states))

    # -- Snapshots

    def snapshot(self, now_ms: int) -> bytes:
        """Return the content of a snapshot file."""
        entries = []
        for state in self.known(now_ms):
            last = state.batches[-1] if state.batches else None
            entries.append(
                ProducerEntry(
                    producer_id=state.producer_id,
                    epoch=state.epoch,
                    last_sequence=last.last_sequence if last else -1,
                    last_offset=last.last_offset if last else -1,
                    offset_delta=last.last_offset - last.base_offset if last else 0,
                    timestamp=state.timestamp,
                    coordinator_epoch=state.coordinator_epoch,
                    current_txn_first_offset=state.txn_first_offset,
                )
            )
        content = encode_message(ProducerSnapshot(producer_entries=entries), SNAPSHOT_VERSION)
        crc = crc32c(memoryview(content)[4:], 0)
        return b"".join((SNAPSHOT_VERSION.to_bytes(2, "big"), crc.to_bytes(4, "big"), memoryview(content)[4:]))

    def load(self, content: bytes, now_ms: int) -> bool:
        """Take in a snapshot file; False, and nothing changed, if it is damaged.

        How long ago a producer was seen is judged by its records' timestamp, which is all that a snapshot has.
        """
        if content[:2] != SNAPSHOT_VERSION.to_bytes(2, "big"):
            return False
        if int.from_bytes(content[2:6], "big") != crc32c(memoryview(content)[6:], 0):
            return False
        try:
            snapshot = decode_message(ProducerSnapshot, SNAPSHOT_VERSION, content[2:])
        except Malformed:
            return False
        loaded = []
        for entry in snapshot.producer_entries:
            state = ProducerState(entry.producer_id, entry.epoch)
            state.coordinator_epoch = entry.coordinator_epoch
            state.txn_first_offset = entry.current_txn_first_offset
            state.timestamp = state.seen_ms = entry.timestamp
            if entry.last_offset >= 0:
                base_sequence = (entry.last_sequence - entry.offset_delta) & MAX_SEQUENCE
                base_offset = entry.last_offset - entry.offset_delta
                state.batches.append(
                    StoredBatch(base_sequence, entry.last_sequence, base_offset, entry.last_offset, entry.timestamp)
                )
            if not self._has_expired(state, now_ms):
                loaded.append(state)
        self._states.update((state.producer_id, state) for state in loaded)
        for state in sorted(loaded, key=lambda state: state.txn_first_offset):
            if state.txn_first_offset >= 0:
                self._began(state)
        return True
