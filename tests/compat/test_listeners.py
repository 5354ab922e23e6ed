"""Addresses: what a client is told depends on where it came in (FRM-24); IPv4, IPv6 and names."""

import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from tests.compat.clients import Client, Record
from tests.compat.conftest import stop_and_check, usable
from tests.compat.polling import eventually
from tests.compat.process import KAFKA, Broker, exchange, free_port, new_broker
from tests.compat.topics import create_topic


def has_ipv6() -> bool:
    """Return whether ::1 can be bound here."""
    try:
        free_port("::1")
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback on this machine")


@pytest.fixture
def start_at(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Return a function that starts a broker whose first listener is at a host, and a port that is free there."""
    started: list[Broker] = []

    def start(host: str, listeners: str, **overrides: str) -> Broker:
        port = free_port()
        settings = {name.replace("_", "."): value.format(port=port) for name, value in overrides.items()}
        broker = new_broker(tmp_path / f"b{len(started)}", {"listeners": listeners.format(port=port), **settings}, port)
        broker.host = host
        started.append(broker)
        return broker.start()

    yield start
    for broker in started:
        stop_and_check(broker)


def told(bootstrap: str) -> list[str]:
    """Return the addresses of the brokers in Metadata."""
    cluster = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=20)
    return [f"{node.host}:{node.port}" for node in cluster.brokers.values()]


def plays(client: Client, bootstrap: str, name: str) -> None:
    """Produce and consume, as a member of a group too, so that coordinators' addresses matter."""
    create_topic(bootstrap, name)
    client.produce(bootstrap, name, [Record(b"x"), Record(b"y")])
    assert [record.value for record in client.consume(bootstrap, name, 2)] == [b"x", b"y"]


def test_localhost_by_name(start_at: Callable[..., Broker], client: Client, name: str) -> None:
    """MD-24: Kafka tells the name that was configured; here it is the address that the name led to."""
    broker = start_at("localhost", "PLAINTEXT://localhost:{port}")
    hosts = {"localhost"} if KAFKA else {"127.0.0.1", "::1"}
    (address,) = told(broker.bootstrap)
    assert address in {f"{host}:{broker.port}" for host in hosts}
    plays(client, broker.bootstrap, name)


@needs_ipv6
def test_ipv6_address(start_at: Callable[..., Broker], client: Client, name: str) -> None:
    """MD-24: without the brackets that a bootstrap address has."""
    broker = start_at("::1", "PLAINTEXT://[::1]:{port}")
    assert told(broker.bootstrap) == [f"::1:{broker.port}"]
    plays(client, broker.bootstrap, name)


@needs_ipv6
def test_all_interfaces_take_both_families(start_at: Callable[..., Broker], name: str) -> None:
    """A listener without a host listens on IPv4 and IPv6."""
    broker = start_at("127.0.0.1", "PLAINTEXT://:{port}", advertised_listeners="PLAINTEXT://localhost:{port}")
    for host in ("127.0.0.1", "[::1]", "localhost"):
        assert told(f"{host}:{broker.port}") == [f"localhost:{broker.port}"]
    plays(usable("confluent"), f"[::1]:{broker.port}", name)
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, broker.port), timeout=5):
            pass


def test_client_gets_the_address_of_the_listener_it_came_in_on(tmp_path: Path, client: Client, name: str) -> None:
    """FRM-24, MD-02, COORD-01, CLA-06"""
    first, second = free_port(), free_port()
    broker = new_broker(
        tmp_path / "broker",
        {
            "listeners": f"A://127.0.0.1:{first},B://127.0.0.1:{second}",
            "advertised.listeners": f"A://127.0.0.1:{first},B://localhost:{second}",
            "listener.security.protocol.map": "A:PLAINTEXT,B:PLAINTEXT",
            "inter.broker.listener.name": "A",
        },
        first,
    ).start()
    on_a, on_b = f"127.0.0.1:{first}", f"localhost:{second}"
    assert told(on_a) == [on_a]
    assert told(f"127.0.0.1:{second}") == [on_b]
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{second}"})
    (node,) = admin.describe_cluster().result(20).nodes
    assert f"{node.host}:{node.port}" == on_b
    plays(client, on_a, f"{name}-a")
    plays(client, f"127.0.0.1:{second}", f"{name}-b")
    group = client.member(f"127.0.0.1:{second}", name, f"{name}-b")
    read: list[Record] = []

    def read_both() -> bool:
        read.extend(group.poll())
        return len(read) == 2

    eventually(read_both)
    group.close()
    stop_and_check(broker)


def test_coordinator_is_found_at_the_listeners_address(broker: Broker) -> None:
    """COORD-01, COORD-05: a FindCoordinator v0 by hand."""
    frame = struct.pack(">ihhihh4s", 16, 10, 0, 7, -1, 4, b"mine")

    def answer() -> bytes:
        return exchange("127.0.0.1", broker.port, frame)

    eventually(lambda: answer()[4:6] == b"\0\0")
    correlation, error, _, size, host, port = struct.unpack(">ihih9si", answer())
    assert (correlation, error, size, host, port) == (7, 0, 9, b"127.0.0.1", broker.port)
