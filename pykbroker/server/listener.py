"""A listener: the sockets of one address, the connections that came in on it, and their limits.

`localhost`, and a listener without a host, are bound on IPv4 and IPv6 with the same port, because clients resolve names
either way.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from pykbroker.apis.context import Session
from pykbroker.config import Config, ConfigError, StartError
from pykbroker.config_listener import Listener
from pykbroker.server.connection import Connection, Handle
from pykbroker.server.following import Following
from pykbroker.server.memory import RequestMemory
from pykbroker.server.telling import Telling

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
"""What getaddrinfo gives."""

_ATTEMPTS: Final = 20
_BUFFER_SIZES = (
    (socket.SO_SNDBUF, "socket.send.buffer.bytes"),
    (socket.SO_RCVBUF, "socket.receive.buffer.bytes"),
)


class Limits:
    """How many connections there may be, over all listeners. Owns the counts (FRM-21)."""

    def __init__(self, config: Config) -> None:
        self._most = config.integer("max.connections")
        self._most_per_ip = config.integer("max.connections.per.ip")
        self._overrides = overrides_in(config.text("max.connections.per.ip.overrides"))
        self.total = 0
        self._by_ip: Counter[str] = Counter()

    def admit(self, host: str) -> bool:
        """Count a connection in, unless there are too many."""
        if self.total >= self._most or self._by_ip[host] >= self._overrides.get(host, self._most_per_ip):
            return False
        self.total += 1
        self._by_ip[host] += 1
        return True

    def release(self, host: str) -> None:
        """Count a connection out."""
        self.total -= 1
        self._by_ip[host] -= 1
        if not self._by_ip[host]:
            del self._by_ip[host]


def overrides_in(text: str) -> dict[str, int]:
    """Return the limits by host that `max.connections.per.ip.overrides` gives as `host:count,host:count`."""
    limits = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host, _, count = entry.rpartition(":")
        if not host or not count.isdecimal():
            raise ConfigError("max.connections.per.ip.overrides", f"{entry} is not HOST:COUNT")
        limits[host] = int(count)
    return limits


class ListenerServer:
    """Accepts connections for one configured listener."""

    def __init__(
        self,
        listener: Listener,
        config: Config,
        limits: Limits,
        memory: RequestMemory,
        telling: Telling,
        following: Following,
    ) -> None:
        """Bind and listen; raises StartError with one line when the address cannot be had."""
        self.listener = listener
        self._limits = limits
        self._memory = memory
        self._telling = telling
        self._following = following
        self._backlog = config.integer("socket.listen.backlog.size")
        self._max_request_bytes = config.integer("socket.request.max.bytes")
        self._sockets = bind(_host_of(listener, config), listener.port, self._backlog)
        for option, name in _BUFFER_SIZES:
            if (size := config.integer(name)) >= 0:
                for sock in self._sockets:
                    sock.setsockopt(socket.SOL_SOCKET, option, size)  # the sockets of connections inherit it
        self._servers: list[asyncio.Server] = []
        self._is_closed = False
        self.accepted = 0  # so many connections until now
        self.connections: set[Connection] = set()
        self.port: int = self._sockets[0].getsockname()[1]

    async def accept(self, handle: Handle) -> None:
        """Begin to serve connections; those that came since the start are waiting."""
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            protocol = partial(self._connection, handle)
            self._servers.append(await loop.create_server(protocol, sock=sock, backlog=self._backlog))

    async def stop_accepting(self) -> None:
        """Close the listening sockets; connections stay, but for those that have only just come."""
        self._is_closed = True
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            loop.remove_reader(sock)
        # asyncio loses a socket, open, if its server closes between accepting and introducing it; so let it do that.
        await asyncio.sleep(0)
        self.close()

    def close(self) -> None:
        """Close the listening sockets."""
        for server in self._servers:
            server.close()
        for sock in self._sockets:
            sock.close()

    def close_idle(self, before: float) -> None:
        """Close connections on which nothing has happened since `before` (loop time) (FRM-20)."""
        for connection in list(self.connections):
            connection.close_if_idle(before)

    def _connection(self, handle: Handle) -> Connection:
        connection = Connection(
            handle, self._memory, self._max_request_bytes, self._session_of, self._opened, self._closed
        )
        connection.serve_by(self._following.watch(handle, lambda: connection.serve_by(handle)))
        return connection

    def _session_of(self, host: str, local: tuple[str, int] | None) -> Session:
        # A client that has left already has no address, and will not ask for one.
        told = self._telling.told(self.listener.name, host, local) if host and local else None
        return Session(self.listener.name, host, told)

    def _opened(self, connection: Connection) -> bool:
        if self._is_closed or not self._limits.admit(connection.peer_host):
            return False
        self.connections.add(connection)
        self.accepted += 1
        return True

    def _closed(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
            self._limits.release(connection.peer_host)


def _host_of(listener: Listener, config: Config) -> str:
    """Return the host to bind: as in Java, `[::]` is IPv4 too, unless another listener has the port there (KIP-797)."""
    shared = any(other.port == listener.port for other in config.listeners if other is not listener)
    return "" if listener.host == "::" and not shared else listener.host


def bind(host: str, port: int, backlog: int, setting: str = "listeners") -> list[socket.socket]:
    """Return listening sockets on every address that `host` means, all on one port; an empty host means all.

    Raises StartError with one line, which names the `setting`, when the address cannot be had.
    """
    # RFC 6761: localhost is both, also where the resolver knows only one of them; some clients do not ask it.
    hosts = ("localhost", "127.0.0.1", "::1") if host == "localhost" else (host or None,)
    try:
        found: list[AddressInfo] = []
        for each in hosts:
            found += socket.getaddrinfo(each, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"{setting}: cannot resolve {host}: {error.strerror or error}") from error
    # IPv4 first: its address is the one that a free port is looked for on.
    addresses = sorted(set(found), key=lambda entry: entry[0] != socket.AF_INET)
    for attempts_left in reversed(range(1 if port else _ATTEMPTS)):
        try:
            sockets = _bind_all(addresses, port, backlog)
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            if in_use and attempts_left:
                continue  # a port that is free on one address may be in use on the other
            reason = "port is in use" if in_use else error.strerror or str(error)
            raise StartError(f"{setting}: cannot listen on {host or '*'}:{port}: {reason}") from error
        if sockets:
            return sockets
    raise StartError(f"{setting}: no address to listen on for {host}:{port}")


def _bind_all(addresses: Sequence[AddressInfo], port: int, backlog: int) -> list[socket.socket]:
    """Return a listening socket for each address that this machine has; OSError, and none is left open, if one fails.

    A port 0 is what the system gives to the first of them.
    """
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in addresses:
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError:
                continue  # no IPv6 on this machine
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if not port and len(sockets) > 1:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            try:
                sock.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL and len(addresses) > 1:
                    sockets.pop().close()
                    continue
                raise
            sock.listen(backlog)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets
