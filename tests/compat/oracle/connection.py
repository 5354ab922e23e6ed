"""One connection to a broker, as blocking as can be: requests go out as frames, frames come back.

Nothing is matched by correlation id: a broker answers in the order of the requests (FRM-08), or is caught.
"""

import socket
from typing import Any

from pykbroker.wire.client_frame import correlation_id_of, request_frame, response_in
from pykbroker.wire.message import Message
from tests.compat.process import read_frame

TIMEOUT_S = 15.0


class Closed(Exception):
    """The broker closed the connection instead of answering."""


class Connection:
    """Sends requests and reads answers, in order. Owns the socket and what was asked but not answered yet."""

    def __init__(self, host: str, port: int, client_id: str = "oracle") -> None:
        self._socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client_id = client_id
        self._asked: list[tuple[int, int, int]] = []
        self._correlation_id = 0

    def send(self, request: Message, version: int) -> None:
        """Send a request whose answer will be read by `receive`."""
        self.tell(request, version)
        key = type(request).__key__
        assert key is not None
        self._asked.append((self._correlation_id, key, version))

    def tell(self, request: Message, version: int) -> None:
        """Send a request that is not to be answered."""
        self._correlation_id += 1
        frame = request_frame(request, version, self._correlation_id, self.client_id)
        self.write(len(frame).to_bytes(4, "big") + frame)

    def receive(self) -> Any:
        """Return the answer to the oldest request that has none yet; `Closed` if there will be none."""
        correlation_id, key, version = self._asked.pop(0)
        frame = self.read()
        assert correlation_id_of(frame) == correlation_id, "the answer is another request's"
        return response_in(frame, key, version)

    def write(self, content: bytes) -> None:
        """Send bytes as they are; `Closed` when the broker does not take them any more."""
        try:
            self._socket.sendall(content)
        except ConnectionError as error:
            raise Closed from error

    def read(self) -> bytes:
        """Return the next frame without its size."""
        try:
            return read_frame(self._socket)
        except ConnectionError as error:
            raise Closed from error

    def is_closed(self) -> bool:
        """Return whether the broker closes the connection without another byte; waits for either."""
        try:
            return self._socket.recv(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        """Close it; the broker is not told anything else."""
        self._socket.close()
