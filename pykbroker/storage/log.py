"""A log: segments in the order of their offsets. Roll, append, read, look up, truncate, flush.

The last segment is the active one, the only one that grows. A log without records has no segment, and no file, until
its first append. Nothing here knows about producers, epochs or clients; that is `partition.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from pykbroker.env import Bytes, Files
from pykbroker.storage.aborted import Aborted
from pykbroker.storage.checkpoints import PARTITION_METADATA
from pykbroker.storage.index import MAX_RELATIVE_OFFSET
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.segment import FILE_SUFFIXES, NO_SLICES, FileSlice, Segment, Slices
from pykbroker.storage.unsynced import Debt, Unsynced
from pykbroker.wire.batch import Batch, peek
from pykbroker.wire.records import records_of

Found = tuple[int, int, int]
"""The answer of a look-up by time: offset, timestamp and leader epoch of a record."""


class Log:
    """The batches of one partition. Owns its segments and the offsets.

    `start_offset` is the first offset that may be read, `end_offset` the next to be given out. Everything below
    `recovery_point` is known to be on the device. `has_aborted` says whether any transaction was aborted,
    `may_have_gaps` whether the log is, or ever was, compacted.
    """

    __slots__ = (
        "_files", "_jitter_ms", "_unsynced", "_warm", "_warm_aborted", "bases", "config", "directory",
        "end_offset", "has_aborted", "may_have_gaps", "recovery_point", "segments", "start_offset",
    )  # fmt: skip

    def __init__(self, files: Files, directory: str, config: LogConfig, start_offset: int = 0) -> None:
        self._files = files
        self._jitter_ms = 0
        self._warm: Segment | None = None
        self._warm_aborted: Segment | None = None
        self._unsynced = Unsynced()
        self.directory = directory
        self.config = config
        self.segments: list[Segment] = []
        self.bases: list[int] = []
        self.start_offset = start_offset
        self.end_offset = start_offset
        self.recovery_point = start_offset
        self.has_aborted = False
        self.may_have_gaps = config.is_compacted

    @property
    def size_bytes(self) -> int:
        """The size of all segments."""
        return sum(segment.size for segment in self.segments)

    def add_segment(self, base_offset: int, now_ms: int) -> Segment:
        """Return a new segment at the end of the list; its file may be there, and is not touched."""
        segment = Segment(self._files, self.directory, base_offset, self.config.index_interval_bytes, now_ms)
        self.segments.append(segment)
        self.bases.append(base_offset)
        return segment

    def must_roll(self, length: int, last_offset: int, max_timestamp: int, now_ms: int) -> bool:
        """Return whether a batch of `length` bytes needs a new segment (STO-13)."""
        if not self.segments:
            return True
        segment = self.segments[-1]
        if not segment.size:
            return False
        config = self.config
        if segment.size + length > config.segment_bytes or last_offset - segment.base_offset > MAX_RELATIVE_OFFSET:
            return True
        first = segment.first_timestamp
        # By the records' own clock; by ours where they have none.
        age_ms = max_timestamp - first if first is not None and first >= 0 else now_ms - segment.created_ms
        return age_ms > config.most_segment_ms - self._jitter_ms or segment.index_bytes > config.segment_index_bytes

    def roll(self, now_ms: int, jitter_ms: int) -> None:
        """Begin a new active segment at the end offset; OSError leaves everything as it was."""
        segment = Segment(self._files, self.directory, self.end_offset, self.config.index_interval_bytes, now_ms)
        file = segment.file
        if file.size:  # of an append that failed, and could not be cut back
            file.truncate(0)
        segment.load_indexes()
        self.segments.append(segment)
        self.bases.append(self.end_offset)
        self._jitter_ms = jitter_ms
        self.changed(f"{self.directory}/")

    def append(self, batch: Bytes, last_offset: int, max_timestamp: int) -> None:
        """Write one batch, whose offsets start at the end offset, to the active segment."""
        segment = self.segments[-1]
        try:
            segment.append(batch, last_offset, max_timestamp)
        except OSError:
            segment.file.sync()  # it was cut back, and what was cut must not come back in a segment that nobody checks
            raise
        self.end_offset = last_offset + 1

    def append_abort(self, batch: Bytes, max_timestamp: int, aborted: Aborted) -> None:
        """As `append`, for the marker that aborts a transaction: the index has it before anyone can read on."""
        segment = self.segments[-1]
        if not segment.aborted:
            self.changed(f"{self.directory}/")
        segment.add_aborted(aborted)
        try:
            self.append(batch, aborted.last_offset, max_timestamp)
        except OSError:
            segment.drop_last_aborted()
            raise
        self.has_aborted = True

    def read(self, offset: int, max_bytes: int, limit: int, *, at_least_one: bool) -> Slices:
        """Return about `max_bytes` from the batch that holds `offset` on, nothing of offset `limit` or beyond.

        The last batch may be cut short, but never the first: if it is larger, it comes whole with `at_least_one`, and
        not at all without (FET-06, FET-07).
        """
        parts: list[FileSlice] = []
        nbytes = 0
        last = None
        segments, bases = self.segments, self.bases
        for index in range(self.index_of(offset), len(segments)):
            segment = segments[index]
            if segment is not self._warm and segment is not segments[-1]:
                self._warm_up(segment)
            position = segment.locate(offset)
            if position is None:
                continue
            if limit >= self.end_offset or (index + 1 < len(bases) and limit >= bases[index + 1]):
                end = segment.size
            else:
                end = self._end_position(segment, limit)
            room = max_bytes - nbytes
            take = end - position
            if take > room:
                take = room
                if not nbytes:
                    first = segment.batch_at(position).length
                    if first > room:
                        take = first if at_least_one else 0
                        take = min(take, end - position)
            elif limit == self.end_offset and segment is segments[-1]:
                segment.remember_end(limit)
            if take <= 0:
                break
            parts.append(FileSlice(segment.file, position, take))
            last = segment
            nbytes += take
            if nbytes >= max_bytes or position + take < segment.size:
                break
        return Slices(parts, nbytes, last) if parts else NO_SLICES

    def index_of(self, offset: int) -> int:
        """Return the index of the segment that an offset belongs to."""
        following = bisect_right(self.bases, offset)
        return following - 1 if following else 0

    def _locate(self, segment: Segment, offset: int) -> int | None:
        """As `Segment.locate`."""
        self._warm_up(segment)
        return segment.locate(offset)

    def _warm_up(self, segment: Segment) -> None:
        """Keep the indexes of this segment beside those of the active one, not of all that were read."""
        if segment is not self._warm and segment is not self.segments[-1]:
            if self._warm is not None:
                self._warm.cool()
            self._warm = segment

    def _end_position(self, segment: Segment, limit: int) -> int:
        position = self._locate(segment, limit)
        return segment.size if position is None else position

    def batches(self, start: int) -> Iterator[memoryview]:
        """Yield every batch that ends at or after `start`, whole."""
        for segment in self.segments[self.index_of(start) :]:
            position = self._locate(segment, start)
            if position is not None:
                yield from segment.batches(position)

    def headers(self, start: int) -> Iterator[Batch]:
        """Yield the header of every batch that ends at or after `start`."""
        for segment in self.segments[self.index_of(start) :]:
            for _, batch in self.headers_of(segment, start):
                yield batch

    def headers_of(self, segment: Segment, start: int) -> Iterator[tuple[int, Batch]]:
        """Yield the position and header of every batch of one segment that ends at or after `start`."""
        position = self._locate(segment, start)
        if position is not None:
            yield from segment.headers(position)

    def aborted_in(self, offset: int, slices: Slices) -> list[Aborted]:
        """Return the aborted transactions that overlap `slices`, which were read from `offset` on; perhaps a few more.

        What the slices end with is not looked at: they are taken to reach up to the next entry of the offset index, as
        Kafka takes it (`LocalLog.addAbortedTransactions`).
        """
        last = slices.last
        if last is None:
            return []
        self._warm_up(last)
        end = last.offset_behind(slices.parts[-1].position + slices.parts[-1].length)
        if end is None:
            following = bisect_right(self.bases, last.base_offset)
            end = self.bases[following] if following < len(self.bases) else self.end_offset
        return self.aborted_between(offset, end)

    def aborted_between(self, start: int, end: int) -> list[Aborted]:
        """Return the aborted transactions that overlap the offsets from `start` up to `end`, exclusive (FET-16)."""
        found: list[Aborted] = []
        if not self.has_aborted:
            return found
        for segment in self.segments[self.index_of(start) :]:
            index = segment.aborted
            if index and segment is not self._warm_aborted and segment is not self.segments[-1]:
                if self._warm_aborted is not None:
                    self._warm_aborted.cool_aborted()
                self._warm_aborted = segment
            overlapping, is_all = index.overlapping(start, end)
            found += overlapping
            if is_all:
                break
        return found

    def first_at(self, timestamp: int) -> Found | None:
        """Return the first record, by offset, that is at least as new as `timestamp`, or None (LOFF-03, LOFF-14)."""
        for segment in self.segments[self.index_of(self.start_offset) :]:
            if segment.largest_timestamp() < timestamp:
                continue
            start = max(self.start_offset, segment.start_for(timestamp))
            position = self._locate(segment, start)
            if position is None:
                continue
            for at, batch in segment.headers(position):
                if batch.max_timestamp >= timestamp:
                    found = self._first_record(segment, at, batch, timestamp)
                    if found is not None:
                        return found
        return None

    def newest(self) -> Found | None:
        """Return the record with the largest timestamp, the first such if there are several (LOFF-06, LOFF-07)."""
        largest = -1
        best: tuple[Segment, int, Batch] | None = None
        for segment in self.segments[self.index_of(self.start_offset) :]:
            if segment.largest_timestamp() <= largest:
                continue
            # The offset is in the batch that had it first; if that was deleted, the rest must be looked through.
            position = self._locate(segment, max(self.start_offset, segment.max_timestamp_offset))
            for at, batch in segment.headers(position) if position is not None else ():
                timestamp = self._largest_left(segment, at, batch)
                if timestamp > largest:
                    largest, best = timestamp, (segment, at, batch)
                if largest == segment.max_timestamp:
                    break
        return self._first_record(*best, largest) if best is not None else None

    def _largest_left(self, segment: Segment, position: int, batch: Batch) -> int:
        """Return the largest timestamp of the batch's records that were not deleted."""
        if batch.base_offset >= self.start_offset:
            return batch.max_timestamp
        view = segment.file.read(batch.length, position)
        return max((r.timestamp for r in records_of(view, peek(view)) if r.offset >= self.start_offset), default=-1)

    def _first_record(self, segment: Segment, position: int, batch: Batch, timestamp: int) -> Found | None:
        view = segment.file.read(batch.length, position)
        for record in records_of(view, peek(view)):
            if record.timestamp >= timestamp and record.offset >= self.start_offset:
                return record.offset, record.timestamp, batch.leader_epoch
        return None

    def truncate_all(self, offset: int) -> None:
        """Remove every segment, and go on at `offset`."""
        self.drop_segments(0)
        self.start_offset = self.end_offset = self.recovery_point = offset

    def drop_segments(self, index: int) -> int:
        """Remove the segments from `index` on; return how many there were. Another one must become the active one."""
        dropped = self.segments[index:]
        for segment in dropped:
            self.remove_files(segment)
        del self.segments[index:], self.bases[index:]
        return len(dropped)

    def drop_oldest(self, count: int) -> list[Segment]:
        """Take the oldest segments out of the log, which starts behind them now; return them. Their files stay."""
        dropped = self.segments[:count]
        del self.segments[:count], self.bases[:count]
        self.start_offset = max(self.start_offset, self.bases[0])
        if self._warm in dropped:
            self._warm = None
        if self._warm_aborted in dropped:
            self._warm_aborted = None
        return dropped

    def replace_segments(self, old: Sequence[Segment], new: Segment) -> None:
        """Put `new` in the place of these neighbours, whose files stay."""
        first = self.index_of(old[0].base_offset)
        end = first + len(old)
        assert self.segments[first:end] == list(old), "not neighbours in this log"
        self.segments[first:end] = [new]
        self.bases[first:end] = [new.base_offset]
        if self._warm in old:
            self._warm = None
        if self._warm_aborted in old:
            self._warm_aborted = None

    def remove_files(self, segment: Segment) -> None:
        """Erase a segment's files; readers of it keep theirs."""
        segment.release()
        for kind in FILE_SUFFIXES:
            self._files.remove(segment.path_of(kind))

    def relocate(self, directory: str, recovery_point: int) -> None:
        """Go on with the same files elsewhere; up to `recovery_point` they are known to be on the device there."""
        self.directory = directory
        self.recovery_point = min(self.recovery_point, recovery_point)
        self._unsynced.clear()
        self.moved_in()
        for segment in self.segments:
            segment.path = f"{directory}/{segment.base_offset:020d}"
            segment.close_file()

    # -- The device

    @property
    def checked_from(self) -> int:
        """From where a recovery has to check: the recovery point, or a segment whose indexes are being saved."""
        return min([self.recovery_point, *(each.base_offset for each in self.segments if each.is_being_saved)])

    def debt(self) -> Debt:
        """Return what is not on the device now, for a worker to pay."""
        unsynced = self.segments[self.index_of(self.recovery_point) :] if self.recovery_point < self.end_offset else []
        files = [file for segment in unsynced for file in segment.files_to_sync(has_aborted=self.has_aborted)]
        return self._unsynced.debt(files, self.end_offset)

    def paid(self, debt: Debt) -> None:
        """Note that a debt was paid."""
        self._unsynced.paid(debt)
        self.recovery_point = max(self.recovery_point, min(debt.end, self.end_offset))

    def changed(self, *paths: str) -> None:
        """Note what must reach the device besides records, see `Unsynced.mark`."""
        self._unsynced.mark(*paths)

    def synced(self, directory: str) -> None:
        """Note that the names in a directory (with a slash at the end) are on the device."""
        self._unsynced.forget(directory)

    def moved_in(self) -> None:
        """Note that the log's directory is new, or may be for all we know."""
        parent = self.directory.rpartition("/")[0]
        self.changed(f"{parent}/", f"{self.directory}/", f"{self.directory}/{PARTITION_METADATA}")

    def close(self) -> None:
        """Write what the indexes lack, flush, and let go of the files."""
        for segment in self.segments:
            if segment.has_unsaved_indexes:
                segment.finish()
                segment.save_indexes()
        debt = self.debt()
        debt.pay(self._files)
        self.paid(debt)
        for segment in self.segments:
            segment.release()
