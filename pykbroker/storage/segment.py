"""One segment of a log: the file with the batches of a range of offsets, its two indexes, and its aborted transactions.

    <base offset, 20 digits>.log .index .timeindex .txnindex

The file holds batches exactly as they go over the wire, one after the other. It is opened when first needed, and its
indexes are loaded when first needed; the active segment, the last of a log, has both. What was aborted is asked for
only in a log that has such transactions (`aborted.py`). Whoever reads gets `FileSlice`s, not bytes: the server sends
those straight from the file.

`append` and `locate` are on the Produce and Fetch paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from struct import Struct
from typing import Final

from pykbroker.env import Bytes, File, Files
from pykbroker.errors import CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR, KafkaError
from pykbroker.storage.aborted import Aborted, AbortedIndex
from pykbroker.storage.index import MAX_RELATIVE_OFFSET, OffsetIndex, TimeIndex
from pykbroker.wire.batch import HEADER_BYTES, LENGTH_END, Batch, header

HEADERS_WINDOW: Final = 16 * 1024
LOOK_UP_WINDOW: Final = 4 * 1024
"""Read for a look-up: about what is between two entries of the index."""
BATCHES_WINDOW: Final = 1024 * 1024
FILE_SUFFIXES: Final = (".log", ".index", ".timeindex", ".txnindex")
_REMEMBERED_ENDS: Final = 32
_NOT_LOADED: Final = -2

_span = Struct(">qi4xb6xi").unpack_from
"""Of a batch's header what finding a batch takes: base offset, length, magic, last offset delta."""


class FileSlice:
    """Bytes of a file. Keeps the file open, even if it is deleted meanwhile."""

    __slots__ = ("file", "length", "position")

    def __init__(self, file: File, position: int, length: int) -> None:
        self.file = file
        self.position = position
        self.length = length

    def read(self) -> bytes:
        """Return the bytes."""
        return self.file.read(self.length, self.position)


class Slices:
    """What a read found: slices in the order of their offsets, the last one of segment `last`.

    `nbytes` is the sum of their lengths.
    """

    __slots__ = ("last", "nbytes", "parts")

    def __init__(self, parts: Sequence[FileSlice] = (), nbytes: int = 0, last: Segment | None = None) -> None:
        self.parts = parts
        self.nbytes = nbytes
        self.last = last

    def read(self) -> bytes:
        """Return all bytes, joined."""
        return b"".join([part.read() for part in self.parts])


NO_SLICES: Final = Slices()


