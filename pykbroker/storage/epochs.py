"""Leader epochs of one partition: which epoch began at which offset (KIP-101, `LeaderEpochFileCache`).

Consumers ask where an epoch ended to find out whether what they have read is still there (KIP-320).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from pykbroker.env import Files
from pykbroker.storage.checkpoints import LEADER_EPOCHS, epochs_content, write_plainly
from pykbroker.storage.failures import warn

UNKNOWN: Final = (-1, -1)


class LeaderEpochs:
    """The (epoch, start offset) pairs, both ascending. `unsaved` when the checkpoint file lacks a change."""

    __slots__ = ("pairs", "unsaved")

    def __init__(self, pairs: list[tuple[int, int]]) -> None:
        self.pairs = pairs
        self.unsaved = False

    @property
    def latest(self) -> int:
        """The current epoch, or -1."""
        return self.pairs[-1][0] if self.pairs else -1

    def begin(self, epoch: int, offset: int) -> None:
        """Note that `epoch` begins at `offset`; one that is not newer than the latest changes nothing."""
        if epoch > self.latest:
            self.cut_end(offset)  # an epoch in which nothing was written gives way
            self.pairs.append((epoch, offset))
            self.unsaved = True

    def lead(self, epoch: int, offset: int) -> None:
        """Note that a leader of `epoch` begins at `offset`; newer epochs than its own give way.

        There are such in a log from another cluster, and clients count by this one's (`LeaderEpochFileCache.assign`).
        """
        if epoch < self.latest:
            while self.pairs and self.pairs[-1][0] >= epoch:
                self.pairs.pop()
            self.unsaved = True
        self.begin(epoch, offset)

    def end_of(self, epoch: int, end_offset: int) -> tuple[int, int]:
        """Return the largest known epoch up to `epoch`, and where it ended; (-1, -1) if that is unknown.

        `end_offset` is the log's, at which the current epoch ends. An epoch older than all known ones ends where those
        begin (OFLE-01 to OFLE-04).
        """
        after = bisect_right(self.pairs, (epoch, 1 << 63))
        if epoch < 0 or not self.pairs:
            return UNKNOWN
        if after == len(self.pairs):
            return (epoch, end_offset) if epoch == self.latest else UNKNOWN
        return (self.pairs[after - 1][0] if after else epoch), self.pairs[after][1]

    def at(self, offset: int) -> int:
        """Return the epoch that an offset belongs to, or -1."""
        after = bisect_right(self.pairs, offset, key=lambda pair: pair[1])
        return self.pairs[after - 1][0] if after else -1

    def save(self, files: Files, directory: str) -> None:
        """Write the checkpoint. If that fails it is done with the next change, or made up from the log."""
        try:
            write_plainly(files, f"{directory}/{LEADER_EPOCHS}", epochs_content(self.pairs))
            self.unsaved = False
        except OSError as error:
            warn("%s: cannot write the leader epochs: %s", directory, error)

    def cut_start(self, offset: int) -> None:
        """Forget the epochs that ended at or before `offset`, which is where the log starts now."""
        after = bisect_right(self.pairs, offset, key=lambda pair: pair[1])
        if after and self.pairs[after - 1][1] < offset:
            self.pairs[:after] = [(self.pairs[after - 1][0], offset)]
            self.unsaved = True

    def cut_end(self, offset: int) -> None:
        """Forget the epochs that began at or after `offset`, which is where the log ends now."""
        while self.pairs and self.pairs[-1][1] >= offset:
            self.pairs.pop()
            self.unsaved = True
