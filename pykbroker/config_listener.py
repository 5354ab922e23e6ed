"""Listeners: the addresses that the broker opens, and those it tells clients to use.

`listeners` and `advertised.listeners` are lists of `NAME://host:port`, IPv6 hosts in brackets; the security protocol of
a name is in `listener.security.protocol.map`. The rules are those of `kafka.server.KafkaConfig` and
`org.apache.kafka.network.SocketServerConfigs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pykbroker.config_setting import ConfigError

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SUPPORTED: Final = ("PLAINTEXT",)
_EVERYWHERE: Final = ("", "0.0.0.0", "::")


class Listener:
    """One address. `host` is "" for every interface, IPv6 without brackets; `port` 0 is whatever is free."""

    __slots__ = ("host", "name", "port", "protocol")

    def __init__(self, name: str, protocol: str, host: str, port: int) -> None:
        self.name = name
        self.protocol = protocol
        self.host = host
        self.port = port

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listener) and str(self) == str(other) and self.protocol == other.protocol

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.name}://{host}:{self.port}"

    __repr__ = __str__


def parse_listeners(
    setting: str, addresses: Sequence[str], protocol_map: str, without: Sequence[str] = ()
) -> tuple[Listener, ...]:
    """Return the listeners that `addresses` name, except those called as in `without`.

    Raises ConfigError about `setting`, or about the map: malformed addresses, names or ports that appear twice (one
    port may serve an IPv4 and an IPv6 address), names without a protocol, protocols that are not there yet.
    """
    protocols = _protocols(protocol_map)
    left_out = {name.upper() for name in without}
    parsed = [_parse(setting, address) for address in addresses]
    _refuse_repeated(setting, parsed)
    return tuple(
        Listener(name, _protocol_of(setting, name, protocols), host, port)
        for name, host, port in parsed
        if name not in left_out
    )


def advertised(own: Sequence[Listener], told: Sequence[Listener] | None, hostname: str) -> tuple[Listener, ...]:
    """Return what this broker registers: `told` (from advertised.listeners), then each of `own` that is not in there.

    `hostname` stands for the host of a listener on all interfaces. Raises ConfigError if `told` has such a host, which
    is no address to connect to (MD-24), or a name that no listener has. A port 0 stays 0: only the server knows what it
    became.
    """
    names = {listener.name for listener in own}
    for listener in told or ():
        if listener.host in _EVERYWHERE[1:]:
            raise ConfigError("advertised.listeners", f"{listener} is not an address to connect to")
        if listener.name not in names:
            raise ConfigError("advertised.listeners", f"there is no listener {listener.name}")
    listed = {listener.name for listener in told or ()}
    rest = [
        Listener(each.name, each.protocol, hostname if each.host in _EVERYWHERE else each.host, each.port)
        for each in own
        if each.name not in listed
    ]
    return (*(Listener(each.name, each.protocol, each.host or hostname, each.port) for each in told or ()), *rest)


def _protocols(text: str) -> dict[str, str]:
    protocols: dict[str, str] = {}
    for pair in text.split(","):
        name, colon, protocol = pair.strip().rpartition(":")
        name, protocol = name.upper(), protocol.upper()
        if not pair.strip():
            continue
        if not colon or protocol not in _PROTOCOLS:
            raise ConfigError("listener.security.protocol.map", f"{pair.strip()} is not NAME:{'|'.join(_PROTOCOLS)}")
        if name in protocols:
            raise ConfigError("listener.security.protocol.map", f"has the listener {name} twice")
        protocols[name] = protocol
    return protocols


def _parse(setting: str, address: str) -> tuple[str, str, int]:
    name, slashes, rest = address.partition("://")
    host, colon, digits = rest.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not slashes or not name or not colon or not digits.isdecimal() or set(host) & set("/[]@ "):
        raise ConfigError(setting, f"{address} is not NAME://host:port")
    if int(digits) > 65535:
        raise ConfigError(setting, f"{address} has a port above 65535")
    return name.upper(), host, int(digits)


def _refuse_repeated(setting: str, parsed: Sequence[tuple[str, str, int]]) -> None:
    names = [name for name, _, _ in parsed]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(setting, f"has the listener {name} twice")
    hosts_of: dict[int, list[str]] = {}
    for _, host, port in parsed:
        hosts_of.setdefault(port, []).append(host)
    for port, hosts in hosts_of.items():
        # Kafka lets one IPv4 and one IPv6 address share a port (KIP-797), and nothing else.
        one_of_each = len(hosts) == 2 and sorted(map(_ip_version, hosts)) == [4, 6]
        if setting == "listeners" and port and len(hosts) > 1 and not one_of_each:
            raise ConfigError(setting, f"has the port {port} twice")


def _ip_version(host: str) -> int:
    if ":" in host:
        return 6
    return 4 if host.count(".") == 3 and host.replace(".", "").isdecimal() else 0


def _protocol_of(setting: str, name: str, protocols: dict[str, str]) -> str:
    if name not in protocols:
        raise ConfigError("listener.security.protocol.map", f"has no protocol for the listener {name}")
    protocol = protocols[name]
    if protocol not in _SUPPORTED:
        raise ConfigError(setting, f"{name} needs {protocol}, which is not supported yet")
    return protocol
