"""A shard: a state machine whose hard state is nothing but its log, replayed.

An *operation* looks at the state and returns an `Outcome`: the records it wants stored, the reply, and soft effects.
Nothing has happened yet. `ShardRunner.submit` appends the records, replays them (the only thing that changes hard
state), runs the soft effects, and gives the reply. Loading replays the log with the same `replay`. Timers are
operations too. Soft state (parked replies, timers) is not stored, and starts afresh in `loaded`.

The shape is that of Apache Kafka's coordinator runtime (`org.apache.kafka.coordinator.common.runtime`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from pykbroker.env import Clock, Timer
from pykbroker.errors import KafkaError
from pykbroker.later import Later
from pykbroker.storage.partition import Partition
from pykbroker.wire.records import build_batch, records_in

R = TypeVar("R")
Rec = TypeVar("Rec")
KeyValue = tuple[bytes | None, bytes | None]
After = Callable[[KafkaError | None], None]


class Outcome(Generic[Rec, R]):
    """What an operation wants to happen. Nothing has happened yet.

    `records` are stored together, in one batch, or not at all. `after` runs once they are stored and replayed, or with
    the error when they could not be stored; then `reply` is not given and the error is raised instead.
    """

    __slots__ = ("after", "records", "reply")

    def __init__(self, reply: R | Later[R], records: Sequence[Rec] = (), after: After | None = None) -> None:
        self.records = records
        self.reply = reply
        self.after = after


class Shard(Protocol[Rec]):
    """The state machine: how its records look in the log, and what they mean."""

    def encode(self, record: Rec) -> KeyValue:
        """Return the record's key and value as they are stored."""

    def decode(self, key: bytes | None, value: bytes | None) -> Rec | None:
        """Return the record, or None for one of a kind that this version does not know (INT-04)."""

    def replay(self, record: Rec) -> None:
        """Apply one stored record to the hard state. Must accept every record that `encode` ever wrote."""

    def loaded(self) -> None:
        """The whole log has been replayed: start timers."""


class ShardRunner(Generic[Rec]):
    """Runs operations of one shard against the partition that stores it. Owns the shard's timers."""

    def __init__(self, shard: Shard[Rec], partition: Partition, clock: Clock) -> None:
        self.shard = shard
        self.partition = partition
        self._clock = clock
        self._timers: dict[object, Timer] = {}

    def load(self, start: int | None = None) -> None:
        """Replay the partition, from the batch at `start` on if what was before is known; call it once, first."""
        for record in records_in(self.partition.batches(start)):
            known = self.shard.decode(record.key, record.value)
            if known is not None:
                self.shard.replay(known)
        self.shard.loaded()

    def submit(self, operation: Callable[[], Outcome[Rec, R]]) -> R | Later[R]:
        """Run an operation: append, replay, then answer; after a flush, if the log asks for one.

        Raises the KafkaError of a failed append.
        """
        outcome = operation()
        held = None
        if outcome.records:
            try:
                held = self._append(outcome.records)
            except KafkaError as error:
                if outcome.after is not None:
                    outcome.after(error)
                raise
            for record in outcome.records:
                self.shard.replay(record)
        if outcome.after is not None:
            outcome.after(None)
        return outcome.reply if held is None else _when(held, outcome.reply)

    def schedule(self, key: object, delay_ms: float, operation: Callable[[], Outcome[Rec, None]]) -> None:
        """Run an operation later; a timer of the same key is replaced."""
        self.cancel(key)

        def due() -> None:
            self._timers.pop(key, None)
            with suppress(KafkaError):  # the operation's own `after` was told
                self.submit(operation)

        self._timers[key] = self._clock.call_later(delay_ms, due)

    def cancel(self, key: object) -> None:
        """Drop a timer, if there is one of that key."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Drop all timers."""
        for key in list(self._timers):
            self.cancel(key)

    def _append(self, records: Sequence[Rec]) -> Later[None] | None:
        pairs = [self.shard.encode(record) for record in records]
        return self.partition.append_own(build_batch(pairs, timestamp_ms=self._clock.now_ms()))


def _when(held: Later[None], reply: R | Later[R]) -> Later[R]:
    """Return the reply once `held` is done as well; its failure takes the place of the reply."""
    both: Later[R] = Later()

    def flushed(later: Later[None]) -> None:
        if later.error is not None:
            both.fail(later.error)
        elif isinstance(reply, Later):
            reply.then(answered)
        else:
            both.resolve(reply)

    def answered(later: Later[R]) -> None:
        if later.error is not None:
            both.fail(later.error)
        else:
            both.resolve(later.result())

    held.then(flushed)
    return both
