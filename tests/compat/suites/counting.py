"""A proxy that counts connections: it tells a test that spoke to the broker from one that only calls its own library.

A test is given the proxy's address as the broker's. Where the broker advertises its own address, the proxy sees the
first connection of each client only, which is enough.
"""

import contextlib
import socket
import threading
from typing import Self

CHUNK_BYTES = 1 << 16


class CountingProxy:
    """Listens on loopback, at any free port or the one given, and passes on what comes; `connections` counts them."""

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

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port))
            except OSError:
                client.close()
                continue
            for source, target in ((client, broker), (broker, client)):
                threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(CHUNK_BYTES):
            target.sendall(part)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