class Segment:
    """The batches from `base_offset` up to the next segment's. Owns its file and indexes.

    `max_timestamp` is the largest timestamp in it, or -1; `max_timestamp_offset` the last offset of the batch that had
    it first. `first_timestamp` is that of the first batch, and decides when to roll; None until it is known; so does
    `index_bytes`, the size of the larger index with the entry that the roll adds. `suffix` comes after the names of all
    its files while it is not, or no longer, a plain part of the log: `.cleaned`, `.swap`, `.deleted` (`swapping.py`).
    """

    __slots__ = (
        "_aborted", "_ends", "_file", "_files", "_interval", "_offsets", "_times", "base_offset", "created_ms",
        "first_timestamp", "index_bytes", "is_being_saved", "max_timestamp", "max_timestamp_offset", "path", "saved",
        "size", "suffix", "unindexed",
    )  # fmt: skip

    def __init__(
        self, files: Files, directory: str, base_offset: int, interval_bytes: int, created_ms: int, suffix: str = ""
    ) -> None:
        self.base_offset = base_offset
        self.path = f"{directory}/{base_offset:020d}"
        self.suffix = suffix
        self.size = 0
        self.created_ms = created_ms
        self.saved = False  # whether the files of the indexes are complete
        self.is_being_saved = False  # by a worker, so the files must keep their names
        self._files = files
        self._interval = interval_bytes
        self._file: File | None = None
        self._aborted: AbortedIndex | None = None
        self._forget_indexes()

    def _forget_indexes(self) -> None:
        self._offsets: OffsetIndex | None = None
        self._times: TimeIndex | None = None
        self._ends: dict[int, int] = {}
        self.max_timestamp = _NOT_LOADED
        self.max_timestamp_offset = self.base_offset
        self.first_timestamp: int | None = None
        self.index_bytes = 0
        self.unindexed = 0

    def path_of(self, kind: str) -> str:
        """Return the path of one of its files, such as `.log`, as it is now."""
        return self.path + kind + self.suffix

    def rename(self, suffix: str) -> list[str]:
        """Give the files that there are another suffix; return their new paths. Whoever has them open keeps them."""
        renamed = []
        for kind in FILE_SUFFIXES:
            if self._files.exists(self.path_of(kind)):
                renamed.append(self.path + kind + suffix)
                self._files.rename(self.path_of(kind), renamed[-1])
        self.suffix = suffix
        return renamed

    @property
    def file(self) -> File:
        """The open file of the batches."""
        if self._file is None:
            self._file = self._files.open(self.path_of(".log"))
        return self._file

    def append(self, batch: Bytes, last_offset: int, max_timestamp: int) -> None:
        """Write one batch at the end; OSError leaves everything as it was."""
        self.file.append(batch)
        self.note(self.size, len(batch), last_offset, max_timestamp)

    def note(self, position: int, length: int, last_offset: int, max_timestamp: int) -> None:
        """Take in that there is one more batch; the rules of the index entries are here (STO-05, STO-06)."""
        if max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp
            self.max_timestamp_offset = last_offset
        if position == 0:
            self.first_timestamp = max_timestamp
        elif self.unindexed > self._interval:
            self.offsets.add(last_offset - self.base_offset, position)
            self.times.add(self.max_timestamp, self.max_timestamp_offset - self.base_offset)
            self._measure_indexes()
            self.unindexed = 0
        self.unindexed += length
        self.size = position + length
        self.saved = False

    def _measure_indexes(self) -> None:
        self.index_bytes = max(len(self.offsets.entries) + 8, len(self.times.entries) + 24)

    def remember_end(self, offset: int) -> None:
        """Remember that `offset` starts where the segment ends now: the next fetch of a reader asks for just that."""
        ends = self._ends
        if len(ends) >= _REMEMBERED_ENDS:
            ends.clear()
        ends[offset] = self.size

    def locate(self, offset: int) -> int | None:
        """Return the position of the first batch that ends at or after `offset`, or None."""
        if offset <= self.base_offset:
            return 0 if self.size else None
        known = self._ends.get(offset)
        if known is not None:
            return known if known < self.size else None
        indexed, position = self.offsets.before(offset - self.base_offset)
        window = self.file.read(LOOK_UP_WINDOW, position)
        if not self._is_true(indexed, position, window):
            self._distrust_indexes()
            indexed, position = self.offsets.before(offset - self.base_offset)
            window = self.file.read(LOOK_UP_WINDOW, position)
        return self._first_ending_at(offset, position, window)

    def _first_ending_at(self, offset: int, position: int, window: bytes) -> int | None:
        """Return the position of the first batch from `position` on, where `window` was read, that ends there or later.

        Hot path: of the headers only a few fields are looked at (0.2 us, a `Batch` takes 1.2).
        """
        file, end = self.file, self.size
        at = 0
        while position < end:
            if at + HEADER_BYTES > len(window):
                window, at = file.read(LOOK_UP_WINDOW, position), 0
                if len(window) < HEADER_BYTES:
                    raise _corrupt(file, position)
            base_offset, length, magic, last_offset_delta = _span(window, at)
            length += LENGTH_END
            if length < HEADER_BYTES or length > end - position or magic != 2:
                raise _corrupt(file, position)
            if base_offset + last_offset_delta >= offset:
                return position
            position += length
            at += length
        return None

    def batch_at(self, position: int) -> Batch:
        """Return the header of the batch there; KafkaError(CORRUPT_MESSAGE) if there is none."""
        return next(headers_in(self.file, self.size, position, HEADER_BYTES))[1]

    def offset_behind(self, position: int) -> int | None:
        """Return an offset behind all batches that begin before `position`; None if only the next segment's is that.

        As `OffsetIndex.fetchUpperBoundOffset` of Kafka: from the index alone, so often a good deal larger than need be.
        """
        entry = self.offsets.behind(position)
        if entry is not None and not self._is_true(*entry, self.file.read(HEADER_BYTES, entry[1])):
            self._distrust_indexes()
            entry = self.offsets.behind(position)
        return None if entry is None else self.base_offset + entry[0]

    def scan_from(self, offset: int) -> int:
        """Return the position of a batch: what is before it ends before `offset`."""
        entry = self.offsets.before(offset - self.base_offset)
        if not self._is_true(*entry, self.file.read(HEADER_BYTES, entry[1])):
            self._distrust_indexes()
            entry = self.offsets.before(offset - self.base_offset)
        return entry[1]

    def start_for(self, timestamp: int) -> int:
        """Return an offset: all records before it are older than `timestamp`."""
        entry = self.times.before(timestamp)
        if not self._is_the_time(*entry):
            self._distrust_indexes()
            entry = self.times.before(timestamp)
        return self.base_offset + entry[1]

    def _is_true(self, offset: int, position: int, content: bytes) -> bool:
        """Tell if an entry of the offset index is about this segment: at the position is the batch that ends there."""
        if not position:
            return True
        if len(content) < HEADER_BYTES:
            return False
        base_offset, _, _, last_offset_delta = _span(content)
        last_offset: int = base_offset + last_offset_delta
        return last_offset == self.base_offset + offset

    def _is_the_time(self, timestamp: int, offset: int) -> bool:
        """Tell if an entry of the time index is about this segment: the batch with that offset has that timestamp."""
        if timestamp < 0:
            return True
        position = self.locate(self.base_offset + offset)
        return position is not None and header(self.file.read(HEADER_BYTES, position)).max_timestamp == timestamp

    def _distrust_indexes(self) -> None:
        """Make the indexes anew: their files are sound by themselves, but wrong."""
        with suppress(KafkaError):  # up to where the batches are damaged
            self.rebuild_indexes()

    def headers(self, position: int = 0) -> Iterator[tuple[int, Batch]]:
        """Yield the position and header of each batch from the one at `position` on.

        Raises KafkaError(CORRUPT_MESSAGE) where there is none although the file goes on.
        """
        return headers_in(self.file, self.size, position)

    def batches(self, position: int = 0) -> Iterator[memoryview]:
        """Yield each whole batch from the one at `position` on; KafkaError(CORRUPT_MESSAGE) as in `headers`."""
        end = self.size
        while position < end:
            window = memoryview(self.file.read(min(BATCHES_WINDOW, end - position), position))
            at = 0
            while at + HEADER_BYTES <= len(window):
                batch = header(window, at)
                if batch.length < HEADER_BYTES or batch.length > end - position or batch.magic != 2:
                    raise _corrupt(self.file, position)
                if at + batch.length > len(window):
                    break
                yield window[at : at + batch.length]
                at += batch.length
                position += batch.length
            if at == 0:
                if len(window) < HEADER_BYTES:
                    raise _corrupt(self.file, position)
                yield memoryview(self.file.read(batch.length, position))
                position += batch.length

    @property
    def offsets(self) -> OffsetIndex:
        """The offset index, loaded or rebuilt now if need be."""
        if self._offsets is None:
            self.load_indexes()
            assert self._offsets is not None
        return self._offsets

    @property
    def times(self) -> TimeIndex:
        """The time index, loaded or rebuilt now if need be."""
        if self._times is None:
            self.load_indexes()
            assert self._times is not None
        return self._times

    def load_indexes(self) -> None:
        """Read the files of the indexes, or rebuild them if they are missing or no good (STO-25)."""
        self._forget_indexes()
        offsets = OffsetIndex.load(self._content(".index"))
        times = TimeIndex.load(self._content(".timeindex"))
        # A closed time index has an entry, and an offset index has one after the first `interval` bytes. Where that is
        # not so (one large batch, no timestamps) the rebuilding is wasted, but harmless.
        if not times or offsets is None or (not offsets and self.size > self._interval):
            self.rebuild_indexes()
            return
        if offsets.last()[1] >= self.size > 0:
            self.rebuild_indexes()
            return
        self._offsets, self._times = offsets, times
        self.max_timestamp, offset = times.last()
        self.max_timestamp_offset = self.base_offset + offset
        self.saved = True
        if not self._is_the_time(*times.last()):
            self.rebuild_indexes()

    def _content(self, kind: str) -> bytes:
        try:
            return self._files.read(self.path_of(kind))
        except FileNotFoundError:
            return b""

    def start_indexes(self) -> None:
        """Begin with empty indexes, to be filled by `note`."""
        self._forget_indexes()
        self._offsets, self._times = OffsetIndex(), TimeIndex()
        self.max_timestamp = -1
        self.saved = False

    def rebuild_indexes(self) -> None:
        """Make the indexes from the batches' headers; KafkaError(CORRUPT_MESSAGE) at the first that is none."""
        self.start_indexes()
        size = self.size
        try:
            for position, batch in self.headers():
                if 0 <= batch.last_offset - self.base_offset <= MAX_RELATIVE_OFFSET:  # no CRC covers it
                    self.note(position, batch.length, batch.last_offset, batch.max_timestamp)
        finally:
            self.size = size  # nobody may take the damaged batch for the segment's end, and pass over the rest

    def activate(self) -> int:
        """Make it ready to be appended to; return the offset that comes next. Reads from the last index entry on."""
        next_offset = self.base_offset
        self.load_indexes()
        indexed = self.offsets.last()[1]
        self.unindexed = self.size - indexed
        self._measure_indexes()
        for position, batch in self.headers(indexed):
            if batch.base_offset < next_offset:
                raise _corrupt(self.file, position)
            next_offset = batch.next_offset
            if batch.max_timestamp > self.max_timestamp:
                self.max_timestamp, self.max_timestamp_offset = batch.max_timestamp, batch.last_offset
            if position == 0:
                self.first_timestamp = batch.max_timestamp
        if self.first_timestamp is None and self.size:
            self.first_timestamp = next(self.headers())[1].max_timestamp
        return next_offset

    def cut(self, size: int) -> None:
        """Drop what comes after byte `size`, up to which the indexes were noted."""
        self.file.truncate(size)
        self.size = size

    def finish(self) -> None:
        """Add the last entry of the time index: the segment's largest timestamp. On roll and close (STO-06)."""
        self.times.add(self.max_timestamp, self.max_timestamp_offset - self.base_offset)

    def save_indexes(self) -> None:
        """Write the files of the indexes; an OSError leaves none, because an old one would be taken for complete."""
        try:
            self.offsets.save(self._files, self.path_of(".index"))
            self.times.save(self._files, self.path_of(".timeindex"))
        except OSError:
            with suppress(OSError):
                for kind in (".index", ".timeindex"):
                    self._files.remove(self.path_of(kind))
                self._files.sync_directory(self.path.rpartition("/")[0])  # or a power cut brings the old one back
            raise
        self.saved = True

    @property
    def aborted(self) -> AbortedIndex:
        """The transactions that a marker in here aborted, loaded now if need be.

        Raises KafkaError(KAFKA_STORAGE_ERROR) if their file is no good, which it was when the log was opened.
        """
        if self._aborted is None:
            self._aborted = self.read_aborted()
            if self._aborted is None:
                raise KafkaError(KAFKA_STORAGE_ERROR, f"{self.path_of('.txnindex')} is damaged")
        return self._aborted

    def read_aborted(self) -> AbortedIndex | None:
        """Return what the file of the aborted transactions says, which need not be there; None if it is no good."""
        return AbortedIndex.load(self._content(".txnindex"))

    def add_aborted(self, aborted: Aborted) -> None:
        """Note one more, in memory and in the file (see `files_to_sync`); OSError leaves everything as it was."""
        self.aborted.add(aborted)
        try:
            self.aborted.save(self._files, self.path_of(".txnindex"), sync=False)
        except OSError:
            self.aborted.drop_last()
            raise

    def drop_last_aborted(self) -> None:
        """Take the last one back, in memory and in the file."""
        self.aborted.drop_last()
        self.aborted.save(self._files, self.path_of(".txnindex"), sync=False)

    def replace_aborted(self, index: AbortedIndex) -> None:
        """Make the file of the aborted transactions say what `index` says."""
        if self._content(".txnindex") != index.entries:
            if index:
                self._files.replace(self.path_of(".txnindex"), bytes(index.entries))
            else:
                self._files.remove(self.path_of(".txnindex"))
        self._aborted = None

    def files_to_sync(self, *, has_aborted: bool) -> list[File]:
        """Return the files that no one can make anew once the segment is below the recovery point."""
        files = [self.file]
        if has_aborted and self.aborted:
            files.append(self._files.open(self.path_of(".txnindex")))
        return files

    def largest_timestamp(self) -> int:
        """Return `max_timestamp`, which is known only once the time index was loaded."""
        if self.max_timestamp == _NOT_LOADED:
            self.load_indexes()
            self.cool()
        return self.max_timestamp

    def newest_ms(self) -> int:
        """Return its largest timestamp; if its batches have none, when it was last written to."""
        largest = self.largest_timestamp()
        return largest if largest >= 0 else self._files.modified_ms(self.path_of(".log"))

    @property
    def has_unsaved_indexes(self) -> bool:
        """Whether the indexes in memory know more than their files."""
        return self._offsets is not None and not self.saved

    def cool(self) -> None:
        """Let go of the file, and of indexes that can be loaded again; what they say about timestamps stays known."""
        self.close_file()
        if self.saved:
            self._offsets = self._times = None
            self._ends.clear()
        self.cool_aborted()

    def cool_aborted(self) -> None:
        """Let go of the aborted transactions; that there are none stays known."""
        if self._aborted:
            self._aborted = None

    def close_file(self) -> None:
        """Let go of the file until it is needed again; whoever still holds a slice keeps it open."""
        self._file = None

    def release(self) -> None:
        """Let go of file and indexes."""
        self._file = None
        self._aborted = None
        self._forget_indexes()


def headers_in(
    file: File, end: int, position: int = 0, window_bytes: int = HEADERS_WINDOW
) -> Iterator[tuple[int, Batch]]:
    """Yield the position and header of each batch in `file` from `position` to `end`; see `Segment.headers`."""
    window, start = b"", position
    while position < end:
        if position - start + HEADER_BYTES > len(window):
            window, start = file.read(window_bytes, position), position
            if len(window) < HEADER_BYTES:
                raise _corrupt(file, position)
        batch = header(window, position - start)
        if batch.length < HEADER_BYTES or batch.length > end - position or batch.magic != 2:
            raise _corrupt(file, position)
        yield position, batch
        position += batch.length


def _corrupt(file: File, position: int) -> KafkaError:
    return KafkaError(CORRUPT_MESSAGE, f"{file.path} has no batch at byte {position}")
