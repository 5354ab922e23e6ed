"""The real clock and workers, and `serve`: run a broker on asyncio until a signal stops it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pykbroker.broker import Broker
from pykbroker.config import Config
from pykbroker.env import Env, Timer
from pykbroker.later import Later
from pykbroker.server.connection import Connection, Scratch
from pykbroker.server.listener import Limits, ListenerServer
from pykbroker.storage.files import RealFiles

T = TypeVar("T")

_DRAIN_SECONDS = 5.0


class LoopClock:
    """`env.Clock` over the event loop and the system's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` from the loop."""
        return self._loop.call_later(max(0.0, delay_ms) / 1000, callback)


class LoopWorkers:
    """`env.Workers` over the loop's thread pool, whose threads start with the first call."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def submit(self, call: Callable[[], T]) -> Later[T]:
        """Run `call` in a thread; resolves on the loop."""
        later: Later[T] = Later()

        def done(future: asyncio.Future[T]) -> None:
            error = future.exception()
            if isinstance(error, Exception):
                later.fail(error)
            else:
                later.resolve(future.result())

        self._loop.run_in_executor(None, call).add_done_callback(done)
        return later

    def run_all(self, calls: Sequence[Callable[[], T]], threads: int) -> list[T]:
        """Run all in threads of their own, and return their results."""
        if threads <= 1 or len(calls) <= 1:
            return [call() for call in calls]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(threads) as pool:
            return [future.result() for future in [pool.submit(call) for call in calls]]


class SystemRandom:
    """`env.Random` from the operating system."""

    def bytes(self, count: int) -> bytes:
        """Return random bytes."""
        return os.urandom(count)


class Server:
    """A broker and its listeners on a running loop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.broker: Broker
        self.listeners: list[ListenerServer] = []

    async def start(self) -> None:
        """Bind the sockets, open the data, begin to serve; raises StartError with one line."""
        loop = asyncio.get_running_loop()
        env = Env(LoopClock(loop), RealFiles(), LoopWorkers(loop), SystemRandom())
        self.broker = Broker(self.config, env)
        limits, scratch = Limits(self.config), Scratch()
        try:
            # Sockets first: a port in use must not leave traces in the data directory.
            for listener in self.config.listeners:
                self.listeners.append(ListenerServer(listener, self.config, limits, scratch))
            self._settle_ports()
            self.broker.start()
        except BaseException:
            for server in self.listeners:
                server.stop_accepting()
            raise
        for server in self.listeners:
            await server.accept(self.broker.handle)
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
        loop.call_later(min(idle_seconds, 10.0), self._sweep, loop)

    async def stop(self) -> None:
        """Stop gracefully: no new connections, parked requests answered, everything sent, data closed cleanly."""
        loop = asyncio.get_running_loop()
        for listener in self.listeners:
            listener.stop_accepting()
        self.broker.release_parked()
        deadline = loop.time() + _DRAIN_SECONDS
        for connection in self._connections():
            connection.close()
        while self._connections() and loop.time() < deadline:
            await asyncio.sleep(0.005)
        for connection in self._connections():
            connection.abort()
        self.broker.stop()
        await loop.shutdown_default_executor()

    def _connections(self) -> list[Connection]:
        return [connection for listener in self.listeners for connection in listener.connections]


def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status. Raises StartError when it cannot start."""

    async def run() -> None:
        server = Server(config)
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await server.start()
        for listener in server.listeners:
            print(f"pykbroker: {listener.listener.name} on {listener.listener.host or '*'}:{listener.port}", flush=True)
        await stopped.wait()
        await server.stop()

    asyncio.run(run())
    return 0
