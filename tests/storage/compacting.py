"""Compacted partitions, and cleanings of them that tests can watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pykbroker.env import Env
from pykbroker.later import Later
from pykbroker.steps import Task, run_in_steps
from pykbroker.storage.cleanable import cleanable
from pykbroker.storage.cleaner import Cleaned, clean
from pykbroker.storage.compaction import LastBatches
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.throttle import Throttle
from pykbroker.wire.batch import Batch, peek, verify
from pykbroker.wire.records import KeyValue, Record, batch_of, records_of
from tests.fakes import NOW_MS, FakeClock

Pair = KeyValue


def compacted(**settings: Any) -> LogConfig:
    """The settings of a topic that is only compacted."""
    return LogConfig(**{"cleanup_policy": ("compact",), "index_interval_bytes": 100, **settings})


def put(partition: Partition, *pairs: Pair, timestamp: int = NOW_MS, codec: int = 0, **fields: int) -> int:
    """Append one batch as a client sends it; its base offset."""
    batch = batch_of(
        [Record(index, timestamp, key, value, [("h", key)]) for index, (key, value) in enumerate(pairs)],
        codec=codec,
        **fields,  # type: ignore[arg-type]
    )
    return partition.append(memoryview(batch), timestamp).base_offset


def roll(partition: Partition) -> None:
    """Begin a new active segment."""
    partition._roll(NOW_MS)


def last_batches(partition: Partition) -> LastBatches:
    """What a cleaning must know of the producers."""
    return {state.producer_id: (state.epoch, state.last_offset) for state in partition.producers()}


class Cleaning:
    """A cleaning of a partition, which runs when the clock does. `erased` are the paths it wanted erased."""

    def __init__(
        self,
        env: Env,
        partition: Partition,
        first_dirty_offset: int | None = None,
        *,
        most_keys: int = 1000,
        producers: LastBatches | None = None,
        bytes_per_second: float = 1e300,
        is_over: Callable[[], bool] | None = None,
    ) -> None:
        self.erased: list[str] = []
        self.todo = cleanable(partition.log, partition.last_stable_offset, first_dirty_offset, env.clock.now_ms())
        self.task: Task[Cleaned | None] = clean(
            env,
            partition.log,
            self.todo,
            last_batches(partition) if producers is None else producers,
            most_keys=most_keys,
            throttle=Throttle(env.clock, bytes_per_second),
            is_over=is_over or (lambda: partition.is_closed),
            erase_later=self._erase_later,
        )
        self.result: Later[Cleaned | None] = run_in_steps(env.clock, self.task)

    def _erase_later(self, paths: Sequence[str]) -> None:
        self.erased += paths


def cleaned(env: Env, partition: Partition, first_dirty_offset: int | None = None, **settings: Any) -> Cleaned:
    """Clean a partition from beginning to end."""
    cleaning = Cleaning(env, partition, first_dirty_offset, **settings)
    assert isinstance(env.clock, FakeClock)
    env.clock.advance(0)
    done = cleaning.result.result()
    assert done is not None
    return done


def batches(partition: Partition) -> list[tuple[Batch, list[Record]]]:
    """Every batch that a partition has, control batches too, with its records; all sound and in order."""
    found = []
    next_offset = 0
    for view in partition.batches():
        batch = peek(view)
        verify(view, batch)
        records = list(records_of(view, batch))
        assert batch.base_offset >= next_offset
        offsets = [record.offset for record in records]
        assert offsets == sorted(set(offsets))
        assert all(batch.base_offset <= offset <= batch.last_offset for offset in offsets)
        next_offset = batch.next_offset
        found.append((batch, records))
    return found


def contents(partition: Partition) -> list[tuple[int, bytes | None, bytes | None]]:
    """Offset, key and value of every record, those of control batches aside."""
    return [
        (record.offset, record.key, record.value)
        for batch, records in batches(partition)
        if not batch.is_control
        for record in records
    ]


def names(partition: Partition) -> list[str]:
    """The names of a partition's files."""
    return sorted(path.name for path in Path(partition.directory).iterdir())
