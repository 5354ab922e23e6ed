"""`Host`: a server on an event loop, and the way to it from any thread.

The core belongs to the thread of its loop. Who wants to know or do something there hands `call` a function; it runs
between two requests and so sees everything as it is after one and before the next.

`wait` asks a question now, and again whenever something happens to the partitions that it is about. Everything that
changes in a broker is an append: a record to its topic, a commit or a new generation to `__consumer_offsets`, a topic
to `__cluster_metadata`. So there is an event to wait for, and nothing is polled.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from pykbroker.apis.context import Services
from pykbroker.config import Config
from pykbroker.server.loop import Server
from pykbroker.storage.partition import Partition

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")

WITHIN: Final = 10.0
"""How many seconds a wait takes at most, unless told otherwise: clients need up to three to form a group."""

_CALL_SECONDS: Final = 30.0
"""After this long without a turn of the loop, somebody blocks it."""


class Host:
    """A server that runs in a thread of its own (`start`, `stop`) or in the caller's loop (`start_here`, `stop_here`).

    Owns the thread. A stop drops connections as they are: it is not for the clients of a test to hold it up.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop: asyncio.AbstractEventLoop
        self._thread_id = 0
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()

    # -- the server's life

    async def start_here(self) -> None:
        """Start on the running loop. Raises StartError with one line."""
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        await self._server.start()

    async def stop_here(self) -> None:
        """Stop; nothing is left on the loop."""
        await self._server.stop(drain_seconds=0)

    def start(self) -> None:
        """Start in a thread, and return when clients are served. Raises StartError with one line."""
        started: Future[None] = Future()
        # A daemon: a test run that crashes with a broker still running must end all the same.
        self._thread = threading.Thread(target=self._run, args=(started,), name="pykbroker", daemon=True)
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self._thread.join()
            raise

    @property
    def has_thread(self) -> bool:
        """Whether it was started in a thread, and not in the caller's loop."""
        return self._thread is not None

    def stop(self) -> None:
        """Stop, and return when the thread has ended. Raises what the stop failed with."""
        assert self._thread is not None, "started in a thread"
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._ended.result()

    def _run(self, started: Future[None]) -> None:
        try:
            # Whatever event loop policy the program under test has set, this loop is not its business.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve(started))
        except BaseException as error:
            (self._ended if started.done() else started).set_exception(error)
        else:
            self._ended.set_result(None)

    async def _serve(self, started: Future[None]) -> None:
        self._stopping = asyncio.Event()
        await self.start_here()
        started.set_result(None)
        await self._stopping.wait()
        await self.stop_here()

    # -- ways to the core

    @property
    def config(self) -> Config:
        """The broker's settings, with the ports that it really has."""
        return self._server.config

    def call(self, work: Callable[[Services], T]) -> T:
        """Run `work` on the loop's thread and return what it returns, or raise what it raises."""
        if self._is_here:
            return work(self._server.broker.services)
        done: Future[T] = Future()

        def run() -> None:
            try:
                result = work(self._server.broker.services)
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(result)

        self._loop.call_soon_threadsafe(run)
        try:
            return done.result(_CALL_SECONDS)
        except FutureTimeout:
            if done.done():
                raise  # it is the work's own
            raise RuntimeError(
                f"the broker's event loop has been blocked for {_CALL_SECONDS:g} s: "
                "does its own thread wait for this one?"
            ) from None

    def wait(
        self, about: Callable[[Services], Iterable[Partition]], look: Callable[[], T | None], within: float
    ) -> T | None:
        """Return the first answer of `look` that is not None, or None if there is none within so many seconds.

        `look` is asked in the caller's thread: at once, and whenever something happens to the partitions that `about`
        gives, which is asked before it each time. With 0 seconds it is asked once.
        """
        if within > 0 and self._is_here:
            raise RuntimeError(
                "waiting here would block the broker, which runs in this event loop: "
                "await the coroutine of the same name (aexpect, arecords, await_stable, await_caught_up)"
            )
        event = Event()
        deadline = time.monotonic() + within
        try:
            while True:
                event.clear()
                self.call(lambda services: event.follow(about(services)))
                answer = look()
                if answer is not None:
                    return answer
                left = deadline - time.monotonic()
                if left <= 0 or not event.wait(left):
                    return None
        finally:
            self.call(lambda _: event.leave())

    @property
    def _is_here(self) -> bool:
        return threading.get_ident() == self._thread_id


class Event(threading.Event):
    """Set by whatever happens to the partitions that it follows: a `Watcher`. Follow and leave on the loop's thread."""

    def __init__(self) -> None:
        super().__init__()
        self._followed: set[Partition] = set()

    def follow(self, partitions: Iterable[Partition]) -> None:
        """Watch these partitions, and no others any more."""
        wanted = set(partitions)
        for partition in wanted - self._followed:
            partition.watch(self)
        for partition in self._followed - wanted:
            partition.unwatch(self)
        self._followed = wanted

    def leave(self) -> None:
        """Watch nothing any more."""
        self.follow(())

    def appended(self, partition: Partition, nbytes: int) -> None:
        """Wake who waits. It looks on the loop's thread, and so after what this append belongs to."""
        self.set()

    def changed(self, partition: Partition) -> None:
        """Wake who waits."""
        self.set()


def in_thread(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Return a method that does the same without blocking the running event loop: to be awaited."""

    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(method, self, *args, **kwargs)

    call.__doc__ = f"As `{method.__name__}`, for `async` code: the event loop goes on meanwhile."
    return call


def blocked_loop_hint() -> str:
    """Return a remark for a failed wait if it has blocked an event loop: what it waited for may be stuck in there."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return ""
    return (
        "\n(The wait has blocked the running event loop. If what it waited for is to happen in that loop, "
        "await aexpect, arecords, await_stable or await_caught_up instead.)"
    )
