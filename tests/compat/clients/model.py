"""What a scenario may ask of every client."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import NamedTuple

TIMEOUT_S = 30.0
"""How long any single thing may take before the test fails."""


class Record(NamedTuple):
    """A record to send, or one that arrived. `timestamp` None lets the client choose."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int | None = None
    partition: int = 0
    offset: int = -1


class Member(ABC):
    """One member of a consumer group. Auto-commit is off; a new group starts at the beginning."""

    @abstractmethod
    def poll(self) -> list[Record]:
        """Return what has arrived, after waiting a moment; also keeps the membership alive."""

    @abstractmethod
    def assignment(self) -> set[tuple[str, int]]:
        """Return the partitions that this member owns now."""

    @abstractmethod
    def commit(self) -> None:
        """Commit the position of every owned partition, and wait for the answer."""

    @abstractmethod
    def close(self) -> None:
        """Leave the group (a static member just goes away)."""


class Client(ABC):
    """A Kafka client on its default settings, except for what an argument says."""

    name: str
    codecs: tuple[str, ...] = ("none", "gzip", "snappy", "lz4", "zstd")
    assignors: tuple[str, ...] = ()
    sets_timestamps = True
    reports_offsets = True
    sends_null_headers = True
    sends_empty_keys = True

    @abstractmethod
    def produce(
        self, bootstrap: str, topic: str, records: Iterable[Record], *, codec: str = "none", acks: str = "all",
        idempotent: bool = False, max_bytes: int | None = None,
    ) -> list[int]:
        """Send records to the partitions they name and wait for all; return their offsets, if the client tells.

        What the broker refuses raises `Refused`. `max_bytes` raises the client's own limit of a request.
        """

    @abstractmethod
    def consume(
        self, bootstrap: str, topic: str, count: int, *, partitions: Sequence[int] = (0,), start: int | None = None,
    ) -> list[Record]:
        """Return `count` records from the beginning, or offset `start`, of partitions, each in offset order."""

    @abstractmethod
    def member(
        self, bootstrap: str, group: str, topic: str, *, assignor: str | None = None, instance: str | None = None,
        heartbeat_ms: int | None = None,
    ) -> Member:
        """Return a new member of a group, subscribed to `topic`; quicker heartbeats hear of rebalances sooner."""


class Refused(Exception):
    """A client heard an error from the broker; the text is the client's own."""


def usable_codecs(module: ModuleType) -> tuple[str, ...]:
    """Return the codecs whose packages are installed, as a Python client's own module of codecs sees it."""
    names = ("gzip", "snappy", "lz4", "zstd")
    return ("none", *(name for name in names if getattr(module, f"has_{name}")()))


def by_partition(records: Iterable[Record]) -> dict[int, list[Record]]:
    """Return records by partition, in the order in which they came."""
    out: dict[int, list[Record]] = {}
    for record in records:
        out.setdefault(record.partition, []).append(record)
    return out
