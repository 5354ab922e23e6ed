"""`MetadataSnapshots`: the snapshots beside the metadata log. When one is written, what it makes superfluous, loading.

    <end offset, 20 digits>-<epoch, 10 digits>.checkpoint    stands for all of the log below the end offset
    ...checkpoint.part                                       being written
    ...checkpoint.deleted                                    on its way out
    ...checkpoint.damaged                                    ours: found damaged at a start, set aside

One is due when the log has grown by `metadata.log.max.record.bytes.between.snapshots`, or
`metadata.log.max.snapshot.interval.ms` after the first record that no snapshot has (`SnapshotGenerator`). While log and
snapshots take more than `metadata.max.retention.bytes`, or the oldest snapshot is older than
`metadata.max.retention.ms`, that one goes, and what the log has before the end of the next (`KafkaRaftLog.maybeClean`).
So the newest always stays, and the log begins at 0, or where a snapshot ends.

The image is written in short turns (`steps.py`). What is in the snapshot is settled in the first of them, so that
metadata may change meanwhile.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pykbroker.config import Config
from pykbroker.env import Env, Timer
from pykbroker.errors import CORRUPT_MESSAGE, KafkaError, Malformed
from pykbroker.later import Later
from pykbroker.metadata.image import Image
from pykbroker.metadata.snapshot import batches_of, image_from, records_of_image, timestamp_of
from pykbroker.steps import Task, run_in_steps
from pykbroker.storage.failures import note, storage_error, warn
from pykbroker.storage.partition import Partition
from pykbroker.wire.batch import peek

SUFFIX: Final = ".checkpoint"
PART: Final = ".checkpoint.part"
HEADER_READ: Final = 1024  # much more than the batch with the header takes


class SnapshotId(NamedTuple):
    """Which part of the log a snapshot stands for: all below `end_offset`, up to a record of leader epoch `epoch`."""

    end_offset: int
    epoch: int

    @property
    def file_name(self) -> str:
        """The name of its file (`Snapshots.filenameFromSnapshotId`)."""
        return f"{self.end_offset:020d}-{self.epoch:010d}{SUFFIX}"

    @classmethod
    def of(cls, file_name: str) -> SnapshotId | None:
        """Return the id that a file's name has; None if it is not that of a complete snapshot."""
        end_offset, _, epoch = file_name.removesuffix(SUFFIX).partition("-")
        if not file_name.endswith(SUFFIX) or not end_offset.isdecimal() or not epoch.isdecimal():
            return None
        return cls(int(end_offset), int(epoch))


