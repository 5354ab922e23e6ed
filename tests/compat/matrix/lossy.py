"""A proxy before a broker that now and then loses the reply to a Produce request, and the connection with it.

The broker has stored the records then, and the client cannot know: it must send them again. Without idempotence that
makes duplicates.
"""

import socket
import threading

from tests.compat.process import read_frame
from tests.compat.proxying import Proxy, hang_up

PRODUCE = 0
LOSE_EVERY = 7
"""The n-th produce reply of the proxy's life is lost, and every n-th after it."""

LOSE_AT_MOST = 5
"""Then it loses no more: clients wait longer and longer before they connect again."""


class LossyProxy(Proxy):
    """A proxy that passes on frames. `lost` counts the replies that it lost."""

    def __init__(self, port: int, broker_port: int) -> None:
        self.lost = 0
        self._replies = 0
        self._lock = threading.Lock()
        super().__init__(broker_port, port)

    def carry(self, client: socket.socket, broker: socket.socket) -> None:
        produces: set[int] = set()
        threading.Thread(target=self._requests, args=(client, broker, produces), daemon=True).start()
        threading.Thread(target=self._answers, args=(broker, client, produces), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, produces: set[int]) -> None:
        while frame := _frame(client):
            if int.from_bytes(frame[4:6], "big") == PRODUCE:
                produces.add(int.from_bytes(frame[8:12], "big"))
            if not _send(broker, frame):
                break
        hang_up(broker)

    def _answers(self, broker: socket.socket, client: socket.socket, produces: set[int]) -> None:
        while frame := _frame(broker):
            if int.from_bytes(frame[4:8], "big") in produces and self._is_lost():
                break
            if not _send(client, frame):
                break
        hang_up(client, broker)

    def _is_lost(self) -> bool:
        with self._lock:
            self._replies += 1
            is_lost = self._replies % LOSE_EVERY == 0 and self.lost < LOSE_AT_MOST
            self.lost += is_lost
            return is_lost


def _frame(peer: socket.socket) -> bytes:
    """Return a frame with its size, or nothing at the end of the connection."""
    try:
        frame = read_frame(peer)
    except OSError:
        return b""
    return len(frame).to_bytes(4, "big") + frame


def _send(peer: socket.socket, frame: bytes) -> bool:
    try:
        peer.sendall(frame)
    except OSError:
        return False
    return True
