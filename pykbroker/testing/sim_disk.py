"""What a simulated disk holds, and what of it a power cut leaves. `SimFiles` puts paths, handles and faults around it.

A file's content is safe once it was synced, a change of a directory's entries once the directory was synced. Of what
came later,

* each file keeps its content of some moment since: nothing of it, all of it, its first so many bytes, or its full
  length with zeros or garbage after the first so many bytes. Bytes whose sync failed are lost for good, as on Linux,
  where they stay readable, count as written, and are never written again;
* each directory keeps its first so many changes, in the order in which they were made. A rename is one change, also
  where it concerns two directories.

That is what POSIX promises, and no more. Real file systems mostly keep more: ext4 orders the changes of all its
directories, and saves the entry of a new file with its content.
"""

from __future__ import annotations

from collections import Counter
from errno import ENOENT, ENOTDIR
from itertools import accumulate
from typing import Final

from pykbroker.env import Bytes, Random
from pykbroker.testing.faults import os_error

_FATES: Final = ("nothing", "everything", "prefix", "zeros", "garbage")

_Ranges = tuple[tuple[int, int], ...]


class Content:
    """A file without a name. `held` is what readers see; `size` its length.

    What came after the last sync is kept as cuts: where the file was cut, what it had from there on, and what of that
    was lost. So each earlier content can be had again, while appends cost no more than the appending.
    """

    __slots__ = ("_cuts", "_lost", "_synced", "held", "is_linked", "modified_ms")

    def __init__(self, now_ms: int) -> None:
        self.held = bytearray()
        self.modified_ms = now_ms
        self.is_linked = True  # whether it has a name
        self._synced = 0  # how long it was when it was synced
        self._cuts: list[tuple[int, bytes, _Ranges]] = []
        self._lost: _Ranges = ()  # from, to: bytes whose sync failed

    @property
    def size(self) -> int:
        """How many bytes readers see."""
        return len(self.held)

    def write(self, content: Bytes, position: int) -> None:
        """Put `content` at `position`, with zeros before it if the file is shorter than that."""
        held = self.held
        if position < len(held):  # counts as cut off, and all written anew
            rest = held[position + len(content) :]
            self._cut(position)
            held += content
            held += rest
        else:
            held += bytes(position - len(held))
            held += content

    def resize(self, size: int) -> None:
        """Cut it to `size` bytes, or fill it up with zeros."""
        if size < len(self.held):
            self._cut(size)
        else:
            self.held += bytes(size - len(self.held))

    def _cut(self, size: int) -> None:
        self._cuts.append((size, bytes(self.held[size:]), self._lost))
        self._lost = tuple((start, min(end, size)) for start, end in self._lost if start < size)
        del self.held[size:]

    def sync(self) -> None:
        """Make the content safe, but for what a failed sync has lost."""
        self._synced = len(self.held)
        self._cuts.clear()

    def lose_unsynced(self) -> None:
        """Take in that a sync failed: what it should have written never gets to the device."""
        safe = min([self._synced, *(size for size, _, _ in self._cuts)])
        if safe < len(self.held):
            self._lost = (*self._lost, (safe, len(self.held)))

    def power_cut(self, random: Random | None) -> None:
        """Become what is left; without `random` nothing that was not synced."""
        if self._synced == len(self.held) and not self._cuts and not self._lost:
            return
        moment = below(random, len(self._cuts) + 1)
        safe = list(accumulate([self._synced, *(size for size, _, _ in self._cuts)], min))[moment]
        left, lost = self.held, self._lost
        for size, removed, lost_then in reversed(self._cuts[moment:]):
            left, lost = left[:size] + removed, lost_then
        left = _with_fate(left, safe, random)
        for start, end in reversed(lost):
            if end >= len(left) and below(random, 2) == 0:
                del left[start:]
            elif start < len(left):
                left[start:end] = _filling(min(end, len(left)) - start, random)
        self.held, self._cuts, self._lost, self._synced = left, [], (), len(left)


def _with_fate(content: bytearray, safe: int, random: Random | None) -> bytearray:
    """Return what became of a content of which the first `safe` bytes are on the device."""
    fate = _FATES[below(random, len(_FATES))]
    if fate == "nothing":
        return content[:safe]
    if fate == "everything":
        return content
    kept = safe + below(random, len(content) - safe + 1)
    if fate == "prefix":
        return content[:kept]
    return content[:kept] + _filling(len(content) - kept, random if fate == "garbage" else None)


