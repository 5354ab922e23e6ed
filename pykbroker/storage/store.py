"""`Store`: the log directories of one broker, and all partitions in them.

A partition is in one directory: where its files are, or else where the fewest partitions are. It is opened when it is
first asked for; after an unclean stop `recover` opens all that have files, before anybody asks. A directory that fails
takes its partitions offline, and the others go on (KIP-112, `org.apache.kafka.storage.internals.log.LogManager`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from pykbroker.env import Env, random_uuid
from pykbroker.errors import KAFKA_STORAGE_ERROR, KafkaError
from pykbroker.storage.checkpoints import (
    PARTITION_METADATA,
    TopicPartition,
    partition_metadata,
    topic_id_from,
    write_plainly,
)
from pykbroker.storage.directory import LogDirectory as LogDirectory
from pykbroker.storage.directory import StoreError as StoreError
from pykbroker.storage.epochs import LeaderEpochs
from pykbroker.storage.failures import fault, storage_error, warn
from pykbroker.storage.log import Log
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.progress import Progress
from pykbroker.storage.recovery import OpenedLog, open_log
from pykbroker.wire.primitives import uuid_text

METADATA_LOG: Final = "__cluster_metadata-0"
PRODUCER_ID_EXPIRATION_MS: Final = 86400000
_CLOSING_THREADS: Final = 32
_CLOSED_AT_ONCE: Final = 16  # by one thread; a thread for fewer costs more than it saves


class Wanted:
    """A partition that is to be opened, and how."""

    __slots__ = ("config", "index", "leader_epoch", "topic", "topic_id")

    def __init__(self, topic: str, index: int, topic_id: bytes, config: LogConfig, leader_epoch: int = 0) -> None:
        self.topic = topic
        self.index = index
        self.topic_id = topic_id
        self.config = config
        self.leader_epoch = leader_epoch

    @property
    def key(self) -> TopicPartition:
        return self.topic, self.index

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"{self.topic}-{self.index}"


class Store:
    """All partitions of one broker. Owns the log directories.

    `cluster_id` None means: the one that the directories have, or a new one. After `open` it is set. `on_offline` is
    called with the partitions of a directory that failed; `on_lost`, with the reason, when the broker cannot go on.
    The metadata log is in `metadata_directory`, which may be none of the others, or in the first of these.
    `older_topics` are the ids of the topics that a directory may hold that was offline from the start; `known_topics`
    those of all topics that there were at the start, or None: the files that are found are of no others.
    """

    def __init__(
        self,
        env: Env,
        directories: Sequence[str],
        *,
        node_id: int,
        cluster_id: str | None = None,
        metadata_directory: str | None = None,
        producer_id_expiration_ms: int = PRODUCER_ID_EXPIRATION_MS,
    ) -> None:
        self.env = env
        self.node_id = node_id
        self.cluster_id = cluster_id
        paths = [path.rstrip("/") or "/" for path in directories]
        self._for_metadata = (metadata_directory or paths[0]).rstrip("/") or "/"
        self._for_all = frozenset(paths)
        all_paths = dict.fromkeys([*paths, self._for_metadata])
        self.directories = [LogDirectory(env, path, self._failed) for path in all_paths]
        self.on_offline: Callable[[Sequence[Partition]], None] = lambda partitions: None
        self.on_lost: Callable[[str], None] = lambda reason: None
        self.producer_id_expiration_ms = producer_id_expiration_ms
        self.older_topics: frozenset[bytes] = frozenset()
        self.known_topics: frozenset[bytes] | None = None
        self._first: Partition | None = None
        self._is_open = False

    def open(self) -> None:
        """Take the directories, creating what is missing. StoreError if one is not ours, or none can be used.

        One of several that cannot be used is offline, and nobody knows then what it holds.
        """
        try:
            for directory in self.directories:
                self._take(directory)
            self.cluster_id = self.cluster_id or uuid_text(random_uuid(self.env.random))
            for directory in self.online:
                try:
                    directory.introduce(self.cluster_id, self.node_id)
                    directory.look_around()
                except OSError as error:
                    directory.failure = error
            self._judge_failures()
            self._begin()
        except StoreError:
            for directory in self.directories:
                directory.release()
            raise
        self._is_open = True

    def _judge_failures(self) -> None:
        """Go on without the directories that failed, if the rest is enough to go on with."""
        for directory in self.directories:
            failure = directory.failure
            if failure is None:
                continue
            reason = f"{failure.filename or directory.path}: {failure.strerror or failure}"
            if not any(METADATA_LOG in each.found for each in self.online):
                raise StoreError(f"cannot use the log directory {reason}")  # it may have the metadata
            fault("going on without a log directory: cannot use %s", reason)

    def _begin(self) -> None:
        try:
            for directory in self.online:
                directory.begin()
            self._finish_moves()
        except OSError as error:
            raise StoreError(f"cannot use the log directory {error.filename}: {error.strerror or error}") from error

    def _finish_moves(self) -> None:
        """A move that was interrupted is complete if what it moved from has given way; see `moving.py`."""
        if len(self.online) < len(self.directories):
            return  # it may be in the directory that failed, so there is no telling
        for home in self.directories:
            for name in list(home.futures):
                home.take_future(name, is_complete=not any(name in each.found for each in self.directories))

    def _take(self, directory: LogDirectory) -> None:
        """Lock a directory and see that it is ours, or nobody's; one that cannot be read is offline."""
        try:
            directory.take()
            owner = directory.identity()
        except OSError as error:
            directory.failure = error
            return
        if owner is None:
            return
        cluster_id, node_id = owner
        self.cluster_id = self.cluster_id or cluster_id
        if cluster_id != self.cluster_id:
            raise StoreError(f"{directory.path} belongs to cluster {cluster_id}, not to {self.cluster_id}")
        if node_id != self.node_id:
            raise StoreError(f"{directory.path} belongs to node {node_id}, not to {self.node_id}")

    @property
    def online(self) -> list[LogDirectory]:
        """The directories that have not failed."""
        return [directory for directory in self.directories if directory.failure is None]

    def flush_first(self, partition: Partition) -> None:
        """See to it that whatever is flushed finds this log on the device: it says that the others exist."""
        self._first = partition
        for directory in self.directories:
            directory.flushed_first = partition.log

    # -- Opening

    def partition(
        self, topic: str, index: int, topic_id: bytes, config: LogConfig, leader_epoch: int = 0
    ) -> Partition:
        """Return a partition: opened from what is on disk, or an empty one, for which nothing is written yet.

        Raises KafkaError(KAFKA_STORAGE_ERROR) if it cannot be opened, or its directory is offline.
        """
        wanted = Wanted(topic, index, topic_id, config, leader_epoch)
        home = self._home(wanted)
        open_already = home.partitions.get(wanted.key)
        if open_already is not None:
            return open_already
        return self._opened(home, wanted, self._try_to_open(home, wanted))

    def recover(self, wanted: Iterable[Wanted], threads: int) -> None:
        """Open the partitions of directories that were left unclean, `threads` at once for each. Blocks.

        Nobody then waits for it later.
        """
        jobs: list[tuple[LogDirectory, Wanted]] = []
        for each in wanted:
            with suppress(KafkaError):
                home = self._home(each)
                if not home.was_clean and each.name in home.found and each.key not in home.partitions:
                    jobs.append((home, each))
        for home in self.online:
            home.is_checked = True
        if not jobs:
            return
        warn("checking %d logs, because the broker was not stopped cleanly", len(jobs))
        progress = Progress(self.env.clock, "checked %s of %s logs", len(jobs))
        calls = [progress.counting(partial(self._try_to_open, home, each)) for home, each in jobs]
        results = self.env.workers.run_all(calls, threads * len(self.online))
        for (home, each), result in zip(jobs, results, strict=True):
            try:
                self._opened(home, each, result)
            except KafkaError as error:
                warn("%s", error)

    def _home(self, wanted: Wanted) -> LogDirectory:
        """Return the directory that a partition is in, or will be; KAFKA_STORAGE_ERROR if that is offline."""
        name = wanted.name
        for directory in self.directories:
            if name in directory.placed:
                if directory.failure is not None:
                    raise KafkaError(KAFKA_STORAGE_ERROR, f"the log directory {directory.path} is offline")
                return directory
        if wanted.topic_id in self.older_topics:
            raise KafkaError(KAFKA_STORAGE_ERROR, f"{name} may be in a log directory that is offline")
        paths = {self._for_metadata} if name == METADATA_LOG else self._for_all
        candidates = [each for each in self.online if each.path in paths]
        if not candidates:
            raise KafkaError(KAFKA_STORAGE_ERROR, "every log directory is offline")
        return min(candidates, key=lambda each: len(each.placed))

    def _try_to_open(self, home: LogDirectory, wanted: Wanted) -> OpenedLog | OSError:
        """Open what is on disk. May run in a worker: touches nothing but the files of this log."""
        try:
            return self._open_log(home, wanted, f"{home.path}/{wanted.name}")
        except OSError as error:
            return error

    def _open_log(self, directory: LogDirectory, wanted: Wanted, path: str) -> OpenedLog:
        key, config = wanted.key, wanted.config
        if wanted.name not in directory.found:
            return OpenedLog(Log(self.env.files, path, config), LeaderEpochs([]), [])
        topic_id = self._topic_id_at(path)
        if topic_id is None and self.known_topics is not None and wanted.topic_id not in self.known_topics:
            topic_id = bytes(16)  # nobody's: a power cut may take the file that says so, and the topic with it
        if topic_id not in (None, wanted.topic_id):
            # A topic of that name was deleted and made again, and its files were not gone yet.
            warn("%s holds another topic's data: set aside", path)
            self.env.files.rename(path, f"{path}.{self.env.random.bytes(16).hex()}-stray")
            return OpenedLog(Log(self.env.files, path, config), LeaderEpochs([]), [])
        opened = open_log(
            self.env.files,
            path,
            config,
            self.env.clock.now_ms(),
            log_start=directory.log_starts.get(key, 0),
            recovery_point=directory.recovery_points.get(key, 0),
            clean=directory.was_clean,
            was_compacted=key in directory.cleaner_points,
            producer_id_expiration_ms=self.producer_id_expiration_ms,
        )
        if topic_id is None:
            write_plainly(self.env.files, f"{path}/{PARTITION_METADATA}", partition_metadata(wanted.topic_id))
            opened.log.moved_in()
        return opened

    def _topic_id_at(self, path: str) -> bytes | None:
        """Return whose files a directory has, None if it does not say."""
        try:
            return topic_id_from(self.env.files.read(f"{path}/{PARTITION_METADATA}"))
        except FileNotFoundError:
            return None

    def _opened(self, home: LogDirectory, wanted: Wanted, opened: OpenedLog | OSError) -> Partition:
        if isinstance(opened, OSError):
            home.is_unsure = True
            home.heed(opened)
            raise storage_error(opened, f"cannot open {home.path}/{wanted.name}") from opened
        partition = Partition(
            self.env, home, wanted.topic, wanted.index, wanted.topic_id, opened, wanted.leader_epoch,
            self.producer_id_expiration_ms,
        )  # fmt: skip
        if not partition.log.segments and not partition.log_start_offset:
            home.begin_anew(wanted.key)
        home.partitions[wanted.key] = partition
        home.placed.add(wanted.name)
        return partition

    def is_offline(self, topic: str, index: int, topic_id: bytes) -> bool:
        """Tell if a partition is, or may be, in a directory that failed."""
        for directory in self.directories:
            if directory.failure is not None:
                break
        else:
            return False
        name = f"{topic}-{index}"
        for directory in self.directories:
            if name in directory.placed:
                return directory.failure is not None
        return topic_id in self.older_topics

    def partitions(self) -> Iterator[Partition]:
        """Yield every open partition."""
        for directory in self.directories:
            yield from directory.partitions.values()

    # -- The end of partitions, directories and all

    def delete(self, partition: Partition) -> None:
        """Forget a partition. Its directory is renamed now, and erased after a while (STO-17)."""
        home = partition.home
        if home.partitions.get(partition.key) is not partition:
            return
        home.forget(partition.key)
        partition.retire()
        try:
            if self.env.files.exists(partition.directory):
                gone = f"{partition.directory}.{self.env.random.bytes(16).hex()}-delete"
                self.env.files.rename(partition.directory, gone)
                home.erase_later([gone], partition.config.file_delete_delay_ms)
        except OSError as error:
            raise storage_error(error, f"cannot delete {partition.directory}") from error

    def _failed(self, directory: LogDirectory) -> None:
        """A directory went offline."""
        gone = list(directory.partitions.values())
        directory.partitions.clear()
        for partition in gone:
            partition.go_offline()
        self.on_offline(gone)
        if not any(each.path in self._for_all for each in self.online):
            self.on_lost("every log directory is offline")
        elif self._first in gone:
            self.on_lost(f"the log directory {directory.path} with the cluster's metadata is offline")

    def close(self) -> None:
        """Close every partition and leave the marker of a clean stop, unless something could not be written."""
        if not self._is_open:
            return
        self._is_open = False
        for directory in self.directories:
            self._close_partitions(directory)
            directory.leave()

    def _close_partitions(self, directory: LogDirectory) -> None:
        """Close all partitions of a directory. Nearly all of it is waiting for the device, so threads do it."""
        partitions = list(directory.partitions.values())
        if not partitions:
            return
        with suppress(OSError):  # once for all; if it fails each tries it for itself, and says so
            self.env.files.sync_directory(directory.path)
            for partition in partitions:
                partition.log.synced(f"{directory.path}/")
        threads = min(_CLOSING_THREADS, 1 + len(partitions) // _CLOSED_AT_ONCE)
        shares = [partitions[first::threads] for first in range(threads)]
        for share in self.env.workers.run_all([partial(_close_all, share) for share in shares], threads):
            for partition, error in share:
                partition.settle(error)
                if error is not None:
                    directory.is_unsure = True
                    fault("%s", error)


def _close_all(partitions: Iterable[Partition]) -> list[tuple[Partition, KafkaError | None]]:
    """Close partitions, and return them with what went wrong. Runs in a worker."""
    closed: list[tuple[Partition, KafkaError | None]] = []
    for partition in partitions:
        try:
            partition.close()
        except KafkaError as error:
            closed.append((partition, error))
        else:
            closed.append((partition, None))
    return closed
