"""Record golden frames: real clients talk to a broker through a proxy that keeps what passes.

    PYKBROKER_COMPAT_BROKER=kafka PYKBROKER_KAFKA_JARS=... python -m tests.golden.capture

The broker advertises the proxy's address, so that every connection of the clients passes here. Of each API, version and
client the exchange with the longest modest response is kept, unless something of this machine is in it: its paths, its
host name. The whole directory of a client is replaced.
"""

import contextlib
import shutil
import socket
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from pykbroker.wire.catalog import APIS
from tests import kafka_jars
from tests.compat.clients import reason_to_skip
from tests.compat.process import free_port, new_broker
from tests.golden.scenarios import SCENARIOS, TOOLS

HERE = Path(__file__).parent
CLIENT_IDS = {
    "kafka-python": b"kafka-python", "confluent": b"rdkafka", "aiokafka": b"aiokafka", "kcat": b"rdkafka",
    TOOLS: b"adminclient",
}  # fmt: skip
"""How each client calls itself; topics are made with another client, whose frames are not wanted."""

BROKER = "kafka-broker"
"""Where the requests go that Kafka sends to itself: it, too, goes through the proxy."""

LARGEST = 6_000
"""Frames above this size are not kept, while a smaller one may still come."""


class Recorder:
    """Keeps, for the client and for the broker itself, the best exchange of each API and version."""

    def __init__(self, client: str, forbidden: list[bytes]) -> None:
        self.client = client
        self.forbidden = forbidden
        self.kept: dict[str, dict[tuple[int, int], tuple[bytes, bytes]]] = {client: {}, BROKER: {}}
        self.left_out: dict[tuple[int, int], str] = {}
        self._lock = threading.Lock()

    def saw(self, request: bytes, response: bytes) -> None:
        """Take note of an exchange."""
        at = (int.from_bytes(request[4:6], "big"), int.from_bytes(request[6:8], "big"))
        sender = request[14 : 14 + max(int.from_bytes(request[12:14], "big", signed=True), 0)]
        if sender.startswith(CLIENT_IDS[self.client]):
            kept = self.kept[self.client]
        elif sender.startswith(tuple(CLIENT_IDS.values())):
            return
        else:
            kept = self.kept[BROKER]
        why = self._objection(request, response)
        with self._lock:
            if why:
                self.left_out.setdefault(at, why)
            elif at not in kept or _worth(response) > _worth(kept[at][1]):
                kept[at] = (request, response)

    def _objection(self, request: bytes, response: bytes) -> str:
        if len(request) + len(response) > LARGEST:
            return f"{len(request)} + {len(response)} bytes"
        for word in self.forbidden:
            if word in request or word in response:
                return f"mentions {word.decode()}"
        return ""

    def write(self, owner: str) -> int:
        """Replace the frames of the client, or of the broker if there are any, by what was kept; return their size."""
        kept = self.kept[owner]
        directory = HERE / owner
        if kept:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
        size = 0
        for (key, version), pair in sorted(kept.items()):
            for which, frame in zip(("request", "response"), pair, strict=True):
                path = directory / f"{key:03d}-{APIS[key].name}-v{version}-{which}.bin"
                size += path.write_bytes(frame)
        return size


def _worth(response: bytes) -> int:
    """Prefer responses with something in them (an empty Fetch says little) up to a modest size."""
    return min(len(response), 700)


class Proxy:
    """Listens on a port and forwards each connection to the broker, frame by frame."""

    def __init__(self, port: int, broker_port: int, recorder: Recorder) -> None:
        self.recorder = recorder
        self.broker_port = broker_port
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                try:
                    broker = socket.create_connection(("127.0.0.1", self.broker_port))
                except OSError:
                    client.close()
                    continue
                waiting: dict[int, bytes] = {}
                forward: Callable[..., None] = self._forward
                threading.Thread(target=forward, args=(client, broker, waiting, True), daemon=True).start()
                threading.Thread(target=forward, args=(broker, client, waiting, False), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, waiting: dict[int, bytes], asks: bool) -> None:
        pending = bytearray()
        try:
            while part := source.recv(65536):
                pending += part
                while len(pending) >= 4 and len(pending) >= 4 + int.from_bytes(pending[:4], "big"):
                    size = 4 + int.from_bytes(pending[:4], "big")
                    frame = bytes(pending[:size])
                    del pending[:size]
                    if asks:
                        waiting[int.from_bytes(frame[8:12], "big")] = frame
                    elif (request := waiting.pop(int.from_bytes(frame[4:8], "big"), None)) is not None:
                        self.recorder.saw(request, frame)
                    sink.sendall(frame)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take no more connections."""
        self.listener.close()


def capture(client: str) -> None:
    """Play a client's scenarios against a fresh broker and write its frames."""
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        broker = new_broker(Path(directory), {"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}"})
        forbidden = [directory.encode(), socket.gethostname().encode(), b"/tmp/", b"/home/"]
        recorder = Recorder(client, forbidden)
        proxy = Proxy(port, broker.port, recorder)
        broker.start()
        try:
            for scenario in SCENARIOS[client]:
                name = f"{scenario.__name__.replace('_', '-')}-{uuid.uuid4().hex[:4]}"
                try:
                    scenario(f"127.0.0.1:{port}", name)
                except Exception as error:
                    print(f"{client}: {scenario.__name__}: {error!r}", file=sys.stderr)
        finally:
            broker.stop()
            proxy.close()
        for owner, kept in recorder.kept.items():
            print(f"{owner}: {len(kept)} exchanges, {recorder.write(owner)} bytes")
        for (key, version), why in sorted(recorder.left_out.items()):
            if (key, version) not in recorder.kept[client]:
                print(f"  left out: {APIS[key].name} v{version}: {why}")


if __name__ == "__main__":
    for one in sys.argv[1:] or SCENARIOS:
        why = kafka_jars.reason_to_skip() if one == TOOLS else reason_to_skip(one)
        if why:
            print(f"{one}: {why}")
        else:
            capture(one)
