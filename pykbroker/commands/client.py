"""A client of a Kafka cluster for the commands: blocking sockets, our own codec, plain text on the wire.

`Connection` is one broker: it asks for the versions first, and then speaks the highest that both know. `Cluster` finds
out which broker to ask: any, the leader of a partition, the coordinator of a group. What goes wrong is a CommandError
with one line; what a broker answers stays with the caller.
"""

from __future__ import annotations

import socket
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from typing import Any, Final, Self, TypeVar

from pykbroker import __version__, errors
from pykbroker.commands.failure import USAGE, CommandError
from pykbroker.errors import KafkaError, Malformed, name_of
from pykbroker.wire import catalog
from pykbroker.wire.client_frame import API_VERSIONS, correlation_id_of, request_frame, response_in
from pykbroker.wire.message import Message
from pykbroker.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from pykbroker.wire.messages.find_coordinator import FindCoordinatorRequest
from pykbroker.wire.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponseTopic,
)

T = TypeVar("T")

CLIENT_ID: Final = "pykbroker"
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 40.0
"""More than a broker takes to give up on a request itself: request.timeout.ms is 30 s."""

RETRY_SECONDS: Final = 10.0
"""How long something may be missing that is about to be there: a topic's leader, a group's coordinator."""

MOST_BYTES: Final = 256 * 1024 * 1024
"""In an answer; a promise of more is not from a Kafka broker."""

_TLS: Final = (b"\x15\x03", b"\x16\x03")
"""How a TLS record begins: an alert, a handshake."""

_SOON: Final = frozenset({
    errors.LEADER_NOT_AVAILABLE, errors.COORDINATOR_LOAD_IN_PROGRESS, errors.COORDINATOR_NOT_AVAILABLE,
    errors.NOT_LEADER_OR_FOLLOWER, errors.NOT_COORDINATOR,
})  # fmt: skip


class Connection:
    """A connection to one broker. `versions` has what it speaks: (lowest, highest) by API key."""

    def __init__(self, host: str, port: int) -> None:
        """Connect, and ask for the versions. CommandError if the host is not there, or no Kafka broker."""
        self.address = address_text(host, port)
        self._correlation_id = 0
        try:
            self._socket = socket.create_connection((host, port), CONNECT_SECONDS)
        except OSError as error:
            raise CommandError(f"cannot connect to {self.address}: {reason(error)}") from None
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.greeting = self._greet()
        except BaseException:
            self.close()
            raise
        self.versions = {each.api_key: (each.min_version, each.max_version) for each in self.greeting.api_keys}

    def close(self) -> None:
        """Close it; harmless if it is closed."""
        self._socket.close()

    def version_of(self, key: int, at_most: int | None = None) -> int:
        """Return the highest version of an API that both sides know; CommandError if there is none."""
        api = catalog.APIS[key]
        low, high = self.versions.get(key, (0, -1))
        highest = min(high, api.highest - api.latest_is_unstable, api.highest if at_most is None else at_most)
        if highest < max(low, api.lowest):
            raise CommandError(f"{self.address} does not support {api.name} in a version that we know")
        return highest

    def send(self, request: Message, at_most: int | None = None) -> Any:
        """Send a request, and return the response. CommandError if there is none."""
        key = type(request).__key__
        assert key is not None, "only requests have a key"
        return self._exchange(request, key, self.version_of(key, at_most))

    def _greet(self) -> ApiVersionsResponse:
        """Ask for the versions as KIP-511 says: a broker that does not know ours answers in version 0."""
        request = ApiVersionsRequest(client_software_name=CLIENT_ID, client_software_version=__version__)
        greeting: ApiVersionsResponse = self._exchange(request, API_VERSIONS, 3)
        if greeting.error_code == errors.UNSUPPORTED_VERSION:
            greeting = self._exchange(ApiVersionsRequest(), API_VERSIONS, 0)
        if greeting.error_code:
            raise CommandError(f"{self.address} answers ApiVersions with {name_of(greeting.error_code)}")
        return greeting

    def _exchange(self, request: Message, key: int, version: int) -> Any:
        self._correlation_id += 1
        frame = request_frame(request, version, self._correlation_id, CLIENT_ID)
        try:
            self._socket.sendall(len(frame).to_bytes(4, "big") + frame)
            answer = self._frame()
        except TimeoutError:
            raise CommandError(f"{self.address} does not answer within {ANSWER_SECONDS:g} s") from None
        except OSError as error:
            raise CommandError(f"lost the connection to {self.address}: {reason(error)}") from None
        try:
            if correlation_id_of(answer) != self._correlation_id:
                raise Malformed("an answer to another request")
            if key == API_VERSIONS and answer[4:6] == errors.UNSUPPORTED_VERSION.to_bytes(2, "big"):
                version = 0
            return response_in(answer, key, version)
        except (Malformed, KafkaError) as error:
            raise CommandError(f"{self.address} answers with something that is not Kafka's protocol: {error}") from None

    def _frame(self) -> bytes:
        start = self._exactly(4)
        size = int.from_bytes(start, "big")
        if start[:2] in _TLS:
            raise CommandError(f"{self.address} speaks TLS, which these commands do not")
        if size > MOST_BYTES:
            raise CommandError(f"{self.address} answers with something that is not Kafka's protocol")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        out = bytearray(size)
        view, at = memoryview(out), 0
        while at < size:
            count = self._socket.recv_into(view[at:])
            if not count:
                raise ConnectionResetError("the broker closed it")
            at += count
        return bytes(out)


