"""Advertise rules: their form, what they fit, and which of them wins."""

from __future__ import annotations

import pytest

from pykbroker.commands import serve
from pykbroker.config import Config, ConfigError
from pykbroker.config_advertise import parse_rules, told_by

INSIDE = "172.18.0.3"
GATEWAY = "172.18.0.1"
HERE = ("172.18.0.5", 9092)


def told(rules: str, client: str = INSIDE, local: tuple[str, int] = HERE) -> tuple[str, int] | None:
    return told_by(parse_rules([rule.strip() for rule in rules.split(",")]), client, local, GATEWAY.__eq__)


def test_clients_are_told_apart_by_their_own_address() -> None:
    assert told("172.18.0.1=localhost:19092", GATEWAY) == ("localhost", 19092)
    assert told("172.18.0.1=localhost:19092", INSIDE) is None
    assert told("172.18.0.0/16=broker:1") == ("broker", 1)
    assert told("fd00::/8=broker:1", "fd12::1", ("fd12::2", 9092)) == ("broker", 1)
    assert told("fe80::/10=broker:1", "fe80::1%eth0", ("fe80::2%eth0", 9092)) == ("broker", 1)
    assert told("fd00::/8=broker:1", INSIDE) is None


def test_clients_outside_are_those_that_the_networks_say() -> None:
    assert told("outside=localhost:19092", GATEWAY) == ("localhost", 19092)
    assert told("outside=localhost:19092", INSIDE) is None


def test_clients_are_told_apart_by_the_end_that_they_reached() -> None:
    assert told(":9092=localhost:19092") == ("localhost", 19092)
    assert told(":9093=localhost:19093") is None
    assert told("172.18.0.5:9092=localhost:19092") == ("localhost", 19092)
    assert told("172.18.0.6:9092=localhost:19092") is None
    assert told("[fd12::2]:9092=localhost:1", "fd12::1", ("fd12::2", 9092)) == ("localhost", 1)


def test_both_must_fit_where_both_are_given() -> None:
    rule = "outside@:9092=localhost:19092"
    assert told(rule, GATEWAY) == ("localhost", 19092)
    assert told(rule, INSIDE) is None
    assert told(rule, GATEWAY, ("172.18.0.5", 9093)) is None


def test_first_rule_that_fits_wins() -> None:
    assert told("172.18.0.1=a:1, outside=b:2", GATEWAY) == ("a", 1)
    assert told("outside=b:2, 172.18.0.1=a:1", GATEWAY) == ("b", 2)


def test_port_that_is_not_told_is_the_one_that_was_reached() -> None:
    assert told("172.18.0.0/16=kafka") == ("kafka", 9092)
    assert told("172.18.0.0/16=[fd00::1]") == ("fd00::1", 9092)
    assert told("172.18.0.0/16=[fd00::1]:1") == ("fd00::1", 1)


def test_name_on_the_left_stands_for_the_addresses_it_resolves_to() -> None:
    (rule,) = parse_rules(["container:9092=localhost:19092"])
    rule.resolve({"container": ["172.18.0.5", "fd12::2"]}.__getitem__)
    for host in ("172.18.0.5", "fd12::2"):
        assert told_by([rule], INSIDE, (host, 9092), lambda _: False) == ("localhost", 19092)
    assert told_by([rule], INSIDE, ("10.0.0.1", 9092), lambda _: False) is None


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("localhost:19092", "is not CLIENTS=HOST:PORT or HOST:PORT=HOST:PORT"),
        ("=a:1", "is not CLIENTS=HOST:PORT or HOST:PORT=HOST:PORT"),
        ("outside=", "is not CLIENTS=HOST:PORT or HOST:PORT=HOST:PORT"),
        ("container=a:1", "is about 'container', which is neither outside nor a network nor HOST:PORT"),
        ("10.0.0.0/99=a:1", "has '10.0.0.0/99' where a host should be"),
        ("somebody@:9092=a:1", "is about 'somebody', which is neither outside nor an address or a network"),
        ("outside@=a:1", "is about '', which is neither outside nor a network nor HOST:PORT"),
        ("outside=a:99999", "has '99999' where a port should be"),
        ("outside=a:b", "has 'b' where a port should be"),
        (":0=a:1", "has '0' where a port should be"),
        ("outside=:1", "tells ':1', which is not an address to connect to"),
        ("outside=0.0.0.0:1", "tells '0.0.0.0:1', which is not an address to connect to"),
        ("outside=fd00::1", "has the IPv6 address fd00::1 without brackets"),
        ("outside=http://a:1", "has 'http://a' where a host should be"),
    ],
)
def test_rule_that_is_none_is_refused_in_one_line(rule: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config({"pykbroker.advertise": rule})
    assert str(refused.value) == f"pykbroker.advertise: {rule} {wrong}"


def test_rules_of_the_command_line_win_over_those_of_the_file() -> None:
    given = ["--advertise", "outside=localhost:19092", "--advertise=:9093=localhost:1"]
    options = serve.plain([*given, "--override", "pykbroker.advertise=10.0.0.0/8=a:1"])
    assert options is not None
    rules = serve.configuration(options, None).advertise_rules
    assert [str(rule) for rule in rules] == ["outside=localhost:19092", ":9093=localhost:1"]
