"""Opening a log's directory: tidy up what was interrupted, find the segments, and after a crash trust nothing.

After a clean stop only the tail of the active segment is read, from its last index entry on. Otherwise every batch
from the recovery point on is checked against its CRC; the log is cut at the first that is torn, damaged or out of
order, later segments go, and indexes, leader epochs and (when next needed) producers are made anew from what is left
(`org.apache.kafka.storage.internals.log.LogLoader`). Start-up always succeeds.
"""

from __future__ import annotations

from contextlib import suppress

from pykbroker.env import Files
from pykbroker.errors import KafkaError
from pykbroker.storage.checkpoints import LEADER_EPOCHS, epochs_from
from pykbroker.storage.epochs import LeaderEpochs
from pykbroker.storage.failures import warn
from pykbroker.storage.index import MAX_RELATIVE_OFFSET
from pykbroker.storage.log import Log
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.segment import Segment, headers_in
from pykbroker.wire.batch import peek, verify

_SUFFIXES = (".log", ".index", ".timeindex", ".txnindex")
_LEFT_OVER = (".deleted", ".cleaned", ".tmp")


class OpenedLog:
    """What is in a directory: the log, its epochs, the offsets of its producer snapshots in ascending order."""

    __slots__ = ("epochs", "log", "snapshots")

    def __init__(self, log: Log, epochs: LeaderEpochs, snapshots: list[int]) -> None:
        self.log = log
        self.epochs = epochs
        self.snapshots = snapshots


def open_log(
    files: Files,
    directory: str,
    config: LogConfig,
    now_ms: int,
    *,
    log_start: int,
    recovery_point: int,
    clean: bool,
) -> OpenedLog:
    """Open the log in `directory`, which exists, recovering it unless the last stop was `clean`. OSError on failure."""
    names = _tidied(files, directory, files.list(directory))
    epochs = LeaderEpochs(epochs_from(files.read(f"{directory}/{LEADER_EPOCHS}")) if LEADER_EPOCHS in names else [])
    log = Log(files, directory, config, log_start)
    for base_offset in _offsets_of(names, ".log"):
        segment = log.add_segment(base_offset, now_ms)
        segment.size = files.size(segment.path + ".log")
    for suffix in _SUFFIXES[1:]:
        for orphan in set(_offsets_of(names, suffix)).difference(log.bases):
            files.remove(f"{directory}/{orphan:020d}{suffix}")
    if log.segments:
        log.start_offset = max(log_start, log.bases[0])
        if not (clean and _activate(log)):
            _recover(log, epochs, recovery_point)
        if log.end_offset < log.start_offset:
            warn("%s: ends at %d, below its start: all of it is dropped", directory, log.end_offset)
            log.truncate_all(log.start_offset)
        for segment in log.segments:
            segment.close_file()  # thousands of partitions may be opened, and few of them used
        log.recovery_point = min(log.end_offset, max(recovery_point, log.end_offset if clean else 0))
    epochs.cut_end(log.end_offset)
    epochs.cut_start(log.start_offset)
    snapshots = []
    for offset in _offsets_of(names, ".snapshot"):
        if offset <= log.end_offset:
            snapshots.append(offset)
        else:
            files.remove(f"{directory}/{offset:020d}.snapshot")
    return OpenedLog(log, epochs, snapshots)


def _offsets_of(names: list[str], suffix: str) -> list[int]:
    stems = [name.removesuffix(suffix) for name in names if name.endswith(suffix)]
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def _tidied(files: Files, directory: str, names: list[str]) -> list[str]:
    """Remove what an interrupted cleaning or deletion left, finish a swap (STO-26); return what is there."""
    odd = [name for name in names if name.endswith((*_LEFT_OVER, ".swap"))]
    if not odd:
        return names
    for name in odd:
        if name.endswith(_LEFT_OVER):
            files.remove(f"{directory}/{name}")
    swapped = [name.removesuffix(".swap") for name in odd if name.endswith(".swap")]
    # A swapped-in segment stands for all that begin inside its offsets. Those go first, so that an interruption here
    # leaves the .swap to be found again.
    for base_offset in _offsets_of(swapped, ".log"):
        file = files.open(f"{directory}/{base_offset:020d}.log.swap")
        end = base_offset
        for _, batch in headers_in(file, file.size):
            end = batch.next_offset
        for replaced in _offsets_of(names, ".log"):
            if base_offset < replaced < end:
                for suffix in _SUFFIXES:
                    files.remove(f"{directory}/{replaced:020d}{suffix}")
        for suffix in _SUFFIXES[1:]:
            files.remove(f"{directory}/{base_offset:020d}{suffix}")
    for name in swapped:
        files.rename(f"{directory}/{name}.swap", f"{directory}/{name}")
    return files.list(directory)


def _activate(log: Log) -> bool:
    """Find the end of a log that was closed; False if its tail is not as a clean stop leaves it."""
    try:
        log.end_offset = log.segments[-1].activate()
    except KafkaError:
        return False
    return True


def _recover(log: Log, epochs: LeaderEpochs, recovery_point: int) -> None:
    """Check the log from the recovery point on, and cut it where it is not sound (STO-24)."""
    index = log.index_of(recovery_point)
    next_offset = log.bases[index]
    while index < len(log.segments):
        segment = log.segments[index]
        whole = segment.size
        sound = segment.base_offset >= next_offset
        if sound:
            next_offset = _recover_segment(segment, epochs)
            sound = segment.size == whole
            index += 1
            if index < len(log.segments):
                segment.finish()
                with suppress(OSError):  # they stay in memory then, until the close
                    segment.save_indexes()
                segment.cool()
        if not sound:
            dropped = log.drop_segments(index)
            warn(
                "%s: cut at offset %d; %d bytes of its last segment and %d later segments were no good",
                log.directory, next_offset, whole - segment.size, dropped,
            )  # fmt: skip
    log.end_offset = next_offset


def _recover_segment(segment: Segment, epochs: LeaderEpochs) -> int:
    """Check every batch, note it in new indexes, cut the file behind the last good one; return the next offset."""
    next_offset = segment.base_offset
    position, whole = 0, segment.size
    segment.start_indexes()
    try:
        for view in segment.batches():
            batch = peek(view)
            verify(view, batch)
            # The CRC does not cover the base offset.
            if batch.base_offset < next_offset or batch.last_offset_delta < 0:
                break
            if batch.last_offset - segment.base_offset > MAX_RELATIVE_OFFSET:
                break
            segment.note(position, batch.length, batch.last_offset, batch.max_timestamp)
            epochs.begin(batch.leader_epoch, batch.base_offset)
            position += batch.length
            next_offset = batch.next_offset
    except KafkaError:
        pass
    if position < whole:
        segment.cut(position)
    return next_offset