def _filling(count: int, random: Random | None) -> bytes:
    """Return what is found where nothing was written."""
    return random.bytes(count) if random is not None and below(random, 2) else bytes(count)


def below(random: Random | None, end: int) -> int:
    """Return a number from 0 to `end` - 1, evenly distributed; 0 without `random`."""
    return int.from_bytes(random.bytes(8), "big") % end if random is not None else 0


class Directory:
    """A directory without a name. `entries` is what processes see, `safe_entries` what a power cut cannot take."""

    __slots__ = ("entries", "modified_ms", "safe_entries")

    def __init__(self, now_ms: int) -> None:
        self.entries: dict[str, Node] = {}
        self.safe_entries: dict[str, Node] = {}
        self.modified_ms = now_ms


Node = Content | Directory
Edit = tuple[Directory, str, Node | None]
"""A name in a directory, and what it stands for from now on; None if it is gone."""


class Disk:
    """A tree of directories and files. Owns the changes of entries that were not synced, in their order."""

    __slots__ = ("_unsynced", "root")

    def __init__(self, now_ms: int) -> None:
        self.root = Directory(now_ms)
        self._unsynced: list[tuple[Edit, ...]] = []

    def find(self, path: str) -> Node:
        """Return what is at an absolute path. OSError: ENOENT, or ENOTDIR if a file is on the way."""
        top, *names = path.split("/")
        if top:
            raise ValueError(f"not an absolute path: {path!r}")
        node: Node = self.root
        for name in filter(None, names):
            if isinstance(node, Content):
                raise os_error(ENOTDIR, path)
            child = node.entries.get(name)
            if child is None:
                raise os_error(ENOENT, path)
            node = child
        return node

    def place(self, path: str) -> tuple[Directory, str]:
        """Return the directory that has, or would have, this path, and the name there. OSError as in `find`."""
        parent, slash, name = path.rstrip("/").rpartition("/")
        directory = self.find(parent + slash or path)
        if isinstance(directory, Content):
            raise os_error(ENOTDIR, path)
        return directory, name

    def change(self, now_ms: int, *edits: Edit) -> None:
        """Make these edits; a power cut takes all of them or none."""
        for directory, name, node in edits:
            directory.modified_ms = now_ms
            _set(directory.entries, name, node)
        self._unsynced.append(edits)

    def sync(self, directory: Directory) -> None:
        """Make the entries of a directory safe, and whatever must have been done before them elsewhere."""
        concerned = {directory}
        synced, waiting = [], []
        for edits in reversed(self._unsynced):
            if concerned.isdisjoint(_directories(edits)):
                waiting.append(edits)
            else:
                concerned.update(_directories(edits))
                synced.append(edits)
        self._unsynced = waiting[::-1]
        for edits in reversed(synced):
            _make_safe(edits)

    def power_cut(self, random: Random | None) -> int:
        """Become what is left, and return how many bytes the files have; without `random`, only what was synced."""
        counts = Counter(directory for edits in self._unsynced for directory in _directories(edits))
        surviving = {directory: below(random, count + 1) for directory, count in counts.items()}
        for edits in self._unsynced:
            survives = all(surviving[directory] > 0 for directory in _directories(edits))
            for directory in _directories(edits):
                surviving[directory] = surviving[directory] - 1 if survives else 0
            if survives:
                _make_safe(edits)
        self._unsynced.clear()
        return _restart(self.root, random)


def _directories(edits: tuple[Edit, ...]) -> dict[Directory, None]:
    """Return each directory that is concerned once, in a fixed order."""
    return {directory: None for directory, _, _ in edits}


def _make_safe(edits: tuple[Edit, ...]) -> None:
    for directory, name, node in edits:
        _set(directory.safe_entries, name, node)


def _set(entries: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


def _restart(directory: Directory, random: Random | None) -> int:
    directory.entries = dict(directory.safe_entries)
    size = 0
    for node in directory.entries.values():
        if isinstance(node, Directory):
            size += _restart(node, random)
        else:
            node.power_cut(random)
            node.is_linked = True
            size += node.size
    return size
