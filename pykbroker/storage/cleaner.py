"""Compaction, the work: one cleaning of one log, as a task for `steps.run_in_steps`.

    1  walk the dirty part, and note the newest offset of each key     key_offsets.py
    2  walk everything up to there, segment after segment, and copy    compaction.py says what
       what stays into new segments, several old ones into one         cleanable.py says which
    3  put each new segment in the place of the old ones               swapping.py

The log goes on all the while: the active segment is not touched, readers see the old segments or the new one, and keep
what they have open. Files are read and written, and large batches compressed, by workers; records are walked here, a
few hundred at a turn. A batch of which everything stays is copied as it is.

A segment keeps its timestamps, by which retention goes, if its batches have any; otherwise it counts as written now.
(`org.apache.kafka.storage.internals.log.Cleaner`, `LogCleaner`.)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

from pykbroker.env import Env, File
from pykbroker.errors import CORRUPT_MESSAGE, INVALID_RECORD, KafkaError
from pykbroker.steps import TURN_BYTES, TURN_RECORDS, Task
from pykbroker.storage.aborted import AbortedIndex
from pykbroker.storage.cleanable import Cleanable, groups
from pykbroker.storage.compaction import Fate, LastBatches, Round, TransactionsMet, with_records, without_records
from pykbroker.storage.key_offsets import KeyOffsets
from pykbroker.storage.log import Log
from pykbroker.storage.segment import Segment
from pykbroker.storage.swapping import CLEANED, put_in_place, settle
from pykbroker.storage.throttle import Throttle
from pykbroker.storage.transactions import marker_in
from pykbroker.wire.batch import HEADER_BYTES, Batch, Buffer, header, verify
from pykbroker.wire.compression import decompress
from pykbroker.wire.records import DECOMPRESSED_LIMIT, batches_in
from pykbroker.wire.spans import Span, latest_timestamp, rebased, spans

T = TypeVar("T")

_WINDOW_BYTES: Final = 1024 * 1024
_WORTH_A_WORKER: Final = 32 * 1024
# How much of a turn things take, in records: what a batch costs beside its records, what a codec does beside its bytes.
_BATCH_COUNTS_AS: Final = 10
_CODEC_COUNTS_AS: Final = 40
_CODEC_BYTES_A_RECORD: Final = 100


class Cleaned(NamedTuple):
    """What a cleaning has done. Everything below `first_dirty_offset` is clean now.

    `keys` is how many were in the table at once. What was read to fill it is not in `bytes_read` and `records_read`.
    """

    first_dirty_offset: int
    keys: int
    bytes_read: int
    bytes_written: int
    records_read: int
    records_written: int


class _Stopped(Exception):
    """The log came to its end, is not to be compacted any more, or has lost segments that are being cleaned."""


def clean(
    env: Env,
    log: Log,
    todo: Cleanable,
    last_batches: LastBatches,
    *,
    most_keys: int,
    throttle: Throttle,
    is_over: Callable[[], bool],
    erase_later: Callable[[Sequence[str]], None],
) -> Task[Cleaned | None]:
    """Clean a log, of which there is `todo`; return what was done, None if it was stopped before the end.

    It stops by itself once `is_over()`, because the log was closed, deleted or lost, or when the topic is no longer to
    be compacted; it must not be closed from outside, because a segment may be on its way into its place. `erase_later`
    gets the paths of what was replaced. Retention should leave the log alone meanwhile.

    Raises KafkaError if the log has a batch that cannot be read, which will be the same next time. OSError if a file
    fails; the log is as it was then, or partly cleaned.
    """
    cleaning = _Cleaning(env, log, todo, last_batches, most_keys, throttle, is_over, erase_later)
    try:
        return (yield from cleaning.run())
    except _Stopped:
        if not is_over():  # then the files are nobody's any more, or somebody else's
            cleaning.clear_away()
        return None
    except KafkaError as error:
        cleaning.clear_away()
        raise KafkaError(error.code, f"cannot clean {log.directory}: {error.message}") from error
    except OSError:
        cleaning.clear_away()
        raise


class _Cleaning:
    """One cleaning. Owns the segment that is being written, until it is part of the log."""

    __slots__ = (
        "_bytes_read", "_bytes_written", "_cleaned", "_ends", "_env", "_erase_later", "_is_over", "_last_batches",
        "_log", "_most_keys", "_records_read", "_records_written", "_throttle", "_todo", "_turn_bytes", "_unwritten",
        "_unwritten_bytes",
    )  # fmt: skip

    def __init__(
        self,
        env: Env,
        log: Log,
        todo: Cleanable,
        last_batches: LastBatches,
        most_keys: int,
        throttle: Throttle,
        is_over: Callable[[], bool],
        erase_later: Callable[[Sequence[str]], None],
    ) -> None:
        self._env = env
        self._log = log
        self._todo = todo
        self._last_batches = last_batches
        self._most_keys = most_keys
        self._throttle = throttle
        self._is_over = is_over
        self._erase_later = erase_later
        self._cleaned: Segment | None = None
        self._ends: dict[Segment, int] = {}
        self._unwritten: list[Buffer] = []
        self._unwritten_bytes = 0
        self._turn_bytes = 0
        self._bytes_read = self._bytes_written = self._records_read = self._records_written = 0

    def run(self) -> Task[Cleaned]:
        """Clean the log."""
        self._check()
        if not self._todo.dirty_bytes:
            return Cleaned(self._todo.first_dirty_offset, 0, 0, 0, 0, 0)
        log, config = self._log, self._log.config
        self._ends = dict(zip(log.segments, log.bases[1:], strict=False))
        now_ms = self._env.clock.now_ms()
        offsets = KeyOffsets(self._most_keys)
        yield from self._note_keys(offsets)
        # Never beyond what may be cleaned, not even where a batch has another's offsets, which no CRC covers.
        first_dirty_offset = min(offsets.latest_offset + 1, self._todo.first_uncleanable_offset)
        keys = len(offsets)
        until = bisect_left(log.bases, first_dirty_offset)
        start, end = log.bases[0], log.bases[until]
        judge = Round(
            offsets,
            TransactionsMet(log.aborted_between(start, end), start),
            self._last_batches,
            end_offset=self._todo.first_uncleanable_offset,
            now_ms=now_ms,
            delete_retention_ms=config.delete_retention_ms,
        )
        for group in groups(log.segments[:until], end, config):
            yield from self._clean_group(judge, group)
        for _ in offsets.drain():
            yield None
        return Cleaned(
            first_dirty_offset, keys, self._bytes_read, self._bytes_written, self._records_read, self._records_written
        )

    def clear_away(self) -> None:
        """Remove the segment that did not become part of the log."""
        if self._cleaned is not None and self._cleaned.suffix == CLEANED:
            with suppress(OSError):  # then the next start does it
                self._log.remove_files(self._cleaned)

    # -- The keys

    def _note_keys(self, offsets: KeyOffsets) -> Task[None]:
        """Note the keys of the dirty part, from the first dirty offset on, until it ends or `offsets` are full."""
        log, start, until = self._log, self._todo.first_dirty_offset, self._todo.first_uncleanable_offset
        first, end = log.index_of(start), bisect_left(log.bases, until)
        transactions = TransactionsMet(log.aborted_between(start, until), start)
        dirty = list(zip(log.segments[first:end], log.bases[first + 1 :], strict=False))
        for segment, next_offset in dirty:
            file, position = segment.file, 0
            if start > segment.base_offset:
                position = segment.scan_from(start)
            while position < segment.size:
                content = yield from self._read(segment, file, position)
                for at, batch in _sound(content, segment, position, next_offset):
                    is_whole = yield from self._note_batch(offsets, transactions, content, at, batch)
                    if not is_whole:
                        return
                    position += batch.length
            segment.close_file()
            offsets.reach(next_offset - 1)

    def _note_batch(
        self, offsets: KeyOffsets, transactions: TransactionsMet, content: bytes, at: int, batch: Batch
    ) -> Task[bool]:
        """Note the keys of one batch; return False if there is no room for all of them."""
        if batch.is_control:
            is_abort = _is_abort(content, at, batch)
            if is_abort is not None:
                transactions.is_done_with(batch, is_abort=is_abort)
        elif not transactions.takes_back(batch):
            raw = yield from self._records(content, at, batch)
            end, left = 0, batch.count
            while left:
                room = offsets.room()
                if not room:
                    return False
                records = spans(raw, end, min(left, room, TURN_RECORDS))
                offsets.note(records, batch.base_offset, self._todo.first_dirty_offset)
                end, left = records[-1][4], left - len(records)
                yield from self._pass_on(len(records), end - records[0][3])
            _check_end(raw, end)
        offsets.reach(batch.last_offset)
        yield from self._pass_on(_BATCH_COUNTS_AS, HEADER_BYTES)
        return True

    # -- The segments

    def _clean_group(self, judge: Round, group: list[Segment]) -> Task[None]:
        """Clean neighbours into one segment, and put that in their place."""
        log, files = self._log, self._env.files
        cleaned = Segment(
            files, log.directory, group[0].base_offset, log.config.index_interval_bytes, group[0].created_ms, CLEANED
        )
        log.remove_files(cleaned)  # of a cleaning that did not end well
        cleaned.start_indexes()
        self._cleaned, self._unwritten, self._unwritten_bytes = cleaned, [], 0
        for segment in group:
            file, position = segment.file, 0
            while position < segment.size:
                content = yield from self._read(segment, file, position)
                for at, batch in _sound(content, segment, position, self._ends[segment]):
                    left = yield from self._left_of(judge, content, at, batch)
                    if left is not None:
                        yield from self._write(cleaned, left)
                    position += batch.length
            segment.close_file()
        yield from self._flush(cleaned)
        aborted, judge.transactions.still_there = AbortedIndex.of(judge.transactions.still_there), []
        yield self._env.workers.submit(lambda: settle(files, cleaned, aborted))
        self._check(*group)
        self._cleaned = None
        is_done = yield from put_in_place(self._env, log, group, cleaned, self._is_over, self._erase_later)
        if not is_done:
            raise _Stopped

    def _left_of(self, judge: Round, content: bytes, at: int, batch: Batch) -> Task[Buffer | None]:
        """Return what is left of a batch, which may be all of it, as it is; None if nothing is."""
        self._bytes_read += batch.length
        self._records_read += batch.count
        verdict = judge.judge(batch, is_abort=_is_abort(content, at, batch) if batch.is_control else None)
        kept: list[list[Span]] = []
        count, raw, has_deletes = 0, b"", False
        if not verdict.takes_records:
            raw = yield from self._records(content, at, batch)
            end, left = 0, batch.count
            while left:
                records = spans(raw, end, min(left, TURN_RECORDS))
                end, left = records[-1][4], left - len(records)
                staying = judge.staying(batch, records)
                if staying:
                    kept.append(staying)
                    count += len(staying)
                    has_deletes = has_deletes or any(record[2] for record in staying)
                yield from self._pass_on(len(records), end - records[0][3])
            _check_end(raw, end)
        yield from self._pass_on(_BATCH_COUNTS_AS, HEADER_BYTES)
        self._records_written += count
        if not count:
            return without_records(batch) if verdict.fate is Fate.STAYS else None
        horizon_ms = judge.new_horizon_ms(batch, verdict, has_deletes=has_deletes)
        if count == batch.count and horizon_ms is None:
            return memoryview(content)[at : at + batch.length]
        return (yield from self._thinned(batch, raw, kept, count, horizon_ms))

    def _thinned(
        self, batch: Batch, raw: bytes, kept: list[list[Span]], count: int, horizon_ms: int | None
    ) -> Task[Buffer]:
        """Return a batch of the records that were kept. With LogAppendTime their own timestamps mean nothing."""
        has_times = not batch.is_log_append_time
        shift = horizon_ms - batch.base_timestamp if horizon_ms is not None and has_times else 0
        must_look = has_times and count < batch.count
        max_timestamp = -1 if must_look else batch.max_timestamp
        parts: list[bytes] = []
        for records in kept:
            if must_look:
                max_timestamp = max(max_timestamp, latest_timestamp(raw, records, batch.base_timestamp))
            if shift:
                parts.append(rebased(raw, records, shift))
            else:
                parts += [raw[start:end] for _, _, _, start, end in records]
            yield from self._pass_on(len(records), 0)
        return (
            yield from self._worked(
                len(raw), lambda: with_records(batch, b"".join(parts), count, max_timestamp, horizon_ms)
            )
        )

    def _write(self, cleaned: Segment, batch: Buffer) -> Task[None]:
        """Add a batch to the segment; the file gets it with others."""
        written = header(batch)
        cleaned.note(cleaned.size, len(batch), written.last_offset, written.max_timestamp)
        self._unwritten.append(batch)
        self._unwritten_bytes += len(batch)
        if self._unwritten_bytes >= _WINDOW_BYTES:
            yield from self._flush(cleaned)

    def _flush(self, cleaned: Segment) -> Task[None]:
        file, content, nbytes = cleaned.file, self._unwritten, self._unwritten_bytes
        self._unwritten, self._unwritten_bytes = [], 0
        if nbytes:
            yield self._env.workers.submit(lambda: file.append(b"".join(content)))
            self._bytes_written += nbytes
            yield from self._spend(nbytes)

    # -- Turns, files and workers

    def _check(self, *segments: Segment) -> None:
        """Raise if there is no point in going on; `segments` must be part of the log."""
        if self._is_over() or not self._log.config.is_compacted:
            raise _Stopped
        if segments and not set(segments).issubset(self._log.segments):
            raise _Stopped

    def _pass_on(self, records: int, nbytes: int) -> Task[None]:
        """Take in how much was done, and let others go first when it is enough for one turn."""
        self._turn_bytes += max(records * (TURN_BYTES // TURN_RECORDS), nbytes)
        if self._turn_bytes >= TURN_BYTES:
            self._turn_bytes = 0
            yield None
            self._check()

    def _spend(self, nbytes: int) -> Task[None]:
        wait = self._throttle.spend(nbytes)
        if wait is not None:
            yield wait
        self._check()

    def _read(self, segment: Segment, file: File, position: int) -> Task[bytes]:
        """Return at least one whole batch of a segment, and what else is in a window from there on."""
        self._check(segment)
        end = segment.size
        content: bytes = yield self._env.workers.submit(lambda: _window(file, position, end))
        yield from self._spend(len(content))
        return content

    def _records(self, content: bytes, at: int, batch: Batch) -> Task[bytes]:
        """Return the records of a batch, decompressed."""
        body = memoryview(content)[at + HEADER_BYTES : at + batch.length]
        if not batch.codec:
            return bytes(body)
        return (yield from self._worked(len(body), lambda: decompress(batch.codec, body, DECOMPRESSED_LIMIT)))

    def _worked(self, nbytes: int, call: Callable[[], T]) -> Task[T]:
        """Return what a call returns, which uses a codec; a worker makes it if it is about many bytes."""
        if nbytes < _WORTH_A_WORKER:
            value = call()
            yield from self._pass_on(_CODEC_COUNTS_AS + nbytes // _CODEC_BYTES_A_RECORD, 0)
            return value
        value = yield self._env.workers.submit(call)
        self._check()
        return value


def _window(file: File, position: int, end: int) -> bytes:
    """Read a window of a file, or one batch if that is larger."""
    content = file.read(min(_WINDOW_BYTES, end - position), position)
    if len(content) >= HEADER_BYTES:
        length = header(content).length
        if len(content) < length <= end - position:
            content = file.read(length, position)
    return content


def _sound(content: bytes, segment: Segment, position: int, end_offset: int) -> Iterator[tuple[int, Batch]]:
    """Yield where each whole batch begins, and its header. KafkaError if there is none, or one is damaged.

    The segment ends at `end_offset`. No CRC covers the offsets: a copy with one beyond would hide the segments there.
    """
    at, next_offset = -1, segment.base_offset
    for at, batch in batches_in(content):
        if batch.magic != 2:
            raise KafkaError(CORRUPT_MESSAGE, f"the batch at offset {batch.base_offset} has format {batch.magic}")
        verify(content, batch, at)
        if not next_offset <= batch.base_offset <= batch.last_offset < end_offset:
            raise KafkaError(CORRUPT_MESSAGE, f"{segment.path}.log has offset {batch.base_offset}")
        next_offset = batch.next_offset
        yield at, batch
    if at < 0:
        raise KafkaError(CORRUPT_MESSAGE, f"{segment.path}.log has no batch at byte {position}")


def _is_abort(content: bytes, at: int, batch: Batch) -> bool | None:
    """Return which marker a control batch has; None if it has none, or has lost it."""
    marker = marker_in(memoryview(content)[at : at + batch.length], batch)
    return None if marker is None else marker.is_abort


def _check_end(raw: bytes, end: int) -> None:
    if end != len(raw):
        raise KafkaError(INVALID_RECORD, f"{len(raw) - end} bytes follow the last record of the batch")
