"""`Unsynced`: what of a log may not be on the device; `Debt`: that, as it is at one moment, for a worker to pay.

Records from the recovery point on, and beside them what an fsync of these would not cover: the names of new files and
directories, what was cut off, the small file that says whose log it is. Whoever pays a debt has everything on the
device that was there when it was taken. What is not paid, because it failed or nobody got round to it, stays owed.
"""

from __future__ import annotations

from collections.abc import Iterable

from pykbroker.env import File, Files


class Debt:
    """What was owed at one moment, up to the offset `end`. `marks` are files and directories, by the time of change."""

    __slots__ = ("_records", "end", "marks")

    def __init__(self, records: Iterable[File], marks: dict[str, int], end: int) -> None:
        self._records = list(records)
        self.marks = marks
        self.end = end

    def pay(self, files: Files) -> None:
        """Return once everything is on the device, contents before names. Blocks."""
        for file in self._records:
            file.sync()
        for path in sorted(self.marks):
            if not path.endswith("/") and files.exists(path):
                file = files.open(path)
                try:
                    file.sync()
                finally:
                    file.close()
        for path in sorted(self.marks):
            if path.endswith("/"):
                files.sync_directory(path[:-1])


class Unsynced:
    """The files and directories of one log that were changed beside its records."""

    __slots__ = ("_marks", "_serial")

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}
        self._serial = 0

    def mark(self, *paths: str) -> None:
        """Note that files were changed, or (with a slash at the end) that directories have other names in them."""
        for path in paths:
            self._serial += 1
            self._marks[path] = self._serial

    def debt(self, records: Iterable[File], end: int) -> Debt:
        """Return what is owed now, together with the files that hold `records`."""
        return Debt(records, dict(self._marks), end)

    def paid(self, debt: Debt) -> None:
        """Forget what was paid, unless it was changed again since."""
        for path, serial in debt.marks.items():
            if self._marks.get(path) == serial:
                del self._marks[path]

    def forget(self, path: str) -> None:
        """Owe nothing for one path: somebody else has paid for it."""
        self._marks.pop(path, None)

    def clear(self) -> None:
        """Owe nothing: the log is elsewhere."""
        self._marks.clear()
