"""Tells the log, now and then, how far long work has come: a start after a crash may check logs for minutes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar

from pykbroker.env import Clock
from pykbroker.storage.failures import note

T = TypeVar("T")

EVERY_MS: Final = 3000


class Progress:
    """Counts calls that are done, in whatever threads. A line when one ends EVERY_MS or more after the last line."""

    __slots__ = ("_clock", "_done", "_due_ms", "_total", "_what")

    def __init__(self, clock: Clock, what: str, total: int) -> None:
        """Take what the line says: `what` is "checked %s of %s logs" or the like."""
        self._clock = clock
        self._what = what
        self._total = total
        self._done = count(1)  # its `next` is atomic
        self._due_ms = clock.now_ms() + EVERY_MS

    def counting(self, call: Callable[[], T]) -> Callable[[], T]:
        """Return the call, which now counts when it has returned."""

        def counted() -> T:
            result = call()
            self._one_more()
            return result

        return counted

    def _one_more(self) -> None:
        done, now_ms = next(self._done), self._clock.now_ms()
        if now_ms >= self._due_ms:
            self._due_ms = now_ms + EVERY_MS
            note(self._what, f"{done:,}", f"{self._total:,}")
