"""`pykbroker check`: what it finds right, and each thing that can be wrong, with its remedy."""

import socket
import threading
from collections.abc import Iterator

import pytest

from pykbroker.commands.check import FAIL, NOTE, OK, Finding, findings
from pykbroker.testing import Broker
from tests.commands.conftest import Run
from tests.compat.process import free_port


def test_broker_that_is_well_is_told_and_the_status_is_zero(kafka: Broker, run: Run) -> None:
    kafka.create_topic("t")
    done = run("check", kafka.bootstrap_servers)
    assert (done.status, done.err) == (0, "")
    assert all(line.startswith("ok    ") for line in done.out.splitlines())
    assert "topics 1, controller 1" in done.out
    assert f"broker 1 tells clients to use {kafka.bootstrap_servers}, the address you gave" in done.out


def test_json_has_each_finding(kafka: Broker, run: Run) -> None:
    found = run("check", kafka.bootstrap_servers, "--json").json
    assert {each["state"] for each in found} == {OK}
    assert found[0] == {"state": "ok", "what": f"{kafka.bootstrap_servers} accepts connections", "remedy": ""}


def last(host: str, port: int) -> Finding:
    """Return the last thing that is found."""
    *_, finding = findings(host, port)
    return finding


def test_name_that_nobody_knows(run: Run) -> None:
    done = run("check", "nowhere.invalid:9092")
    assert done.status == 1
    assert done.out.startswith("FAIL  nowhere.invalid: the name cannot be resolved\n      -> ")


def test_port_where_nobody_listens() -> None:
    port = free_port()
    finding = last("127.0.0.1", port)
    assert (finding.state, finding.what) == (FAIL, f"127.0.0.1:{port}: connection refused")
    assert str(port) in finding.remedy


def test_one_of_several_addresses_that_does_not_answer_is_a_note(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def both(host: str, port: int, *args: int, **options: int) -> list[object]:
        ips = ("127.0.0.2", "127.0.0.1") if host == "twofold" else (host,)
        return [entry for ip in ips for entry in look_up(ip, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    name, silent, answering, *_ = findings("twofold", kafka.port)
    assert name.what == "twofold is 127.0.0.2, 127.0.0.1"
    assert (silent.state, silent.what) == (NOTE, f"127.0.0.2:{kafka.port}: connection refused")
    assert answering.state == OK


@pytest.fixture(params=[b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x46", b""])
def stranger(request: pytest.FixtureRequest) -> Iterator[tuple[int, bytes]]:
    """The port of a server that is no Kafka broker, and what it says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):  # the first connection is only tried
                connection, _ = server.accept()
                with connection:
                    connection.recv(1)
                    connection.sendall(request.param)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], request.param
        thread.join()


def test_server_that_is_no_kafka_broker(stranger: tuple[int, bytes]) -> None:
    port, said = stranger
    finding = last("127.0.0.1", port)
    assert finding.state == FAIL
    if said.startswith(b"\x15"):
        assert "speaks TLS" in finding.what
    elif said:
        assert "not Kafka's protocol" in finding.what
    else:
        assert "lost the connection" in finding.what
    assert "PLAINTEXT" in finding.remedy


def telling(advertised: str, port: int) -> Broker:
    """Return a broker that listens on a port and tells clients another address."""
    return Broker(listeners=f"PLAINTEXT://127.0.0.1:{port}", advertised_listeners=f"PLAINTEXT://{advertised}")


@pytest.mark.parametrize(
    ("advertised", "what"),
    [
        ("kafka.invalid:9092", "broker 1 tells clients to use kafka.invalid:9092: the name cannot be resolved"),
        ("127.0.0.1:1", "broker 1 tells clients to use 127.0.0.1:1: cannot connect to 127.0.0.1:1: connection refused"),
    ],
)
def test_advertised_address_that_leads_nowhere(advertised: str, what: str) -> None:
    port = free_port()
    with telling(advertised, port):
        finding = last("127.0.0.1", port)
    assert (finding.state, finding.what) == (FAIL, what)
    assert finding.remedy.endswith(f"PLAINTEXT://127.0.0.1:{port}")


def test_advertised_address_of_another_cluster(kafka: Broker) -> None:
    port = free_port()
    with telling(kafka.bootstrap_servers, port):
        finding = last("127.0.0.1", port)
    assert finding.state == FAIL
    assert f"tells clients to use {kafka.bootstrap_servers}, where another cluster answers" in finding.what


def test_advertised_loopback_is_wrong_for_who_comes_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only the name is not of this machine; its port is, or else there was nobody to connect to.
    look_up = socket.getaddrinfo

    def far(host: str, port: int, *args: int, **options: int) -> list[object]:
        return [(2, 1, 6, "", ("192.0.2.1", port))] if host == "far" else look_up(host, port, *args, **options)

    connect = socket.create_connection
    monkeypatch.setattr(socket, "getaddrinfo", far)
    monkeypatch.setattr(
        socket, "create_connection",
        lambda address, *args: connect(("127.0.0.1", address[1]) if address[0] == "192.0.2.1" else address, *args),
    )  # fmt: skip
    port = free_port()
    with telling("localhost:9092", port):
        finding = last("far", port)
    assert finding.state == FAIL
    assert finding.what.endswith("on another machine, a client would look there on its own machine")
