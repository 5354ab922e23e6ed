"""`python -m pykbroker.health`: tell whether the broker of this container serves clients; its exit status is 0 then.

It asks the first listener, on loopback, as a client does: ApiVersions, then Metadata without topics. It does not follow
the advertised address, which need not mean anything in here. What is wrong is one line.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Mapping
from typing import Final

from pykbroker.config import Config, ConfigError
from pykbroker.config_listener import Listener
from pykbroker.container import plan_of

TIMEOUT_S: Final = 5.0

# API key, version, correlation id, no client id; Metadata v1 with an empty list asks for brokers only.
_API_VERSIONS_V0: Final = struct.pack(">hhih", 18, 0, 1, -1)
_METADATA_V1: Final = struct.pack(">hhihi", 3, 1, 2, -1, 0)


def main(environment: Mapping[str, str] | None = None) -> int:
    """Return 0 if the broker answers, 1 if not."""
    plan = plan_of(os.environ if environment is None else environment)
    try:
        content = None
        if plan.properties is not None:
            with open(plan.properties, "rb") as file:
                content = file.read()
        listener = Config.load(content, plan.settings).listeners[0]
        problem = ask(address_of(listener))
    except (ConfigError, OSError) as error:
        problem = str(error)
    if problem is not None:
        print(f"pykbroker: {problem}", file=sys.stderr)
    return 0 if problem is None else 1


def address_of(listener: Listener) -> tuple[str, int]:
    """Return where a listener is reached from its own machine."""
    on_all = {"": "localhost", "0.0.0.0": "127.0.0.1", "::": "::1"}
    return on_all.get(listener.host, listener.host), listener.port


def ask(address: tuple[str, int]) -> str | None:
    """Return what is wrong with the broker at an address, or None. OSError if it cannot be reached."""
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        versions = _exchange(connection, _API_VERSIONS_V0)
        if versions[4:6] != b"\0\0":
            return "ApiVersions was answered with an error"
        if not int.from_bytes(_exchange(connection, _METADATA_V1)[4:8], "big"):
            return "the broker is not in its own metadata"
    return None


def _exchange(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(len(request).to_bytes(4, "big") + request)
    size = int.from_bytes(_exactly(connection, 4), "big")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise ConnectionError("the broker closed the connection")
        parts += part
    return parts


if __name__ == "__main__":
    sys.exit(main())
