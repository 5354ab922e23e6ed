"""How many connections there may be, how long they may be idle, and what a stop does to those that wait."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from pykbroker.apis.context import Session
from pykbroker.config import ConfigError
from pykbroker.server.connection import Connection
from pykbroker.server.listener import overrides_in
from pykbroker.server.memory import RequestMemory
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from pykbroker.wire.messages.list_groups import ListGroupsRequest
from tests.compat.polling import eventually
from tests.compat.process import Broker
from tests.server.peer import Peer, descriptors, fetch_request, framed, produce_request
from tests.storage.builders import a_batch

Start = Callable[..., Broker]


def connected_from(broker: Broker, host: str) -> Peer:
    """A client with another loopback address."""
    peer = Peer(broker)
    peer.socket.close()
    peer.socket = socket.create_connection((broker.host, broker.port), timeout=30, source_address=(host, 0))
    return peer


def eventually_served(broker: Broker) -> None:
    """A new connection is served, as soon as the broker has seen that others are gone."""

    def served() -> bool:
        with Peer(broker) as peer:
            return peer.is_served

    eventually(served, 10, "a connection is let in")


def test_connections_beyond_the_limit_are_closed_at_once(start: Start) -> None:
    # FRM-21: others stay; one that leaves makes room
    broker = start(max_connections="3")
    with ExitStack() as stack:
        eventually_served(broker)
        peers = [stack.enter_context(Peer(broker)) for _ in range(3)]
        eventually(lambda: all(peer.is_served for peer in peers), 10)
        for _ in range(5):
            with Peer(broker) as fourth:
                assert fourth.is_closed
        assert all(peer.is_served for peer in peers)
        peers[0].socket.close()
        eventually_served(broker)


def test_connections_are_counted_by_address(start: Start) -> None:
    # FRM-21: with exceptions for some
    broker = start(max_connections_per_ip="2", max_connections_per_ip_overrides="127.0.0.3:3")
    eventually(lambda: descriptors(broker.pid) > 0)
    for host, most in (("127.0.0.2", 2), ("127.0.0.3", 3), ("127.0.0.4", 2)):
        peers = [connected_from(broker, host) for _ in range(most)]
        assert all(peer.is_served for peer in peers)
        assert connected_from(broker, host).is_closed
        assert all(peer.is_served for peer in peers)


def test_every_connection_is_counted_out_again(start: Start) -> None:
    # FRM-21: however it ended
    broker = start(max_connections="10", socket_listen_backlog_size="1000")
    for _ in range(20):
        with Peer(broker) as peer:
            peer.socket.sendall(b"\xff\xff\xff\xff")
            assert peer.is_closed
        with Peer(broker) as peer:
            peer.socket.sendall(b"\0\0\0\x10")
        with Peer(broker) as peer:
            peer.send(peer.frame(fetch_request("none", max_wait_ms=100_000), 12))
        eventually_served(broker)
    peers = [Peer(broker) for _ in range(9)]
    eventually(lambda: all(peer.is_served for peer in peers), 10)


@pytest.mark.parametrize(
    ("text", "limits"),
    [("", {}), ("localhost:3", {"localhost": 3}), (" a:1 , ::1:2,", {"a": 1, "::1": 2})],
)
def test_exceptions_are_read_as_written(text: str, limits: dict[str, int]) -> None:
    # FRM-21
    assert overrides_in(text) == limits


@pytest.mark.parametrize("text", ["abc", ":3", "a:", "a:-1", "a:1,b"])
def test_exceptions_that_cannot_be_read_are_a_configuration_error(text: str) -> None:
    # FRM-21
    with pytest.raises(ConfigError):
        overrides_in(text)


def test_idle_connections_are_closed(start: Start) -> None:
    # FRM-20: with an end, not a reset or an answer; also one that stopped inside a frame
    broker = start(connections_max_idle_ms="300")
    with Peer(broker) as silent, Peer(broker) as served, Peer(broker) as halfway:
        halfway.socket.sendall(b"\0\0\0\x20abc")
        assert served.is_served
        for peer in (silent, served, halfway):
            assert peer.socket.recv(1) == b""
    with Peer(broker) as peer:
        assert peer.is_served


def test_a_client_that_reads_nothing_is_dropped_when_idle(start: Start) -> None:
    # FRM-20: or its answers would be kept for ever
    broker = start(connections_max_idle_ms="300")
    with Peer(broker) as peer:
        peer.create("t")
        assert peer.produce(a_batch(1, value=bytes(1_000_000)), "t").error_code == 0
        before = descriptors(broker.pid)
        with Peer(broker) as greedy:
            greedy.socket.sendall(framed(greedy.frame(fetch_request("t"), 12)) * 100)
            eventually(lambda: descriptors(broker.pid) > before, 10)
            eventually(lambda: peer.is_served and descriptors(broker.pid) == before, 10, "it is dropped")


class Sending(asyncio.Transport):
    """A socket whose kernel is full, with `unsent` bytes behind it."""

    protocol: Connection

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "socket": socket.socket()})
        self.unsent = 0
        self.is_dropped = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.unsent += len(data)
        self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_reading(self) -> bool:
        return True

    def abort(self) -> None:
        self.is_dropped = True


def test_a_client_that_reads_slowly_is_not_idle() -> None:
    # FRM-20: as long as it takes anything between two looks at it

    async def scenario() -> None:
        memory, transport = RequestMemory(-1), Sending()
        connection = Connection(
            lambda session, frame: bytearray(1000), memory, 1000, lambda *_: Session("", ""), lambda _: True, print
        )
        transport.protocol = connection
        connection.connection_made(transport)
        memory.scratch.buffer[:5] = b"\0\0\0\x01x"
        connection.buffer_updated(5)
        late = asyncio.get_running_loop().time() + 1000
        for unsent in (1000, 999, 500, 1):
            transport.unsent = unsent
            connection.close_if_idle(late)
            assert not transport.is_dropped
        connection.close_if_idle(late)
        assert transport.is_dropped

    asyncio.run(scenario())


def test_a_connection_that_waits_for_its_answer_is_not_idle(start: Start) -> None:
    # FRM-20
    broker = start(connections_max_idle_ms="200")
    with Peer(broker) as peer, Peer(broker) as idle:
        peer.create("t")
        peer.send(peer.frame(fetch_request("t", max_wait_ms=1000), 12))
        assert idle.socket.recv(1) == b""
        assert peer.answer()
        assert peer.socket.recv(1) == b""


def join(member_id: str = "") -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id="g",
        session_timeout_ms=60_000,
        rebalance_timeout_ms=60_000,
        member_id=member_id,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
    )


def ends_well(peer: Peer) -> list[bytes]:
    """Read to the end of a connection, which must not be a reset; return the whole frames that came."""
    content = b""
    while part := peer.socket.recv(1 << 16):
        content += part
    frames = []
    while content:
        size = int.from_bytes(content[:4], "big")
        assert len(content) >= 4 + size, "the last frame is cut"
        frames.append(content[: 4 + size])
        content = content[4 + size :]
    return frames


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_what_waits_and_leaves_clean_data(start: Start, how: int) -> None:
    # FRM-09, STO-11: a fetch and a join that wait, connections that are idle or inside a frame
    broker = start()
    with ExitStack() as stack:
        first, fetching, joining, idle, halfway = (stack.enter_context(Peer(broker)) for _ in range(5))
        first.create("t")
        assert first.produce(a_batch(2), "t").error_code == 0
        assert first.ask(join(), 3).generation_id == 1
        assert idle.is_served
        halfway.socket.sendall(b"\0\0\0\x20abc")
        fetching.send(fetching.frame(fetch_request("t", 2, max_wait_ms=100_000), 12))
        joining.send(joining.frame(join(), 3))
        eventually(lambda: first.ask(ListGroupsRequest(states_filter=["PreparingRebalance"]), 4).groups, 10)

        assert broker.stop(how) == 0
        for peer in (fetching, joining, idle, halfway):
            frames = ends_well(peer)
            assert len(frames) <= (peer in (fetching, joining))
    assert (broker.data / ".kafka_cleanshutdown").exists()
    broker.start()
    assert not (broker.data / ".kafka_cleanshutdown").exists()
    with Peer(broker) as peer:
        assert peer.fetch("t").high_watermark == 2
    assert broker.log().count("recover") == 0


def test_a_stop_sends_the_answers_that_are_due(start: Start) -> None:
    # FRM-08: requests that were read are answered, in order, and nothing is cut
    broker = start()
    with Peer(broker) as peer:
        peer.create("t")
        frame = framed(peer.frame(produce_request(a_batch(), "t"), 9))
        peer.socket.sendall(frame * 500)
        assert peer.answer()
        assert broker.stop() == 0
        try:
            stored = 1 + len(ends_well(peer))
        except ConnectionResetError:  # requests that were not read yet: the kernel says so, and forgets the answers
            stored = 1
    broker.start()
    with Peer(broker) as peer:
        assert peer.fetch("t").high_watermark >= stored


def test_a_second_signal_does_not_disturb_the_stop(start: Start) -> None:
    # STO-11
    broker = start()
    with Peer(broker) as peer:
        peer.create("t")
        assert peer.produce(a_batch(), "t").error_code == 0
    assert broker.process is not None
    os.kill(broker.pid, signal.SIGTERM)
    os.kill(broker.pid, signal.SIGTERM)
    assert broker.stop() == 0
    assert (broker.data / ".kafka_cleanshutdown").exists()


def test_a_killed_broker_leaves_no_marker_and_loses_nothing(start: Start) -> None:
    # STO-28, STO-11, STO-24
    broker = start()
    with Peer(broker) as peer:
        peer.create("t")
        for count in range(1, 20):
            assert peer.produce(a_batch(count), "t").error_code == 0
        before = bytes(peer.fetch("t").records or b"")
    broker.stop(signal.SIGKILL)
    assert not (broker.data / ".kafka_cleanshutdown").exists()
    broker.start()
    with Peer(broker) as peer:
        assert bytes(peer.fetch("t").records or b"") == before


def test_the_limit_of_open_files_is_raised_as_far_as_it_goes(start: Start) -> None:
    # Every partition that is written to, and every connection, needs a descriptor.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
    try:
        broker = start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(broker.pid, resource.RLIMIT_NOFILE) == (hard, hard)
