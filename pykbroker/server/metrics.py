"""The port of /metrics and /healthz: as much of HTTP/1.1 as a scraper needs, in one protocol class.

    GET /metrics    200, the page of `exposition.py`
    GET /healthz    200 while the broker serves; 503 while it stops, or once it has lost a log directory
    anything else   400, 404 or 405

Every connection has one request, and is closed after the answer, or when it has taken too long. Nobody needs to log in
here, so the port is for the loopback unless `pykbroker.metrics.host` says otherwise.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from pykbroker.apis.measuring import MeasuredDispatcher
from pykbroker.apis.traffic import Traffic
from pykbroker.metrics import CONTENT_TYPE
from pykbroker.server.exposition import Sources, exposition
from pykbroker.server.listener import bind
from pykbroker.server.logs import logger
from pykbroker.steps import TURN_BYTES, run_in_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pykbroker.broker import Broker
    from pykbroker.config import Config
    from pykbroker.env import Clock
    from pykbroker.later import Later
    from pykbroker.server.connection import Handle
    from pykbroker.server.listener import ListenerServer
    from pykbroker.steps import Task

PORT: Final = "pykbroker.metrics.port"
HOST: Final = "pykbroker.metrics.host"
MOST_CONNECTIONS: Final = 16
MOST_REQUEST_BYTES: Final = 8 * 1024
REQUEST_SECONDS: Final = 30.0
"""How long a connection may take in all. Prometheus gives up after ten seconds."""

_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_TEXT: Final = "text/plain; charset=utf-8"


class MetricsServer:
    """Serves the metrics of one broker. Owns the socket and the connections, and the counts of traffic."""

    def __init__(self, config: Config) -> None:
        """Bind and listen; raises StartError with one line when the address cannot be had."""
        self._sockets = bind(config.text(HOST), config.integer(PORT), MOST_CONNECTIONS, PORT)
        self._config = config
        self._servers: list[asyncio.Server] = []
        self._sources: Sources
        self._clock: Clock
        self._is_stopping = False
        self.exchanges: set[Exchange] = set()
        self.port: int = self._sockets[0].getsockname()[1]

    async def accept(self, broker: Broker, listeners: Sequence[ListenerServer]) -> Handle:
        """Begin to serve and to count, as the broker has started; return what handles requests from now on."""
        services = broker.services
        traffic = services.traffic = Traffic(services.image)
        services.controller.on_topics_deleted.append(traffic.forget)
        self._clock = services.env.clock
        self._sources = Sources(
            services, traffic, listeners, lambda: broker.housekeeping.cleaning, self._config.node_id, time.perf_counter
        )
        loop = asyncio.get_running_loop()
        for sock in self._sockets:
            self._servers.append(await loop.create_server(lambda: Exchange(self), sock=sock, backlog=MOST_CONNECTIONS))
        host = self._config.text(HOST)
        logger().info("metrics on http://%s:%d/metrics", f"[{host}]" if ":" in host else host or "*", self.port)
        return MeasuredDispatcher(services, traffic, time.perf_counter).handle

    def stopping(self) -> None:
        """Say from now on that the broker stops."""
        self._is_stopping = True

    def close(self) -> None:
        """Close the socket and all connections."""
        for server in self._servers:
            server.close()
        for sock in self._sockets:
            sock.close()
        for exchange in list(self.exchanges):
            exchange.abort()

    def complaint(self) -> str:
        """Return what is wrong with the broker, in a line; nothing if it is well."""
        if self._is_stopping:
            return "stopping"
        directories = self._sources.services.partitions.directories
        lost = [directory.path for directory in directories if directory.failure is not None]
        return f"log directories offline: {', '.join(lost)}" if lost else ""

    def page(self) -> tuple[Task[list[bytes]], Later[list[bytes]]]:
        """Begin a page of metrics; return the task, which can be closed, and its result."""
        task = exposition(self._sources, self._is_stopping)
        return task, run_in_steps(self._clock, task)


class Exchange(asyncio.Protocol):
    """One connection: one request, one answer."""

    def __init__(self, server: MetricsServer) -> None:
        self._server = server
        self._received = bytearray()
        self._is_answered = False
        self._task: Task[list[bytes]] | None = None
        self._unsent: deque[bytes] = deque()
        self._is_blocked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, unless too many do."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        transport.set_write_buffer_limits(high=0)  # called back as soon as anything is left unsent
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(REQUEST_SECONDS, self.abort)
        self._server.exchanges.add(self)
        if len(self._server.exchanges) > MOST_CONNECTIONS:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; a page that is being made is for nobody."""
        self._timer.cancel()
        self._unsent.clear()
        self._server.exchanges.discard(self)
        if self._task is not None:
            self._task.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came; once the head of a request is complete, answer it."""
        if self._is_answered:
            return  # a body, or a second request: the first one's answer says that it was the last
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if not 0 <= end < MOST_REQUEST_BYTES:
            if len(self._received) >= MOST_REQUEST_BYTES:
                self._answer(431, "the request is too large\n")
            elif b"\0" in self._received:
                self._answer(400, "this is an HTTP port\n")  # a client of Kafka would wait for an answer
            return
        self._serve(bytes(self._received[:end]).partition(b"\r\n")[0])

    def _serve(self, line: bytes) -> None:
        """Answer a request by its first line."""
        words = line.split(b" ")
        if len(words) != 3 or words[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
            self._answer(400, "not an HTTP/1.1 request\n")
            return
        method, target, _ = words
        path = target.partition(b"?")[0]
        if path not in (b"/metrics", b"/healthz"):
            self._answer(404, "there are /metrics and /healthz\n")
        elif method != b"GET":
            self._answer(405, "only GET\n", "Allow: GET\r\n")
        elif path == b"/healthz":
            complaint = self._server.complaint()
            self._answer(503 if complaint else 200, f"{complaint or 'ok'}\n")
        else:
            self._is_answered = True
            self._task, page = self._server.page()
            page.then(self._send_page)

    def _send_page(self, page: Later[list[bytes]]) -> None:
        self._task = None
        if self._transport.is_closing():
            return
        if page.error is not None:
            logger().error("cannot tell the metrics", exc_info=page.error)
            self._answer(500, "cannot tell the metrics\n")
        else:
            self._send(200, CONTENT_TYPE, page.result())

    def _answer(self, status: int, text: str, more: str = "") -> None:
        self._send(status, _TEXT, [text.encode()], more)

    def _send(self, status: int, content_type: str, pieces: list[bytes], more: str = "") -> None:
        """Send an answer, and close the connection when all of it is gone."""
        self._is_answered = True
        size = sum(map(len, pieces))
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {content_type}\r\nContent-Length: {size}\r\n"
            f"{more}Connection: close\r\n\r\n"
        )
        self._unsent = deque([head.encode(), *pieces])
        self._pump()

    def _pump(self) -> None:
        """Send some of it, not more than a turn's share, and not more than the socket takes."""
        room = TURN_BYTES
        while self._unsent and not self._is_blocked and room > 0:
            piece = self._unsent.popleft()
            room -= len(piece)
            self._transport.write(piece)
        if not self._unsent:
            self._transport.close()
        elif not self._is_blocked:
            self._loop.call_soon(self._pump)

    def pause_writing(self) -> None:
        """The socket is full."""
        self._is_blocked = True

    def resume_writing(self) -> None:
        """Everything handed to asyncio is sent."""
        self._is_blocked = False
        if self._unsent:
            self._pump()
