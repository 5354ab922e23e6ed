"""What requests may take of the memory while they arrive: the pool by itself, connections that share one, a process."""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pykbroker.apis.context import Session
from pykbroker.later import Later
from pykbroker.server.connection import Connection
from pykbroker.server.memory import SCRATCH_BYTES, SMALL_BYTES, RequestMemory
from pykbroker.server.sending import UNSENT_BYTES
from pykbroker.wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from pykbroker.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from pykbroker.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from pykbroker.wire.records import build_batch
from tests.compat.process import Broker
from tests.fakes import NOW_MS
from tests.server.peer import Peer, framed, produce_request

Start = Callable[..., Broker]
MB = 1 << 20
MAX_REQUEST = 8 * MB


class Asking:
    """Somebody who wants memory; `has_it` once it was given."""

    def __init__(self) -> None:
        self.has_it = False

    def take_memory(self) -> None:
        self.has_it = True


def test_there_is_memory_until_the_ceiling_and_for_one_request_more() -> None:
    memory = RequestMemory(100)
    assert memory.take(60, Asking())
    assert memory.take(60, Asking())
    assert not memory.take(1, Asking())


def test_a_request_larger_than_the_ceiling_gets_its_turn() -> None:
    memory = RequestMemory(100)
    assert memory.take(1000, Asking())
    waiting = Asking()
    assert not memory.take(1000, waiting)
    memory.give_back(1000)
    assert waiting.has_it


def test_who_came_first_is_served_first() -> None:
    memory = RequestMemory(100)
    memory.take(100, Asking())
    large, small = Asking(), Asking()
    memory.take(80, large)
    memory.take(10, small)
    memory.give_back(50)
    assert (large.has_it, small.has_it) == (True, False)
    memory.give_back(50)
    assert small.has_it


def test_memory_that_comes_back_serves_as_many_as_it_can() -> None:
    memory = RequestMemory(100)
    memory.take(100, Asking())
    waiting = [Asking() for _ in range(5)]
    for each in waiting:
        memory.take(30, each)
    memory.give_back(100)
    assert [each.has_it for each in waiting] == [True, True, True, True, False]


def test_who_withdraws_gets_nothing() -> None:
    memory = RequestMemory(100)
    memory.take(100, Asking())
    gone, waiting = Asking(), Asking()
    memory.take(100, gone)
    memory.take(100, waiting)
    memory.withdraw(gone)
    memory.give_back(100)
    assert (gone.has_it, waiting.has_it) == (False, True)


@pytest.mark.parametrize("ceiling", [0, -1])
def test_without_a_ceiling_there_is_always_memory(ceiling: int) -> None:
    memory = RequestMemory(ceiling)
    assert all(memory.take(1 << 30, Asking()) for _ in range(1000))


def test_less_is_read_at_a_time_while_nothing_is_left() -> None:
    memory = RequestMemory(100)
    assert len(memory.scratch.view) == SCRATCH_BYTES
    memory.take(100, Asking())
    assert len(memory.scratch.view) == SMALL_BYTES
    memory.give_back(1)
    assert len(memory.scratch.view) == SCRATCH_BYTES


# -- Connections on transports that a test moves by hand


class Socket(asyncio.Transport):
    """The kernel's side of a connection: `send` delivers as much as the connection reads now."""

    def __init__(self, connection: Connection) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "socket": socket.socket()})
        self.connection = connection
        self.rest = b""  # what the client has sent, and the connection has not read
        self.written = b""
        self.is_paused = False
        self.is_closed = False
        connection.connection_made(self)

    def send(self, content: bytes = b"") -> None:
        self.rest += content
        while self.rest and not self.is_paused and not self.is_closed:
            buffer = self.connection.get_buffer(-1)
            part = self.rest[: len(buffer)]
            self.rest = self.rest[len(part) :]
            buffer[: len(part)] = part
            self.connection.buffer_updated(len(part))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_reading(self) -> bool:
        return not self.is_paused

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True
        self.connection.connection_lost(None)

    abort = close


@contextmanager
def crowd(count: int, ceiling: int, handle: Callable[[bytes], object]) -> Iterator[list[Socket]]:
    """Run a test with so many connections, inside a loop that never turns."""
    memory = RequestMemory(ceiling)

    def connection() -> Connection:
        return Connection(
            lambda session, frame: handle(bytes(frame)),  # type: ignore[arg-type, return-value]
            memory,
            MAX_REQUEST,
            lambda host, _: Session("PLAINTEXT", host),
            lambda _: True,
            lambda _: None,
        )

    sockets: list[Socket] = []

    async def run() -> None:
        sockets.extend(Socket(connection()) for _ in range(count))

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(run())
        yield sockets
    finally:
        for each in sockets:
            each.get_extra_info("socket").close()
        loop.close()


def echo(frame: bytes) -> bytearray:
    return bytearray(framed(frame))


