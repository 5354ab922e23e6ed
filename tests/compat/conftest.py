"""Brokers and clients for these tests. See the package's docstring for how to run them against Apache Kafka."""

import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.compat.clients import CLIENTS, Client, client_named, reason_to_skip
from tests.compat.process import KAFKA, Broker, new_broker
from tests.kafka_jars import reason_to_skip as reason_to_skip_kafka

_numbers = count(1)


@pytest.fixture(scope="session", autouse=True)
def _referee_is_usable() -> None:
    why = reason_to_skip_kafka() if KAFKA else ""
    if why:
        pytest.exit(f"PYKBROKER_COMPAT_BROKER=kafka {why}", returncode=4)


def stop_and_check(broker: Broker) -> None:
    """Stop a broker that still runs; it must end well, and must not have logged a traceback."""
    if broker.process is not None:
        assert broker.stop() == broker.clean_status, broker.log()[-4000:]
    assert "Traceback" not in broker.log(), broker.log()[-8000:]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker that all tests share; it is not restarted."""
    shared = new_broker(tmp_path_factory.mktemp("broker")).start()
    yield shared
    stop_and_check(shared)


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Return a function that starts a broker of the test's own, with overrides; all are stopped and checked."""
    started: list[Broker] = []

    def start(**overrides: str) -> Broker:
        own = new_broker(tmp_path / f"broker{len(started)}", {n.replace("_", "."): v for n, v in overrides.items()})
        started.append(own)
        return own.start()

    yield start
    for own in started:
        stop_and_check(own)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for topics and groups that no other test uses."""
    return re.sub(r"[^a-zA-Z0-9-]+", "-", request.node.name).strip("-")[:80] + f"-{next(_numbers)}"


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    """Each client in turn."""
    return usable(request.param)


def usable(client_name: str) -> Client:
    """Return a client, or skip the test and say why."""
    why = reason_to_skip(client_name)
    if why:
        pytest.skip(why)
    return client_named(client_name)
