"""The `.snapshot` files of one partition: which there are, writing them, and producers made from them.

A snapshot named by offset N holds the producers as they were when N was the next offset. One is written at each roll
and at a clean stop, and the newest two are kept. Loading takes the newest that is sound, and then the batches that the
log has after it, so that a snapshot may be old, damaged or missing (`ProducerStateManager`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pykbroker.env import Files
from pykbroker.storage.checkpoints import write_plainly
from pykbroker.storage.log import Log
from pykbroker.storage.producers import Producers
from pykbroker.wire.batch import Batch

KEPT: Final = 2


class ProducerSnapshots:
    """The snapshots of one partition. Owns the list of their offsets, and the files."""

    __slots__ = ("_directory", "_files", "offsets")

    def __init__(self, files: Files, directory: str, offsets: list[int]) -> None:
        self._files = files
        self._directory = directory
        self.offsets = offsets

    def path(self, offset: int) -> str:
        """Return the name of a snapshot's file."""
        return f"{self._directory}/{offset:020d}.snapshot"

    def load(self, log: Log, end: int, expiration_ms: int, now_ms: int) -> Producers:
        """Return the producers as they were when `end` was the log's end offset."""
        producers = Producers(expiration_ms)
        start = log.start_offset
        for offset in reversed(self.offsets):
            if producers.load(self._files.read(self.path(offset)), now_ms):
                start = max(start, offset)
                break
        if start < end:
            producers.replay(_headers(log, start, end), now_ms)
        return producers

    def write(self, offset: int, content: bytes) -> None:
        """Write a snapshot; without fsync, because a damaged one is noticed."""
        write_plainly(self._files, self.path(offset), content)
        self.keep(offset)

    def keep(self, offset: int) -> None:
        """Note a snapshot that was written, and remove those that it makes superfluous."""
        if offset not in self.offsets:
            self.offsets.append(offset)
        while len(self.offsets) > KEPT:
            self._files.remove(self.path(self.offsets.pop(0)))


def _headers(log: Log, start: int, end: int) -> Iterator[Batch]:
    """Yield the headers of the batches that begin at `start` or later, and before `end`."""
    for batch in log.headers(start):
        if batch.base_offset >= end:
            return
        if batch.base_offset >= start:
            yield batch
