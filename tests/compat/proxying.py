"""A proxy before a broker: what passes on what comes, and can be told to look at it, or to lose some of it."""

import contextlib
import socket
import threading
from typing import Self

CHUNK_BYTES = 1 << 16


class Proxy:
    """Listens on loopback, at any free port or the one given, until it is left; `connections` counts who came."""

    def __init__(self, broker_port: int, port: int = 0) -> None:
        self.connections = 0
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """`host:port`, to be given in place of the broker's."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would leave the thread in accept(), and the port open with it.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def carry(self, client: socket.socket, broker: socket.socket) -> None:
        """Begin to pass on what the two say; both are closed when either is."""
        for source, target in ((client, broker), (broker, client)):
            threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
            except OSError:  # it is not up yet, or no more
                client.close()
            else:
                self.carry(client, broker)


def hang_up(*peers: socket.socket) -> None:
    """Close sockets, also for a thread that waits for them."""
    for each in peers:
        with contextlib.suppress(OSError):  # the other direction may have done it
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(CHUNK_BYTES):
            target.sendall(part)
    hang_up(source, target)
