"""What a client is told, over real sockets: the address by which it came, unless a setting says otherwise.

127.0.0.0/8 has many addresses on Linux: they stand for the networks of a machine, and for its neighbours. The last
tests make a network of their own, as a container has it, where the kernel lets us.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pykbroker.apis.context import Session
from pykbroker.config import Config, StartError
from pykbroker.server.listener import bind
from pykbroker.testing import Broker
from pykbroker.testing.client import Client
from pykbroker.wire.messages.describe_cluster import DescribeClusterRequest
from pykbroker.wire.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumRequestPartitionData,
    DescribeQuorumRequestTopicData,
)
from pykbroker.wire.messages.find_coordinator import FindCoordinatorRequest
from pykbroker.wire.messages.metadata import MetadataRequest
from tests.compat.process import free_port, read_frame

ROOT = Path(__file__).parent.parent.parent


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback on this machine")
needs_loopbacks = pytest.mark.skipif(sys.platform != "linux", reason="only 127.0.0.1 is a loopback address here")


class Caller(Client):
    """One connection to host and port, from an address of its own if one is given."""

    def __init__(self, host: str, port: int, source: str | None = None) -> None:
        self.socket = socket.create_connection(
            (host, port), timeout=10, source_address=None if source is None else (source, 0)
        )
        super().__init__(self._exchange)

    def _exchange(self, session: Session, frame: bytes) -> bytearray:
        self.socket.sendall(len(frame).to_bytes(4, "big") + frame)
        answer = read_frame(self.socket)
        return bytearray(len(answer).to_bytes(4, "big") + answer)

    def told(self) -> set[tuple[str, int]]:
        """Return every address that this connection is told for the one broker, by all the ways to ask."""
        metadata = self.send(MetadataRequest(topics=None), 12).brokers
        cluster = self.send(DescribeClusterRequest(), 1).brokers
        coordinators = self.send(FindCoordinatorRequest(key_type=0, coordinator_keys=["g"]), 6).coordinators
        transactions = self.send(FindCoordinatorRequest(key_type=1, coordinator_keys=["t"]), 6).coordinators
        answered = [one for one in (*coordinators, *transactions) if not one.error_code]
        return {(one.host, one.port) for one in (*metadata, *cluster, *answered)}


def told(host: str, port: int, source: str | None = None) -> set[tuple[str, int]]:
    caller = Caller(host, port, source)
    with caller.socket:
        return caller.told()


# --- the local end


@needs_loopbacks
@pytest.mark.parametrize("listener", ["PLAINTEXT://:0", "PLAINTEXT://0.0.0.0:0", "PLAINTEXT://[::]:0"])
def test_client_is_told_the_address_that_it_reached(listener: str) -> None:
    """FRM-24: Metadata, DescribeCluster and FindCoordinator agree."""
    with Broker(listeners=listener) as kafka:
        port = kafka.port
        for host in ("127.0.0.1", "127.0.0.2", "127.9.9.9"):
            assert told(host, port) == {(host, port)}


@needs_ipv6
@pytest.mark.parametrize("listener", ["PLAINTEXT://:0", "PLAINTEXT://[::]:0", "PLAINTEXT://[::1]:0"])
def test_ipv6_address_is_told_without_brackets(listener: str) -> None:
    """MD-24"""
    with Broker(listeners=listener) as kafka:
        assert told("::1", kafka.port) == {("::1", kafka.port)}


def test_localhost_is_told_as_the_address_that_it_led_to() -> None:
    """A name may lead elsewhere the next time; the address has just worked."""
    with Broker(listeners="PLAINTEXT://localhost:0") as kafka:
        port = kafka.port
        assert told("127.0.0.1", port) == {("127.0.0.1", port)}
        if has_ipv6():
            assert told("::1", port) == {("::1", port)}


def test_registered_endpoint_stays_what_the_settings_say() -> None:
    """The metadata log knows one address for each listener, whoever asks."""
    with Broker(listeners="PLAINTEXT://localhost:0") as kafka:
        caller = Caller("127.0.0.1", kafka.port)
        with caller.socket:
            partitions = [DescribeQuorumRequestPartitionData()]
            topics = [DescribeQuorumRequestTopicData(topic_name="__cluster_metadata", partitions=partitions)]
            (node,) = caller.send(DescribeQuorumRequest(topics=topics), 2).nodes
        assert [(each.host, each.port) for each in node.listeners] == [("localhost", kafka.port)]


def test_registered_host_of_a_listener_on_all_interfaces_is_the_machine_s() -> None:
    for listener in ("PLAINTEXT://:1", "PLAINTEXT://0.0.0.0:1", "PLAINTEXT://[::]:1"):
        (registered,) = Config({"listeners": listener}, hostname="box").advertised_listeners
        assert (registered.host, registered.port) == ("box", 1)


# --- settings that win


@needs_loopbacks
def test_listed_address_wins() -> None:
    """FRM-24, MD-24"""
    port = free_port()
    with Broker(listeners=f"PLAINTEXT://:{port}", advertised_listeners="PLAINTEXT://kafka.example:1"):
        for host in ("127.0.0.1", "127.0.0.2"):
            assert told(host, port) == {("kafka.example", 1)}


@needs_loopbacks
def test_listed_address_without_a_host_says_the_port_only() -> None:
    """`advertised.listeners=PLAINTEXT://:9092` is what many compose files say."""
    port = free_port()
    with Broker(listeners=f"PLAINTEXT://:{port}", advertised_listeners="PLAINTEXT://:19092"):
        assert told("127.0.0.2", port) == {("127.0.0.2", 19092)}


@needs_ipv6
def test_two_listeners_may_share_a_port_over_the_families() -> None:
    """KIP-797"""
    port = free_port()
    with Broker(
        listeners=f"A://0.0.0.0:{port},B://[::]:{port}",
        advertised_listeners=f"A://four:{port},B://six:{port}",
        listener_security_protocol_map="A:PLAINTEXT,B:PLAINTEXT",
        inter_broker_listener_name="A",
    ):
        assert (told("127.0.0.1", port), told("::1", port)) == ({("four", port)}, {("six", port)})


def test_listener_that_is_not_listed_tells_its_own_address() -> None:
    inside, outside = free_port(), free_port()
    with Broker(
        listeners=f"INSIDE://127.0.0.1:{inside},OUTSIDE://127.0.0.1:{outside}",
        listener_security_protocol_map="INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
        inter_broker_listener_name="INSIDE",
        advertised_listeners=f"INSIDE://kafka:{inside}",
    ):
        assert told("127.0.0.1", inside) == {("kafka", inside)}
        assert told("127.0.0.1", outside) == {("127.0.0.1", outside)}


def test_two_listeners_as_in_the_classic_compose_file_keep_working() -> None:
    """FRM-24"""
    internal, external = free_port(), free_port()
    with Broker(
        listeners=f"INTERNAL://0.0.0.0:{internal},EXTERNAL://0.0.0.0:{external}",
        advertised_listeners=f"INTERNAL://kafka:{internal},EXTERNAL://localhost:19092",
        listener_security_protocol_map="INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
        inter_broker_listener_name="INTERNAL",
    ):
        assert told("127.0.0.1", internal) == {("kafka", internal)}
        assert told("127.0.0.1", external) == {("localhost", 19092)}


@needs_loopbacks
def test_rule_tells_clients_apart_by_their_address() -> None:
    """As a container: its neighbours reach it where it is, its host by the published port, from the gateway."""
    rules = {"pykbroker.advertise": "127.8.0.1=localhost:19092"}
    with Broker(listeners="PLAINTEXT://0.0.0.0:0", config=rules) as kafka:
        assert told("127.0.0.5", kafka.port, source="127.8.0.1") == {("localhost", 19092)}
        assert told("127.0.0.5", kafka.port, source="127.8.0.3") == {("127.0.0.5", kafka.port)}


@needs_loopbacks
def test_rule_wins_over_a_listed_address() -> None:
    port = free_port()
    with Broker(
        listeners=f"PLAINTEXT://:{port}",
        advertised_listeners=f"PLAINTEXT://kafka:{port}",
        config={"pykbroker.advertise": "127.8.0.0/16=localhost:19092"},
    ):
        assert told("127.0.0.1", port, source="127.8.0.1") == {("localhost", 19092)}
        assert told("127.0.0.1", port, source="127.9.0.1") == {("kafka", port)}


@needs_loopbacks
def test_rule_tells_clients_apart_by_where_they_came_in() -> None:
    inside, tunnel = free_port(), free_port()
    with Broker(
        listeners=f"A://:{inside},TUNNEL://:{tunnel}",
        listener_security_protocol_map="A:PLAINTEXT,TUNNEL:PLAINTEXT",
        inter_broker_listener_name="A",
        config={"pykbroker.advertise": f":{tunnel}=localhost:19093,localhost:{inside}=here"},
    ):
        assert told("127.0.0.2", tunnel) == {("localhost", 19093)}
        assert told("127.0.0.2", inside) == {("127.0.0.2", inside)}
        assert told("127.0.0.1", inside) == {("here", inside)}


def test_rule_about_a_name_that_does_not_resolve_is_one_line() -> None:
    with pytest.raises(StartError) as failed:
        Broker(config={"pykbroker.advertise": "no-such-host.invalid:9092=localhost:1"}).start()
    assert str(failed.value).startswith(
        "pykbroker.advertise: no-such-host.invalid:9092=localhost:1: cannot resolve no-such-host.invalid: "
    )
    assert "\n" not in str(failed.value)


# --- both families


@needs_ipv6
@pytest.mark.parametrize("host", ["localhost", ""])
def test_both_families_get_the_same_free_port(host: str) -> None:
    sockets = bind(host, 0, 5)
    try:
        assert {sock.family for sock in sockets} == {socket.AF_INET, socket.AF_INET6}
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
    finally:
        for sock in sockets:
            sock.close()


# --- in a network of its own

IN_A_NAMESPACE = """
import subprocess, sys
def ip(*words): subprocess.run(["ip", *words], check=True)
ip("link", "set", "lo", "up")
ip("link", "add", "eth0", "type", "veth", "peer", "name", "host0")
ip("link", "set", "eth0", "up")
ip("link", "set", "host0", "up")
for address in ("172.18.0.5/16", "172.18.0.3/16", "172.18.0.1/16", "192.168.1.4/32"):
    ip("address", "add", address, "dev", "eth0")