class Cluster:
    """A cluster. Owns one connection to each broker that was asked for something."""

    def __init__(self, bootstrap: str) -> None:
        """Connect to the first broker of `host:port,host:port` that answers. CommandError if none does."""
        problems: list[CommandError] = []
        self._connections: dict[tuple[str, int], Connection] = {}
        for host, port in addresses_in(bootstrap):
            try:
                self.any = self._connections[host, port] = Connection(host, port)
                return
            except CommandError as problem:
                problems.append(problem)
        raise CommandError("; ".join(map(str, problems)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()

    def metadata(self, topics: Iterable[str] | None = None, *, create: bool = False) -> MetadataResponse:
        """Return the cluster's brokers and topics: those that are named, or all. `create` makes missing ones."""
        wanted = None if topics is None else [MetadataRequestTopic(name=name) for name in topics]
        answer: MetadataResponse = self.any.send(MetadataRequest(topics=wanted, allow_auto_topic_creation=create))
        return answer

    def topic(self, name: str, *, create: bool = False) -> MetadataResponseTopic:
        """Return a topic whose partitions all have leaders; waits for them. CommandError if there is no such topic."""

        def look() -> MetadataResponseTopic:
            (topic,) = self.metadata([name], create=create).topics
            for code in (topic.error_code, *(each.error_code for each in topic.partitions)):
                # A topic that is being made is unknown at first.
                raise_if(errors.LEADER_NOT_AVAILABLE if create and code == errors.UNKNOWN_TOPIC_OR_PARTITION else code)
            return topic

        try:
            return soon(look)
        except KafkaError as error:
            raise CommandError(f"topic {name}: {error}") from None

    def leaders(self, topics: Iterable[MetadataResponseTopic]) -> dict[tuple[str, int], Connection]:
        """Return a connection to the leader of each partition that has one."""
        brokers = {broker.node_id: broker for broker in self.metadata([]).brokers}
        return {
            (topic.name or "", each.partition_index): self.broker(brokers[each.leader_id])
            for topic in topics
            for each in topic.partitions
            if each.leader_id in brokers
        }

    def controller(self) -> Connection:
        """Return a connection to the broker that creates and deletes topics."""
        answer = self.metadata([])
        found = [broker for broker in answer.brokers if broker.node_id == answer.controller_id]
        return self.broker(found[0]) if found else self.any

    def coordinator(self, group_id: str) -> Connection:
        """Return a connection to the coordinator of a group; waits until there is one."""

        def look() -> Connection:
            # Version 3 is the last that asks for one group.
            answer = self.any.send(FindCoordinatorRequest(key=group_id, key_type=0), at_most=3)
            raise_if(answer.error_code, answer.error_message)
            return self._connection(answer.host, answer.port)

        try:
            return soon(look)
        except KafkaError as error:
            raise CommandError(f"group {group_id}: {error}") from None

    def brokers(self) -> list[Connection]:
        """Return connections to all brokers."""
        return [self.broker(broker) for broker in self.metadata([]).brokers]

    def broker(self, broker: MetadataResponseBroker) -> Connection:
        """Return a connection to a broker."""
        return self._connection(broker.host, broker.port)

    def _connection(self, host: str, port: int) -> Connection:
        connection = self._connections.get((host, port))
        if connection is None:
            connection = self._connections[host, port] = Connection(host, port)
        return connection


def carry_out(options: Namespace) -> int:
    """Do the `action` that the command line names, on the cluster that it names; return the exit status."""
    with Cluster(options.bootstrap) as cluster:
        status: int = options.action(cluster, options)
    return status


def soon(look: Callable[[], T]) -> T:
    """Return what `look` returns; ask again for a while if it raises a KafkaError of something that is being made."""
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            return look()
        except KafkaError as error:
            if error.code not in _SOON or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def raise_if(code: int, message: str | None = None) -> None:
    """Raise a KafkaError if a response has a code that is one."""
    if code:
        raise KafkaError(code, message)


def told(code: int, message: str | None) -> str:
    """Return an error as it is told to the user."""
    return f"{name_of(code)}: {message}" if message else name_of(code)


def addresses_in(bootstrap: str) -> list[tuple[str, int]]:
    """Return host and port of each of `host:port,host:port`, IPv6 in brackets. CommandError if it is not that."""
    found = []
    for part in filter(None, map(str.strip, bootstrap.split(","))):
        host, colon, digits = part.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            host = ""
        if not host or not colon or not digits.isdecimal() or not 0 < int(digits) < 65536:
            raise CommandError(f"{part!r} is not HOST:PORT", USAGE)
        found.append((host, int(digits)))
    if not found:
        raise CommandError("--bootstrap needs HOST:PORT", USAGE)
    return found


def address_text(host: str, port: int) -> str:
    """Return `host:port`, IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reason(error: OSError) -> str:
    """Return why, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    return (error.strerror or str(error)).lower()
