"""`Env`: everything that can fail, wait or be random, as four small protocols.

The core asks only these for time, files, background work and random bytes, so that a simulated `Env` and a seed
replay any run. The real clock and workers live beside the event loop (`server/loop.py`); real files in
`storage/files.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from pykbroker.later import Later

T = TypeVar("T")
Bytes = bytes | bytearray | memoryview


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> None:
        """Make sure that it is not called; harmless if it was already."""


class Clock(Protocol):
    """The time of day, and calls that are due later."""

    def now_ms(self) -> int:
        """Return the wall clock: milliseconds since 1970, as in record timestamps."""

    def call_later(self, delay_ms: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `delay_ms` from now, never from inside this call."""


class File(Protocol):
    """One open file: appended to at its end, read anywhere."""

    path: str
    size: int

    def append(self, content: Bytes) -> None:
        """Write all of it at the end, or raise OSError and leave the file as it was (cut back to `size`)."""

    def read(self, length: int, position: int) -> bytes:
        """Return up to `length` bytes from `position`; fewer only at the end of the file."""

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""

    def sync(self) -> None:
        """Return once everything written is on the device (fsync). Blocks: call it through `Workers`."""

    def fileno(self) -> int:
        """Return the descriptor for sendfile, or -1 where there is none."""

    def close(self) -> None:
        """Close it; harmless when closed already."""


class Files(Protocol):
    """A file system: absolute paths, OSError on failure."""

    def open(self, path: str) -> File:
        """Open for reading and appending; created when missing."""

    def exists(self, path: str) -> bool: ...
    def size(self, path: str) -> int: ...
    def modified_ms(self, path: str) -> int:
        """Return when a file was last written to, in milliseconds since 1970."""

    def list(self, directory: str) -> list[str]:
        """Return the names in a directory, sorted; an empty list if there is no such directory."""

    def read(self, path: str) -> bytes:
        """Return the whole content."""

    def replace(self, path: str, content: bytes) -> None:
        """Make `content` the file's whole content, atomically: temporary file, fsync, rename."""

    def make_directory(self, path: str) -> None:
        """Create it with its parents; harmless when there already."""

    def rename(self, old: str, new: str) -> None: ...
    def remove(self, path: str) -> None:
        """Remove a file; harmless when missing."""

    def remove_tree(self, path: str) -> None:
        """Remove a directory with all it holds; harmless when missing."""

    def sync_directory(self, path: str) -> None:
        """Return once the directory's entries are on the device."""

    def lock(self, path: str) -> Lock | None:
        """Take an exclusive lock on a file (created when missing); None if another process holds it."""

    def free_bytes(self, path: str) -> tuple[int, int]:
        """Return (total, usable) bytes of the volume that holds `path`."""


class Lock(Protocol):
    """A held lock."""

    def release(self) -> None: ...


class Workers(Protocol):
    """Threads for calls that block."""

    def submit(self, call: Callable[[], T]) -> Later[T]:
        """Run `call` elsewhere; the result resolves on the core's own thread."""

    def run_all(self, calls: Sequence[Callable[[], T]], threads: int) -> list[T]:
        """Run all, up to `threads` at once; return their results, in order, when all are done. Blocks: for a start.

        Raises what the first of them raised, once none runs any more.
        """


class Random(Protocol):
    """Unpredictable, or seeded."""

    def bytes(self, count: int) -> bytes: ...


class Env:
    """The outside world, as the core sees it."""

    __slots__ = ("clock", "files", "random", "workers")

    def __init__(self, clock: Clock, files: Files, workers: Workers, random: Random) -> None:
        self.clock = clock
        self.files = files
        self.workers = workers
        self.random = random


def random_uuid(random: Random) -> bytes:
    """Return the 16 bytes of a random (version 4) UUID, never one whose base64 form starts with a dash.

    Kafka avoids a leading `-` because its command-line tools would read such an id as an option
    (`org.apache.kafka.common.Uuid.randomUuid`).
    """
    while True:
        raw = bytearray(random.bytes(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        if raw[0] >> 2 != 62:
            return bytes(raw)