ip("route", "add", "default", "via", "172.18.0.1")
"""

PUBLISHED = (
    IN_A_NAMESPACE
    + """
from pykbroker.testing import Broker
from tests.server.test_addresses import told
rules = "outside=localhost:19092"
with Broker(listeners="PLAINTEXT://:9092", config={"pykbroker.advertise": rules}):
    assert told("172.18.0.5", 9092, "172.18.0.1") == {("localhost", 19092)}    # the host
    assert told("172.18.0.5", 9092, "192.168.1.4") == {("localhost", 19092)}   # another machine
    assert told("172.18.0.5", 9092, "172.18.0.3") == {("172.18.0.5", 9092)}    # another container
    assert told("127.0.0.1", 9092) == {("127.0.0.1", 9092)}                    # this one
    print("as it should be")
"""
)

NEARLY_FULL = """
import socket, subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("40000 40015")  # of which Linux gives the odd ones of the first half, in any order
taken = [socket.socket(socket.AF_INET6) for _ in range(2)]
for sock, port in zip(taken, (40001, 40003)):
    sock.bind(("::1", port))
    sock.listen()
from pykbroker.server.listener import bind
for _ in range(12):
    sockets = bind("localhost", 0, 5)
    ports = {sock.getsockname()[1] for sock in sockets}
    assert len(sockets) == 2 and len(ports) == 1 and not ports & {40001, 40003}, sockets
    for sock in sockets: sock.close()
print("as it should be")
"""


def in_namespace(script: str) -> str:
    """Return what a script prints that runs with a network of its own; skip where the kernel or a tool is missing."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("needs unshare and ip (util-linux, iproute2)")
    unshare = ["unshare", "--map-root-user", "--net"]
    wanted = "ip link set lo up && ip link add eth0 type veth peer name host0"
    probe = subprocess.run([*unshare, "sh", "-c", wanted], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no network namespaces here: {probe.stderr.decode().strip()}")
    done = subprocess.run(
        [*unshare, sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_published_port_of_a_container_is_told_outside_only() -> None:
    assert in_namespace(PUBLISHED) == "as it should be\n"


@needs_ipv6
def test_free_port_is_looked_for_until_both_families_have_it() -> None:
    assert in_namespace(NEARLY_FULL) == "as it should be\n"
