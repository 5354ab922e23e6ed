"""The `.snapshot` files of one partition: which there are, writing them, and producers made from them.

A snapshot named by offset N holds the producers as they were when N was the next offset. One is written at each roll
and at a clean stop; the newest two are kept, and the one that the next recovery begins with. Loading takes the newest
that is sound, and then the batches that the log has after it, so that a snapshot may be old, damaged or missing
(`ProducerStateManager`).
"""

from __future__ import annotations

from typing import Final

from pykbroker.env import Files
from pykbroker.errors import KafkaError
from pykbroker.storage.checkpoints import write_plainly
from pykbroker.storage.failures import warn
from pykbroker.storage.log import Log
from pykbroker.storage.producers import Producers
from pykbroker.wire.batch import CONTROL

KEPT: Final = 2


class ProducerSnapshots:
    """The snapshots of one partition. Owns the list of their offsets, and the files."""

    __slots__ = ("_files", "directory", "offsets")

    def __init__(self, files: Files, directory: str, offsets: list[int]) -> None:
        self._files = files
        self.directory = directory
        self.offsets = offsets

    def path(self, offset: int) -> str:
        """Return the name of a snapshot's file."""
        return f"{self.directory}/{offset:020d}.snapshot"

    def load(self, log: Log, end: int, expiration_ms: int, now_ms: int) -> Producers:
        """Return the producers, and their open transactions, as they were when `end` was the log's end offset."""
        producers = Producers(expiration_ms)
        start = log.start_offset
        for offset in reversed(self.offsets):
            if offset <= end and producers.load(self._files.read(self.path(offset)), now_ms):
                start = max(start, offset)
                break
        if start < end:
            _replay(log, start, end, producers, now_ms)
        return producers

    def write(self, log: Log, content: bytes) -> None:
        """Write the snapshot of a log's end; without fsync, which is for the caller to see to."""
        write_plainly(self._files, self.path(log.end_offset), content)
        self.keep(log, log.end_offset)

    def keep(self, log: Log, offset: int) -> None:
        """Note a snapshot that was written, and remove those that it makes superfluous.

        Beside the newest, the one of the active segment's start is of use: there the next recovery may begin.
        """
        if offset not in self.offsets:
            self.offsets.append(offset)
        active = log.bases[-1] if log.bases else offset
        needed = {*self.offsets[-KEPT:], max((at for at in self.offsets if at <= active), default=offset)}
        for superfluous in set(self.offsets) - needed:
            self._files.remove(self.path(superfluous))
        self.offsets = sorted(needed)


def _replay(log: Log, start: int, end: int, producers: Producers, now_ms: int) -> None:
    """Take in the batches from the one that holds `start` up to `end`, exclusive.

    Behind a damaged one go on with the next segment: to know less of some producers is better than to refuse all.
    """
    for segment in log.segments[log.index_of(start) :]:
        if segment.base_offset >= end:
            return
        try:
            for position, batch in log.headers_of(segment, start):
                if batch.base_offset >= end:
                    return
                content = segment.file.read(batch.length, position) if batch.attributes & CONTROL else b""
                producers.replay(batch, content, now_ms)
        except KafkaError as error:
            warn("%s: some producers may be forgotten: %s", log.directory, error.message)
