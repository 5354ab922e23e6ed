"""What the drivers in Python share: arguments in, events out, and the ways in which a verb ends.

A driver hands `main` a function per verb, which gets the bootstrap address and the arguments. It prints its events with
`emit`, returns when done, and raises otherwise: `Unsupported` for what the library cannot do, the library's own errors
for what the broker refused; the driver's `error_name` says how Kafka calls them. The protocol is in ../README.md.
"""

import base64
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Arguments = dict[str, Any]
Header = tuple[str, bytes | None]
Verb = Callable[[str, Arguments], None]

TIMEOUT_MS = 30_000
MEMBER_LIFE_MS = 120_000
CODECS = ("gzip", "snappy", "lz4", "zstd")

_MANY = 1000
"""With more records than these one event tells of all that were delivered."""


class Unsupported(Exception):
    """The library cannot do what was asked; the text says what."""


_printing = threading.Lock()


def emit(event: str, **fields: object) -> None:
    """Print one event, at once; from any thread."""
    line = json.dumps({"event": event, **fields}) + "\n"
    with _printing:
        sys.stdout.write(line)
        sys.stdout.flush()


def encoded(data: bytes | None) -> str | None:
    """Return bytes as the protocol has them."""
    return None if data is None else base64.b64encode(data).decode()


def decoded(text: str | None) -> bytes | None:
    """Return what the protocol has as bytes."""
    return None if text is None else base64.b64decode(text)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to produce; `timestamp` and `partition` are the library's choice when None."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[Header, ...] = ()
    timestamp: int | None = None
    partition: int | None = None


def outgoing(arguments: Arguments) -> Iterator[Outgoing]:
    """Yield the records of a `produce`: the listed ones, or `count` of `size` bytes each."""
    for given in arguments.get("records", ()):
        yield Outgoing(
            decoded(given.get("value")), decoded(given.get("key")),
            tuple((name, decoded(value)) for name, value in given.get("headers") or ()),
            given.get("timestamp"), given.get("partition"),
        )
    if "records" not in arguments:
        for number in range(arguments["count"]):
            yield Outgoing(b"%08d" % number + b"." * (arguments["size"] - 8), partition=arguments.get("partition"))


class Deliveries:
    """Tells how the records of a `produce` end, in whatever order and thread that is heard."""

    def __init__(self, arguments: Arguments) -> None:
        self._many = arguments.get("count", len(arguments.get("records", ()))) > _MANY
        self._delivered = 0

    def delivered(self, index: int, partition: int, offset: int | None) -> None:
        """A record is in the log; `offset` None or negative when the library does not tell."""
        if self._many:
            self._delivered += 1
        else:
            emit("delivered", index=index, partition=partition, offset=-1 if offset is None else offset)

    def failed(self, index: int, error: str, message: object) -> None:
        """A record is given up."""
        emit("failed", index=index, error=error, message=str(message))

    def end(self) -> None:
        """All are settled."""
        if self._many:
            emit("delivered-all", count=self._delivered)


def emit_record(
    partition: int, offset: int, timestamp: int | None, key: bytes | None, value: bytes | None,
    headers: Iterable[Header], **more: object,
) -> None:
    """Print a consumed record; `more` is its topic where the protocol wants it."""
    emit(
        "record", **more, partition=partition, offset=offset, timestamp=timestamp,
        key=encoded(key), value=encoded(value), headers=[[name, encoded(content)] for name, content in headers],
    )


class Intake:
    """Prints what a `consume` gets, and knows when it is enough: `count` records, or silence for `quiet_ms`."""

    def __init__(self, arguments: Arguments) -> None:
        self._left = arguments.get("count")
        self._quiet_s = arguments["quiet_ms"] / 1000 if "quiet_ms" in arguments else None
        self._heard = time.monotonic()

    @property
    def enough(self) -> bool:
        """Whether the verb is done."""
        return self._left == 0 or (self._quiet_s is not None and time.monotonic() - self._heard >= self._quiet_s)

    def take(self, *record: Any) -> None:
        """Print one record, in the order of `emit_record`'s arguments; none after the last that was asked for."""
        self._heard = time.monotonic()
        if self._left == 0:
            return
        if self._left is not None:
            self._left -= 1
        emit_record(*record)


class Commands:
    """The commands of a group member, read in a thread of their own; the end of stdin is a `stop`."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Arguments] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self._queue.put(json.loads(line))
        self._queue.put({"do": "stop"})

    def next(self) -> Arguments | None:
        """Return a command if one came; never waits."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            return None


def _give_up() -> None:
    emit("error", error="TIMEOUT", message="the time is up")
    os._exit(1)  # whatever the library waits for in other threads


def main(verbs: dict[str, Verb], error_name: Callable[[Exception], str]) -> None:
    """Run the verb of the command line and end the process as the protocol says."""
    verb, bootstrap = sys.argv[1:3]
    arguments: Arguments = json.loads(sys.stdin.readline() or "{}")
    default_ms = MEMBER_LIFE_MS if verb == "group" else TIMEOUT_MS
    watchdog = threading.Timer(arguments.get("timeout_ms", default_ms) / 1000, _give_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        if verb not in verbs:
            raise Unsupported(verb)
        verbs[verb](bootstrap, arguments)
    except Unsupported as unsupported:
        emit("unsupported", what=str(unsupported))
        sys.exit(3)
    except Exception as error:  # a driver judges nothing: whatever the library raises is told
        traceback.print_exc()
        emit("error", error=error_name(error), message=str(error))
        sys.exit(1)
    watchdog.cancel()
    emit("done")
