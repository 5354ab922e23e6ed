"""Records as scenarios write them and drivers speak of them."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Record(NamedTuple):
    """A record to send, or one that came. What is None or negative is left to the library, or not known."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = -1
    partition: int = -1
    offset: int = -1
    topic: str = ""

    @property
    def body(self) -> tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]:
        """What the sender chose, without what the broker and the library added."""
        return self.key, self.value, self.headers


def encoded(records: Iterable[Record]) -> list[dict[str, object]]:
    """Return records as a driver's `produce` takes them."""
    out = []
    for record in records:
        fields: dict[str, object] = {"value": _text(record.value)}
        if record.key is not None:
            fields["key"] = _text(record.key)
        if record.headers:
            fields["headers"] = [[name, _text(value)] for name, value in record.headers]
        if record.timestamp >= 0:
            fields["timestamp"] = record.timestamp
        if record.partition >= 0:
            fields["partition"] = record.partition
        out.append(fields)
    return out


def decoded(events: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Return the records among a driver's events, in order."""
    return [
        Record(
            _raw(event.get("value")),
            _raw(event.get("key")),
            tuple((name, _raw(value)) for name, value in event.get("headers") or ()),
            event.get("timestamp", -1),
            event.get("partition", -1),
            event.get("offset", -1),
            event.get("topic", ""),
        )
        for event in events
        if event["event"] == "record"
    ]


def numbered(count: int, mark: str = "r", partitions: int = 0) -> list[Record]:
    """Return `count` records with values that tell them apart, over `partitions` in turn if that is given."""
    return [Record(f"{mark}{n}".encode(), partition=n % partitions if partitions else -1) for n in range(count)]


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _raw(value: str | None) -> bytes | None:
    return None if value is None else b64decode(value)
