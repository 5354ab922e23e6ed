"""`Housekeeping`: what is done for the partitions of this node when nobody asks: retention, and compaction.

    every log.retention.check.interval.ms   segments that have had their time go, silent producers are forgotten, files
                                            of idle partitions are closed; first after log.initial.task.delay.ms
    every log.cleaner.backoff.ms            the compacted logs that need it most are compacted, until none needs it

Both are tasks in short turns (`steps.py`), one partition after the other, so that 10,000 of them hold nobody up. What
is not open and has files is opened for it. A partition that is being compacted, or moved, is `busy`, and left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

from pykbroker.config import Config
from pykbroker.env import Env, Timer
from pykbroker.errors import KafkaError
from pykbroker.later import Later
from pykbroker.metadata.partitions import Partitions
from pykbroker.steps import Task, run_in_steps
from pykbroker.storage.failures import warn

if TYPE_CHECKING:
    from pykbroker.metadata.cleaning import Cleaning
    from pykbroker.storage.partition import Partition

_OF_CLEANING: Final = (
    "hashlib", "pykbroker.storage.cleanable", "pykbroker.storage.key_offsets", "pykbroker.storage.compaction",
    "pykbroker.storage.cleaner",
)  # fmt: skip


class Housekeeping:
    """The timers and tasks. `config` gives the broker's settings as they are now.

    `cleaning` is None as long as no topic was compacted.
    """

    __slots__ = ("_config", "_env", "_partitions", "_tasks", "_timers", "cleaning")

    def __init__(self, env: Env, config: Callable[[], Config], partitions: Partitions) -> None:
        self._env = env
        self._config = config
        self._partitions = partitions
        self.cleaning: Cleaning | None = None
        self._timers: dict[str, Timer] = {}
        self._tasks: dict[str, Task[None]] = {}

    def start(self) -> None:
        """Begin, once the broker serves."""
        self._schedule("log.initial.task.delay.ms", "log.retention.check.interval.ms", self._retention)
        if self._config().boolean("log.cleaner.enable"):
            self._schedule("log.cleaner.backoff.ms", "log.cleaner.backoff.ms", self._compaction)

    def close(self) -> None:
        """End timers and tasks."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks.values():
            task.close()
        self._timers.clear()
        self._tasks.clear()

    def _schedule(self, delay: str, interval: str, work: Callable[[], Task[None]]) -> None:
        """Run a task after one setting's time, and again, after every end, after another's."""

        def due() -> None:
            task = self._tasks[interval] = work()
            run_in_steps(self._env.clock, task).then(over)

        def over(later: Later[None]) -> None:
            if later.error is not None:
                warn("%s: %s", work.__name__.strip("_"), later.error)
            if self._tasks.pop(interval, None) is not None:
                self._schedule(interval, interval, work)

        self._timers[interval] = self._env.clock.call_later(self._config().integer(delay), due)

    def _retention(self) -> Task[None]:
        for topic, index in self._partitions.with_files():
            partition = self._opened(topic, index)
            if partition is not None and partition not in self._partitions.busy:
                now_ms = self._env.clock.now_ms()
                try:
                    partition.delete_old_segments(now_ms)
                except KafkaError as error:
                    warn("%s", error)
                partition.expire_producers(now_ms)
                partition.cool_down()
            yield None

    def _compaction(self) -> Task[None]:
        if self.cleaning is None:
            if next(self._partitions.with_files(is_compacted=True), None) is None:
                return
            for name in _OF_CLEANING:  # much that few brokers need soon, and 5 ms at once
                import_module(name)
                yield None
            from pykbroker.metadata.cleaning import Cleaning

            self.cleaning = Cleaning(self._env, self._config, self._partitions)
        yield from self.cleaning.run()

    def _opened(self, topic: str, index: int) -> Partition | None:
        try:
            return self._partitions.get(topic, index)
        except KafkaError:
            return None  # deleted meanwhile, or offline, of which the log tells
