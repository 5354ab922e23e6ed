"""A broker that the tests of its assertions share, clean for each; and a way to know that somebody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from pykbroker.testing import Broker
from pykbroker.testing.hosting import Event

pytest.register_assert_rewrite("tests.testing.leaks")

TIMEOUT_S = 30.0


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


@pytest.fixture
def kafka(shared_broker: Broker) -> Iterator[Broker]:
    yield shared_broker
    shared_broker.reset()


class Waiting:
    """Runs a call in a thread, up to where it waits for something to happen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._waits = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor()
        wait = Event.wait

        def noticed(event: Event, timeout: float | None = None) -> bool:
            self._waits.release()
            return wait(event, timeout)

        monkeypatch.setattr(Event, "wait", noticed)

    def __call__(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the call's future, once it waits."""
        future = self._pool.submit(call, *args, within=TIMEOUT_S, **kwargs)
        self.again()
        return future

    def again(self) -> None:
        """Return once somebody waits, anew."""
        assert self._waits.acquire(timeout=TIMEOUT_S), "nobody waits"

    def close(self) -> None:
        self._pool.shutdown()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    waiting = Waiting(monkeypatch)
    yield waiting
    waiting.close()
