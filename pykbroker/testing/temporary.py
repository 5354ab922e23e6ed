"""Where the data of a broker for tests is: a directory that goes away with it, and files that nobody needs on a device.

A process that is killed cannot remove its directory. The next broker does: a directory with such a name whose `.lock`
nobody holds belongs to nobody, unless it is so young that its broker may still be starting.
"""

from __future__ import annotations

import os
import time
import weakref
from contextlib import suppress
from shutil import rmtree
from tempfile import gettempdir, mkdtemp
from typing import Final

from pykbroker.storage.files import RealFile, RealFiles

MEMORY: Final = "/dev/shm"
_PREFIX: Final = "pykbroker-"
_SUFFIX: Final = "-temporary"
_YOUNG_SECONDS: Final = 60.0
_ROOM_BYTES: Final = 1 << 30


class TemporaryDirectory:
    """A new directory. `remove` it in the end; at the latest the interpreter does when it exits.

    With `in_memory` it is in a file system that is in memory, if there is one with room. A child that was forked off
    does not remove it.
    """

    def __init__(self, in_memory: bool) -> None:
        parent = MEMORY if in_memory and has_room(MEMORY) else gettempdir()
        remove_abandoned(parent)
        self.path = mkdtemp(_SUFFIX, _PREFIX, parent)
        self._finalizer = weakref.finalize(self, _remove, self.path, os.getpid())

    def remove(self) -> None:
        """Remove it with all that is in it; harmless if it is gone already."""
        self._finalizer()


def has_room(path: str) -> bool:
    """Tell if a directory can take files, and the data of any test: a container may have 64 MB of memory to share."""
    try:
        volume = os.statvfs(path)
    except OSError:
        return False
    return os.access(path, os.W_OK | os.X_OK) and volume.f_bavail * volume.f_frsize >= _ROOM_BYTES


def _remove(path: str, pid: int) -> None:
    if os.getpid() == pid:
        rmtree(path, ignore_errors=True)


def remove_abandoned(parent: str) -> None:
    """Remove what brokers for tests left in a directory because their process was killed."""
    for name in os.listdir(parent):
        if not (name.startswith(_PREFIX) and name.endswith(_SUFFIX)):
            continue
        path = os.path.join(parent, name)
        with suppress(OSError):  # another user's, or gone meanwhile
            if time.time() - os.stat(path).st_mtime < _YOUNG_SECONDS or not os.path.exists(f"{path}/.lock"):
                continue
            lock = RealFiles().lock(f"{path}/.lock")
            if lock is not None:
                rmtree(path, ignore_errors=True)
                lock.release()


class _UnsyncedFile(RealFile):
    __slots__ = ()

    def sync(self) -> None:
        pass


class UnsyncedFiles(RealFiles):
    """The file system without fsync: whatever a crash of the machine would lose, nobody would look for."""

    __slots__ = ()

    def open(self, path: str) -> RealFile:
        return _UnsyncedFile(path)

    def replace(self, path: str, content: bytes) -> None:
        temporary = f"{path}.tmp"
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, path)

    def sync_directory(self, path: str) -> None:
        pass
