"""What a container runs: by unit where it decides, as a program with the environments of the three images."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from pykbroker.config import Config
from pykbroker.container import data_directory, plan_of
from pykbroker.health import address_of
from tests.compat.process import Broker, free_port

CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"


class Container(Broker):
    """`python -m pykbroker.container` with an environment of its own."""

    def __init__(self, directory: Path, variables: dict[str, str], port: int) -> None:
        super().__init__(directory, port=port)
        self.variables = {"KAFKA_LOG_DIRS": str(self.data), **variables}

    def command(self) -> list[str]:
        return [sys.executable, "-m", "pykbroker.container"]

    def environment(self) -> dict[str, str]:
        ours = ("KAFKA_", "PYKBROKER_")  # of whoever runs the tests
        return {**{k: v for k, v in os.environ.items() if not k.startswith(ours)}, **self.variables}

    def health(self) -> subprocess.CompletedProcess[str]:
        """Run the health check."""
        return subprocess.run(
            [sys.executable, "-m", "pykbroker.health"],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def refused(self) -> str:
        """Return the one line with which it does not start."""
        done = subprocess.run(
            self.command(), env=self.environment(), capture_output=True, text=True, check=False, timeout=30
        )
        assert (done.returncode, done.stdout) == (2, "")
        lines = [line for line in done.stderr.splitlines() if "has no effect" not in line]
        assert len(lines) == 1, lines
        return lines[0]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def containers() -> Iterator[list[Container]]:
    started: list[Container] = []
    yield started
    for container in started:
        if container.process is not None:
            container.process.kill()
            container.process.wait()


def environment_of(image: str, port: int) -> dict[str, str]:
    """What a compose file gives to an image."""
    listeners = f"PLAINTEXT://:{port},CONTROLLER://:1"
    protocols = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
    if image == "bitnami/kafka":
        return {
            "KAFKA_CFG_NODE_ID": "7",
            "KAFKA_CFG_PROCESS_ROLES": "controller,broker",
            "KAFKA_CFG_LISTENERS": listeners,
            "KAFKA_CFG_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
            "KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP": protocols,
            "KAFKA_CFG_CONTROLLER_QUORUM_VOTERS": "7@kafka:1",
            "KAFKA_CFG_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "ALLOW_PLAINTEXT_LISTENER": "yes",
            "KAFKA_ENABLE_KRAFT": "yes",
            "KAFKA_KRAFT_CLUSTER_ID": CLUSTER,
        }
    common = {
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "CLUSTER_ID": CLUSTER,
        "KAFKA_HEAP_OPTS": "-Xmx1G",
    }
    if image == "confluentinc/cp-kafka":
        return {**common, "KAFKA_BROKER_ID": "7", "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181"}
    return {
        **common,
        "KAFKA_NODE_ID": "7",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": listeners,
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": protocols,
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "7@localhost:1",
    }


# --- as a program


@pytest.mark.parametrize("image", ["apache/kafka", "confluentinc/cp-kafka", "bitnami/kafka"])
def test_environment_of_an_image_makes_a_broker(
    tmp_path: Path, port: int, containers: list[Container], image: str
) -> None:
    container = Container(tmp_path, environment_of(image, port), port)
    containers.append(container)
    container.start()
    admin = AdminClient({"bootstrap.servers": container.bootstrap})
    cluster = admin.describe_cluster().result(20)
    assert cluster.cluster_id == CLUSTER
    assert [(node.id, node.host, node.port) for node in cluster.nodes] == [(7, "127.0.0.1", port)]
    assert (container.health().returncode, container.health().stderr) == (0, "")
    assert container.stop() == 0
    notes = [line for line in container.log().splitlines() if "has no effect" in line]
    assert len(notes) == (1 if image == "confluentinc/cp-kafka" else 3)
    assert "Traceback" not in container.log()
    assert container.health().returncode == 1


def test_directory_of_another_cluster_is_refused(tmp_path: Path, port: int, containers: list[Container]) -> None:
    first = Container(tmp_path, environment_of("apache/kafka", port), port)
    containers.append(first)
    first.start().stop()
    second = Container(tmp_path, {**environment_of("confluentinc/cp-kafka", port), "CLUSTER_ID": "another"}, port)
    assert second.refused() == f"pykbroker: {first.data} belongs to cluster {CLUSTER}, not to another"


def test_directory_keeps_its_cluster_id_without_the_variable(
    tmp_path: Path, port: int, containers: list[Container]
) -> None:
    listeners = {"KAFKA_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}"}
    first = Container(tmp_path, {**listeners, "CLUSTER_ID": CLUSTER}, port)
    second = Container(tmp_path, listeners, port)
    containers += [first, second]
    first.start().stop()
    second.start()
    admin = AdminClient({"bootstrap.servers": second.bootstrap})
    assert admin.describe_cluster().result(20).cluster_id == CLUSTER
    assert second.stop() == 0


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (
            {"KAFKA_LISTENERS": "SASL_SSL://:1"},
            "pykbroker: listeners: SASL_SSL needs SASL_SSL, which is not supported yet",
        ),
        ({"KAFKA_NUM_PARTITIONS": "many"}, "pykbroker: num.partitions: must be a whole number of 32 bits, not 'many'"),
        ({"KAFKA_CFG_NUM_PARTITIONS": "0"}, "pykbroker: num.partitions: must be at least 1, not '0'"),
        ({"KAFKA_PROCESS_ROLES": "controller"}, "pykbroker: process.roles: must have broker in it"),
        (
            {"PYKBROKER_ADVERTISE": "localhost:19092"},
            "pykbroker: pykbroker.advertise: localhost:19092 is not CLIENTS=HOST:PORT or HOST:PORT=HOST:PORT",
        ),
    ],
)
def test_setting_that_cannot_be_is_one_line(tmp_path: Path, port: int, variables: dict[str, str], line: str) -> None:
    assert Container(tmp_path, variables, port).refused() == line


def test_health_check_of_a_broker_that_is_not_there_is_one_line(tmp_path: Path, port: int) -> None:
    done = Container(tmp_path, {"KAFKA_LISTENERS": f"PLAINTEXT://:{port}"}, port).health()
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


# --- what it decides


def test_without_variables_it_serves_everybody_and_the_host_at_localhost(tmp_path: Path) -> None:
    plan = plan_of({}, str(tmp_path))
    assert plan.settings == {
        "listeners": "PLAINTEXT://:9092",
        "pykbroker.advertise": "outside=localhost",
        "log.dirs": str(tmp_path / "var/lib/kafka/data"),
    }
    assert (plan.properties, plan.notes) == (None, [])
    Config(plan.settings)


def test_listeners_are_those_that_are_advertised_as_in_cp_kafka(tmp_path: Path) -> None:
    told = "PLAINTEXT://kafka:29092, HOST://localhost:9092"
    assert plan_of({"KAFKA_ADVERTISED_LISTENERS": told}, str(tmp_path)).settings["listeners"] == (
        "PLAINTEXT://:29092,HOST://:9092"
    )
    bitnami = plan_of({"KAFKA_CFG_ADVERTISED_LISTENERS": "PLAINTEXT://localhost:19092"}, str(tmp_path))
    assert bitnami.settings["listeners"] == "PLAINTEXT://:9092"


def test_default_rule_goes_when_somebody_says_what_clients_are_told(tmp_path: Path) -> None:
    listed = plan_of({"KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://kafka:9092"}, str(tmp_path))
    assert "pykbroker.advertise" not in listed.settings
    ruled = plan_of({"PYKBROKER_ADVERTISE": "outside=localhost:19092"}, str(tmp_path))
    assert ruled.settings["pykbroker.advertise"] == "outside=localhost:19092"


@pytest.mark.parametrize(
    ("volumes", "chosen"),
    [
        ((), "var/lib/kafka/data"),
        (("var/lib/kafka/data",), "var/lib/kafka/data"),
        (("var/lib/kafka/data", "tmp/kraft-combined-logs"), "tmp/kraft-combined-logs"),
        (("var/lib/kafka/data", "bitnami/kafka"), "bitnami/kafka/data"),
    ],
)
def test_data_goes_into_the_volume_that_is_mounted(tmp_path: Path, volumes: tuple[str, ...], chosen: str) -> None:
    for volume in volumes:
        (tmp_path / volume).mkdir(parents=True)
    assert data_directory(str(tmp_path), os.path.isdir) == str(tmp_path / chosen)
    assert data_directory(str(tmp_path)) == str(tmp_path / "var/lib/kafka/data")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_volume_that_cannot_be_written_to_is_passed_over(tmp_path: Path) -> None:
    for volume in ("bitnami/kafka", "var/lib/kafka/data"):
        (tmp_path / volume).mkdir(parents=True)
    (tmp_path / "bitnami/kafka").chmod(0o500)
    assert data_directory(str(tmp_path), os.path.isdir) == str(tmp_path / "var/lib/kafka/data")


@pytest.mark.parametrize("path", ["mnt/shared/config/server.properties", "bitnami/kafka/config/server.properties"])
def test_mounted_file_is_read_under_the_variables(tmp_path: Path, path: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text("listeners=PLAINTEXT://:29092\nadvertised.listeners=PLAINTEXT://kafka:29092\nnum.partitions=3\n")
    plan = plan_of({"KAFKA_NUM_PARTITIONS": "4"}, str(tmp_path))
    assert plan.arguments()[0] == str(file)
    config = Config.load(file.read_bytes(), plan.settings)
    assert [str(each) for each in config.advertised_listeners] == ["PLAINTEXT://kafka:29092"]
    assert config.integer("num.partitions") == 4
    assert set(plan.settings) == {"log.dirs", "num.partitions"}


@pytest.mark.parametrize(
    ("listener", "address"),
    [
        ("PLAINTEXT://:29092", ("localhost", 29092)),
        ("PLAINTEXT://0.0.0.0:1", ("127.0.0.1", 1)),
        ("PLAINTEXT://[::]:1", ("::1", 1)),
        ("PLAINTEXT://172.18.0.5:1", ("172.18.0.5", 1)),
    ],
)
def test_health_is_asked_where_the_listener_is(listener: str, address: tuple[str, int]) -> None:
    assert address_of(Config({"listeners": listener}).listeners[0]) == address
