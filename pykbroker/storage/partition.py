"""`Partition`: a log as clients see it, with watermarks, producers, leader epochs and watchers.

`append` takes a batch from a client, checks it, gives it offsets and stores it; `append_own` stores what the broker
wrote itself. `read` finds slices of files. One broker has the only replica, so the high watermark is the log's end.

`append` and `read` are the hot paths of Produce and Fetch: a batch is neither copied nor read beyond its header, unless
the topic's settings need that (`validate.prepare`). The files behind are Kafka's; see `segment.py`, `recovery.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct

from pykbroker.env import Bytes, Env, Timer
from pykbroker.errors import (
    INVALID_TXN_STATE,
    NOT_LEADER_OR_FOLLOWER,
    OFFSET_OUT_OF_RANGE,
    POLICY_VIOLATION,
    RECORD_LIST_TOO_LARGE,
    KafkaError,
)
from pykbroker.storage.answers import Appended, Read, Watcher
from pykbroker.storage.checkpoints import PARTITION_METADATA, partition_metadata, write_plainly
from pykbroker.storage.failures import storage_error, warn
from pykbroker.storage.log import Found
from pykbroker.storage.log_config import UNLIMITED, LogConfig
from pykbroker.storage.producers import Producers, ProducerState
from pykbroker.storage.recovery import OpenedLog
from pykbroker.storage.segment import NO_SLICES, Segment
from pykbroker.storage.snapshots import ProducerSnapshots
from pykbroker.storage.validate import checked_batch, prepare
from pykbroker.wire.batch import LENGTH_END, LOG_APPEND_TIME, TRANSACTIONAL, Batch, peek, stamp

_stamp_into = Struct(">qii").pack_into  # base offset, length, leader epoch


class Partition:
    """One partition. Owns its producers, its leader epochs and its watchers; the log owns offsets and files.

    `directory` is where its files are, or will be: nothing is there before the first append.
    """

    __slots__ = (
        "_env", "_epochs", "_expiration_ms", "_flush_timer", "_on_checkpoint_due", "_opened_end", "_producers",
        "_snapshots", "_takes_any_batch", "_watchers", "config", "directory", "index", "is_closed", "leader_epoch",
        "log", "topic", "topic_id",
    )  # fmt: skip

    def __init__(
        self,
        env: Env,
        topic: str,
        index: int,
        topic_id: bytes,
        opened: OpenedLog,
        leader_epoch: int,
        producer_id_expiration_ms: int,
        on_checkpoint_due: Callable[[], None],
    ) -> None:
        self.topic = topic
        self.index = index
        self.topic_id = topic_id
        self.leader_epoch = leader_epoch
        self.log = opened.log
        self.directory = opened.log.directory
        self.is_closed = False
        self.config = opened.log.config
        self._takes_any_batch = self.config.takes_any_batch
        self._env = env
        self._epochs = opened.epochs
        self._snapshots = ProducerSnapshots(env.files, self.directory, opened.snapshots)
        self._producers: Producers | None = None  # loaded when first needed, from what there was at _opened_end
        self._opened_end = self.log.end_offset
        self._expiration_ms = producer_id_expiration_ms
        self._on_checkpoint_due = on_checkpoint_due
        self._watchers: dict[Watcher, None] | None = None
        self._flush_timer: Timer | None = None
        self._epochs.begin(leader_epoch, self.log.end_offset)
        if self._epochs.unsaved and self.log.segments:
            self._epochs.save(self._env.files, self.directory)

    def __repr__(self) -> str:
        return f"Partition({self.topic}-{self.index})"

    @property
    def log_start_offset(self) -> int:
        """The first offset that may be read."""
        return self.log.start_offset

    @property
    def log_end_offset(self) -> int:
        """The offset that the next record gets."""
        return self.log.end_offset

    @property
    def high_watermark(self) -> int:
        """The end of what every replica has, and so of what may be read."""
        return self.log.end_offset

    @property
    def last_stable_offset(self) -> int:
        """The end of what no open transaction can still change."""
        return self.log.end_offset

    @property
    def size_bytes(self) -> int:
        """The size of the log's segments."""
        return self.log.size_bytes

    # -- Produce

    def append(self, view: Bytes, now_ms: int) -> Appended:
        """Check and store the one batch that a client sent. Hot path.

        The batch gets its stamps, and what else the topic wants to change, in place; only one in immutable bytes is
        copied. Raises the KafkaError that the client gets, RecordError if it is about single records.
        """
        if type(view) is not memoryview:
            view = memoryview(view)
        if view.readonly:
            view = memoryview(bytearray(view))
        config = self.config
        batch = checked_batch(view, config)
        log_append_time = -1
        if (
            not self._takes_any_batch
            or batch.max_timestamp > now_ms + config.message_timestamp_after_max_ms
            or batch.attributes & LOG_APPEND_TIME
        ):
            batch, view = prepare(view, batch, config, now_ms)
            if batch.attributes & LOG_APPEND_TIME:
                log_append_time = now_ms
        length = batch.length
        if length > config.segment_bytes:
            raise KafkaError(RECORD_LIST_TOO_LARGE, f"the batch is larger than a segment: {length} bytes")
        if batch.attributes & TRANSACTIONAL:
            raise KafkaError(INVALID_TXN_STATE, "the partition is not part of a transaction")
        if batch.producer_id >= 0:
            stored = self._known_producers(now_ms).check(batch, now_ms)
            if stored is not None:
                return Appended(stored.base_offset, stored.timestamp, self.log.start_offset, True)
        base_offset = self.log.end_offset
        _stamp_into(view, 0, base_offset, length - LENGTH_END, self.leader_epoch)
        # Bytes after the batch are an incomplete second one, which does not count (PROD-12).
        self._store(batch, view if len(view) == length else view[:length], base_offset, now_ms)
        return Appended(base_offset, log_append_time, self.log.start_offset)

    def append_own(self, batch: bytearray) -> int:
        """Store a batch of the broker's own, which is trusted; return its base offset. The batch gets its stamps."""
        header = peek(batch)
        base_offset = self.log.end_offset
        stamp(batch, base_offset, self.leader_epoch)
        now_ms = self._env.clock.now_ms()
        if header.producer_id >= 0 and not header.is_control:
            self._known_producers(now_ms)
        self._store(header, batch, base_offset, now_ms)
        return base_offset

    def _store(self, batch: Batch, content: Bytes, base_offset: int, now_ms: int) -> None:
        """Write the batch, then take in that it is there. A failed write changes nothing."""
        if self.is_closed:
            raise KafkaError(NOT_LEADER_OR_FOLLOWER, f"{self.topic}-{self.index} is closed")
        log = self.log
        length, max_timestamp = batch.length, batch.max_timestamp
        last_offset = base_offset + batch.last_offset_delta
        try:
            if log.must_roll(length, last_offset, max_timestamp, now_ms):
                self._roll(now_ms)
            log.append(content, last_offset, max_timestamp)
        except OSError as error:
            raise storage_error(error, f"cannot append to {self.topic}-{self.index}") from error
        if batch.producer_id >= 0 and not batch.is_control and self._producers is not None:
            self._producers.stored(batch, base_offset, now_ms)
        if log.end_offset - log.recovery_point >= self.config.flush_messages:
            self.flush()
        elif self.config.flush_ms != UNLIMITED and self._flush_timer is None:
            self._flush_timer = self._env.clock.call_later(self.config.flush_ms, self._flush_due)
        if self._watchers:
            for watcher in list(self._watchers):
                watcher.appended(self, length)

    # -- Fetch and look-ups

    def read(self, offset: int, max_bytes: int, *, at_least_one: bool, committed: bool) -> Read:
        """Return slices from the batch that holds `offset` on, about `max_bytes` of them. Hot path; reads no bytes.

        With `at_least_one` the first batch comes whole, however large; without, it does not come if it does not fit.
        With `committed`, nothing from the last stable offset on. KafkaError(OFFSET_OUT_OF_RANGE) outside the log.
        """
        log = self.log
        end = log.end_offset
        if not log.start_offset <= offset <= end:
            raise KafkaError(
                OFFSET_OUT_OF_RANGE, f"offset {offset} is not between {log.start_offset} and {end}, the log's ends"
            )
        stable = self.last_stable_offset
        limit = stable if committed else end
        slices = NO_SLICES
        if offset < limit:
            try:
                slices = log.read(offset, max_bytes, limit, at_least_one=at_least_one)
            except OSError as error:
                raise self._cannot_read(error) from error
        return Read(slices, end, stable, log.start_offset, [] if committed else None)

    def batches(self, start: int | None = None) -> Iterator[memoryview]:
        """Yield every batch from the one that holds `start` (default: the log's start) on, each whole."""
        try:
            yield from self.log.batches(self.log.start_offset if start is None else start)
        except OSError as error:
            raise self._cannot_read(error) from error

    def offset_for_time(self, timestamp: int, committed: bool) -> Found | None:
        """Return (offset, timestamp, leader epoch) of the first record that is not older than `timestamp`, or None."""
        try:
            found = self.log.first_at(timestamp)
        except OSError as error:
            raise self._cannot_read(error) from error
        limit = self.last_stable_offset if committed else self.high_watermark
        return found if found is not None and found[0] < limit else None

    def offset_of_max_timestamp(self) -> Found | None:
        """Return (offset, timestamp, leader epoch) of the first record with the largest timestamp, or None."""
        try:
            return self.log.newest()
        except OSError as error:
            raise self._cannot_read(error) from error

    def _cannot_read(self, error: OSError) -> KafkaError:
        return storage_error(error, f"cannot read {self.topic}-{self.index}")

    def end_offset_for_epoch(self, epoch: int) -> tuple[int, int]:
        """Return the largest known leader epoch up to `epoch` and where it ended, or (-1, -1) (OFLE-01 to OFLE-04)."""
        return self._epochs.end_of(epoch, self.log.end_offset)

    def epoch_at(self, offset: int) -> int:
        """Return the leader epoch that an offset belongs to, or -1."""
        return self._epochs.at(offset)

    def producers(self) -> list[ProducerState]:
        """Return the idempotent producers that are remembered."""
        now_ms = self._env.clock.now_ms()
        return self._known_producers(now_ms).known(now_ms)

    # -- What changes the log besides appends

    def delete_records(self, offset: int) -> int:
        """Move the log's start up to `offset`, -1 for the high watermark; return where it starts now (TOP-21 to 24)."""
        if "delete" not in self.config.cleanup_policy and self.config.is_compacted:
            raise KafkaError(POLICY_VIOLATION, "records of a topic that is only compacted cannot be deleted")
        log = self.log
        if offset == -1:
            offset = self.high_watermark
        if not 0 <= offset <= self.high_watermark:
            raise KafkaError(OFFSET_OUT_OF_RANGE, f"offset {offset} is beyond the high watermark {self.high_watermark}")
        if offset > log.start_offset:
            log.start_offset = offset
            self._epochs.cut_start(offset)
            self._epochs.save(self._env.files, self.directory)
            self._on_checkpoint_due()
            self._tell_change()
        return log.start_offset

    def reconfigure(self, config: LogConfig) -> None:
        """Obey other settings from now on."""
        self.config = self.log.config = config
        self._takes_any_batch = config.takes_any_batch
        self._tell_change()

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` from now on what happens here."""
        if self._watchers is None:
            self._watchers = {}
        self._watchers[watcher] = None

    def unwatch(self, watcher: Watcher) -> None:
        """Tell it nothing more; harmless if it does not watch."""
        if self._watchers:
            self._watchers.pop(watcher, None)

    def _tell_change(self) -> None:
        for watcher in list(self._watchers or ()):
            watcher.changed(self)

    # -- Files

    def flush(self) -> None:
        """Return once everything that was appended is on the device. Blocks."""
        try:
            self.log.flush()
        except OSError as error:
            raise storage_error(error, f"cannot flush {self.topic}-{self.index}") from error

    def _flush_due(self) -> None:
        """Let a worker flush, because of flush.ms; a segment that was rolled meanwhile is flushed by that."""
        self._flush_timer = None
        if self.is_closed or self.log.recovery_point == self.log.end_offset:
            return
        segment, end = self.log.segments[-1], self.log.end_offset

        def flushed(error: Exception | None) -> None:
            if error is not None:
                warn("%s-%d: cannot flush: %s", self.topic, self.index, error)
            elif self.log.recovery_point >= segment.base_offset:
                self.log.recovery_point = max(self.log.recovery_point, end)

        self._env.workers.submit(segment.file.sync).then(lambda later: flushed(later.error))

    def close(self) -> None:
        """Write what a clean stop leaves: complete indexes, a producer snapshot, everything on the device."""
        if self.is_closed:
            return
        self.is_closed = True
        log = self.log
        try:
            if log.end_offset != self._opened_end:
                self._snapshots.write(log.end_offset, self._snapshot())
            log.close()
        except OSError as error:
            raise storage_error(error, f"cannot close {self.topic}-{self.index}") from error

    def retire(self) -> None:
        """Be gone, because the topic was deleted: nothing is written any more, watchers are told."""
        self.is_closed = True
        for segment in self.log.segments:
            segment.release()
        self.log.segments, self.log.bases = [], []
        self._tell_change()

    def _known_producers(self, now_ms: int) -> Producers:
        """Return the producers, loaded the first time: all that wrote since the log was opened came through here."""
        if self._producers is None:
            try:
                self._producers = self._snapshots.load(self.log, self._opened_end, self._expiration_ms, now_ms)
            except OSError as error:
                raise self._cannot_read(error) from error
        return self._producers

    def _roll(self, now_ms: int) -> None:
        """Begin a new segment. What the old one still needs on the device is written by a worker (STO-13)."""
        log = self.log
        if not log.segments:
            self._establish()
            log.roll(now_ms, self._jitter_ms())
            return
        old, snapshot = log.segments[-1], self._snapshot()
        log.roll(now_ms, self._jitter_ms())
        old.finish()
        end = log.end_offset

        def save() -> None:
            if self.is_closed:
                return  # the close does it; or its directory is gone, and another may have its name
            old.save_indexes()
            old.file.sync()
            self._env.files.replace(self._snapshots.path(end), snapshot)

        self._env.workers.submit(save).then(lambda later: self._saved(old, end, later.error))

    def _jitter_ms(self) -> int:
        most = min(self.config.segment_jitter_ms, self.config.segment_ms)
        return int.from_bytes(self._env.random.bytes(8), "big") % most if most > 0 else 0

    def _saved(self, old: Segment, end: int, error: Exception | None) -> None:
        """A rolled segment is on the device, and with all before it, so is the log up to `end`."""
        if self.is_closed:
            return
        if error is not None:
            warn("%s-%d: cannot save segment %d until the close: %s", self.topic, self.index, old.base_offset, error)
            return
        if self.log.recovery_point >= old.base_offset:
            self.log.recovery_point = max(self.log.recovery_point, end)
        old.cool()
        self._snapshots.keep(end)
        self._on_checkpoint_due()

    def _snapshot(self) -> bytes:
        now_ms = self._env.clock.now_ms()
        return self._known_producers(now_ms).snapshot(now_ms)

    def _establish(self) -> None:
        """Make the directory, now that there is something to put into it."""
        files = self._env.files
        files.make_directory(self.directory)
        write_plainly(files, f"{self.directory}/{PARTITION_METADATA}", partition_metadata(self.topic_id))
        self._epochs.save(self._env.files, self.directory)
