"""A proxy before a broker that now and then loses the reply to a Produce request, and the connection with it.

The broker has stored the records then, and the client cannot know: it must send them again. Without idempotence that
makes duplicates.
"""

import contextlib
import socket
import threading
from typing import Self

PRODUCE = 0
LOSE_EVERY = 7
"""The n-th produce reply of the proxy's life is lost, and every n-th after it."""

LOSE_AT_MOST = 5
"""Then it loses no more: clients wait longer and longer before they connect again."""


class LossyProxy:
    """Listens on a port of loopback and passes frames on, until it is closed. `lost` counts the replies it lost."""

    def __init__(self, port: int, broker_port: int) -> None:
        self.lost = 0
        self._broker_port = broker_port
        self._replies = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        with self._lock:
            for each in self._open:
                _shut(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
            except OSError:  # it is not up yet, or no more
                _shut(client)
                continue
            with self._lock:
                self._open |= {client, broker}
            produces: set[int] = set()
            threading.Thread(target=self._requests, args=(client, broker, produces), daemon=True).start()
            threading.Thread(target=self._answers, args=(broker, client, produces), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, produces: set[int]) -> None:
        while frame := _frame(client):
            if int.from_bytes(frame[4:6], "big") == PRODUCE:
                produces.add(int.from_bytes(frame[8:12], "big"))
            if not _send(broker, frame):
                break
        _shut(broker)

    def _answers(self, broker: socket.socket, client: socket.socket, produces: set[int]) -> None:
        while frame := _frame(broker):
            if int.from_bytes(frame[4:8], "big") in produces and self._is_lost():
                break
            if not _send(client, frame):
                break
        _shut(client)
        _shut(broker)

    def _is_lost(self) -> bool:
        with self._lock:
            self._replies += 1
            is_lost = self._replies % LOSE_EVERY == 0 and self.lost < LOSE_AT_MOST
            self.lost += is_lost
            return is_lost


def _frame(peer: socket.socket) -> bytes:
    """Return a frame with its size, or nothing at the end of the connection."""
    try:
        size = _exactly(peer, 4)
        return size + _exactly(peer, int.from_bytes(size, "big"))
    except OSError:
        return b""


def _exactly(peer: socket.socket, size: int) -> bytes:
    out = bytearray()
    while len(out) < size:
        part = peer.recv(size - len(out))
        if not part:
            raise ConnectionResetError
        out += part
    return bytes(out)


def _send(peer: socket.socket, frame: bytes) -> bool:
    try:
        peer.sendall(frame)
    except OSError:
        return False
    return True


def _shut(peer: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other direction may have done it
        peer.shutdown(socket.SHUT_RDWR)
    peer.close()
