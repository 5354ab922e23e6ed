"""`RealFiles`: the operating system's files behind the protocols of `env.py`.

A file is written at a position that we keep, so that what a failed write left behind is overwritten by the next one,
even if cutting it off failed as well. A descriptor is closed when the last holder of its `RealFile` lets go of it: a
slice that is still being sent survives the deletion of its file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOENT, ENOTDIR
from itertools import count

from pykbroker.env import Bytes, Lock


class RealFile:
    """An open file; see `env.File`."""

    __slots__ = ("_fd", "path", "size")

    def __init__(self, path: str) -> None:
        self._fd = -1  # so that __del__ finds it if the open fails
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.size = os.fstat(self._fd).st_size

    def append(self, content: Bytes) -> None:
        try:
            written = os.pwrite(self._fd, content, self.size)
            if written != len(content):
                self._write_rest(memoryview(content), written)
        except OSError:
            self._cut_back()
            raise
        self.size += len(content)

    def _write_rest(self, content: memoryview, written: int) -> None:
        """Go on after a short write; a full disk first writes less, and fails the next time."""
        while written < len(content):
            written += os.pwrite(self._fd, content[written:], self.size + written)

    def _cut_back(self) -> None:
        with suppress(OSError):  # if not, the next append writes over it, or recovery cuts a torn tail
            os.ftruncate(self._fd, self.size)

    def read(self, length: int, position: int) -> bytes:
        return os.pread(self._fd, length, position)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        self.size = size

    def sync(self) -> None:
        os.fsync(self._fd)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    __del__ = close


class RealLock:
    """A lock that is held until released, or until the process ends."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class RealFiles:
    """The file system; see `env.Files`."""

    __slots__ = ("_serial",)

    def __init__(self) -> None:
        self._serial = count()

    def open(self, path: str) -> RealFile:
        return RealFile(path)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def size(self, path: str) -> int:
        return os.stat(path).st_size

    def modified_ms(self, path: str) -> int:
        return os.stat(path).st_mtime_ns // 1_000_000

    def list(self, directory: str) -> list[str]:
        try:
            return sorted(os.listdir(directory))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: str) -> bytes:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            parts = []
            while part := os.read(fd, size + 1):
                parts.append(part)
            return b"".join(parts)
        except OSError as error:  # which does not know what it was about
            raise OSError(error.errno, error.strerror, path) from None
        finally:
            os.close(fd)

    def replace(self, path: str, content: bytes) -> None:
        # A name of its own: two threads may replace the same file. Left-over ones end in .tmp, as Kafka's do.
        temporary = f"{path}.{os.getpid()}-{next(self._serial)}.tmp"
        file = RealFile(temporary)
        try:
            file.truncate(0)
            file.append(content)
            file.sync()
            os.replace(temporary, path)
        except OSError:
            self.remove(temporary)
            raise
        finally:
            file.close()
        self.sync_directory(os.path.dirname(path))

    def make_directory(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def rename(self, old: str, new: str) -> None:
        os.replace(old, new)

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(path)

    def remove_tree(self, path: str) -> None:
        from shutil import rmtree

        try:
            rmtree(path)
        except OSError as error:
            if error.errno not in (ENOENT, ENOTDIR):
                raise

    def sync_directory(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def lock(self, path: str) -> Lock | None:
        import fcntl

        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            # flock keeps out our own kind, also within this process; lockf is what Java's FileLock takes.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # lockf may say EACCES instead of EAGAIN
            os.close(fd)
            return None
        return RealLock(fd)

    def free_bytes(self, path: str) -> tuple[int, int]:
        volume = os.statvfs(path)
        return volume.f_blocks * volume.f_frsize, volume.f_bavail * volume.f_frsize
