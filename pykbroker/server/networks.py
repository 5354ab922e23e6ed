"""The networks that this machine is in, as the kernel's routing tables in /proc/net have them (Linux).

A container has one or a few networks, with the other containers in them. What comes from its host, by a published
port, has the address of the network's gateway; what comes from other machines keeps its own. Both are outside.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_IPV4_COLUMNS: Final = 8
_IPV6_COLUMNS: Final = 10
_IS_LOCAL: Final = 0x8000_0000  # RTF_LOCAL: an address of this machine's own


def are_known() -> bool:
    """Tell if this system says what networks it is in, as Linux does."""
    return sys.platform == "linux"


def is_outside(client: str, directory: str = "/proc/net") -> bool:
    """Tell if an address is in none of this machine's networks, or is the gateway of one of them.

    The tables are read each time: a container may be connected to another network while it runs.
    """
    address = ipaddress.ip_address(client.partition("%")[0])
    if address.is_loopback:
        return False
    networks, gateways = routes(Path(directory))
    if address in gateways:
        return True
    # Packets from an address of our own never left the machine.
    return not any(address in network for network in networks)


def routes(directory: Path) -> tuple[list[Network], set[Address]]:
    """Return the networks that are reached without a gateway, and the gateways. Without tables both are empty."""
    networks: list[Network] = []
    gateways: set[Address] = set()
    for destination, gateway in (*_ipv4(directory / "route"), *_ipv6(directory / "ipv6_route")):
        if int(gateway):
            gateways.add(gateway)
        elif destination.prefixlen:
            networks.append(destination)
    return networks, gateways


def _ipv4(path: Path) -> list[tuple[Network, Address]]:
    """Columns: interface, destination, gateway, flags, three counts, mask; numbers in hex, in the machine's order."""
    found: list[tuple[Network, Address]] = []
    for columns in _rows(path):
        if len(columns) < _IPV4_COLUMNS or columns[0] == "Iface":
            continue
        destination, gateway, mask = (
            ipaddress.IPv4Address(int(columns[at], 16).to_bytes(4, sys.byteorder)) for at in (1, 2, 7)
        )
        found.append((ipaddress.IPv4Network((int(destination), int(mask).bit_count())), gateway))
    return found


def _ipv6(path: Path) -> list[tuple[Network, Address]]:
    """Columns: destination, its prefix length, source, its prefix length, next hop, three counts, flags, interface."""
    found: list[tuple[Network, Address]] = []
    for columns in _rows(path):
        if len(columns) < _IPV6_COLUMNS or int(columns[8], 16) & _IS_LOCAL:
            continue
        destination = ipaddress.IPv6Network((bytes.fromhex(columns[0]), int(columns[1], 16)), strict=False)
        found.append((destination, ipaddress.IPv6Address(bytes.fromhex(columns[4]))))
    return found


def _rows(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return []
