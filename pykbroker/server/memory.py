"""`RequestMemory`: what requests may take of the memory while they arrive, over all connections of a server.

`queued.max.request.bytes` is the ceiling, by the rules of Kafka's pool (`SimpleMemoryPool`, `Selector`):

- A request takes its whole promised size before more of it is read. So who has half of a frame can always complete it,
  and no two connections wait for each other.
- As long as anything is left, the next request may take more than that: the ceiling is passed by one request at most,
  and one that is larger than all there is gets its turn as well.
- When nothing is left, a connection is not read until others gave back. First come, first served.
- A request gives back as soon as it was handled: parked ones hold nothing here.

Ours: what fits into `SMALL_BYTES` asks nobody, because every connection may have as much. So a heartbeat is served
while a crowd of producers waits. And as long as nothing is left, no more than that is read at a time: a thousand
connections do not read 128 KB each to find out that they have to wait.
"""

from __future__ import annotations

import sys
from typing import Final, Protocol

SCRATCH_BYTES: Final = 128 * 1024
SMALL_BYTES: Final = 16 * 1024


class Scratch:
    """The buffer that reads go to; shared by all connections of a loop. `view` is as much of it as one may read."""

    __slots__ = ("buffer", "view")

    def __init__(self) -> None:
        self.buffer = bytearray(SCRATCH_BYTES)
        self.view = memoryview(self.buffer)


class Waiter(Protocol):
    """A connection whose request needs memory."""

    def take_memory(self) -> None:
        """It is yours now: read on."""


class RequestMemory:
    """The pool, and who waits for it. Owns the scratch buffer. A `ceiling` of 0 or less is none."""

    __slots__ = ("_left", "_waiting", "scratch")

    def __init__(self, ceiling: int) -> None:
        self._left = ceiling if ceiling > 0 else sys.maxsize
        self._waiting: dict[Waiter, int] = {}  # what each wants, in the order in which they came
        self.scratch = Scratch()

    def take(self, size: int, waiter: Waiter) -> bool:
        """Take the memory of one request; if none is left return False, and let the waiter know when it has it."""
        if self._left <= 0:
            self._waiting[waiter] = size
            return False
        self._left -= size
        if self._left <= 0:
            self.scratch.view = memoryview(self.scratch.buffer)[:SMALL_BYTES]
        return True

    def give_back(self, size: int) -> None:
        """Let others have what a request took."""
        self._left += size
        while self._left > 0 and self._waiting:
            waiter = next(iter(self._waiting))
            self._left -= self._waiting.pop(waiter)
            waiter.take_memory()
        if self._left > 0:
            self.scratch.view = memoryview(self.scratch.buffer)

    def withdraw(self, waiter: Waiter) -> None:
        """Wait no longer."""
        self._waiting.pop(waiter, None)
