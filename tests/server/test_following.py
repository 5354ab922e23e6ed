"""Who was told an address and never came: one warning, and none for those who do."""

from __future__ import annotations

import logging
import socket
import struct

import pytest

from pykbroker.apis.context import Session
from pykbroker.server.following import PATIENCE_MS, Following
from pykbroker.testing import Broker
from tests.compat.process import free_port, read_frame
from tests.fakes import FakeClock

PRODUCE, FETCH, METADATA, API_VERSIONS, FIND_COORDINATOR = 0, 1, 3, 18, 10


def frame(key: int, client_id: str = "app") -> bytearray:
    return bytearray(key.to_bytes(2, "big") + bytes(6) + len(client_id).to_bytes(2, "big") + client_id.encode())


class Watched:
    """One connection whose requests all are answered. Metadata counts as asking for topics by name if `names`."""

    def __init__(
        self, following: Following, host: str = "10.0.0.7", told: tuple[str, int] = ("kafka", 9092), names: bool = True
    ) -> None:
        self.session = Session("PLAINTEXT", host, told)
        self.is_done = False

        def handle(session: Session, frame: bytearray) -> bytearray:
            session.names_topics = session.names_topics or (frame[1] == METADATA and names)
            return bytearray(b"answer")

        self._serve = following.watch(handle, self._done)

    def _done(self) -> None:
        self.is_done = True

    def asks(self, *keys: int, client_id: str = "app") -> Watched:
        for key in keys:
            assert self._serve(self.session, frame(key, client_id)) == b"answer"
        return self


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def following(clock: FakeClock) -> Following:
    return Following(clock)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_client_that_does_not_come_is_warned_about_with_the_remedy(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    Watched(following).asks(API_VERSIONS, METADATA)
    clock.advance(PATIENCE_MS - 1)
    assert warnings(caplog) == []
    clock.advance(1)
    (line,) = warnings(caplog)
    assert line == (
        "client 'app' at 10.0.0.7 was told that this broker is at kafka:9092, and has not come there: if it cannot "
        "reach that address, tell it another one with --advertise '10.0.0.7=HOST:PORT', or set advertised.listeners"
    )


def test_it_is_said_once_for_a_host_and_an_address(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for client_id in ("app", "app", "other"):
        Watched(following).asks(METADATA, client_id=client_id)
        clock.advance(PATIENCE_MS)
    Watched(following).asks(METADATA, client_id="third")
    Watched(following).asks(METADATA, client_id="fourth")
    clock.advance(PATIENCE_MS)
    assert len(warnings(caplog)) == 1
    Watched(following, host="10.0.0.8").asks(METADATA)
    Watched(following, told=("elsewhere", 1)).asks(METADATA)
    clock.advance(PATIENCE_MS)
    assert len(warnings(caplog)) == 3


@pytest.mark.parametrize("same_connection", [True, False])
def test_client_that_comes_is_not_suspected_again(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture, same_connection: bool
) -> None:
    """librdkafka may go on with the connection that it began with; others open a second one."""
    first = Watched(following).asks(API_VERSIONS, METADATA)
    second = first if same_connection else Watched(following)
    second.asks(API_VERSIONS, PRODUCE)
    assert second.is_done
    clock.advance(PATIENCE_MS)
    first.asks(METADATA)  # a refresh, minutes later
    clock.advance(PATIENCE_MS)
    assert warnings(caplog) == []


def test_client_that_comes_to_another_listener_has_come(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    Watched(following, told=("a", 1)).asks(METADATA)
    Watched(following, told=("b", 2)).asks(FETCH)
    clock.advance(PATIENCE_MS)
    Watched(following, told=("a", 1)).asks(METADATA)
    clock.advance(PATIENCE_MS)
    assert warnings(caplog) == []


def test_one_client_does_not_speak_for_another(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    Watched(following).asks(METADATA, client_id="bad")
    Watched(following).asks(METADATA, PRODUCE, client_id="good")
    clock.advance(PATIENCE_MS)
    assert [line[:12] for line in warnings(caplog)] == ["client 'bad'"]


def test_tool_that_lists_topics_is_not_suspected(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    Watched(following, names=False).asks(API_VERSIONS, METADATA)
    clock.advance(10 * PATIENCE_MS)
    assert warnings(caplog) == []


def test_member_of_a_group_that_reads_by_pattern_is_suspected(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    Watched(following, names=False).asks(METADATA, FIND_COORDINATOR)
    clock.advance(PATIENCE_MS)
    assert len(warnings(caplog)) == 1


def test_nothing_is_said_after_the_stop(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    Watched(following).asks(METADATA)
    following.close()
    Watched(following).asks(METADATA)
    clock.advance(PATIENCE_MS)
    assert warnings(caplog) == []


def test_ipv6_addresses_are_written_with_brackets(
    following: Following, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    Watched(following, host="fd00::7", told=("fd00::1", 9092)).asks(METADATA)
    clock.advance(PATIENCE_MS)
    assert "is at [fd00::1]:9092," in warnings(caplog)[0]


def ask_for_a_topic_over(port: int) -> None:
    """Ask for the metadata of a topic, then for versions: by that answer, a timer of 0 ms has fired."""
    metadata = struct.pack(">hhih3si", 3, 1, 1, 3, b"app", 1) + struct.pack(">h6s", 6, b"orders")
    versions = struct.pack(">hhih3s", 18, 0, 2, 3, b"app")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for frame in (metadata, versions, versions):
            connection.sendall(len(frame).to_bytes(4, "big") + frame)
            read_frame(connection)


@pytest.mark.parametrize("patience_ms", [0, PATIENCE_MS])
def test_server_watches_its_connections(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, patience_ms: int
) -> None:
    monkeypatch.setattr("pykbroker.server.following.PATIENCE_MS", patience_ms)
    port = free_port()
    with Broker(listeners=f"PLAINTEXT://127.0.0.1:{port}", advertised_listeners="PLAINTEXT://nowhere:1"):
        ask_for_a_topic_over(port)
    assert ["nowhere:1, and has not come" in line for line in warnings(caplog)] == [True] * (patience_ms == 0)
