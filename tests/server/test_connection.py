"""One connection against a stub dispatcher, over real loopback sockets: framing, order, flow control."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pykbroker.apis.context import Session
from pykbroker.errors import Disconnect
from pykbroker.later import Later
from pykbroker.server.connection import Connection
from pykbroker.server.memory import SCRATCH_BYTES, RequestMemory
from pykbroker.wire.frame import Reply

MAX_REQUEST = 8 * 1024 * 1024


def framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


class Stub:
    """A server whose dispatcher is a function of the frame, with a client connected to it."""

    def __init__(self, handle: Callable[[bytes], object], ceiling: int = -1) -> None:
        self._ceiling = ceiling
        self.seen: list[bytes] = []
        self.connections: set[Connection] = set()
        self._handle = handle

    def handle(self, session: Session, frame: bytes | bytearray) -> object:
        self.seen.append(bytes(frame))
        return self._handle(bytes(frame))

    def opened(self, connection: Connection) -> bool:
        self.connections.add(connection)
        return True

    async def __aenter__(self) -> Stub:
        memory = RequestMemory(self._ceiling)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(
                self.handle,  # type: ignore[arg-type]
                memory,
                MAX_REQUEST,
                lambda host, _: Session("PLAINTEXT", host),
                self.opened,
                self.connections.discard,
            ),
            "127.0.0.1",
            0,
        )
        port = self._server.sockets[0].getsockname()[1]
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=64 * 1024 * 1024)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.writer.close()
        self._server.close()
        for connection in list(self.connections):
            connection.abort()

    async def answer(self) -> bytes:
        size = struct.unpack(">i", await self.reader.readexactly(4))[0]
        return await self.reader.readexactly(size)

    async def settled(self) -> None:
        """Let the loop run until nothing more happens at once."""
        for _ in range(20):
            await asyncio.sleep(0)


def echo(frame: bytes) -> bytearray:
    return bytearray(framed(frame))


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 100, SCRATCH_BYTES - 5, SCRATCH_BYTES, SCRATCH_BYTES + 1, 3_000_000])
def test_a_frame_of_any_size_is_served_whole(size: int) -> None:  # FRM-01
    async def scenario() -> None:
        async with Stub(echo) as stub:
            body = os.urandom(size)
            stub.writer.write(framed(body) + framed(b"after"))
            assert await stub.answer() == body
            assert await stub.answer() == b"after"

    run(scenario)


def test_a_frame_split_at_every_byte_is_reassembled() -> None:  # FRM-01
    async def scenario() -> None:
        async with Stub(echo) as stub:
            for byte in framed(b"hello") + framed(b"world"):
                stub.writer.write(bytes((byte,)))
                await stub.writer.drain()
                await stub.settled()
            assert [await stub.answer(), await stub.answer()] == [b"hello", b"world"]

    run(scenario)


def test_pipelined_frames_are_answered_in_order() -> None:  # FRM-08
    async def scenario() -> None:
        async with Stub(echo) as stub:
            bodies = [str(n).encode() * (n % 700) for n in range(3000)]
            stub.writer.write(b"".join(map(framed, bodies)))
            assert [await stub.answer() for _ in bodies] == bodies

    run(scenario)


@pytest.mark.parametrize("size", [-1, -(2**31), MAX_REQUEST + 1, 2**31 - 1])
def test_a_size_out_of_bounds_closes_the_connection_unanswered(size: int) -> None:  # FRM-02
    async def scenario() -> None:
        async with Stub(echo) as stub:
            stub.writer.write(struct.pack(">i", size) + b"x" * 10)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await stub.answer()
            assert stub.seen == []

    run(scenario)


def test_a_promised_size_allocates_nothing_until_bytes_come() -> None:
    async def scenario() -> None:
        async with Stub(echo) as stub:
            stub.writer.write(struct.pack(">i", MAX_REQUEST) + b"x")
            while not (connection := next(iter(stub.connections))) or connection._frame is None:
                await asyncio.sleep(0)
            assert len(connection._frame) <= 64 * 1024

    run(scenario)


def test_a_parked_request_holds_back_later_ones_of_its_connection() -> None:  # FRM-09
    async def scenario() -> None:
        parked: Later[bytearray] = Later()
        async with Stub(lambda frame: parked if frame == b"park" else echo(frame)) as stub:
            stub.writer.write(framed(b"first") + framed(b"park") + framed(b"next") + framed(b"x" * 500_000))
            assert await stub.answer() == b"first"
            await stub.settled()
            assert stub.seen == [b"first", b"park"]
            parked.resolve(echo(b"parked"))
            assert await stub.answer() == b"parked"
            assert await stub.answer() == b"next"
            assert await stub.answer() == b"x" * 500_000

    run(scenario)


def test_bytes_that_arrive_while_a_request_is_parked_are_served_after_it() -> None:  # FRM-09
    async def scenario() -> None:
        parked: Later[bytearray] = Later()
        async with Stub(lambda frame: parked if frame == b"park" else echo(frame)) as stub:
            stub.writer.write(framed(b"park"))
            while not stub.seen:
                await asyncio.sleep(0)
            for n in range(5):
                stub.writer.write(framed(b"late%d" % n))
                await stub.settled()
            parked.resolve(echo(b"parked"))
            assert [await stub.answer() for _ in range(6)] == [b"parked", *(b"late%d" % n for n in range(5))]

    run(scenario)


def test_no_answer_leaves_the_connection_in_use() -> None:  # FRM-10
    async def scenario() -> None:
        async with Stub(lambda frame: None if frame == b"quiet" else echo(frame)) as stub:
            stub.writer.write(framed(b"quiet") + framed(b"loud"))
            assert await stub.answer() == b"loud"

    run(scenario)


def test_a_disconnect_sends_earlier_answers_and_closes() -> None:  # FRM-12
    def handle(frame: bytes) -> object:
        if frame == b"bad":
            raise Disconnect("bad")
        return echo(frame)

    async def scenario() -> None:
        async with Stub(handle) as stub:
            stub.writer.write(framed(b"good") + framed(b"bad") + framed(b"never"))
            assert await stub.answer() == b"good"
            assert await stub.reader.read() == b""
            assert stub.seen == [b"good", b"bad"]

    run(scenario)


class OnDisk:
    """File slices of a real file."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY)

    def fileno(self) -> int:
        return self._fd

    def read(self, length: int, position: int) -> bytes:
        return os.pread(self._fd, length, position)


