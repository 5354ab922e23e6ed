"""Text that nobody wrote for this test, carried by every client with every codec and read by the others.

The lines of Debian's package status, of the installed Python's sources and, where apt has any, of its package lists:
each client writes a share of its own per codec, to three partitions. Everything is then read back by another client,
compared by hash and order per partition; after a clean restart by the next client, and after a kill -9 by the one
after that.
PROD-23, FET-43, STO-24, STO-27, STO-28.
"""

import sysconfig
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.compat.clients import CLIENTS, Record, client_named, reason_to_skip
from tests.compat.clients.model import by_partition
from tests.compat.conftest import stop_and_check
from tests.compat.process import Broker, new_broker
from tests.compat.topics import create_topic

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
PARTITIONS = 3
SHARE = 7_000
"""How many lines each client carries with each codec; 20 shares are 140,000 records."""

PHASES = ("running", "restarted", "killed")


class Share(NamedTuple):
    """What one client wrote with one codec."""

    topic: str
    records: list[Record]
    writer: str


def lines() -> Iterator[bytes]:
    """Yield lines as they are, with their line ends, until real text runs out; kcat's separators do not occur."""
    for path in sources():
        try:
            text = path.read_bytes()
        except OSError:
            continue
        if path.suffix == ".lz4":
            text = _unpacked(text)
        yield from (line for line in text.splitlines(keepends=True) if not (b"\x1e" in line or b"\x1f" in line))


def sources() -> Iterator[Path]:
    """Yield the files, those first that are on every machine of a kind."""
    yield Path("/var/lib/dpkg/status")
    yield from sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    yield from sorted(Path("/var/lib/apt/lists").glob("*_Packages*"))
    yield from sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*/*.py"))


def _unpacked(text: bytes) -> bytes:
    import lz4.frame

    return bytes(lz4.frame.decompress(text))


def digests(records: list[Record]) -> dict[int, tuple[int, str]]:
    """Return, by partition, the number of records and a hash over keys and values in order."""
    out = {}
    for partition, rows in by_partition(records).items():
        total = sha256()
        for row in rows:
            for part in (row.key, row.value):
                total.update(b"-" if part is None else b"%d " % len(part) + part)
        out[partition] = (len(rows), total.hexdigest())
    return out


class Carried:
    """A broker that holds all shares, and which phase it is in."""

    def __init__(self, broker: Broker, shares: dict[tuple[str, str], Share]) -> None:
        self.broker = broker
        self.shares = shares
        self.clients = [name for name in CLIENTS if not reason_to_skip(name)]
        self.phase = PHASES[0]

    def reader(self, writer: str) -> str:
        """Return who reads what `writer` wrote: someone else in each phase."""
        step = 1 + PHASES.index(self.phase)
        return self.clients[(self.clients.index(writer) + step) % len(self.clients)]

    def move_on_to(self, phase: str) -> None:
        """Restart or kill the broker once, when a new phase begins."""
        if phase != self.phase:
            self.phase = phase
            self.broker.restart(clean=phase == "restarted")


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    """Start a broker and let every client write its shares."""
    broker = new_broker(tmp_path_factory.mktemp("real-input")).start()
    text = lines()
    shares = {}
    for writer in CLIENTS:
        if reason_to_skip(writer):
            continue
        client = client_named(writer)
        for codec in client.codecs:
            topic = create_topic(broker.bootstrap, f"{writer}-{codec}", PARTITIONS)
            records = [
                Record(line, b"%d" % number if number % 5 else None, partition=number % PARTITIONS)
                for number, line in enumerate(islice(text, SHARE))
            ]
            client.produce(broker.bootstrap, topic, records, codec=codec)
            shares[writer, codec] = Share(topic, records, writer)
    yield Carried(broker, shares)
    stop_and_check(broker)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("writer", CLIENTS)
@pytest.mark.parametrize("phase", PHASES)
def test_every_line_is_read_back_in_order(carried: Carried, phase: str, writer: str, codec: str) -> None:
    if reason_to_skip(writer):
        pytest.skip(reason_to_skip(writer))
    if (writer, codec) not in carried.shares:
        pytest.skip(f"{writer} has no {codec}")
    carried.move_on_to(phase)
    share = carried.shares[writer, codec]
    assert len(share.records) == SHARE, "this machine has too little text"
    reader = client_named(carried.reader(writer))
    got = reader.consume(carried.broker.bootstrap, share.topic, SHARE, partitions=range(PARTITIONS))
    assert digests(got) == digests(share.records)
    for rows in by_partition(got).values():
        assert [row.offset for row in rows] == list(range(len(rows)))
