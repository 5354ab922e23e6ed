"""What goes wrong with simulated files on purpose: errors at some paths, and the end of the process somewhere."""

from __future__ import annotations

import os
from collections.abc import Set
from typing import Final

READING: Final = frozenset(("list", "read", "stat"))
SYNCING: Final = frozenset(("sync", "sync_directory"))
WRITING: Final = frozenset(("append", "lock", "make_directory", "open", "remove", "rename", "truncate"))
OPERATIONS: Final = READING | SYNCING | WRITING
"""What `Faults.fail` knows. `stat` stands for sizes, times, free bytes and existence; a read-only directory fails all
that is `WRITING` with EROFS."""


class Crashed(BaseException):
    """The process is at its end; whoever simulates it goes on with `SimFiles.kill` or `power_cut`.

    Not an Exception, so that no code under test takes it for a failure that it can handle. `written` is the share of an
    append that is done all the same.
    """

    def __init__(self, written: float = 0.0) -> None:
        super().__init__("the simulated process has crashed")
        self.written = written


class _Fault:
    """Operations that fail at a path and below it; `times` None means always."""

    __slots__ = ("errno", "operations", "path", "times")

    def __init__(self, path: str, errno: int, operations: Set[str], times: int | None) -> None:
        self.path = path.rstrip("/")
        self.errno = errno
        self.operations = operations
        self.times = times

    def hits(self, operation: str, path: str) -> bool:
        """Return whether this operation fails, which counts as one time."""
        if operation not in self.operations or not is_at_or_below(path, self.path) or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """Which operations fail, and which is the last. `operations` counts those that changed something, or synced it."""

    def __init__(self) -> None:
        self.operations = 0
        self._faults: list[_Fault] = []
        self._crash_at: int | None = None
        self._crash_written = 0.0

    def crash_after(self, operations: int, written: float = 0.0) -> None:
        """Raise `Crashed` instead of the `operations`th operation from now on, and of all that follow it.

        If that one is an append, the share `written` of its bytes, from 0 to 1, gets into the file.
        """
        self._crash_at = self.operations + operations
        self._crash_written = written

    def fail(self, path: str, errno: int, operations: Set[str] = OPERATIONS, times: int | None = None) -> None:
        """Let these operations fail at `path` and below it, `times` times, or until `heal`.

        They change nothing then, except that a failed sync loses what it should have written.
        """
        if not operations <= OPERATIONS:
            raise ValueError(f"unknown operations: {operations - OPERATIONS}")
        self._faults.append(_Fault(path, errno, operations, times))

    def heal(self, path: str = "/") -> None:
        """Let nothing fail any more at `path` and below it."""
        self._faults = [fault for fault in self._faults if not is_at_or_below(fault.path, path.rstrip("/"))]

    def _forget_crash(self) -> None:
        """Let the next process live."""
        self._crash_at = None

    def _check(self, operation: str, *paths: str) -> None:
        """Raise the OSError that `fail` asked for."""
        for fault in self._faults:
            for path in paths:
                if fault.hits(operation, path):
                    raise os_error(fault.errno, path)

    def _step(self) -> None:
        """Count an operation that is about to change something; Crashed instead, if it is time."""
        self.operations += 1
        if self._crash_at is not None and self.operations >= self._crash_at:
            raise Crashed(self._crash_written if self.operations == self._crash_at else 0.0)


def os_error(errno: int, path: str | None = None) -> OSError:
    """Return what the operating system would raise."""
    return OSError(errno, os.strerror(errno), path) if path is not None else OSError(errno, os.strerror(errno))


def is_at_or_below(path: str, top: str) -> bool:
    """Return whether `path` is `top`, which has no slash at its end, or in it."""
    return path == top or path.startswith(top + "/")