class MetadataSnapshots:
    """Loads, writes and deletes snapshots. Owns the files, and the timer of the next one.

    First `load`, then `follow`, at last `close`.
    """

    __slots__ = (
        "_cluster_id", "_env", "_image", "_interval_ms", "_max_bytes", "_new_bytes", "_partition", "_retention_bytes",
        "_retention_ms", "_timer", "_writing",
    )  # fmt: skip

    def __init__(self, env: Env, partition: Partition, cluster_id: str, config: Config) -> None:
        """`partition` is `__cluster_metadata-0`."""
        self._env = env
        self._partition = partition
        self._cluster_id = cluster_id
        self._max_bytes = config.integer("metadata.log.max.record.bytes.between.snapshots")
        self._interval_ms = config.integer("metadata.log.max.snapshot.interval.ms")
        self._retention_bytes = config.integer("metadata.max.retention.bytes")
        self._retention_ms = config.integer("metadata.max.retention.ms")
        self._image = Image(cluster_id)
        self._new_bytes = 0  # of the log, that no snapshot has
        self._timer: Timer | None = None
        self._writing: Task[None] | None = None

    # -- Loading

    def load(self) -> tuple[Image, int]:
        """Return the image of the newest sound snapshot, and the offset from which the log has the rest.

        Without any snapshot that is an empty image and 0. Raises KafkaError if the log does not have the rest either,
        or cannot be read.
        """
        try:
            return self._loaded()
        except OSError as error:
            raise storage_error(error, "cannot read the snapshots") from error

    def _loaded(self) -> tuple[Image, int]:
        files, partition = self._env.files, self._partition
        for name in files.list(partition.directory):
            if name.endswith(PART):
                files.remove(f"{partition.directory}/{name}")
        for snapshot in reversed(self._ids()):
            if snapshot.end_offset < partition.log_start_offset:
                break  # what lies between is gone
            path = self._path(snapshot)
            try:
                image = image_from(files.read(path), self._cluster_id, snapshot.end_offset)
            except (KafkaError, Malformed) as problem:
                warn("%s is set aside, and the snapshot before it used: %s", path, problem)
                files.rename(path, f"{path}.damaged")
                continue
            if snapshot.end_offset > partition.log_end_offset:
                warn("%s: ends at %d, before its newest snapshot", partition, partition.log_end_offset)
                partition.restart_at(snapshot.end_offset)
            return image, snapshot.end_offset
        if partition.log_start_offset > 0:
            raise KafkaError(
                CORRUPT_MESSAGE,
                f"the log begins at offset {partition.log_start_offset}, and no sound snapshot has what was before",
            )
        return Image(self._cluster_id), 0

    def _ids(self) -> list[SnapshotId]:
        """Return which snapshots there are, the oldest first."""
        return sorted(filter(None, map(SnapshotId.of, self._env.files.list(self._partition.directory))))

    def _path(self, snapshot: SnapshotId) -> str:
        return f"{self._partition.directory}/{snapshot.file_name}"

    # -- When one is due

    def follow(self, image: Image, start: int) -> None:
        """Write snapshots of `image` from now on, as the log grows; the newest one ends at `start`."""
        self._image = image
        partition = self._partition
        self._new_bytes = partition.read(start, 1 << 62, at_least_one=True, committed=False).records.nbytes
        partition.watch(self)
        self._consider()

    def appended(self, partition: Partition, nbytes: int) -> None:
        """The log has grown: the image may lack that until this call's caller is done."""
        self._new_bytes += nbytes
        self._consider()

    def changed(self, partition: Partition) -> None:
        """The log was cut; or it is gone, and with it the need for snapshots."""
        if partition.is_closed:
            self._new_bytes = 0
            self._cancel_timer()

    def _consider(self) -> None:
        if self._writing is not None or not self._new_bytes:
            return
        if self._new_bytes >= self._max_bytes:
            self._begin()
        elif self._interval_ms and self._timer is None:
            self._timer = self._env.clock.call_later(self._interval_ms, self._begin)

    def _begin(self) -> None:
        self._cancel_timer()
        self._writing = self._write()
        run_in_steps(self._env.clock, self._writing).then(self._written)

    def _written(self, later: Later[None]) -> None:
        if self._writing is None or self._partition.is_closed:
            return
        self._writing = None
        if later.error is not None:
            self._failed(later.error)
        self._consider()

    def _failed(self, error: Exception) -> None:
        """Try again when the next one is due; what the failed one had is not counted again, lest that be at once."""
        if not isinstance(error, OSError | KafkaError):
            raise error
        warn("%s: cannot write a snapshot: %s", self._partition, error)
        self._partition.home.heed(error)
        self._new_bytes = max(self._new_bytes, 1)

    def close(self) -> None:
        """Write nothing more; what is half written goes at the next start."""
        self._partition.unwatch(self)
        self._cancel_timer()
        if self._writing is not None:
            self._writing.close()
            self._writing = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- Writing

    def _write(self) -> Task[None]:
        """Write a snapshot of the image as it is in the first turn; then cut the log."""
        files, partition = self._env.files, self._partition
        if partition.is_closed:
            return
        self._new_bytes = 0
        end_offset = partition.log_end_offset
        last = [peek(view) for view in partition.batches(end_offset - 1)][-1]
        batches = batches_of(
            records_of_image(self._image),
            epoch=last.leader_epoch,
            last_timestamp_ms=last.max_timestamp,
            now_ms=self._env.clock.now_ms(),
        )
        path = self._path(SnapshotId(end_offset, last.leader_epoch))
        part = f"{path}.part"
        file = files.open(part)

        def publish() -> None:
            file.sync()
            file.close()
            files.rename(part, path)
            files.sync_directory(partition.directory)
            files.sync_directory(partition.home.path)  # a new directory's own entry may not be on the device yet

        try:
            file.truncate(0)
            for batch in batches:
                file.append(batch)
                yield None
            yield self._env.workers.submit(publish)
        except OSError:
            file.close()
            files.remove(part)  # the disk may be full
            raise
        if not partition.is_closed:
            note("%s: snapshot up to offset %d", partition, end_offset)
            self._clean()

    # -- Cutting the log

    def _clean(self) -> None:
        """Let the oldest snapshots go that have had their time, and what the log has before the end of the next."""
        snapshots = self._ids()
        while len(snapshots) > 1 and self._is_superfluous(snapshots):
            oldest = snapshots.pop(0)
            partition = self._partition
            partition.delete_records(snapshots[0].end_offset)
            partition.delete_old_segments(self._env.clock.now_ms())
            path = self._path(oldest)
            self._env.files.rename(path, f"{path}.deleted")
            partition.home.erase_later([f"{path}.deleted"], partition.config.file_delete_delay_ms)

    def _is_superfluous(self, snapshots: list[SnapshotId]) -> bool:
        """Tell if the oldest of several snapshots has had its time."""
        files, partition = self._env.files, self._partition
        if self._retention_bytes >= 0:
            nbytes = partition.size_bytes + sum(files.size(self._path(each)) for each in snapshots)
            if nbytes > self._retention_bytes:
                return True
        if self._retention_ms < 0:
            return False
        oldest = files.open(self._path(snapshots[0]))
        try:
            timestamp = timestamp_of(oldest.read(HEADER_READ, 0))
        except (KafkaError, Malformed):
            return True  # no start could use it
        finally:
            oldest.close()
        return self._env.clock.now_ms() - timestamp > self._retention_ms
