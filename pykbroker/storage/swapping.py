"""Putting a cleaned segment in the place of those it was made from, so that a crash at any point loses nothing.

    1  the cleaned segment is complete and on the device      X.log.cleaned, and its indexes
    2  it is to count; from here on the log reads it          X.log.swap
    3  those that it replaces are out of the way              X.log.deleted, Y.log.deleted
    4  it has its place                                       X.log

A start (`recovery.py`) removes what is `.cleaned`, and with it a `.swap` that did not become one as a whole. It
finishes a swap from where the names say that it was, and removes what is `.deleted`. The directory is synced before 3,
and before 4: nothing may be gone before its replacement is safe, and two segments must never claim the same offsets
(`LocalLog.replaceSegments`, `LogLoader`; STO-26).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import EIO, ENOENT
from typing import Any, Final

from pykbroker.env import Env, Files
from pykbroker.later import Later
from pykbroker.steps import Task
from pykbroker.storage.aborted import AbortedIndex
from pykbroker.storage.log import Log
from pykbroker.storage.segment import FILE_SUFFIXES, Segment

CLEANED: Final = ".cleaned"
SWAP: Final = ".swap"
DELETED: Final = ".deleted"
_RENAMED_AT_A_TURN: Final = 8


def settle(files: Files, cleaned: Segment, aborted: AbortedIndex) -> None:
    """Complete the files of a cleaned segment, and return once they are on the device. Blocks."""
    cleaned.finish()
    cleaned.save_indexes()
    cleaned.replace_aborted(aborted)
    cleaned.file.sync()
    for kind in FILE_SUFFIXES[1:]:
        if files.exists(cleaned.path_of(kind)):
            file = files.open(cleaned.path_of(kind))
            try:
                file.sync()
            finally:
                file.close()


def put_in_place(
    env: Env,
    log: Log,
    old: Sequence[Segment],
    cleaned: Segment,
    is_over: Callable[[], bool],
    erase_later: Callable[[Sequence[str]], None],
) -> Task[bool]:
    """Put a settled segment in the place of `old`, neighbours in the log; return False if it came to its end meanwhile.

    An OSError is always EIO: with files half renamed, only the next start can tell which count.
    """
    try:
        if not env.files.exists(cleaned.path_of(".log")):
            raise FileNotFoundError(ENOENT, "somebody has removed it", cleaned.path_of(".log"))
        cleaned.rename(SWAP)
        log.replace_segments(old, cleaned)
        yield _synced(env, log)
        replaced: list[str] = []
        for count, segment in enumerate(reversed(old), 1):
            if is_over():
                return False
            replaced += segment.rename(DELETED)
            if count % _RENAMED_AT_A_TURN == 0:
                yield None
        yield _synced(env, log)
        if is_over():
            return False
        if cleaned.suffix == SWAP:  # not if retention has taken it out of the log meanwhile
            cleaned.rename("")
            cleaned.cool()
    except OSError as error:
        if is_over():
            return False  # the topic was deleted meanwhile, and its directory is elsewhere
        raise OSError(EIO, f"cannot put a cleaned segment in place: {error.strerror}", error.filename) from error
    erase_later(replaced)
    return True


def _synced(env: Env, log: Log) -> Later[Any]:
    return env.workers.submit(lambda: env.files.sync_directory(log.directory))
