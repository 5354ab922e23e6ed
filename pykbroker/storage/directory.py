"""`LogDirectory`: one of `log.dirs`. Whose it is, what is in it, its checkpoints, what is on its way out, if it failed.

    <log.dir>/.lock                               held while we run
              meta.properties                     whose directory this is
              .kafka_cleanshutdown                there only between a clean stop and the next start
              recovery-point-offset-checkpoint    from where each log has to be checked after a crash
              log-start-offset-checkpoint         where logs start whose start was moved
              cleaner-offset-checkpoint           up to where logs are compacted
              replication-offset-checkpoint       high watermarks, for Kafka: we know them by the logs' ends
              <topic>-<partition>/                see `segment.py`; missing as long as nothing was appended
              <topic>-<partition>.<hex>-delete/   on its way out
              <topic>-<partition>.<hex>-future/   on its way in, see `moving.py`

The layout is Kafka's (`org.apache.kafka.storage.internals.log.LogManager`), and so are the formats: `checkpoints.py`.

A directory fails as a whole (KIP-112): where one file can be neither trusted nor written, none can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pykbroker import properties
from pykbroker.env import Env, Lock, Timer, random_uuid
from pykbroker.steps import TURN_RECORDS, Task, at_once, run_in_steps
from pykbroker.storage.checkpoints import (
    CLEAN_SHUTDOWN,
    CLEAN_SHUTDOWN_CONTENT,
    CLEANER_POINTS,
    HIGH_WATERMARKS,
    LOG_STARTS,
    META_PROPERTIES,
    RECOVERY_POINTS,
    TopicPartition,
    offsets_content,
    properties_content,
    read_offsets,
    write_plainly,
)
from pykbroker.storage.failures import fault, is_of_the_device, warn
from pykbroker.wire.primitives import uuid_from_text, uuid_text

if TYPE_CHECKING:
    from pykbroker.storage.log import Log
    from pykbroker.storage.partition import Partition

CHECKPOINT_DELAY_MS: Final = 1000
_HEX: Final = frozenset("0123456789abcdef")
_REPLACED: Final = (META_PROPERTIES, RECOVERY_POINTS, LOG_STARTS, CLEANER_POINTS, HIGH_WATERMARKS)


class StoreError(Exception):
    """The log directories cannot be used; the text is one line for whoever starts the broker."""


class LogDirectory:
    """One log directory. Owns its lock, its checkpoints, and the erasing of what is no longer needed.

    `directory_id` is what metadata calls it, 16 bytes. `was_clean` says how it was left.

    Partitions, by their directories' names: `found` had files when it was looked at, `placed` are all that belong here,
    `futures` are the paths of copies that a move left. `partitions` are those that are open.

    `failure` is why it is offline, or None; `on_failed` is called once, when that happens. `flushed_first` is the log
    that says that the others exist: whoever is flushed, that one is flushed before.
    """

    __slots__ = (
        "_changes", "_env", "_is_writing", "_lock", "_stale", "_timer", "_written", "cleaner_points", "directory_id",
        "failure",
        "flushed_first", "found", "futures", "high_watermarks", "is_checked", "is_unsure", "log_starts", "on_failed",
        "partitions", "path", "placed", "recovery_points", "was_clean",
    )  # fmt: skip

    def __init__(self, env: Env, path: str, on_failed: Callable[[LogDirectory], None]) -> None:
        self.path = path
        self.directory_id = bytes(16)
        self.was_clean = False
        self.is_checked = False  # everything that was not left clean was checked
        self.is_unsure = False  # a log could not be opened, so this stop cannot leave the marker of a clean one
        self.failure: OSError | None = None
        self.on_failed = on_failed
        self.flushed_first: Log | None = None
        self.found: set[str] = set()
        self.futures: dict[str, str] = {}
        self.placed: set[str] = set()
        self.partitions: dict[TopicPartition, Partition] = {}
        self.recovery_points: dict[TopicPartition, int] = {}
        self.log_starts: dict[TopicPartition, int] = {}
        self.cleaner_points: dict[TopicPartition, int] = {}
        self.high_watermarks: dict[TopicPartition, int] = {}
        self._env = env
        self._lock: Lock | None = None
        self._timer: Timer | None = None
        self._is_writing = False
        self._written: dict[str, bytes] = {}  # the checkpoints as they were last written
        self._stale: set[TopicPartition] = set()  # what is gone, and checkpoints may still tell of
        self._changes = 0  # of _stale, and checkpoints that were written at once

    # -- Whose it is

    def take(self) -> None:
        """Make and lock it. StoreError if another broker has it."""
        files = self._env.files
        if not files.exists(self.path):
            files.make_directory(self.path)
            files.sync_directory(self.path.rpartition("/")[0] or "/")
        self._lock = files.lock(f"{self.path}/.lock")
        if self._lock is None:
            raise StoreError(f"another broker uses the log directory {self.path}")

    def release(self) -> None:
        """Let go of it: others may take it, and nothing is written any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def identity(self) -> tuple[str, int] | None:
        """Return (cluster id, node id) of whom it belongs to; None if nobody. StoreError if that is damaged."""
        path = f"{self.path}/{META_PROPERTIES}"
        if not self._env.files.exists(path):
            return None
        try:
            known = properties.parse(self._env.files.read(path))
            version, cluster_id, node_id = known["version"], known["cluster.id"], int(known["node.id"])
            self.directory_id = uuid_from_text(known["directory.id"]) if "directory.id" in known else bytes(16)
        except (KeyError, ValueError) as error:
            raise StoreError(f"{path} is damaged, or is not of a broker: {error}") from None
        if version != "1":
            raise StoreError(f"{path} has version {version}; only 1 is known")
        return cluster_id, node_id

    def introduce(self, cluster_id: str, node_id: int) -> None:
        """Note that it belongs to this broker, unless that is there, and complete."""
        if self.directory_id != bytes(16):
            return
        self.directory_id = random_uuid(self._env.random)
        entries = {
            "version": "1",
            "cluster.id": cluster_id,
            "node.id": str(node_id),
            "directory.id": uuid_text(self.directory_id),
        }
        self._env.files.replace(f"{self.path}/{META_PROPERTIES}", properties_content(entries))

    # -- What is in it

    def look_around(self) -> None:
        """Find out what is there and how it was left. Nothing is changed yet. OSError on failure."""
        files, path = self._env.files, self.path
        names = files.list(path)
        self.was_clean = CLEAN_SHUTDOWN in names
        self.recovery_points = read_offsets(files, f"{path}/{RECOVERY_POINTS}")
        self.log_starts = read_offsets(files, f"{path}/{LOG_STARTS}")
        self.cleaner_points = read_offsets(files, f"{path}/{CLEANER_POINTS}")
        self.high_watermarks = read_offsets(files, f"{path}/{HIGH_WATERMARKS}")
        if CLEANER_POINTS in names:
            self._written[CLEANER_POINTS] = b""
        self.found = {name for name in names if _is_partition(name)}
        self.placed = set(self.found)
        self.futures = {stem: f"{path}/{name}" for name in names if (stem := _stem(name, "-future"))}
        for topic, index in {*self.recovery_points, *self.log_starts, *self.cleaner_points, *self.high_watermarks}:
            if f"{topic}-{index}" not in self.found and f"{topic}-{index}" not in self.futures:
                self.begin_anew((topic, index))

    def begin(self) -> None:
        """Take it into use: what was left over goes, and a second start will not find the marker of this stop."""
        files, path = self._env.files, self.path
        if self.was_clean:
            files.remove(f"{path}/{CLEAN_SHUTDOWN}")
            files.sync_directory(path)
        for name in files.list(path):
            if _stem(name, "-delete"):
                self._erase([f"{path}/{name}"])
            elif name.endswith(".tmp") and name.startswith(_REPLACED):
                files.remove(f"{path}/{name}")

    def adopt(self, partition: Partition) -> None:
        """Take in a partition that is open, and belongs here now."""
        self.partitions[partition.key] = partition
        self.placed.add(f"{partition.topic}-{partition.index}")
        self.checkpoint_soon()

    def take_future(self, name: str, is_complete: bool) -> None:
        """Make an interrupted move's copy the partition's directory, or erase it if it is not complete."""
        path = self.futures.pop(name)
        if is_complete:
            self._env.files.rename(path, f"{self.path}/{name}")
            self.found.add(name)
            self.placed.add(name)
        else:
            self._erase([path])

    def forget(self, key: TopicPartition) -> None:
        """Forget all about a partition."""
        name = f"{key[0]}-{key[1]}"
        if self.partitions.pop(key, None) is not None:
            self._is_stale(key)
        self.begin_anew(key)
        self.found.discard(name)
        self.placed.discard(name)
        self.checkpoint_soon()

    def begin_anew(self, key: TopicPartition) -> None:
        """Forget what checkpoints say of a partition that has nothing here; see `make_room`."""
        for points in (self.recovery_points, self.log_starts, self.cleaner_points, self.high_watermarks):
            if points.pop(key, None) is not None:
                self._is_stale(key)

    def _is_stale(self, key: TopicPartition) -> None:
        self._stale.add(key)
        self._changes += 1

    def make_room(self, key: TopicPartition) -> None:
        """See to it that no checkpoint on the disk is about an older partition of that name. OSError on failure.

        The next start would otherwise take them for the new one's: its records would be deleted, or not checked.
        """
        if key in self._stale:
            self.checkpoint()

    def erase_later(self, paths: Sequence[str], delay_ms: int) -> None:
        """Erase files or directories after a while; what is left when the broker stops goes at the next start."""
        self._env.clock.call_later(delay_ms, lambda: self._erase(paths))

    def _erase(self, paths: Sequence[str]) -> None:
        files = self._env.files

        def erase() -> None:
            for path in paths:
                if path.endswith(("-delete", "-future")):
                    files.remove_tree(path)
                else:
                    files.remove(path)

        def done(error: Exception | None) -> None:
            if error is not None:
                warn("cannot erase %s, will try again at the next start: %s", paths[0], error)

        if self.failure is None and self._lock is not None:
            self._env.workers.submit(erase).then(lambda later: done(later.error))

    # -- Checkpoints

    def checkpoint_soon(self) -> None:
        """See to it that the checkpoints are written within a second."""
        if self._timer is None and self._lock is not None and self.failure is None:
            self._timer = self._env.clock.call_later(CHECKPOINT_DELAY_MS, self._checkpoint_due)

    def _checkpoint_due(self) -> None:
        self._timer = None
        if self._is_writing:
            self.checkpoint_soon()
            return
        self._is_writing = True
        changes = self._changes
        # In short turns: 10,000 partitions take 10 ms and more.
        run_in_steps(self._env.clock, self._checkpoints()).then(lambda later: self._save(later.result(), changes))

    def _save(self, contents: dict[str, bytes], changes: int) -> None:
        """Let a worker write checkpoints that were put together since there had been so many `changes`."""
        if not contents or self._lock is None or self.failure is not None:
            self._is_writing = False
            if changes != self._changes:
                self.checkpoint_soon()
            return

        def write() -> None:
            if changes == self._changes:
                self._write(contents)

        def written(error: Exception | None) -> None:
            self._is_writing = False
            if changes != self._changes:
                self.checkpoint_soon()
            elif error is None:
                self._written.update(contents)
                self._stale.clear()
            else:
                warn("cannot write the checkpoints: %s", error)
                self.checkpoint_soon()

        self._env.workers.submit(write).then(lambda later: written(later.error))

    def checkpoint(self) -> None:
        """Write the checkpoints now. OSError on failure."""
        self._changes += 1
        contents = at_once(self._checkpoints())
        self._write(contents)
        self._written.update(contents)
        self._stale.clear()

    def _write(self, contents: dict[str, bytes]) -> None:
        for name, content in contents.items():
            self._env.files.replace(f"{self.path}/{name}", content)

    def _checkpoints(self) -> Task[dict[str, bytes]]:
        """Return the checkpoints that are not as they were last written.

        Other things happen between the turns. What was noted then is still true of a log that has only grown; what is
        more than that is counted in `_changes`, and these contents are not used.
        """
        points, starts, watermarks = dict(self.recovery_points), dict(self.log_starts), dict(self.high_watermarks)
        for number, (key, partition) in enumerate(list(self.partitions.items()), 1):
            log = partition.log
            if log.segments:
                points[key] = log.checked_from
                watermarks[key] = partition.high_watermark
            if log.start_offset > (log.bases[0] if log.bases else 0):
                starts[key] = log.start_offset
            else:
                starts.pop(key, None)
            if number % TURN_RECORDS == 0:
                yield None
        found = {RECOVERY_POINTS: points, LOG_STARTS: starts, HIGH_WATERMARKS: watermarks}
        if self.cleaner_points or CLEANER_POINTS in self._written:
            found[CLEANER_POINTS] = dict(self.cleaner_points)
        contents = {}
        for name, offsets in found.items():
            contents[name] = yield from offsets_content(offsets)
        return {name: content for name, content in contents.items() if self._written.get(name) != content}

    def leave(self) -> None:
        """Write what a clean stop leaves, the marker last, unless something was not clean; let go of it."""
        try:
            if self.failure is None:
                self.checkpoint()
                if not self.is_unsure and (self.was_clean or self.is_checked or not self._unopened()):
                    write_plainly(self._env.files, f"{self.path}/{CLEAN_SHUTDOWN}", CLEAN_SHUTDOWN_CONTENT)
        except OSError as error:
            warn("cannot write the checkpoints: %s", error)
        self.release()

    def _unopened(self) -> set[str]:
        """Return what has files, and was not opened, and so not checked if that was called for."""
        return self.found - {f"{topic}-{index}" for topic, index in self.partitions}

    # -- Failures

    def heed(self, error: Exception) -> bool:
        """Go offline if this error means that the device is broken; return whether it does."""
        if not isinstance(error, OSError) or not is_of_the_device(error):
            return False
        self.fail(error)
        return True

    def fail(self, error: OSError) -> None:
        """Take it offline, with all its partitions."""
        if self.failure is None:
            self.failure = error
            fault("the log directory %s is offline: %s", self.path, error.strerror or error)
            self.on_failed(self)


def _is_partition(name: str) -> bool:
    """Tell if a directory of that name is a partition's."""
    topic, _, index = name.rpartition("-")
    return bool(topic) and len(index) <= 10 and index.isascii() and index.isdecimal() and str(int(index)) == index


def _stem(name: str, ending: str) -> str:
    """Return which partition a directory was, or will be, of `<topic>-<partition>.<32 hex digits><ending>`; or ''."""
    stem, _, tag = name.removesuffix(ending).rpartition(".")
    is_one = name.endswith(ending) and len(tag) == 32 and set(tag) <= _HEX and _is_partition(stem)
    return stem if is_one else ""
