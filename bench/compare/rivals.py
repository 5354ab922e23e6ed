"""The brokers that are compared: how each is started, what it is called, and which version it is.

All run with their default settings, but for what a single node needs, what would be measured instead of the broker
(the delay before a group's first rebalance), and what the comparison itself needs (Kafka's data of one shape goes
away soon, and its broker may stand still while others are measured).
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import servers
from bench.compare.programs import HERE, Missing, go_program, kafka_class, kafka_jars
from bench.servers import Server
from pykbroker import __version__

# What bin/kafka-server-start.sh and bin/kafka-run-class.sh pass on when nobody says otherwise.
KAFKA_FLAGS = ("-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
               "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true")
_KAFKA_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "7200000",
    "file.delete.delay.ms": "1000",
}
_PYKBROKER_SETTINGS = {"group.initial.rebalance.delay.ms": "0"}
_FORMAT_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Rival:
    """One column of the tables.

    `server` makes the `Server` for a topic of so many partitions, and raises `Missing`. A `fresh` one is a new process
    for every measurement; others, which take long to start, live for a round, or for the whole run if `warm`.
    """

    key: str
    label: str
    server: Callable[[int], Server]
    version: Callable[[], str]
    fresh: bool = True
    warm: bool = False
    one_topic: bool = False


def _kafka(_partitions: int) -> Server:
    kafka_jars()

    def properties_of(data: Path) -> Path:
        return data.parent / "server.properties"

    def prepare(port: int, data: Path) -> None:
        controller = _free_port()
        settings = {
            **_KAFKA_SETTINGS, "log.dirs": str(data), "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        }
        properties_of(data).write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        tool = kafka_class("kafka.tools.StorageTool", "format", "-t", "cGFydGl0aW9ucy0tLS0tLQ", "-c",
                           str(properties_of(data)))
        subprocess.run(tool, check=True, capture_output=True, timeout=_FORMAT_PATIENCE_S)

    def command(_port: int, data: Path) -> list[str]:
        return kafka_class("kafka.Kafka", str(properties_of(data)), flags=KAFKA_FLAGS)

    return Server("kafka", command, prepare)


def _kfake(_partitions: int) -> Server:
    program = go_program("kfake")
    return Server("kfake", lambda port, _data: [str(program), str(port)])


def _kafka_version() -> str:
    jar = next((kafka_jars() / "broker").glob("kafka-server-4*.jar"), None)
    return jar.stem.removeprefix("kafka-server-") if jar else "unknown"


def _kfake_version() -> str:
    for line in (HERE / "go.mod").read_text().splitlines():
        if "franz-go/pkg/kfake " in line:
            return line.split()[line.split().index("github.com/twmb/franz-go/pkg/kfake") + 1]
    return "unknown"


PYKBROKER, KAFKA, KAFKA_WARM, KFAKE, FLOOR = "pykbroker", "kafka", "kafka-warm", "kfake", "floor"

RIVALS = (
    Rival(FLOOR, "C floor", servers.floor, lambda: "bench/floor.c", one_topic=True),
    Rival(KFAKE, "kfake", _kfake, _kfake_version),
    Rival(PYKBROKER, "pykbroker", lambda _partitions: servers.pykbroker(_PYKBROKER_SETTINGS), lambda: __version__),
    Rival(KAFKA, "Apache Kafka", _kafka, _kafka_version, fresh=False),
    Rival(KAFKA_WARM, "Apache Kafka, warm", _kafka, _kafka_version, fresh=False, warm=True),
)


def missing(rivals: Sequence[Rival]) -> dict[str, str]:
    """Return which of these cannot be started here, and why."""
    reasons = {}
    for rival in rivals:
        try:
            rival.server(1)
        except Missing as reason:
            reasons[rival.key] = str(reason)
    return reasons


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
