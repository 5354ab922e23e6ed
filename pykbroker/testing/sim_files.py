"""`SimFiles`: files in memory, behind the protocols of `env.py`, that fail, crash and lose what was not synced.

    files = SimFiles(clock)
    files.make_directory("/logs")
    files.sync_directory("/")
    files.crash_after(7)          # `Crashed` instead of the 7th operation that changes something
    ...
    files.power_cut(random)       # from here on it is what the next process finds

A process sees what it would see of `RealFiles`, down to the errors. An operation is what is one system call there, so
that a crash also hits the middle of a `replace` or a `remove_tree`. What a power cut leaves is told in `sim_disk.py`,
what else can go wrong in `faults.py`. Nothing is random by itself: the same calls give the same files.
"""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EBADF, EEXIST, EINVAL, EISDIR, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY
from typing import Final

from pykbroker.env import Bytes, Clock, File, Files, Lock, Random
from pykbroker.testing.faults import Crashed, Faults, is_at_or_below, os_error
from pykbroker.testing.sim_disk import Content, Directory, Disk, Node

_UNLIMITED_BYTES: Final = 1 << 50


class SimFile(File):
    """An open file; good for the process that opened it, and no longer."""

    def __init__(self, files: SimFiles, path: str, content: Content) -> None:
        self.path = path
        self.size = content.size
        self._files = files
        self._content: Content | None = content
        self._process = files.processes

    def _opened(self) -> Content:
        if self._content is None or self._process != self._files.processes:
            raise os_error(EBADF)
        return self._content

    def append(self, content: Bytes) -> None:
        held, files = self._opened(), self._files
        try:
            files._write(held, content, self.size, self.path)
        except OSError:
            with suppress(OSError):  # the next append then writes over what is left
                files._resize(held, self.size, self.path)
            raise
        self.size += len(content)

    def read(self, length: int, position: int) -> bytes:
        if length < 0 or position < 0:
            raise os_error(EINVAL)
        held = self._opened().held
        self._files._check("read", self.path)
        return bytes(memoryview(held)[position : position + length])

    def truncate(self, size: int) -> None:
        if size < 0:
            raise os_error(EINVAL)
        held = self._opened()
        self._files._resize(held, size, self.path)
        self.size = size

    def sync(self) -> None:
        self._files._sync(self._opened(), "sync", self.path)

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        self._content = None


class SimLock(Lock):
    """A lock that is held until released, or until the process ends."""

    def __init__(self, held: list[SimLock], content: Content) -> None:
        self.content = content
        self._held = held
        held.append(self)

    def release(self) -> None:
        with suppress(ValueError):
            self._held.remove(self)


