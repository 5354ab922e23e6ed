"""`Following`: who was told where to find this broker, and never went there.

The commonest trouble with Kafka: a client reaches its bootstrap server, is told an advertised address that means
nothing where it runs, and hangs. The client's messages rarely say so, and a broker sees only that nothing comes. Here
it is one warning, with the remedy.

A connection is watched from its first request on. Requests that any broker answers (`_FIRST_STEPS`) prove nothing; the
first other one, on any connection of the same client, shows that it gets along: it is never suspected again, and that
connection is served without us from there on. Who asks for topics by name, for a coordinator or for a producer id is
about to need the advertised address. If it has not come there `PATIENCE_MS` later, whether its connection is still
open or not, that is said, once for each host and address told.

Tools that list topics ask for all of them, and are not suspected; one that asks for the metadata of a single topic and
nothing else (`kcat -L -t orders`) is, wrongly: a client that fails quickly looks just like it. A client is a host and a
client id: programs that share both cannot be told apart, and one that works speaks for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from pykbroker.apis.context import Session
from pykbroker.env import Clock, Timer
from pykbroker.later import Later
from pykbroker.server.connection import Handle
from pykbroker.wire.frame import REQUEST_HEADER, Answer

PATIENCE_MS: Final = 10_000
"""Clients connect at once, or retry within a second; a slow name server may take five."""

_METADATA: Final = 3
_FIND_COORDINATOR: Final = 10
_INIT_PRODUCER_ID: Final = 22
# Besides: ApiVersions, SaslHandshake, SaslAuthenticate, and both of telemetry (KIP-714).
_FIRST_STEPS: Final = frozenset({_METADATA, _FIND_COORDINATOR, _INIT_PRODUCER_ID, 18, 17, 36, 71, 72})
_MOST: Final = 4096  # clients that are remembered; the oldest are forgotten

Client = tuple[str, str]  # host and client id
Place = tuple[str, int] | None
K = TypeVar("K")


class Following:
    """Watches the clients of one server. Owns what is known of them, and a timer for each that is awaited."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_closed = False
        self._awaited: dict[Client, tuple[Place, Timer]] = {}
        self._arrived: dict[tuple[Client, Place], None] = {}  # as a set in order of time
        self._warned: dict[tuple[str, Place], None] = {}

    def watch(self, handle: Handle, done: Callable[[], None]) -> Handle:
        """Return what serves a new connection like `handle`, and calls `done` when there is no more to watch for."""

        def watched(session: Session, frame: bytearray) -> Answer | Later[Answer | None] | None:
            answer = handle(session, frame)
            key = int.from_bytes(frame[:2], "big")
            if key not in _FIRST_STEPS:
                done()
                self._arrive((session.peer_host, _client_id(frame)), session.told)
            elif session.names_topics or key in (_FIND_COORDINATOR, _INIT_PRODUCER_ID):
                self._await((session.peer_host, _client_id(frame)), session.told)
            return answer

        return watched

    def close(self) -> None:
        """Drop timers; nothing is said any more."""
        self._is_closed = True
        for _, timer in self._awaited.values():
            timer.cancel()
        self._awaited.clear()

    def _arrive(self, client: Client, place: Place) -> None:
        awaited = self._awaited.pop(client, None)
        if awaited is not None:
            awaited[1].cancel()
            _remember(self._arrived, (client, awaited[0]))
        _remember(self._arrived, (client, place))

    def _await(self, client: Client, place: Place) -> None:
        if place is None or self._is_closed:
            return
        if client in self._awaited or (client, place) in self._arrived or (client[0], place) in self._warned:
            return
        if len(self._awaited) < _MOST:
            timer = self._clock.call_later(PATIENCE_MS, lambda: self._give_up(client, place))
            self._awaited[client] = place, timer

    def _give_up(self, client: Client, place: tuple[str, int]) -> None:
        import logging

        del self._awaited[client]
        host, client_id = client
        if (host, place) in self._warned:
            return
        _remember(self._warned, (host, place))
        told = f"{place[0]}:{place[1]}" if ":" not in place[0] else f"[{place[0]}]:{place[1]}"
        logging.getLogger(__name__).warning(
            "client %r at %s was told that this broker is at %s, and has not come there: if it cannot reach that "
            "address, tell it another one with --advertise '%s=HOST:PORT', or set advertised.listeners",
            client_id,
            host,
            told,
            host,
        )


def _remember(known: dict[K, None], key: K) -> None:
    known[key] = None
    if len(known) > _MOST:
        del known[next(iter(known))]


def _client_id(frame: bytearray) -> str:
    """Return the client id of a request that was served, so that its header is known to be right."""
    length = REQUEST_HEADER.unpack_from(frame)[2]
    return frame[REQUEST_HEADER.size : REQUEST_HEADER.size + max(length, 0)].decode()
