"""`Store`: the log directories of one broker, and all partitions in them.

    <log.dir>/.lock                               held while we run
              meta.properties                     whose directory this is
              .kafka_cleanshutdown                there only between a clean stop and the next start
              recovery-point-offset-checkpoint    from where each log has to be checked after a crash
              log-start-offset-checkpoint         where logs start whose start was moved
              <topic>-<partition>/                see `segment.py`; missing as long as nothing was appended
              <topic>-<partition>.<hex>-delete/   on its way out

The layout is Kafka's (`org.apache.kafka.storage.internals.log.LogManager`), and so are the formats: `checkpoints.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pykbroker import properties
from pykbroker.env import Env, Lock, Timer, random_uuid
from pykbroker.errors import KafkaError
from pykbroker.storage.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEAN_SHUTDOWN_CONTENT,
    LOG_STARTS,
    META_PROPERTIES,
    PARTITION_METADATA,
    RECOVERY_POINTS,
    TopicPartition,
    offsets_content,
    properties_content,
    read_offsets,
    topic_id_from,
    write_plainly,
)
from pykbroker.storage.epochs import LeaderEpochs
from pykbroker.storage.failures import storage_error, warn
from pykbroker.storage.log import Log
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.recovery import OpenedLog, open_log
from pykbroker.wire.primitives import uuid_from_text, uuid_text

CHECKPOINT_DELAY_MS: Final = 1000
PRODUCER_ID_EXPIRATION_MS: Final = 86400000


class StoreError(Exception):
    """The log directories cannot be used; the text is one line for whoever starts the broker."""


class LogDirectory:
    """One of `log.dirs`. `was_clean` says how it was left; `directory_id` is what metadata calls it, 16 bytes."""

    __slots__ = (
        "directory_id", "lock", "log_starts", "names", "partitions", "path", "recovery_points", "was_clean", "written",
    )  # fmt: skip

    def __init__(self, path: str) -> None:
        self.path = path
        self.directory_id = bytes(16)
        self.lock: Lock | None = None
        self.was_clean = False
        self.names: set[str] = set()
        self.recovery_points: dict[TopicPartition, int] = {}
        self.log_starts: dict[TopicPartition, int] = {}
        self.partitions: dict[TopicPartition, Partition] = {}
        self.written: dict[str, bytes] = {}  # the checkpoints as they were last written


class Store:
    """All partitions of one broker. Owns the log directories, their locks and checkpoints.

    `cluster_id` None means: the one that the directories have, or a new one. After `open` it is set.
    """

    def __init__(
        self,
        env: Env,
        directories: Sequence[str],
        *,
        node_id: int,
        cluster_id: str | None = None,
        producer_id_expiration_ms: int = PRODUCER_ID_EXPIRATION_MS,
    ) -> None:
        self.env = env
        self.node_id = node_id
        self.cluster_id = cluster_id
        self.directories = [LogDirectory(path.rstrip("/") or "/") for path in directories]
        self._producer_id_expiration_ms = producer_id_expiration_ms
        self._timer: Timer | None = None
        self._is_open = False

    def open(self) -> None:
        """Take the directories, creating what is missing. StoreError if one is not ours, or cannot be used."""
        try:
            for directory in self.directories:
                self._lock(directory)
            known = [self._identity(directory) for directory in self.directories]
            if self.cluster_id is None:
                self.cluster_id = uuid_text(random_uuid(self.env.random))
            for directory, is_known in zip(self.directories, known, strict=True):
                if not is_known:
                    self._introduce(directory)
                self._look_around(directory)
        except StoreError:
            self._unlock()
            raise
        except OSError as error:
            self._unlock()
            raise StoreError(f"cannot use the log directory {error.filename or ''}: {error.strerror}") from error
        self._is_open = True

    def _lock(self, directory: LogDirectory) -> None:
        self.env.files.make_directory(directory.path)
        directory.lock = self.env.files.lock(f"{directory.path}/.lock")
        if directory.lock is None:
            raise StoreError(f"another broker uses the log directory {directory.path}")

    def _unlock(self) -> None:
        for directory in self.directories:
            if directory.lock is not None:
                directory.lock.release()
                directory.lock = None

    def _identity(self, directory: LogDirectory) -> bool:
        """Read whose directory it is; False if nobody's. StoreError if not ours (STO-10)."""
        path = f"{directory.path}/{META_PROPERTIES}"
        if not self.env.files.exists(path):
            return False
        try:
            found = properties.parse(self.env.files.read(path))
            version, cluster_id, node_id = found["version"], found["cluster.id"], int(found["node.id"])
            directory.directory_id = uuid_from_text(found["directory.id"]) if "directory.id" in found else bytes(16)
        except (KeyError, ValueError) as error:
            raise StoreError(f"{path} is damaged, or is not of a broker: {error}") from None
        if version != "1":
            raise StoreError(f"{path} has version {version}; only 1 is known")
        if self.cluster_id is None:
            self.cluster_id = cluster_id
        if cluster_id != self.cluster_id:
            raise StoreError(f"{directory.path} belongs to cluster {cluster_id}, not to {self.cluster_id}")
        if node_id != self.node_id:
            raise StoreError(f"{directory.path} belongs to node {node_id}, not to {self.node_id}")
        return directory.directory_id != bytes(16)

    def _introduce(self, directory: LogDirectory) -> None:
        assert self.cluster_id is not None
        directory.directory_id = random_uuid(self.env.random)
        entries = {
            "version": "1",
            "cluster.id": self.cluster_id,
            "node.id": str(self.node_id),
            "directory.id": uuid_text(directory.directory_id),
        }
        self.env.files.replace(f"{directory.path}/{META_PROPERTIES}", properties_content(entries))

    def _look_around(self, directory: LogDirectory) -> None:
        """Find out what is there and how it was left; a second start must not find the marker of this stop."""
        files, path = self.env.files, directory.path
        names = files.list(path)
        directory.was_clean = CLEAN_SHUTDOWN in names
        if directory.was_clean:
            files.remove(f"{path}/{CLEAN_SHUTDOWN}")
        directory.recovery_points = read_offsets(files, f"{path}/{RECOVERY_POINTS}")
        directory.log_starts = read_offsets(files, f"{path}/{LOG_STARTS}")
        directory.names = set(names)
        directory.written = {}
        for name in names:
            if name.endswith("-delete"):
                self._erase(f"{path}/{name}")
            elif name.endswith(".tmp"):
                files.remove(f"{path}/{name}")

    def partition(
        self, topic: str, index: int, topic_id: bytes, config: LogConfig, leader_epoch: int = 0
    ) -> Partition:
        """Return a partition: opened from what is on disk, or an empty one, for which nothing is written yet."""
        key = (topic, index)
        for directory in self.directories:
            if key in directory.partitions:
                return directory.partitions[key]
        name = f"{topic}-{index}"
        directory = next((d for d in self.directories if name in d.names), None) or min(
            self.directories, key=lambda d: len(d.partitions)
        )
        path = f"{directory.path}/{name}"
        try:
            opened = self._opened(directory, key, path, topic_id, config)
        except OSError as error:
            raise storage_error(error, f"cannot open {path}") from error
        partition = Partition(
            self.env, topic, index, topic_id, opened, leader_epoch, self._producer_id_expiration_ms,
            self.checkpoint_soon,
        )  # fmt: skip
        directory.partitions[key] = partition
        return partition

    def _opened(
        self, directory: LogDirectory, key: TopicPartition, path: str, topic_id: bytes, config: LogConfig
    ) -> OpenedLog:
        name = f"{key[0]}-{key[1]}"
        if name in directory.names and self._is_of_another(path, topic_id):
            # A topic of that name was deleted and made again, and its files were not gone yet.
            warn("%s holds another topic's data: set aside", path)
            self.env.files.rename(path, f"{path}.{self.env.random.bytes(16).hex()}-stray")
            directory.names.discard(name)
            directory.log_starts.pop(key, None)
            directory.recovery_points.pop(key, None)
        log_start = directory.log_starts.get(key, 0)
        if name not in directory.names:
            return OpenedLog(Log(self.env.files, path, config, log_start), LeaderEpochs([]), [])
        return open_log(
            self.env.files,
            path,
            config,
            self.env.clock.now_ms(),
            log_start=log_start,
            recovery_point=directory.recovery_points.get(key, 0),
            clean=directory.was_clean,
        )

    def _is_of_another(self, path: str, topic_id: bytes) -> bool:
        try:
            found = topic_id_from(self.env.files.read(f"{path}/{PARTITION_METADATA}"))
        except FileNotFoundError:
            return False
        return found is not None and found != topic_id

    def partitions(self) -> Iterator[tuple[LogDirectory, Partition]]:
        """Yield every open partition with the directory that it is in."""
        for directory in self.directories:
            for partition in directory.partitions.values():
                yield directory, partition

    def delete(self, partition: Partition) -> None:
        """Forget a partition. Its directory is renamed now, and erased by a worker (STO-17)."""
        key = (partition.topic, partition.index)
        for directory in self.directories:
            if directory.partitions.get(key) is partition:
                break
        else:
            return
        del directory.partitions[key]
        directory.recovery_points.pop(key, None)
        directory.log_starts.pop(key, None)
        directory.names.discard(f"{partition.topic}-{partition.index}")
        partition.retire()
        if self.env.files.exists(partition.directory):
            gone = f"{partition.directory}.{self.env.random.bytes(16).hex()}-delete"
            try:
                self.env.files.rename(partition.directory, gone)
            except OSError as error:
                raise storage_error(error, f"cannot delete {partition.directory}") from error
            self._erase(gone)
        self.checkpoint_soon()

    def _erase(self, path: str) -> None:
        def done(error: Exception | None) -> None:
            if error is not None:
                warn("cannot erase %s, will try again at the next start: %s", path, error)

        self.env.workers.submit(lambda: self.env.files.remove_tree(path)).then(lambda later: done(later.error))

    def checkpoint_soon(self) -> None:
        """See to it that the checkpoints are written within a second."""
        if self._timer is None and self._is_open:
            self._timer = self.env.clock.call_later(CHECKPOINT_DELAY_MS, self._due)

    def _due(self) -> None:
        self._timer = None
        try:
            self.checkpoint()
        except OSError as error:
            warn("cannot write the checkpoints: %s", error)
            self.checkpoint_soon()

    def checkpoint(self) -> None:
        """Write recovery points and log starts. OSError on failure."""
        for directory in self.directories:
            points, starts = dict(directory.recovery_points), dict(directory.log_starts)
            for key, partition in directory.partitions.items():
                log = partition.log
                if log.segments:
                    points[key] = log.recovery_point
                first = log.bases[0] if log.bases else 0
                if log.start_offset > first:
                    starts[key] = log.start_offset
                else:
                    starts.pop(key, None)
            for name, offsets in ((RECOVERY_POINTS, points), (LOG_STARTS, starts)):
                content = offsets_content(offsets)
                if directory.written.get(name) != content:
                    self.env.files.replace(f"{directory.path}/{name}", content)
                    directory.written[name] = content

    @staticmethod
    def _unopened(directory: LogDirectory) -> set[str]:
        """Return the names of logs on disk that nobody asked for, and so nobody has checked after a crash."""
        opened = {f"{topic}-{index}" for topic, index in directory.partitions}
        return {name for name in directory.names - opened if name.rpartition("-")[2].isdecimal()}

    def close(self) -> None:
        """Close every partition and leave the marker of a clean stop, unless something could not be written."""
        if not self._is_open:
            return
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        clean = True
        for _, partition in self.partitions():
            try:
                partition.close()
            except KafkaError as error:
                clean = False
                warn("%s", error)
        try:
            self.checkpoint()
            for directory in self.directories:
                if clean and (directory.was_clean or not self._unopened(directory)):
                    write_plainly(self.env.files, f"{directory.path}/{CLEAN_SHUTDOWN}", CLEAN_SHUTDOWN_CONTENT)
        except OSError as error:
            warn("cannot write the checkpoints: %s", error)
        self._unlock()
