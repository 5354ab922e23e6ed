"""A server on a loop that is somebody else's: its own threads, and a stop that nobody holds up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pykbroker.config import Config
from pykbroker.server.loop import LoopWorkers, Server


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))  # type: ignore[arg-type]


def a_server(path: Path) -> Server:
    return Server(Config({"listeners": "PLAINTEXT://127.0.0.1:0", "log.dirs": str(path)}))


def connected_to(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.listeners[0].port), timeout=30)


def test_work_that_runs_when_the_workers_close_is_waited_for() -> None:
    async def scenario() -> None:
        workers = LoopWorkers(asyncio.get_running_loop())
        started, ready = threading.Event(), threading.Event()

        def work() -> threading.Thread:
            started.set()
            ready.wait(30)
            return threading.current_thread()

        later = workers.submit(work)
        started.wait(30)
        ready.set()
        await workers.close()
        assert not later.result().is_alive()

    run(scenario)


def test_workers_that_were_not_needed_have_no_threads() -> None:
    async def scenario() -> None:
        before = threading.active_count()
        await LoopWorkers(asyncio.get_running_loop()).close()
        assert threading.active_count() == before

    run(scenario)


def test_the_callers_own_threads_outlive_a_server(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = a_server(tmp_path)
        await server.start()
        await server.stop()
        assert await asyncio.to_thread(lambda: "still") == "still"

    run(scenario)


@pytest.mark.parametrize("turns", range(8))
def test_a_client_that_comes_just_before_the_stop_is_dropped(tmp_path: Path, turns: int) -> None:
    """However far the event loop has come with letting it in."""

    async def scenario() -> None:
        server = a_server(tmp_path)
        await server.start()
        with connected_to(server) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.stop(drain_seconds=0)
            for _ in range(8):
                await asyncio.sleep(0)
            assert [list(listener.connections) for listener in server.listeners] == [[]]
            client.settimeout(3)
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""

    run(scenario)


def test_a_graceful_stop_answers_what_was_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = a_server(tmp_path)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.listeners[0].port)
        writer.write(bytes.fromhex("0000000a001200000000000dffff"))  # ApiVersions v0
        size = int.from_bytes(await reader.readexactly(4), "big")
        assert (await reader.readexactly(size))[:4] == b"\0\0\0\x0d"
        await server.stop()
        assert await reader.read() == b""
        writer.close()

    run(scenario)
