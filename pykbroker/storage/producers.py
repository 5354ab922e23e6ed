"""What a partition remembers of its idempotent producers, so that a retry is not stored twice.

For each producer id: its epoch, and the last five batches with their sequences and offsets. A batch is

    next in sequence         stored
    one of the five, again   not stored; answered with the offset it got the first time
    of a higher epoch        stored, if its sequence starts at 0
    of a lower epoch         refused: INVALID_PRODUCER_EPOCH
    anything else            refused: OUT_OF_ORDER_SEQUENCE_NUMBER

A producer that is not known may start with any sequence: after its state expired, nobody can tell what came before.
Five is the number of requests a client may have in flight (KIP-98, KIP-360; `ProducerStateManager`,
`ProducerAppendInfo`, `ProducerStateEntry`). The snapshot file keeps the last batch only, as Kafka's does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pykbroker.errors import INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError, Malformed
from pykbroker.wire.batch import MAX_SEQUENCE, Batch
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

    `txn_first_offset` is where its open transaction began, or -1.
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

    Expiry is decided when it matters: nothing is done for a producer that stays silent, until the table has doubled.
    """

    __slots__ = ("_expiration_ms", "_states", "_sweep_at")

    def __init__(self, expiration_ms: int) -> None:
        self._expiration_ms = expiration_ms
        self._states: dict[int, ProducerState] = {}
        self._sweep_at = _SWEEP_FIRST_AT

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
        if state.epoch == batch.producer_epoch and state.batches:
            due = (state.batches[-1].last_sequence + 1) & MAX_SEQUENCE
            if due == batch.base_sequence:
                return None
        return self._judge(state, batch, now_ms)

    def _judge(self, state: ProducerState, batch: Batch, now_ms: int) -> StoredBatch | None:
        """Decide about a batch that is not simply the next one."""
        if self._has_expired(state, now_ms):
            del self._states[state.producer_id]
            return None
        if batch.producer_epoch < state.epoch:
            raise KafkaError(
                INVALID_PRODUCER_EPOCH,
                f"producer {batch.producer_id} has epoch {state.epoch}, the batch an older one: {batch.producer_epoch}",
            )
        if batch.producer_epoch > state.epoch:
            if batch.base_sequence == 0:
                return None
            raise self._out_of_order(batch, "the first of a new epoch must have sequence 0")
        last_sequence = batch.last_sequence
        for stored in state.batches:
            if stored.base_sequence == batch.base_sequence and stored.last_sequence == last_sequence:
                return stored
        if not state.batches and batch.base_sequence == 0:
            return None
        raise self._out_of_order(batch, f"the last sequence stored is {state.last_sequence}")

    @staticmethod
    def _out_of_order(batch: Batch, reason: str) -> KafkaError:
        return KafkaError(
            OUT_OF_ORDER_SEQUENCE_NUMBER,
            f"producer {batch.producer_id} sent sequence {batch.base_sequence}, but {reason}",
        )

    def stored(self, batch: Batch, base_offset: int, now_ms: int) -> None:
        """Take in that the batch was stored at `base_offset`."""
        state = self._states.get(batch.producer_id)
        if state is None:
            if len(self._states) >= self._sweep_at:
                self._sweep(now_ms)
            state = self._states[batch.producer_id] = ProducerState(batch.producer_id, batch.producer_epoch)
        elif state.epoch != batch.producer_epoch:
            state.epoch = batch.producer_epoch
            state.batches = []
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

    def replay(self, headers: Iterable[Batch], now_ms: int) -> None:
        """Take in batches of the log. When each was stored is not known: they count as seen now."""
        for batch in headers:
            if batch.producer_id >= 0 and not batch.is_control:
                self.stored(batch, batch.base_offset, now_ms)

    def _has_expired(self, state: ProducerState, now_ms: int) -> bool:
        return state.txn_first_offset < 0 and now_ms - state.seen_ms >= self._expiration_ms

    def _sweep(self, now_ms: int) -> None:
        self._states = {state.producer_id: state for state in self.known(now_ms)}
        self._sweep_at = max(_SWEEP_FIRST_AT, 2 * len(self._states))

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
                self._states[state.producer_id] = state
        return True
