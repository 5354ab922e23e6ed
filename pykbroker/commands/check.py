"""`pykbroker check HOST:PORT`: what a client goes through to connect, step by step, and what is wrong.

A client resolves the name it was given, connects, asks for the versions and for the cluster, and from then on uses the
addresses that the brokers advertise. The last step is where most clients get lost, so each of these addresses is tried,
and compared with the one that was given.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from statistics import median
from typing import Final, NamedTuple

from pykbroker.commands.arguments import DEFAULT_BOOTSTRAP, Parser
from pykbroker.commands.client import CONNECT_SECONDS, Connection, address_text, addresses_in, reason
from pykbroker.commands.failure import USAGE, CommandError
from pykbroker.commands.output import print_json
from pykbroker.wire.catalog import APIS
from pykbroker.wire.messages.metadata import MetadataRequest, MetadataResponse, MetadataResponseBroker

ROUND_TRIPS: Final = 5
_NEEDED: Final = (0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 19, 22)  # produce, consume with a group, create a topic


OK: Final = "ok"
NOTE: Final = "note"
FAIL: Final = "FAIL"


class Finding(NamedTuple):
    """One thing that was looked at: OK, FAIL, or a NOTE on what some clients stumble over; and what to do about it."""

    state: str
    what: str
    remedy: str = ""


def run(arguments: Sequence[str]) -> int:
    """Print what was found; return 0 if all is well, or else 1."""
    options = parser().parse_args(arguments)
    addresses = addresses_in(options.address)
    if len(addresses) > 1:
        raise CommandError("check takes one HOST:PORT", USAGE)
    found = []
    for finding in findings(*addresses[0]):
        found.append(finding)
        if not options.json:
            print(f"{finding.state:<4}  {finding.what}")
            if finding.remedy:
                print(f"      -> {finding.remedy}", flush=True)
    if options.json:
        print_json([finding._asdict() for finding in found])
    return int(any(finding.state == FAIL for finding in found))


def parser() -> Parser:
    """Return the parser of this command."""
    top = Parser(
        prog="pykbroker check",
        description="Go through what a client does to connect, and tell what is wrong. Exit status 1 if something is.",
        examples=[
            ("the broker on this machine", "pykbroker check"),
            ("where a client runs: does it reach what is advertised?", "pykbroker check kafka.example.org:9092"),
        ],
    )
    top.add_argument("address", nargs="?", default=DEFAULT_BOOTSTRAP, metavar="HOST:PORT")
    top.add_argument("--json", action="store_true", help="print JSON")
    return top


def findings(host: str, port: int) -> Iterator[Finding]:
    """Yield what is found, in the order in which a client would come across it."""
    try:
        ips = resolved(host, port)
    except OSError as error:
        yield Finding(FAIL, f"{host}: {reason(error)}", "is the name right, and known to this machine's resolver?")
        return
    if ips != [host]:
        yield Finding(OK, f"{host} is {', '.join(ips)}")
    refusals = {ip: _refusal(ip, port) for ip in ips}
    answering = [ip for ip, refusal in refusals.items() if refusal is None]
    for ip, refusal in refusals.items():
        address = address_text(ip, port)
        if refusal is None:
            yield Finding(OK, f"{address} accepts connections")
        elif answering:
            remedy = f"some clients try only this one: let the broker listen on {host}, or give clients {answering[0]}"
            yield Finding(NOTE, f"{address}: {refusal}", remedy)
        else:
            remedy = f"does the broker run, have its listeners port {port}, is there a firewall between?"
            yield Finding(FAIL, f"{address}: {refusal}", remedy)
    if not answering:
        return
    try:
        connection = Connection(answering[0], port)
    except CommandError as error:
        yield Finding(FAIL, str(error), "is this the port of a listener with the security protocol PLAINTEXT?")
        return
    try:
        yield _versions(connection)
        yield from _cluster(connection, host, port)
    except CommandError as error:
        yield Finding(FAIL, str(error), "the broker's log may say why")
    finally:
        connection.close()


def resolved(host: str, port: int) -> list[str]:
    """Return the addresses of a name in the order in which they would be tried; OSError if there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def _refusal(ip: str, port: int) -> str | None:
    """Return why a connection fails, or None."""
    try:
        socket.create_connection((ip, port), CONNECT_SECONDS).close()
    except OSError as error:
        return reason(error)
    return None


