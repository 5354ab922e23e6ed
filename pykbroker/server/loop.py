"""The real clock and workers, and `serve`: run a broker on asyncio until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from pykbroker.broker import Broker
from pykbroker.config import Config
from pykbroker.env import Env, Files, Timer
from pykbroker.later import Later
from pykbroker.server.connection import Connection, Handle
from pykbroker.server.following import Following
from pykbroker.server.listener import Limits, ListenerServer
from pykbroker.server.logs import logger
from pykbroker.server.memory import RequestMemory
from pykbroker.server.telling import Telling
from pykbroker.storage.files import RealFiles

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from pykbroker.server.metrics import MetricsServer

T = TypeVar("T")

DRAIN_SECONDS: Final = 5.0
_FULL_COLLECTION_EVERY: Final = 1000  # of those of the middle generation; 10 by default


class LoopClock:
    """`env.Clock` over the event loop and the system's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` from the loop."""
        if delay_ms <= 0:
            return self._loop.call_soon(callback)
        return self._loop.call_later(delay_ms / 1000, callback)


class LoopWorkers:
    """`env.Workers` over threads that start with the first call. Owns them: the loop's pool may be somebody else's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool: Executor | None = None

    def submit(self, call: Callable[[], T]) -> Later[T]:
        """Run `call` in a thread; resolves on the loop."""
        later: Later[T] = Later()

        def done(future: asyncio.Future[T]) -> None:
            error = future.exception()
            if isinstance(error, Exception):
                later.fail(error)
            else:
                later.resolve(future.result())

        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(thread_name_prefix="pykbroker")
        self._loop.run_in_executor(self._pool, call).add_done_callback(done)
        return later

    def run_all(self, calls: Sequence[Callable[[], T]], threads: int) -> list[T]:
        """Run all in threads of their own, and return their results."""
        if threads <= 1 or len(calls) <= 1:
            return [call() for call in calls]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(threads) as pool:
            return [future.result() for future in [pool.submit(call) for call in calls]]

    async def close(self) -> None:
        """Return when the last call has resolved, and no thread is left. Blocks the loop until that call is done."""
        if self._pool is not None:
            self._pool.shutdown()
            for _ in range(2):  # from the thread's future to the loop's, and from there to the `Later`
                await asyncio.sleep(0)


class SystemRandom:
    """`env.Random` from the operating system."""

    def bytes(self, count: int) -> bytes:
        """Return random bytes."""
        return os.urandom(count)


class Server:
    """A broker and its listeners on a running loop, which may be somebody else's: nothing of it is left after `stop`.

    `files` takes the place of the real file system. `on_lost` is called, with one line, when the data is gone for good:
    stop then.
    """

    def __init__(self, config: Config, files: Files | None = None) -> None:
        self.config = config
        self.broker: Broker
        self.listeners: list[ListenerServer] = []
        self.metrics: MetricsServer | None = None
        self.on_lost: Callable[[str], None] = lambda reason: None
        self._files = files or RealFiles()
        self._workers: LoopWorkers
        self._following: Following
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Bind the sockets, open the data, begin to serve; raises StartError with one line."""
        loop = asyncio.get_running_loop()
        self._workers = LoopWorkers(loop)
        env = Env(LoopClock(loop), self._files, self._workers, SystemRandom())
        self.broker = Broker(self.config, env)
        self.broker.on_lost = self.on_lost
        limits, telling = Limits(self.config), Telling(self.config)
        memory = RequestMemory(self.config.integer("queued.max.request.bytes"))
        self._following = Following(env.clock)
        try:
            # Sockets first: a port in use must not leave traces in the data directory.
            for listener in self.config.listeners:
                self.listeners.append(ListenerServer(listener, self.config, limits, memory, telling, self._following))
            self._settle_ports()
            if self.config["pykbroker.metrics.port"] is not None:
                from pykbroker.server.metrics import MetricsServer

                self.metrics = MetricsServer(self.config)
            self.broker.start()
        except BaseException:
            for server in self.listeners:
                server.close()
            if self.metrics is not None:
                self.metrics.close()
            await self._workers.close()
            raise
        handle: Handle = self.broker.handle
        if self.metrics is not None:
            handle = await self.metrics.accept(self.broker, self.listeners)
        for server in self.listeners:
            await server.accept(handle)
        self._sweep(loop)

    def _settle_ports(self) -> None:
        """Put the ports that the system chose for `:0` into what clients are told."""
        ports = {server.listener.name: server.port for server in self.listeners}
        for listener in self.config.advertised_listeners:
            listener.port = listener.port or ports[listener.name]

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close idle connections, now and then."""
        idle_seconds = self.config.integer("connections.max.idle.ms") / 1000
        if idle_seconds <= 0:
            return
        for listener in self.listeners:
            listener.close_idle(loop.time() - idle_seconds)
        self._sweeper = loop.call_later(min(idle_seconds, 10.0), self._sweep, loop)

    async def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Stop: no new connections, parked requests answered, everything sent, data closed cleanly.

        Connections that take longer than `drain_seconds` are dropped; with 0, all of them are, as they are.
        """
        if self.metrics is not None:
            self.metrics.stopping()
        for listener in self.listeners:
            await listener.stop_accepting()
        self._following.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        if drain_seconds > 0:
            await self._drain(drain_seconds)
        for connection in self._connections():
            connection.abort()
        self.broker.release_parked()
        while self._connections() or self.broker.services.fetch_waits:
            await asyncio.sleep(0)
        if self.metrics is not None:
            self.metrics.close()
        self.broker.stop()
        await self._workers.close()

    async def _drain(self, seconds: float) -> None:
        """Answer what is parked, and return when every connection has sent all and is closed, or after a while."""
        loop = asyncio.get_running_loop()
        self.broker.release_parked()
        for connection in self._connections():
            connection.close()
        deadline = loop.time() + seconds
        while self._connections() and loop.time() < deadline:
            await asyncio.sleep(0.005)

    def _connections(self) -> list[Connection]:
        return [connection for listener in self.listeners for connection in listener.connections]


def _allow_many_files() -> None:
    """Raise the limit of open files as far as a process may; the usual 1,024 are a client library's idea of many."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # macOS refuses "unlimited"
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _collect_rarely() -> None:
    """Let the garbage collector leave alone what is there now, and look through everything else rarely.

    With 10,000 partitions a full collection takes 10 to 50 ms, in which nobody is served, and finds next to nothing:
    objects here refer to each other in one direction. Young ones are collected as ever.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _FULL_COLLECTION_EVERY)


def serve(config: Config, ready: Callable[[Server], None], files: Files | None = None) -> int:
    """Serve until SIGTERM or SIGINT, or until the data is lost; return the exit status.

    `ready` is called when clients are served. Raises StartError when it cannot start.
    """
    lost: list[str] = []
    _allow_many_files()

    async def run() -> None:
        server = Server(config, files)
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)

        def give_up(reason: str) -> None:
            lost.append(reason)
            stopped.set()

        server.on_lost = give_up
        await server.start()
        _collect_rarely()
        ready(server)
        await stopped.wait()
        await server.stop(0 if lost else DRAIN_SECONDS)

    asyncio.run(run())
    if lost:
        logger().critical("cannot go on: %s", lost[0])
    return 1 if lost else 0
