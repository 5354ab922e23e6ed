"""Who is outside, by routing tables as the kernel writes them."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from pykbroker.server.networks import is_outside, routes


def hexed(address: str) -> str:
    """As in /proc/net/route: one number, in this machine's byte order."""
    return f"{int.from_bytes(IPv4Address(address).packed, sys.byteorder):08X}"


def ipv4_route(network: str, gateway: str = "0.0.0.0") -> str:
    net = IPv4Network(network)
    flags = "0003" if gateway != "0.0.0.0" else "0001"
    return (
        f"eth0\t{hexed(str(net.network_address))}\t{hexed(gateway)}\t{flags}\t0\t0\t0\t"
        f"{hexed(str(net.netmask))}\t0\t0\t0\n"
    )


@pytest.fixture
def container(tmp_path: Path) -> str:
    """The tables of a container at 172.18.0.5 and fd12::5, in a network with the gateways .1 and ::1."""
    (tmp_path / "route").write_text(
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        + ipv4_route("0.0.0.0/0", "172.18.0.1")
        + ipv4_route("172.18.0.0/16")
        + ipv4_route("10.9.0.0/16", "172.18.0.9")
    )
    zero, gateway, own = "0" * 32, "fd12" + "0" * 27 + "1", "fd12" + "0" * 27 + "5"
    (tmp_path / "ipv6_route").write_text(
        f"fd12{'0' * 28} 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001     eth0\n"
        f"{zero} 00 {zero} 00 {gateway} 00000400 00000001 00000000 00000003     eth0\n"
        f"{own} 80 {zero} 00 {zero} 00000000 00000002 00000000 80200001     eth0\n"
        f"{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n"
    )
    return str(tmp_path)


@pytest.mark.parametrize("client", ["172.18.0.3", "172.18.0.5", "127.0.0.1", "::1", "fd12::3", "fd12::5"])
def test_neighbours_and_the_machine_itself_are_inside(container: str, client: str) -> None:
    assert not is_outside(client, container)


@pytest.mark.parametrize("client", ["172.18.0.1", "172.18.0.9", "192.168.1.4", "10.9.0.1", "fd12::1", "2001:db8::1"])
def test_gateways_and_what_is_behind_them_are_outside(container: str, client: str) -> None:
    assert is_outside(client, container)


def test_zone_of_an_address_does_not_count(container: str) -> None:
    assert is_outside("fd12::1%eth0", container)


def test_machine_without_tables_has_no_networks(tmp_path: Path) -> None:
    assert routes(tmp_path) == ([], set())
    assert is_outside("10.0.0.1", str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/net")
def test_tables_of_this_machine_can_be_read() -> None:
    networks, _ = routes(Path("/proc/net"))
    assert all(network.prefixlen for network in networks)
    assert not is_outside("127.0.0.1")
