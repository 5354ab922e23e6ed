"""The process: ready when it says so, one line and exit status 2 when it cannot start, graceful when told to stop."""

import signal
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.clients import Record
from tests.compat.conftest import usable
from tests.compat.process import KAFKA, Broker, exchange, new_broker, read_frame
from tests.compat.topics import create_topic

pykbroker_only = pytest.mark.skipif(KAFKA, reason="Apache Kafka's process says and returns other things")


def attempt(broker: Broker) -> tuple[int, str]:
    """Return exit status and stderr of a broker that cannot start."""
    done = subprocess.run(broker.command(), capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


@pykbroker_only
def test_second_broker_on_the_same_directory_is_refused(start_broker: Callable[..., Broker], tmp_path: Path) -> None:
    """STO-10 and the `.lock` of a log directory."""
    running = start_broker()
    other = new_broker(tmp_path / "other", {"log.dirs": str(running.data)})
    status, said = attempt(other)
    assert status == 2
    assert len(said.strip().splitlines()) == 1, said
    assert str(running.data) in said


@pykbroker_only
def test_port_in_use_is_one_line_and_exit_2(start_broker: Callable[..., Broker], tmp_path: Path) -> None:
    running = start_broker()
    status, said = attempt(new_broker(tmp_path / "other", port=running.port))
    assert status == 2
    assert len(said.strip().splitlines()) == 1, said
    assert str(running.port) in said


@pykbroker_only
@pytest.mark.parametrize(
    "override",
    [{"num.partitions": "many"}, {"listeners": "nonsense"}, {"num.partitions": "0"}],
    ids=["type", "listeners", "range"],
)
def test_bad_setting_is_one_line_and_exit_2(tmp_path: Path, override: dict[str, str]) -> None:
    status, said = attempt(new_broker(tmp_path / "broker", override))
    assert status == 2
    assert len(said.strip().splitlines()) == 1, said
    assert next(iter(override)) in said


@pykbroker_only
def test_unknown_setting_is_named_and_ignored(start_broker: Callable[..., Broker]) -> None:
    own = start_broker(no_such_setting="1")
    assert "no.such.setting" in own.log()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_signal_stops_the_broker_gracefully(start_broker: Callable[..., Broker], name: str, how: int) -> None:
    """STO-11: with a clean-shutdown marker, although a client is in the middle of a long poll."""
    own = start_broker()
    create_topic(own.bootstrap, name)
    usable("confluent").produce(own.bootstrap, name, [Record(b"kept")])
    member = usable("confluent").member(own.bootstrap, name, name)
    member.poll()
    status = own.stop(how)
    assert status in (own.clean_status, 130 if KAFKA else 0)
    assert (own.data / ".kafka_cleanshutdown").exists()
    own.start()
    assert [record.value for record in usable("confluent").consume(own.bootstrap, name, 1)] == [b"kept"]
    member.close()


def test_first_metadata_has_a_broker(start_broker: Callable[..., Broker]) -> None:
    """MD-23: the very first request after the port opens."""
    own = start_broker()
    frame = exchange("127.0.0.1", own.port, struct.pack(">ihhihi", 14, 3, 1, 9, -1, 0))
    assert struct.unpack_from(">ii", frame) == (9, 1)


def test_pipelined_requests_are_answered_in_order(broker: Broker) -> None:
    """FRM-01, FRM-07, FRM-08"""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as connection:
        frames = b"".join(struct.pack(">ihhih", 10, 18, 0, number, -1) for number in range(20))
        for at in range(0, len(frames), 7):  # cut across frames
            connection.sendall(frames[at : at + 7])
        answers = [read_frame(connection)[:4] for _ in range(20)]
    assert answers == [number.to_bytes(4, "big") for number in range(20)]


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack(">i", -1),
        struct.pack(">i", 200_000_000),
        struct.pack(">ihhih", 10, 999, 0, 1, -1),
        struct.pack(">ihhih", 10, 3, 99, 1, -1),
        struct.pack(">ihhihi", 14, 3, 1, 1, -1, 1_000_000),
    ],
    ids=["negative size", "too large", "unknown key", "unknown version", "body cut short"],
)
def test_what_is_not_a_request_closes_the_connection(broker: Broker, frame: bytes) -> None:
    """FRM-02, FRM-12, FRM-13, FRM-15"""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as connection:
        connection.sendall(frame)
        assert connection.recv(100) == b""


def test_api_versions_that_is_too_new_is_answered_in_version_0(broker: Broker) -> None:
    """FRM-06, FRM-14, API-01"""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as connection:
        connection.sendall(struct.pack(">ihhihb", 11, 18, 99, 5, -1, 0))
        correlation, error, count = struct.unpack_from(">ihi", read_frame(connection))
        assert (correlation, error) == (5, 35)
        assert count >= 1
        connection.sendall(struct.pack(">ihhih", 10, 18, 0, 6, -1))
        assert struct.unpack_from(">ih", read_frame(connection)) == (6, 0)