class Slice:
    def __init__(self, file: OnDisk, position: int, length: int) -> None:
        self.file, self.position, self.length = file, position, length

    def read(self) -> bytes:
        return self.file.read(self.length, self.position)


class Slices:
    def __init__(self, *parts: Slice) -> None:
        self.parts = parts
        self.nbytes = sum(part.length for part in parts)


@pytest.mark.parametrize("length", [10, 64 * 1024, 5_000_000])
def test_file_slices_go_out_between_the_parts_around_them(tmp_path: Path, length: int) -> None:  # FET-43
    path = tmp_path / "log"
    content = os.urandom(length + 100)
    path.write_bytes(content)

    def handle(frame: bytes) -> Reply:
        slices = Slices(Slice(OnDisk(path), 50, length), Slice(OnDisk(path), 0, 7))
        head = bytearray(struct.pack(">i", 8 + slices.nbytes) + b"headtail")
        return Reply(head, [(8, slices)])

    async def scenario() -> None:
        async with Stub(handle) as stub:
            stub.writer.write(framed(b"a") + framed(b"b"))
            for _ in range(2):
                assert await stub.answer() == b"head" + content[50 : 50 + length] + content[:7] + b"tail"

    run(scenario)


def test_a_client_that_does_not_read_holds_one_answer_not_all(tmp_path: Path) -> None:
    big = bytes(4_000_000)

    async def scenario() -> None:
        async with Stub(lambda frame: bytearray(framed(big))) as stub:
            stub.writer.write(framed(b"x") * 50)
            await stub.settled()
            for _ in range(50):
                await asyncio.sleep(0)
            assert 1 <= len(stub.seen) < 10
            for _ in range(50):
                assert await stub.answer() == big

    run(scenario)
