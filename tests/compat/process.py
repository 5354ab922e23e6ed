"""A broker as a process of its own: pykbroker, or Apache Kafka as referee, behind one face.

A `Broker` owns a directory and a port. Restarting keeps both; `clean=False` is SIGKILL. What the process writes to
stderr goes to a file next to the data, which `log()` returns.
"""

import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.compat.polling import eventually
from tests.kafka_jars import java

KAFKA = os.environ.get("PYKBROKER_COMPAT_BROKER", "pykbroker") == "kafka"
"""Whether the broker under test is the referee."""

_API_VERSIONS_V0 = struct.pack(">ihhih", 10, 18, 0, 1, -1)
_METADATA_V1_BROKERS_ONLY = struct.pack(">ihhihi", 14, 3, 1, 2, -1, 0)

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on now; brokers keep theirs across restarts."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def exchange(host: str, port: int, frame: bytes, timeout_s: float = 5.0) -> bytes:
    """Return the response frame (without its size) to one request frame, on a connection of its own."""
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(frame)
        return read_frame(connection)


def read_frame(connection: socket.socket) -> bytes:
    """Return the next frame without its size; ConnectionError when the peer closes first."""
    size = int.from_bytes(_exactly(connection, 4), "big")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    out = b""
    while len(out) < size:
        part = connection.recv(size - len(out))
        if not part:
            raise ConnectionError(f"closed after {len(out)} of {size} bytes")
        out += part
    return out


class Broker:
    """`python -m pykbroker serve` on loopback."""

    clean_status = 0
    """The exit status of a process that SIGTERM stopped."""

    def __init__(self, directory: Path, overrides: dict[str, str] | None = None, port: int = 0) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.port = port or free_port()
        self.overrides = dict(overrides or {})
        self.process: subprocess.Popen[bytes] | None = None
        self.host = "127.0.0.1"
        self._log = directory / "stderr.txt"
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def bootstrap(self) -> str:
        """`host:port` as clients want it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process is not None, "the broker is not running"
        return self.process.pid

    def log(self) -> str:
        """Return everything that the broker wrote to stderr, over all its lives."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def settings(self) -> dict[str, str]:
        """Return the broker settings that differ from its defaults."""
        return {
            "listeners": f"PLAINTEXT://{self.host}:{self.port}",
            "log.dirs": str(self.data),
            **self.overrides,
        }

    def command(self) -> list[str]:
        """Return the command line that serves."""
        options = [part for name, value in self.settings().items() for part in ("--override", f"{name}={value}")]
        return [sys.executable, "-m", "pykbroker", "serve", *options]

    def spawn(self) -> None:
        """Start the process and return at once."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment()
            )

    def environment(self) -> dict[str, str]:
        """Return the environment of the process."""
        return dict(os.environ)

    def start(self) -> "Broker":
        """Start the process; return when it answers ApiVersions."""
        self.spawn()
        eventually(self._answers, START_TIMEOUT_S, f"{self.command()} answers at {self.bootstrap}")
        return self

    def wait_for_exit(self) -> int:
        """Return the exit status; a process that does not end in time is killed, which fails the test."""
        assert self.process is not None
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the broker did not end within {STOP_TIMEOUT_S} s:\n{self.log()[-4000:]}") from None

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Signal the process and return its exit status."""
        assert self.process is not None
        self.process.send_signal(how)
        status = self.wait_for_exit()
        self.process = None
        return status

    def restart(self, clean: bool = True) -> None:
        """Stop with SIGTERM, or SIGKILL if not `clean`, and start again on the same port and data."""
        status = self.stop(signal.SIGTERM if clean else signal.SIGKILL)
        if clean:
            assert status == self.clean_status, self.log()[-4000:]
        self.start()

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the broker ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        try:
            return self._is_ready()
        except OSError:
            return False

    def _is_ready(self) -> bool:
        return exchange(self.host, self.port, _API_VERSIONS_V0)[4:6] == b"\0\0"


class KafkaBroker(Broker):
    """Apache Kafka, a single KRaft node with a developer's settings."""

    clean_status = 143  # what a JVM that SIGTERM stopped returns
    info: Sequence[str] = ()
    """Loggers whose lines `log()` has from level INFO on; of the others only from WARN on."""

    def __init__(self, directory: Path, overrides: dict[str, str] | None = None, port: int = 0) -> None:
        super().__init__(directory, overrides, port)
        self.controller_port = free_port()

    def settings(self) -> dict[str, str]:
        node_id = self.overrides.get("node.id", "1")
        settings = {
            "process.roles": "broker,controller",
            "node.id": node_id,
            "controller.quorum.voters": f"{node_id}@127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "broker.session.timeout.ms": "1000",  # how long a killed broker's successor waits to be let in
            "broker.heartbeat.interval.ms": "200",
            **super().settings(),
        }
        settings.setdefault("advertised.listeners", settings["listeners"])
        settings["listeners"] += f",CONTROLLER://127.0.0.1:{self.controller_port}"
        settings["listener.security.protocol.map"] = (
            settings.get("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT") + ",CONTROLLER:PLAINTEXT"
        )
        first = settings["listeners"].partition("://")[0]
        settings.setdefault("inter.broker.listener.name", first)
        return settings

    def command(self) -> list[str]:
        return java("kafka.Kafka", str(self.directory / "server.properties"), info=self.info)

    def spawn(self) -> None:
        properties = self.directory / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self.settings().items()))
        if not (self.data / "meta.properties").exists():
            tool = java("kafka.tools.StorageTool", "format", "-t", "cGFydGl0aW9ucy0tLS0tLQ", "-c", str(properties))
            subprocess.run(tool, check=True, capture_output=True)
        super().spawn()

    def _is_ready(self) -> bool:
        # Kafka listens before its controller has let it in; then no broker is in its metadata yet.
        frame = exchange(self.host, self.port, _METADATA_V1_BROKERS_ONLY)
        return super()._is_ready() and int.from_bytes(frame[4:8], "big") > 0


def new_broker(directory: Path, overrides: dict[str, str] | None = None, port: int = 0) -> Broker:
    """Return the broker under test, not started yet."""
    return (KafkaBroker if KAFKA else Broker)(directory, overrides, port)
