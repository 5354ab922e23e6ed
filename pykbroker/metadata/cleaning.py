"""`Cleaning`: which compacted log is cleaned next, and what is remembered of it (`LogCleaner`, `LogCleanerManager`).

The filthiest goes first, until none is due. Up to where each is clean is in `cleaner-offset-checkpoint`, so that a
restart does not begin anew. A log with a batch that cannot be read is left alone until the broker starts again.
"""

from __future__ import annotations

from collections.abc import Callable

from pykbroker.config import Config
from pykbroker.env import Env
from pykbroker.errors import KafkaError
from pykbroker.metadata.partitions import Partitions
from pykbroker.steps import Task
from pykbroker.storage.cleanable import Cleanable, cleanable, filthiest
from pykbroker.storage.cleaner import Cleaned, clean
from pykbroker.storage.failures import fault, note, warn
from pykbroker.storage.key_offsets import most_keys
from pykbroker.storage.partition import Partition
from pykbroker.storage.throttle import Throttle


class Cleaning:
    """Cleans the compacted logs of this node. Owns the list of those that cannot be cleaned.

    `last` is what the last cleaning has done, for who watches.
    """

    __slots__ = ("_config", "_env", "_failed", "_left_alone", "_partitions", "_throttle", "last", "uncleanable")

    def __init__(self, env: Env, config: Callable[[], Config], partitions: Partitions) -> None:
        self._env = env
        self._config = config
        self._partitions = partitions
        self._throttle = Throttle(env.clock, float("inf"))
        self._failed: set[Partition] = set()  # in this run
        self.uncleanable: set[Partition] = set()
        self.last: Cleaned | None = None
        self._left_alone = (partitions.busy, self._failed, self.uncleanable)

    def run(self) -> Task[None]:
        """Clean until there is nothing to clean; what cannot be cleaned now is tried again in the next run."""
        self._failed.clear()
        while True:
            found = filthiest((yield from self._candidates()))
            if found is None:
                return
            partition, todo = found
            if partition in self._partitions.busy:
                return  # a move took it meanwhile
            self._partitions.busy.add(partition)
            try:
                yield from self._clean(partition, todo)
            finally:
                self._partitions.busy.discard(partition)

    def _candidates(self) -> Task[list[tuple[Partition, Cleanable]]]:
        candidates = []
        for topic, index in self._partitions.with_files(is_compacted=True):
            try:
                partition = self._partitions.get(topic, index)
                if not any(partition in left_alone for left_alone in self._left_alone):
                    candidates.append((partition, self._todo(partition)))
            except KafkaError:
                continue  # deleted meanwhile, or offline
            except OSError as error:
                self._put_off(partition, error)
            yield None
        return candidates

    def _todo(self, partition: Partition) -> Cleanable:
        return cleanable(
            partition.log,
            partition.last_stable_offset,
            partition.home.cleaner_points.get(partition.key),
            self._env.clock.now_ms(),
        )

    def _clean(self, partition: Partition, todo: Cleanable) -> Task[None]:
        config = self._config()
        self._throttle.bytes_per_second = config.number("log.cleaner.io.max.bytes.per.second")
        try:
            done = yield from clean(
                self._env,
                partition.log,
                todo,
                {state.producer_id: (state.epoch, state.last_offset) for state in partition.producers()},
                most_keys=most_keys(
                    config.integer("log.cleaner.dedupe.buffer.size"), config.number("log.cleaner.io.buffer.load.factor")
                ),
                throttle=self._throttle,
                is_over=lambda: partition.is_closed,
                erase_later=lambda paths: partition.home.erase_later(paths, partition.config.file_delete_delay_ms),
            )
        except KafkaError as error:
            self._give_up(partition, str(error))
        except OSError as error:
            self._put_off(partition, error)
        else:
            if done is not None:
                self._cleaned(partition, todo, done)

    def _cleaned(self, partition: Partition, todo: Cleanable, done: Cleaned) -> None:
        if done.first_dirty_offset <= todo.first_dirty_offset:
            self._give_up(partition, "log.cleaner.dedupe.buffer.size has no room for the keys of one batch")
            return
        self.last = done
        partition.home.cleaner_points[partition.key] = done.first_dirty_offset
        partition.home.checkpoint_soon()
        note(
            "%s-%d: cleaned up to offset %d; %d of %d records stayed, %d of %d bytes",
            *partition.key, done.first_dirty_offset, done.records_written, done.records_read, done.bytes_written,
            done.bytes_read,
        )  # fmt: skip

    def _give_up(self, partition: Partition, reason: str) -> None:
        fault("%s-%d: is not cleaned any more: %s", *partition.key, reason)
        self.uncleanable.add(partition)

    def _put_off(self, partition: Partition, error: OSError) -> None:
        self._failed.add(partition)
        if not partition.home.heed(error):
            warn("%s-%d: cannot clean it now: %s", *partition.key, error)
