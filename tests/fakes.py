"""A clock that tests move, workers that work at once, and seeded randomness; with real files they make an `Env`.

`from tests.fakes import FakeClock, fake_env`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from random import Random as PythonRandom
from typing import TypeVar

from pykbroker.env import Env, Files
from pykbroker.later import Later
from pykbroker.storage.files import RealFiles

T = TypeVar("T")

NOW_MS = 1_700_000_000_000


class FakeTimer:
    def __init__(self, due_ms: float, callback: Callable[[], None]) -> None:
        self.due_ms = due_ms
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Stands still until `advance`, which calls what has become due, in order."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self._now_ms: float = now_ms
        self._order = count()
        self._timers: list[tuple[float, int, FakeTimer]] = []

    def now_ms(self) -> int:
        return int(self._now_ms)

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(self._now_ms + delay_ms, callback)
        heappush(self._timers, (timer.due_ms, next(self._order), timer))
        return timer

    def advance(self, ms: float) -> None:
        end = self._now_ms + ms
        while self._timers and self._timers[0][0] <= end:
            due_ms, _, timer = heappop(self._timers)
            self._now_ms = max(self._now_ms, due_ms)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
        self._now_ms = end


class InlineWorkers:
    """Runs the work inside `submit`."""

    def submit(self, call: Callable[[], T]) -> Later[T]:
        later: Later[T] = Later()
        try:
            value = call()
        except Exception as error:
            later.fail(error)
        else:
            later.resolve(value)
        return later

    def run_all(self, calls: Sequence[Callable[[], T]], threads: int) -> list[T]:
        return [call() for call in calls]


class HeldWorkers(InlineWorkers):
    """Holds submitted work back until `release`."""

    def __init__(self) -> None:
        self.held: list[Callable[[], None]] = []

    def submit(self, call: Callable[[], T]) -> Later[T]:
        later: Later[T] = Later()

        def run() -> None:
            try:
                value = call()
            except Exception as error:
                later.fail(error)
            else:
                later.resolve(value)

        self.held.append(run)
        return later

    def release(self) -> None:
        held, self.held = self.held, []
        for run in held:
            run()


class SeededRandom:
    """The same bytes for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = PythonRandom(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


def fake_env(clock: FakeClock | None = None, files: Files | None = None, seed: int = 0) -> Env:
    """Return an `Env` whose only real part are the files."""
    return Env(clock or FakeClock(), files or RealFiles(), InlineWorkers(), SeededRandom(seed))