class SimFiles(Faults, Files):
    """A file system that at first has the directory `/` only, and serves one process at a time, on one thread.

    `clock` is what files get their times from. `capacity_bytes` may be changed at any time: an append that does not fit
    writes what fits, fails with ENOSPC and is cut back. `processes` counts those that have come and gone, and the
    present one.
    """

    def __init__(self, clock: Clock, capacity_bytes: int | None = None) -> None:
        super().__init__()
        self.clock = clock
        self.capacity_bytes = capacity_bytes
        self.processes = 1
        self._disk = Disk(clock.now_ms())
        self._locks: list[SimLock] = []
        self._serial = 0
        self._used_bytes = 0

    def kill(self) -> None:
        """End the process: all that it wrote is there, its open files and locks are not.

        What of it could still run, its timers and workers, is for the caller to stop.
        """
        self._forget_crash()
        self._locks.clear()
        self.processes += 1

    def power_cut(self, random: Random | None = None) -> None:
        """End the process and lose what was not synced: as much of it as `random` has it, or without one all of it."""
        self.kill()
        self._used_bytes = self._disk.power_cut(random)

    # -- Contents

    def open(self, path: str) -> SimFile:
        self._check("open", path)
        return SimFile(self, path, self._content(path))

    def _content(self, path: str) -> Content:
        """Return the file at a path, created when missing."""
        directory, name = self._disk.place(path)
        node = directory.entries.get(name)
        if isinstance(node, Directory):
            raise os_error(EISDIR, path)
        if node is None:
            self._step()
            node = Content(self.clock.now_ms())
            self._disk.change(self.clock.now_ms(), (directory, name, node))
        return node

    def _write(self, held: Content, content: Bytes, position: int, path: str) -> None:
        """Write all of it; or a part, and raise: what there is room for (ENOSPC), or what is written in a crash."""
        try:
            self._step()
        except Crashed as crash:
            self._put(held, content[: int(len(content) * crash.written)], position)
            raise
        self._check("append", path)
        if self.capacity_bytes is not None:
            room = max(0, self.capacity_bytes - self._used_bytes + held.size - position)
            if len(content) > room:
                self._put(held, content[:room], position)
                raise os_error(ENOSPC)
        self._put(held, content, position)

    def _put(self, held: Content, content: Bytes, position: int) -> None:
        if len(content):
            before = held.size
            held.write(content, position)
            self._changed(held, before)

    def _resize(self, held: Content, size: int, path: str) -> None:
        """Cut a file, or fill it up with zeros."""
        self._step()
        self._check("truncate", path)
        before = held.size
        held.resize(size)
        self._changed(held, before)

    def _changed(self, held: Content, size_before: int) -> None:
        held.modified_ms = self.clock.now_ms()
        if held.is_linked:
            self._used_bytes += held.size - size_before

    def _sync(self, held: Content, operation: str, path: str) -> None:
        """Make a content safe; if that is to fail, what was not safe is lost."""
        self._step()
        try:
            self._check(operation, path)
        except OSError:
            held.lose_unsynced()
            raise
        held.sync()

    def read(self, path: str) -> bytes:
        self._check("read", path)
        node = self._disk.find(path)
        if isinstance(node, Directory):
            raise os_error(EISDIR)
        return bytes(node.held)

    def replace(self, path: str, content: bytes) -> None:
        # The same calls, in the same order, as RealFiles makes.
        temporary = f"{path}.{self.processes}-{self._serial}.tmp"
        self._serial += 1
        file = self.open(temporary)
        try:
            file.truncate(0)
            file.append(content)
            file.sync()
            self.rename(temporary, path)
        except OSError:
            self.remove(temporary)
            raise
        finally:
            file.close()
        self.sync_directory(os.path.dirname(path))

    # -- Names

    def exists(self, path: str) -> bool:
        try:
            self._check("stat", path)
            self._disk.find(path)
        except OSError:
            return False
        return True

    def size(self, path: str) -> int:
        self._check("stat", path)
        node = self._disk.find(path)
        return node.size if isinstance(node, Content) else 0

    def modified_ms(self, path: str) -> int:
        self._check("stat", path)
        return self._disk.find(path).modified_ms

    def make_directory(self, path: str) -> None:
        self._check("make_directory", path)
        try:
            if isinstance(self._disk.find(path), Content):
                raise os_error(EEXIST, path)
        except FileNotFoundError:
            self.make_directory(os.path.dirname(path.rstrip("/")))
            directory, name = self._disk.place(path)
            self._step()
            now_ms = self.clock.now_ms()
            self._disk.change(now_ms, (directory, name, Directory(now_ms)))

    def rename(self, old: str, new: str) -> None:
        self._check("rename", old, new)
        old_directory, old_name = self._disk.place(old)
        new_directory, new_name = self._disk.place(new)
        node = old_directory.entries.get(old_name)
        if node is None:
            raise os_error(ENOENT, old)
        target = new_directory.entries.get(new_name)
        if node is target:
            return
        errno = _why_not(node, target, old, new)
        if errno:
            raise os_error(errno, old)
        self._step()
        self._unlinked(target)
        self._disk.change(self.clock.now_ms(), (old_directory, old_name, None), (new_directory, new_name, node))

    def remove(self, path: str) -> None:
        self._check("remove", path)
        try:
            node = self._disk.find(path)
        except FileNotFoundError:
            return
        if isinstance(node, Directory):
            raise os_error(EISDIR, path)
        self._unlink(path, node)

    def remove_tree(self, path: str) -> None:
        self._check("remove", path)
        try:
            node = self._disk.find(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        if isinstance(node, Content):
            return
        for name, child in sorted(node.entries.items()):
            if isinstance(child, Directory):
                self.remove_tree(f"{path}/{name}")
            else:
                self.remove(f"{path}/{name}")
        self._unlink(path, node)

    def _unlink(self, path: str, node: Node) -> None:
        directory, name = self._disk.place(path)
        self._step()
        self._unlinked(node)
        self._disk.change(self.clock.now_ms(), (directory, name, None))

    def _unlinked(self, node: Node | None) -> None:
        """Take in that a file loses its name; its room is free at once, even if it is still open."""
        if isinstance(node, Content):
            node.is_linked = False
            self._used_bytes -= node.size

    def sync_directory(self, path: str) -> None:
        node = self._disk.find(path)
        if isinstance(node, Content):
            self._sync(node, "sync_directory", path)
            return
        self._step()
        self._check("sync_directory", path)
        self._disk.sync(node)

    # -- Locks and volumes

    def lock(self, path: str) -> SimLock | None:
        self._check("lock", path)
        content = self._content(path)
        if any(lock.content is content for lock in self._locks):
            return None
        return SimLock(self._locks, content)

    def free_bytes(self, path: str) -> tuple[int, int]:
        self._check("stat", path)
        self._disk.find(path)
        total = _UNLIMITED_BYTES if self.capacity_bytes is None else self.capacity_bytes
        return total, max(0, total - self._used_bytes)

    # The last method, because its name hides the type.
    def list(self, directory: str) -> list[str]:
        self._check("list", directory)
        try:
            node = self._disk.find(directory)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(node.entries) if isinstance(node, Directory) else []


def _why_not(node: Node, target: Node | None, old: str, new: str) -> int:
    """Return the error of renaming `node` to where `target` is, or 0, as Linux has it."""
    if is_at_or_below(new, old):
        return EINVAL
    if isinstance(target, Directory):
        if is_at_or_below(old, new) or (isinstance(node, Directory) and target.entries):
            return ENOTEMPTY
        return EISDIR if isinstance(node, Content) else 0
    return ENOTDIR if target is not None and isinstance(node, Directory) else 0
