"""Advertise rules: what a client is told by who it is, or by where it reached the broker.

One listener often has two kinds of clients for whom the same socket has different addresses: a container's port that
is published on its host is `172.18.0.5:9092` inside and `localhost:19092` outside, and both arrive at the same local
address. `pykbroker.advertise` is a list of rules, the first that fits wins over `advertised.listeners`:

    rule    = ( clients | reached | clients "@" reached ) "=" told
    clients = "outside"                clients beyond the networks that this machine is in, or behind their gateway
            | address | network        10.1.2.3, 10.1.0.0/16, fd00::/8
    reached = [ host ] ":" port        the local end of the connection
    told    = host [ ":" port ]        without a port: the one that was reached

    outside=localhost:19092            the port 9092 of this container is published as 19092
    10.8.0.0/16=broker.vpn             clients in the VPN know us by that name
    :9093=localhost:19093              who comes in at port 9093 comes through a tunnel
    outside@:9094=example.org:443      both

Hosts that are IPv6 addresses have brackets where a port follows, as in Kafka's listeners.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pykbroker.config_setting import ConfigError

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

SETTING: Final = "pykbroker.advertise"
OUTSIDE: Final = "outside"


class Rule:
    """One rule. Hosts and ports that are "" and 0 say nothing; `clients` is None for any client.

    `reached` are the addresses that the host on the left stands for: its own, or what `resolve` found.
    """

    __slots__ = ("clients", "host", "port", "reached", "reached_host", "reached_port", "text")

    def __init__(
        self,
        text: str,
        clients: IPv4Network | IPv6Network | str | None,
        reached: tuple[str, int],
        told: tuple[str, int],
    ) -> None:
        self.text = text
        self.clients = clients
        self.reached_host, self.reached_port = reached
        self.reached: frozenset[str] = frozenset([self.reached_host] if self.reached_host else ())
        self.host, self.port = told

    def resolve(self, addresses_of: Callable[[str], Sequence[str]]) -> None:
        """Look up the host at which clients arrive. Raises what `addresses_of` does."""
        if self.reached_host:
            self.reached = frozenset(addresses_of(self.reached_host))

    def fits(self, client: str, local: tuple[str, int], is_outside: Callable[[str], bool]) -> bool:
        """Tell if the rule is for a client at this address that reached this end."""
        host, port = local
        if (self.reached_port and port != self.reached_port) or (self.reached and host not in self.reached):
            return False
        if self.clients is None:
            return True
        if self.clients == OUTSIDE:
            return is_outside(client)
        from ipaddress import ip_address

        return ip_address(client.partition("%")[0]) in self.clients

    def __str__(self) -> str:
        return self.text


def parse_rules(texts: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules; ConfigError for the first that is none."""
    return tuple(map(_parse, texts))


def told_by(
    rules: Sequence[Rule], client: str, local: tuple[str, int], is_outside: Callable[[str], bool]
) -> tuple[str, int] | None:
    """Return host and port that the first fitting rule tells this client, None if none fits."""
    for rule in rules:
        if rule.fits(client, local, is_outside):
            return rule.host, rule.port or local[1]
    return None


def _parse(text: str) -> Rule:
    left, equals, right = (part.strip() for part in text.partition("="))
    if not equals or not left or not right:
        raise _wrong(text, "is not CLIENTS=HOST:PORT or HOST:PORT=HOST:PORT")
    who, at, where = (part.strip() for part in left.rpartition("@"))
    clients = _clients(who if at else left)
    if at and clients is None:
        raise _wrong(text, f"is about {who!r}, which is neither {OUTSIDE} nor an address or a network")
    reached = ("", 0)
    if at or clients is None:
        reached = _host_and_port(where, text)
        if not reached[1]:
            raise _wrong(text, f"is about {where!r}, which is neither {OUTSIDE} nor a network nor HOST:PORT")
    told = _host_and_port(right, text)
    if told[0] in ("", "0.0.0.0", "::"):
        raise _wrong(text, f"tells {right!r}, which is not an address to connect to")
    return Rule(text, clients, reached, told)


def _clients(text: str) -> IPv4Network | IPv6Network | str | None:
    if text == OUTSIDE:
        return text
    from ipaddress import ip_network

    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _host_and_port(text: str, rule: str) -> tuple[str, int]:
    """Return the parts of `host`, `host:port` or `:port`; a port that is not there is 0."""
    host, colon, digits = text, "", ""
    if not text.endswith("]"):
        host, colon, digits = text.rpartition(":")
        if not colon:
            host, digits = text, ""
    if colon and not (digits.isdecimal() and 0 < int(digits) <= 65535):
        raise _wrong(rule, f"has {digits!r} where a port should be")
    bare = host
    if host.startswith("[") and host.endswith("]"):
        bare = host[1:-1]
    if set(bare) & set("/[]@ "):
        raise _wrong(rule, f"has {host!r} where a host should be")
    if ":" in bare and bare == host:
        raise _wrong(rule, f"has the IPv6 address {text} without brackets")
    return bare, int(digits or 0)


def _wrong(rule: str, what: str) -> ConfigError:
    return ConfigError(SETTING, f"{rule} {what}")
