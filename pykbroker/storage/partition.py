"""`Partition`: a log as clients see it, with watermarks, producers, leader epochs and watchers.

`append` takes a batch from a client, checks it, gives it offsets and stores it; `append_own` stores what the broker
wrote itself. `read` finds slices of files. One broker has the only replica, so the high watermark is the log's end.

`append` and `read` are the hot paths of Produce and Fetch: a batch is neither copied nor read beyond its header, unless
the topic's settings need that (`validate.prepare`). The files behind are Kafka's; see `segment.py`, `recovery.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

from pykbroker.env import Bytes, Env
from pykbroker.errors import (
    INVALID_TXN_STATE,
    KAFKA_STORAGE_ERROR,
    NOT_LEADER_OR_FOLLOWER,
    OFFSET_OUT_OF_RANGE,
    POLICY_VIOLATION,
    RECORD_LIST_TOO_LARGE,
    KafkaError,
)
from pykbroker.later import Later
from pykbroker.storage.answers import Appended, Read, Watcher
from pykbroker.storage.checkpoints import (
    LEADER_EPOCHS,
    PARTITION_METADATA,
    TopicPartition,
    partition_metadata,
    write_plainly,
)
from pykbroker.storage.directory import LogDirectory
from pykbroker.storage.failures import note, storage_error, warn
from pykbroker.storage.flushing import Flushing
from pykbroker.storage.log import Found
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.producers import Producers, ProducerState
from pykbroker.storage.recovery import OpenedLog
from pykbroker.storage.retention import segments_to_delete
from pykbroker.storage.segment import NO_SLICES, Segment
from pykbroker.storage.snapshots import ProducerSnapshots
from pykbroker.storage.transactions import Marker, marker_in
from pykbroker.storage.unsynced import Debt
from pykbroker.storage.validate import checked_batch, prepare
from pykbroker.wire.batch import CONTROL, LENGTH_END, LOG_APPEND_TIME, TRANSACTIONAL, Batch, peek, stamp

_stamp_into = Struct(">qii").pack_into  # base offset, length, leader epoch


class Partition:
    """One partition. Owns its producers, its leader epochs and its watchers; the log owns offsets and files.

    `directory` is where its files are, or will be: nothing is there before the first append. A `leader_epoch` of -1
    means to go on in the log's last one.
    """

    __slots__ = (
        "_cooled_end", "_env", "_epochs", "_expiration_ms", "_flushing", "_opened_end", "_producers", "_refusal",
        "_snapshots", "_takes_any_batch", "_watchers", "config", "directory", "home", "index", "leader_epoch", "log",
        "topic", "topic_id",
    )  # fmt: skip

    def __init__(
        self,
        env: Env,
        home: LogDirectory,
        topic: str,
        index: int,
        topic_id: bytes,
        opened: OpenedLog,
        leader_epoch: int,
        producer_id_expiration_ms: int,
    ) -> None:
        self.home = home
        self.topic = topic
        self.index = index
        self.topic_id = topic_id
        self.leader_epoch = leader_epoch if leader_epoch >= 0 else max(0, opened.epochs.latest)
        self.log = opened.log
        self.directory = opened.log.directory
        self.config = opened.log.config
        self._takes_any_batch = self.config.takes_any_batch
        self._env = env
        self._epochs = opened.epochs
        self._snapshots = ProducerSnapshots(env.files, self.directory, opened.snapshots)
        self._producers = opened.producers  # or loaded when first needed, from what there was at _opened_end
        self._opened_end = self._cooled_end = self.log.end_offset
        self._expiration_ms = producer_id_expiration_ms
        self._watchers: dict[Watcher, None] | None = None
        self._refusal = 0  # the error for who appends, once it is closed
        self._flushing = Flushing(env, home, self.log) if self.config.is_flushed else None
        self._epochs.lead(self.leader_epoch, self.log.end_offset)
        if self._epochs.unsaved and self.log.segments:
            self._save_epochs()

    def __repr__(self) -> str:
        return f"Partition({self.topic}-{self.index})"

    @property
    def key(self) -> TopicPartition:
        """The topic's name and the partition's number."""
        return self.topic, self.index

    @property
    def is_closed(self) -> bool:
        """Whether nothing is stored here any more: the broker stops, the topic is deleted, the disk failed."""
        return bool(self._refusal)

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
        """The end of what every replica has, and so of what may be read; behind the log's end during a flush."""
        flushing = self._flushing
        if flushing is not None and flushing.held_from is not None:
            return flushing.held_from
        return self.log.end_offset

    @property
    def last_stable_offset(self) -> int:
        """The end of what no open transaction can still change."""
        return self._stable_below(self.high_watermark)

    def _stable_below(self, end: int) -> int:
        """Return `end`, or where before it the first transaction begins that is not decided (TXN-31)."""
        producers = self._producers
        if producers is None:
            if self._refusal:
                return end
            producers = self._known_producers(self._env.clock.now_ms())
        if producers.transactions is None:
            return end
        first = producers.transactions.first_unstable(end)
        return end if first is None or first > end else max(first, self.log.start_offset)

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
                held = self._flushing.until(stored.last_offset) if self._flushing is not None else None
                return Appended(stored.base_offset, stored.timestamp, self.log.start_offset, True, held)
        base_offset = self.log.end_offset
        _stamp_into(view, 0, base_offset, length - LENGTH_END, self.leader_epoch)
        # Bytes after the batch are an incomplete second one, which does not count (PROD-12).
        held = self._store(batch, view if len(view) == length else view[:length], base_offset, now_ms)
        return Appended(base_offset, log_append_time, self.log.start_offset, False, held)

    def append_own(self, batch: bytearray) -> Later[None] | None:
        """Store a batch of the broker's own, which is trusted; return as `Appended.held`. The batch gets its stamps.

        If it is the marker of a transaction, that has ended then. KafkaError if the marker is an outdated one's.
        """
        base_offset = self.log.end_offset
        stamp(batch, base_offset, self.leader_epoch)
        header = peek(batch)
        now_ms = self._env.clock.now_ms()
        marker = None
        if header.producer_id >= 0:
            producers = self._known_producers(now_ms)
            if header.attributes & CONTROL:
                marker = marker_in(batch, header)
                if marker is not None:
                    producers.check_marker(marker)
        return self._store(header, batch, base_offset, now_ms, marker)

    def _store(
        self, batch: Batch, content: Bytes, base_offset: int, now_ms: int, marker: Marker | None = None
    ) -> Later[None] | None:
        """Write the batch, then take in that it is there; return when it counts. A failed write changes nothing."""
        if self._refusal:
            raise self._closed()
        log = self.log
        length, max_timestamp = batch.length, batch.max_timestamp
        last_offset = base_offset + batch.last_offset_delta
        try:
            if log.must_roll(length, last_offset, max_timestamp, now_ms):
                self._roll(now_ms)
                if self._refusal:  # the roll has found that the disk is no good
                    raise self._closed()
            aborted = None if marker is None else self._known_producers(now_ms).aborted_by(marker)
            if aborted is None:
                log.append(content, last_offset, max_timestamp)
            else:
                log.append_abort(content, max_timestamp, aborted)
        except OSError as error:
            raise self._failure(error, "append to") from error
        first_offset = -1
        if batch.producer_id >= 0 and self._producers is not None:
            if not batch.attributes & CONTROL:
                self._producers.stored(batch, base_offset, now_ms)
            elif marker is not None:
                first_offset = self._producers.ended(marker, now_ms)
        if self._flushing is not None:
            held = self._flushing.appended(base_offset)
            if held is not None:
                if not held.done:
                    if first_offset >= 0:
                        self._known_producers(now_ms).hold(first_offset, base_offset)
                    held.then(lambda later: self._tell_appended(length) if later.error is None else None)
                    return held
                held.result()  # raises, if it failed at once
        if self._watchers:
            self._tell_appended(length)
        return None

    def _closed(self) -> KafkaError:
        return KafkaError(self._refusal, f"{self.topic}-{self.index} is closed")

    def _tell_appended(self, nbytes: int) -> None:
        for watcher in list(self._watchers or ()):
            watcher.appended(self, nbytes)

    # -- Fetch and look-ups

    def read(self, offset: int, max_bytes: int, *, at_least_one: bool, committed: bool) -> Read:
        """Return slices from the batch that holds `offset` on, about `max_bytes` of them. Hot path; reads no bytes.

        With `at_least_one` the first batch comes whole, however large; without, it does not come if it does not fit.
        With `committed`, nothing from the last stable offset on, and the aborted transactions in it (FET-16).
        KafkaError(OFFSET_OUT_OF_RANGE) outside the log.
        """
        log = self.log
        if not log.start_offset <= offset <= log.end_offset:
            raise KafkaError(
                OFFSET_OUT_OF_RANGE,
                f"offset {offset} is not between {log.start_offset} and {log.end_offset}, the log's ends",
            )
        end = self.high_watermark
        producers = self._producers
        # What `_stable_below` finds first, without the call.
        stable = end if producers is not None and producers.transactions is None else self._stable_below(end)
        limit = stable if committed else end
        slices = NO_SLICES
        if offset < limit:
            try:
                slices = log.read(offset, max_bytes, limit, at_least_one=at_least_one)
            except OSError as error:
                raise self._failure(error, "read") from error
        aborted: list[tuple[int, int]] | None = [] if committed else None
        if committed and log.has_aborted:
            aborted = [(each.producer_id, each.first_offset) for each in log.aborted_in(offset, slices)]
        return Read(slices, end, stable, log.start_offset, aborted)

    def batches(self, start: int | None = None) -> Iterator[memoryview]:
        """Yield every batch from the one that holds `start` (default: the log's start) on, each whole."""
        try:
            yield from self.log.batches(self.log.start_offset if start is None else start)
        except OSError as error:
            raise self._failure(error, "read") from error

    def offset_for_time(self, timestamp: int, committed: bool) -> Found | None:
        """Return (offset, timestamp, leader epoch) of the first record that is not older than `timestamp`, or None."""
        try:
            return self._unless_beyond(self.log.first_at(timestamp), committed)
        except OSError as error:
            raise self._failure(error, "read") from error

    def offset_of_max_timestamp(self, committed: bool = False) -> Found | None:
        """Return (offset, timestamp, leader epoch) of the first record with the largest timestamp, or None."""
        try:
            return self._unless_beyond(self.log.newest(), committed)
        except OSError as error:
            raise self._failure(error, "read") from error

    def _unless_beyond(self, found: Found | None, committed: bool) -> Found | None:
        """Return what was found if it can be read (LOFF-05)."""
        limit = self.last_stable_offset if committed else self.high_watermark
        return found if found is not None and found[0] < limit else None

    def _failure(self, error: OSError, doing: str) -> KafkaError:
        """Return what a client hears about an error of the disk; a broken disk goes offline as a whole."""
        self.home.heed(error)
        return storage_error(error, f"cannot {doing} {self.topic}-{self.index}")

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
            self._save_epochs()
            self.home.checkpoint_soon()
            self.tell_change()
        return log.start_offset

    def restart_at(self, offset: int) -> None:
        """Drop everything and go on at `offset`: something else has all that was before (`truncateFullyAndStartAt`)."""
        self.log.truncate_all(offset)
        self.home.checkpoint_soon()
        self.tell_change()

    def delete_old_segments(self, now_ms: int) -> int:
        """Let segments go that have had their time; return how many. Their files are erased after a while (STO-17)."""
        if self._refusal:
            return 0
        log = self.log
        try:
            count, rule = segments_to_delete(log, self.high_watermark, now_ms)
            if not count:
                return 0
            start = log.bases[count] if count < len(log.segments) else log.end_offset
            if not any(offset >= start for offset in self._snapshots.offsets):
                self._save_producers()  # what is known of them is in what goes
            if count == len(log.segments):
                log.roll(now_ms, self._jitter_ms())
            dropped = log.drop_oldest(count)
            self.erase(dropped)
        except OSError as error:
            raise self._failure(error, "delete segments of") from error
        note("%s-%d: %d segments below offset %d go, by %s", *self.key, count, log.start_offset, rule)
        self._epochs.cut_start(log.start_offset)
        self._save_epochs()
        self.home.checkpoint_soon()
        self.tell_change()
        return count

    def erase(self, segments: Iterable[Segment]) -> None:
        """Let the files of segments go that are in the log no more: renamed now, erased after a while (STO-17)."""
        gone = []
        for segment in segments:
            gone += segment.rename(".deleted")
            segment.release()
        self.home.erase_later(gone, self.config.file_delete_delay_ms)

    def expire_producers(self, now_ms: int) -> None:
        """Forget producers that were silent for `producer.id.expiration.ms`."""
        if self._producers is not None:
            self._producers.expire(now_ms)

    def cool_down(self) -> None:
        """Let go of the open file if nothing was appended since the last call; it is opened again when needed."""
        log = self.log
        if log.segments and log.end_offset == self._cooled_end:
            log.segments[-1].close_file()
        self._cooled_end = log.end_offset

    def reconfigure(self, config: LogConfig) -> None:
        """Obey other settings from now on."""
        self.config = self.log.config = config
        self._takes_any_batch = config.takes_any_batch
        if config.is_flushed and self._flushing is None:
            self._flushing = Flushing(self._env, self.home, self.log)
        self.tell_change()

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` from now on what happens here."""
        if self._watchers is None:
            self._watchers = {}
        self._watchers[watcher] = None

    def unwatch(self, watcher: Watcher) -> None:
        """Tell it nothing more; harmless if it does not watch."""
        if self._watchers:
            self._watchers.pop(watcher, None)

    def tell_change(self) -> None:
        """Let watchers look again: they may hear something else now than before."""
        for watcher in list(self._watchers or ()):
            watcher.changed(self)

    # -- Files

    def relocate(self, home: LogDirectory, directory: str, recovery_point: int) -> None:
        """Go on in another log directory, whose `directory` holds the same; up to `recovery_point` it is safe there."""
        cleaned = self.home.cleaner_points.get(self.key)
        self.home.forget(self.key)
        self.home, self.directory = home, directory
        self.log.relocate(directory, recovery_point)
        self._snapshots.directory = directory
        if self._flushing is not None:
            self._flushing.home = home
        home.adopt(self)
        if cleaned is not None:
            home.cleaner_points[self.key] = cleaned

    def close(self) -> None:
        """Write what a clean stop leaves: complete indexes, a producer snapshot, everything on the device.

        Runs in a worker, when nothing else is done here any more; `settle` comes after it.
        """
        if self._refusal:
            return
        self._refusal = NOT_LEADER_OR_FOLLOWER
        log = self.log
        try:
            if log.segments and self._has_news_of_producers():
                self._save_producers()
            log.close()
        except OSError as error:
            raise storage_error(error, f"cannot close {self.topic}-{self.index}") from error

    def settle(self, error: KafkaError | None) -> None:
        """Let nobody wait for a flush any more: the partition was closed, or could not be."""
        if self._flushing is not None:
            self._flushing.close(error)

    def retire(self) -> None:
        """Be gone, because the topic was deleted: nothing is written any more, watchers are told."""
        self._end(NOT_LEADER_OR_FOLLOWER)

    def go_offline(self) -> None:
        """Be gone, because the log directory failed: nothing is read or written any more, watchers are told."""
        self._end(KAFKA_STORAGE_ERROR)

    def _end(self, refusal: int) -> None:
        self._refusal = refusal
        if self._flushing is not None:
            self._flushing.close(self._closed())
        for segment in self.log.segments:
            segment.release()
        self.log.segments, self.log.bases = [], []
        self.tell_change()

    def _known_producers(self, now_ms: int) -> Producers:
        """Return the producers, loaded the first time: all that wrote since the log was opened came through here."""
        if self._producers is None:
            try:
                self._producers = self._snapshots.load(self.log, self._opened_end, self._expiration_ms, now_ms)
            except OSError as error:
                raise self._failure(error, "read") from error
        return self._producers

    def _roll(self, now_ms: int) -> None:
        """Begin a new segment. What the old one still needs on the device is written by a worker (STO-13)."""
        log = self.log
        if not log.segments:
            self._establish()
            log.roll(now_ms, self._jitter_ms())
            return
        old, snapshot, debt = log.segments[-1], self._snapshot(), log.debt()
        log.roll(now_ms, self._jitter_ms())
        old.finish()

        def save() -> bool:
            if self._refusal or old not in log.segments:
                return False  # the close does it; or the files are gone, and others may have their names
            old.save_indexes()
            debt.pay(self._env.files)
            self._env.files.replace(self._snapshots.path(debt.end), snapshot)
            return True

        old.is_being_saved = True
        self._env.workers.submit(save).then(lambda later: self._saved(old, debt, later))

    def _save_epochs(self) -> None:
        self._epochs.save(self._env.files, self.directory)
        self.log.changed(f"{self.directory}/{LEADER_EPOCHS}")

    def _jitter_ms(self) -> int:
        most = min(self.config.segment_jitter_ms, self.config.segment_ms)
        return int.from_bytes(self._env.random.bytes(8), "big") % most if most > 0 else 0

    def _saved(self, old: Segment, debt: Debt, later: Later[bool]) -> None:
        """A rolled segment is on the device, with all before it; or that failed."""
        old.is_being_saved = False
        if self._refusal:
            return
        error = later.error
        if error is not None:
            self.home.heed(error)
            warn("%s-%d: cannot save segment %d until the close: %s", self.topic, self.index, old.base_offset, error)
        elif later.result():
            self.log.paid(debt)
            old.cool()
            try:
                self._snapshots.keep(self.log, debt.end)
            except OSError as failure:
                warn("%s", self._failure(failure, "remove old snapshots of"))
            self.home.checkpoint_soon()

    def _snapshot(self) -> bytes:
        now_ms = self._env.clock.now_ms()
        return self._known_producers(now_ms).snapshot(now_ms)

    def _has_news_of_producers(self) -> bool:
        """Tell if they are not what a snapshot of the log's end says; of those that nobody asked for there is none."""
        end = self.log.end_offset
        return end != self._opened_end or (self._producers is not None and end not in self._snapshots.offsets)

    def _save_producers(self) -> None:
        self._snapshots.write(self.log, self._snapshot())
        self.log.changed(self._snapshots.path(self.log.end_offset), f"{self.directory}/")

    def _establish(self) -> None:
        """Make the directory, now that there is something to put into it."""
        files = self._env.files
        self.home.make_room(self.key)
        files.make_directory(self.directory)
        self.log.moved_in()
        write_plainly(files, f"{self.directory}/{PARTITION_METADATA}", partition_metadata(self.topic_id))
        self._save_epochs()
