"""`Moves`: the partitions of this node that are on their way from one log directory to another (KIP-113)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pykbroker import errors
from pykbroker.env import Env
from pykbroker.errors import KafkaError
from pykbroker.later import Later
from pykbroker.metadata.partitions import Partitions
from pykbroker.steps import Task, run_in_steps
from pykbroker.storage.failures import warn
from pykbroker.storage.moving import Move

_WAIT_MS = 100


class Moves:
    """Begins moves, and knows those that are not over."""

    __slots__ = ("_env", "_partitions", "_running")

    def __init__(self, env: Env, partitions: Partitions) -> None:
        self._env = env
        self._partitions = partitions
        self._running: dict[tuple[str, int], Move] = {}

    def __iter__(self) -> Iterator[Move]:
        return iter(self._running.values())

    def begin(self, topic: str, index: int, path: str) -> None:
        """Begin to move a partition to the directory at `path`; where it is already, a running move is called off.

        Raises KafkaError: LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR if either directory is offline, or what opening the
        partition raises.
        """
        target = next((each for each in self._partitions.directories if each.path == path), None)
        if target is None:
            raise KafkaError(errors.LOG_DIR_NOT_FOUND, f"{path} is not one of the log directories")
        if target.failure is not None:
            raise KafkaError(errors.KAFKA_STORAGE_ERROR, f"the log directory {path} is offline")
        partition = self._partitions.get(topic, index)
        running = self._running.get(partition.key)
        if running is not None:
            if running.target is target and not running.is_over:
                return
            running.is_over = True
        if target is not partition.home or running is not None:
            move = self._running[partition.key] = Move(self._env, partition, target)
            run_in_steps(self._env.clock, self._task(move)).then(partial(self._over, move))

    def close(self) -> None:
        """Call all moves off."""
        for move in self._running.values():
            move.is_over = True

    def _task(self, move: Move) -> Task[None]:
        busy, partition = self._partitions.busy, move.partition
        while partition in busy:  # with its compaction, or the move before
            if move.is_over:
                return
            pause: Later[None] = Later()
            self._env.clock.call_later(_WAIT_MS, partial(pause.resolve, None))
            yield pause
        if move.target is partition.home:
            return
        busy.add(partition)
        try:
            yield from move.run()
        finally:
            busy.discard(partition)

    def _over(self, move: Move, later: Later[None]) -> None:
        if self._running.get(move.partition.key) is move:
            del self._running[move.partition.key]
        if later.error is not None:
            warn("%s", later.error)