def _versions(connection: Connection) -> Finding:
    missing = []
    for key in _NEEDED:
        try:
            connection.version_of(key)
        except CommandError:
            missing.append(APIS[key].name)
    levels = [f"{each.name} {each.max_version_level}" for each in connection.greeting.finalized_features]
    what = ", ".join([f"it speaks Kafka's protocol, {len(connection.versions)} APIs", *levels[:1]])
    if missing:
        return Finding(FAIL, f"{what}, without {', '.join(missing)}", "is this a controller's port, or a proxy's?")
    return Finding(OK, what)


def _cluster(connection: Connection, host: str, port: int) -> Iterator[Finding]:
    took = []
    for _ in range(ROUND_TRIPS):
        start = time.perf_counter()
        cluster: MetadataResponse = connection.send(MetadataRequest(topics=None))
        took.append(time.perf_counter() - start)
    yield Finding(OK, f"it answers Metadata in {median(took) * 1000:.1f} ms (median of {ROUND_TRIPS})")
    topics = sum(not topic.is_internal for topic in cluster.topics)
    what = f"cluster {cluster.cluster_id}: brokers {len(cluster.brokers)}, topics {topics}"
    if any(broker.node_id == cluster.controller_id for broker in cluster.brokers):
        yield Finding(OK, f"{what}, controller {cluster.controller_id}")
    else:
        yield Finding(FAIL, f"{what}, no controller", "topics cannot be created: see the brokers' logs")
    offline = [f"{t.name}-{p.partition_index}" for t in cluster.topics for p in t.partitions if p.leader_id < 0]
    if offline:
        shown = ", ".join(offline[:5]) + ", ..." * (len(offline) > 5)
        yield Finding(FAIL, f"partitions without a leader: {shown}", "is a broker down, or a log directory offline?")
    for broker in cluster.brokers:
        yield advertised(broker, cluster.cluster_id, host, port)


def advertised(broker: MetadataResponseBroker, cluster_id: str | None, host: str, port: int) -> Finding:
    """Tell if the address that a broker gives to clients leads to it; `host` and `port` are what the user gave."""
    address = address_text(broker.host, broker.port)
    what = f"broker {broker.node_id} tells clients to use {address}"
    remedy = "set its advertised.listeners to an address that clients reach"
    remedy += f", here PLAINTEXT://{address_text(host, port)}"
    try:
        ips = resolved(broker.host, broker.port)
        own = resolved(host, port)
    except OSError as error:
        return Finding(FAIL, f"{what}: {reason(error)}", remedy)
    if any(ip_address(ip.partition("%")[0]).is_unspecified for ip in ips):
        return Finding(FAIL, f"{what}, which is no address to connect to", remedy)
    if _are_loopback(ips) and not _are_loopback(own):
        return Finding(FAIL, f"{what}: on another machine, a client would look there on its own machine", remedy)
    try:
        with_broker = Connection(broker.host, broker.port)
    except CommandError as error:
        return Finding(FAIL, f"{what}: {error}", remedy)
    try:
        other = with_broker.send(MetadataRequest(topics=[])).cluster_id
    except CommandError as error:
        return Finding(FAIL, f"{what}: {error}", remedy)
    finally:
        with_broker.close()
    if other != cluster_id:
        return Finding(FAIL, f"{what}, where another cluster answers: {other}", remedy)
    is_same = (broker.host, broker.port) == (host, port)
    return Finding(OK, f"{what}, the address you gave" if is_same else f"{what}, and it answers there")


def _are_loopback(ips: Sequence[str]) -> bool:
    return all(ip_address(ip.partition("%")[0]).is_loopback for ip in ips)