def test_half_a_request_can_be_completed_while_others_wait() -> None:
    first, second = os.urandom(MB), os.urandom(MB)
    with crowd(2, MB, echo) as (a, b):
        a.send(framed(first)[: MB // 2])
        b.send(framed(second)[: MB // 2])
        assert not a.is_paused
        assert b.is_paused
        assert len(b.rest) >= MB // 2 - SMALL_BYTES
        a.send(framed(first)[MB // 2 :])
        assert a.written == framed(first)
        b.send(framed(second)[MB // 2 :])
        assert b.written == framed(second)


def test_small_requests_are_served_while_nothing_is_left() -> None:
    with crowd(2, MB, echo) as (a, b):
        a.send(framed(bytes(MB))[: MB // 2])
        b.send(framed(b"x" * SMALL_BYTES) + framed(b"y" * (SMALL_BYTES - 10)))
        assert b.written == framed(b"x" * SMALL_BYTES) + framed(b"y" * (SMALL_BYTES - 10))


def test_a_request_that_is_parked_holds_no_memory() -> None:
    with crowd(2, MB, lambda frame: Later() if frame[:1] == b"p" else echo(frame)) as (a, b):
        a.send(framed(b"p" * MB))
        assert not a.written
        b.send(framed(b"x" * MB))
        assert b.written == framed(b"x" * MB)


@pytest.mark.parametrize("who", ["holds", "waits"])
def test_a_connection_that_is_lost_takes_nothing_with_it(who: str) -> None:
    with crowd(3, MB, echo) as (a, b, c):
        for each in (a, b, c):
            each.send(framed(b"x" * MB)[: MB // 2])
        (a if who == "holds" else b).close()
        for each in (a, b):
            if not each.is_closed:
                each.send(framed(b"x" * MB)[MB // 2 :])
        c.send(framed(b"x" * MB)[MB // 2 :])
        assert c.written == framed(b"x" * MB)


def test_a_connection_that_waits_for_memory_is_not_idle() -> None:
    # FRM-20: it is us who do not read
    with crowd(2, MB, echo) as (a, b):
        a.send(framed(bytes(MB))[: MB // 2])
        b.send(framed(bytes(MB))[: MB // 2])
        b.connection.close_if_idle(float("inf"))
        assert not b.is_closed
        a.connection.close_if_idle(float("inf"))
        assert a.is_closed


def test_a_connection_that_waits_for_memory_is_not_read_when_its_answers_are_sent() -> None:
    with crowd(2, MB, echo) as (a, b):
        a.send(framed(bytes(MB))[: MB // 2])
        b.connection.pause_writing()
        b.send(framed(b"first") + framed(b"x" * MB))
        b.connection.resume_writing()
        b.connection._go_on()
        assert b.is_paused
        a.send(framed(bytes(MB))[MB // 2 :])
        b.connection._go_on()
        b.send()
        assert b.written == framed(b"first") + framed(b"x" * MB)


# -- A broker


def peak_bytes(broker: Broker) -> int:
    """Return the most memory that the process ever had."""
    for line in Path(f"/proc/{broker.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_two_hundred_producers_stay_under_the_ceiling(start: Start) -> None:
    producers, ceiling, request = 200, 16 * MB, MB - 1024
    broker = start(queued_max_request_bytes=str(ceiling), socket_request_max_bytes=str(ceiling))
    with Peer(broker) as peer, ExitStack() as stack:
        peer.create("t", max_message_bytes=str(2 * MB))
        batch = build_batch([(None, os.urandom(request))], timestamp_ms=NOW_MS)
        frame = framed(peer.frame(produce_request(batch, "t"), 9))
        before = peak_bytes(broker)
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(producers):
            client = stack.enter_context(socket.create_connection((broker.host, broker.port)))
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE, [memoryview(frame)])
        answered = 0
        while answered < producers:
            for key, events in selector.select(30):
                assert isinstance(key.fileobj, socket.socket)
                if events & selectors.EVENT_READ:
                    assert key.fileobj.recv(65536)
                    selector.unregister(key.fileobj)
                    answered += 1
                elif key.data[0]:
                    key.data[0] = key.data[0][key.fileobj.send(key.data[0]) :]
                else:
                    selector.modify(key.fileobj, selectors.EVENT_READ)
        # The ceiling, one request beyond it, what each may have of its own, and 8 MB for connections and Python itself.
        assert peak_bytes(broker) - before < ceiling + MB + producers * SMALL_BYTES + 8 * MB
        assert peer.fetch("t").high_watermark == producers


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
@pytest.mark.parametrize(("partitions", "batch_bytes"), [(50, MB), (800, 60_000)], ids=["large", "small"])
def test_consumers_that_ask_for_50_mb_and_do_not_read_take_little(
    start: Start, partitions: int, batch_bytes: int
) -> None:
    # What they get is many slices of files, large ones or small ones.
    consumers = 20
    broker = start(num_partitions=str(partitions))
    batch = build_batch([(None, os.urandom(batch_bytes))], timestamp_ms=NOW_MS)
    wanted = [FetchPartition(partition=index, partition_max_bytes=2 * MB) for index in range(partitions)]
    everything = FetchRequest(min_bytes=1, max_bytes=50 * MB, topics=[FetchTopic(topic="t", partitions=wanted)])
    with Peer(broker) as peer, ExitStack() as stack:
        entries = [CreatableTopicConfig(name="max.message.bytes", value=str(2 * MB))]
        topic = CreatableTopic(name="t", num_partitions=partitions, replication_factor=1, configs=entries)
        assert not peer.ask(CreateTopicsRequest(topics=[topic], timeout_ms=1000), 7).topics[0].error_code
        for index in range(partitions):
            data = PartitionProduceData(index=index, records=memoryview(batch))
            request = ProduceRequest(
                acks=1, timeout_ms=1000, topic_data=[TopicProduceData(name="t", partition_data=[data])]
            )
            assert not peer.ask(request, 9).responses[0].partition_responses[0].error_code
        before = peak_bytes(broker)
        frame = framed(peer.frame(everything, 12))
        clients = [
            stack.enter_context(socket.create_connection((broker.host, broker.port), timeout=30))
            for _ in range(consumers)
        ]
        for client in clients:
            client.sendall(frame)
        for client in clients:
            assert int.from_bytes(client.recv(4), "big") > 45 * MB
        assert peak_bytes(broker) - before < consumers * (UNSENT_BYTES + 64 * 1024) + 8 * MB
