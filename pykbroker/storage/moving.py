"""Moving a partition to another log directory while it is used (KIP-113, AlterReplicaLogDirs).

    <target>/<topic>-<partition>.<hex>-future/    the copy, as long as it is not complete

Workers copy whatever is behind; when only a little is missing, that is copied in one turn, and the partition goes on in
the copy. What it leaves is renamed before the copy gets its final name. So after a crash there is either the old
directory, and the copy is worthless, or only the copy, which then is complete (`Store.open` sees to both).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from pykbroker.env import Env, File
from pykbroker.errors import KAFKA_STORAGE_ERROR, KafkaError
from pykbroker.steps import Task
from pykbroker.storage.checkpoints import PARTITION_METADATA
from pykbroker.storage.directory import LogDirectory
from pykbroker.storage.failures import note, storage_error
from pykbroker.storage.partition import Partition
from pykbroker.storage.segment import FILE_SUFFIXES, Segment

_CHUNK_BYTES: Final = 4 * 1024 * 1024
_LAST_BYTES: Final = 256 * 1024
"""What is copied in one turn at the end."""


class Move:
    """One move. `copied_bytes` are in the target already; `is_over` set by others ends it at its next turn."""

    def __init__(self, env: Env, partition: Partition, target: LogDirectory) -> None:
        self.partition = partition
        self.target = target
        self.is_over = False
        self.copied_bytes = 0
        self._env = env
        self._copies: dict[Segment, File] = {}
        name = f"{partition.topic}-{partition.index}"
        self._path = f"{target.path}/{name}"
        self._future = f"{self._path}.{env.random.bytes(16).hex()}-future"

    @property
    def offset_lag(self) -> int:
        """How many offsets the copy is behind."""
        log = self.partition.log
        for segment in log.segments:
            copy = self._copies.get(segment)
            if copy is None or copy.size < segment.size:
                return log.end_offset - segment.base_offset
        return 0

    def run(self) -> Task[None]:
        """Copy, then switch. OSError or KafkaError if that fails; nothing has changed then."""
        partition, files = self.partition, self._env.files
        try:
            if partition.log.segments:
                yield self._env.workers.submit(lambda: files.make_directory(self._future))
                while not self._is_off():
                    for segment in list(partition.log.segments):
                        yield from self._catch_up(segment)
                    yield from self._finish_closed()
                    if self._is_nearly_there():
                        break
            if self._is_off():
                self._drop()
            else:
                self._switch()
        except OSError as error:
            self._drop()
            for home, path in ((self.target, self.target.path), (partition.home, partition.home.path)):
                if str(error.filename or "").startswith(path + "/"):
                    home.heed(error)
            raise storage_error(error, f"cannot move {partition.topic}-{partition.index}") from error
        except GeneratorExit:
            self._drop()
            raise

    def _is_off(self) -> bool:
        if self.target.failure is not None:
            raise KafkaError(KAFKA_STORAGE_ERROR, f"the log directory {self.target.path} is offline")
        return self.is_over or self.partition.is_closed

    def _is_nearly_there(self) -> bool:
        segments = self.partition.log.segments
        if any(segment.is_being_saved for segment in segments):
            return False  # by a worker, which must find the files where they were
        return sum(segment.size - self._copied(segment) for segment in segments) <= _LAST_BYTES

    def _copied(self, segment: Segment) -> int:
        copy = self._copies.get(segment)
        return copy.size if copy is not None else 0

    def _copy_of(self, segment: Segment) -> File:
        copy = self._copies.get(segment)
        if copy is None:
            copy = self._copies[segment] = self._env.files.open(f"{self._future}/{segment.base_offset:020d}.log")
        return copy

    def _catch_up(self, segment: Segment) -> Task[None]:
        """Copy what a segment has now."""
        source, copy, end = segment.file, self._copy_of(segment), segment.size

        def copy_chunk() -> None:
            copy.append(source.read(min(_CHUNK_BYTES, end - copy.size), copy.size))

        while copy.size < end and not self._is_off():
            before = copy.size
            yield self._env.workers.submit(copy_chunk)
            self.copied_bytes += copy.size - before

    def _finish_closed(self) -> Task[None]:
        """Copy the indexes of closed segments, and have all that is there on the device."""
        files, closed, copies = self._env.files, self.partition.log.segments[:-1], list(self._copies.values())

        def finish() -> None:
            for segment in closed:
                for kind in FILE_SUFFIXES[1:]:
                    with suppress(FileNotFoundError):
                        self._put(f"{segment.base_offset:020d}{kind}", files.read(segment.path_of(kind)), sync=True)
            for copy in copies:
                copy.sync()
            files.sync_directory(self._future)
            files.sync_directory(self.target.path)  # what it is a copy of will go

        yield self._env.workers.submit(finish)

    def _put(self, name: str, content: bytes, *, sync: bool = False) -> None:
        file = self._env.files.open(f"{self._future}/{name}")
        try:
            file.truncate(0)
            file.append(content)
            if sync:
                file.sync()
        finally:
            file.close()

    def _switch(self) -> None:
        """Copy the rest, and go on in the copy: all in one turn."""
        partition, files, home = self.partition, self._env.files, self.partition.home
        if not partition.log.segments:
            if files.exists(partition.directory):  # of a first append that failed; two directories must not have it
                files.remove_tree(partition.directory)
                files.sync_directory(home.path)
            partition.relocate(self.target, self._path, 0)
            return
        synced = partition.log.bases[-1]
        for segment in partition.log.segments:
            copy = self._copy_of(segment)
            missing = segment.size - copy.size
            copy.append(segment.file.read(missing, copy.size))
            if missing and partition.config.is_flushed:
                copy.sync()  # what was acknowledged is on the device; it is little that this waits for
        active = partition.log.segments[-1].path.rpartition("/")[2]
        for name in files.list(partition.directory):
            if name.endswith((".snapshot", "-checkpoint")) or name in (PARTITION_METADATA, f"{active}.txnindex"):
                self._put(name, files.read(f"{partition.directory}/{name}"))
        self._close_copies()
        self._hand_over_checkpoints()
        gone = f"{partition.directory}.{self._env.random.bytes(16).hex()}-delete"
        files.rename(partition.directory, gone)
        try:
            files.sync_directory(home.path)
            files.rename(self._future, self._path)
        except OSError:
            files.rename(gone, partition.directory)
            raise
        partition.relocate(self.target, self._path, synced)
        home.erase_later([gone], partition.config.file_delete_delay_ms)
        note("%s-%d: moved from %s to %s", *partition.key, home.path, self.target.path)

    def _hand_over_checkpoints(self) -> None:
        """Have in the target's checkpoints where the log starts, and that it was compacted, if so.

        After a crash deleted records would be back otherwise, and the gaps in the log be taken for damage.
        """
        key, log, target = self.partition.key, self.partition.log, self.target
        target.begin_anew(key)
        if log.start_offset > log.bases[0]:
            target.log_starts[key] = log.start_offset
        cleaned = self.partition.home.cleaner_points.get(key)
        if cleaned is not None:
            target.cleaner_points[key] = cleaned
        target.checkpoint()

    def _close_copies(self) -> None:
        for copy in self._copies.values():
            copy.close()
        self._copies.clear()

    def _drop(self) -> None:
        """Leave nothing behind."""
        self._close_copies()
        with suppress(OSError):  # what stays is erased at the next start
            self._env.files.remove_tree(self._future)
