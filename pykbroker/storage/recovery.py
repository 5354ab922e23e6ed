"""Opening a log's directory: tidy up what was interrupted, find the segments, and after a crash trust nothing.

After a clean stop only the tail of the active segment is read, from its last index entry on, and must end where the
recovery point says. Otherwise every batch from the recovery point on is checked against its CRC; the log is cut at the
first that is torn, damaged or out of order, later segments go, and indexes, leader epochs and producers (`rebuild.py`)
are made anew from what is left (`org.apache.kafka.storage.internals.log.LogLoader`). Start-up always succeeds,
and says in one line what it cut. Files with other names than ours are left alone.
"""

from __future__ import annotations

from contextlib import suppress

from pykbroker.env import File, Files
from pykbroker.errors import KafkaError
from pykbroker.storage.checkpoints import LEADER_EPOCHS, PARTITION_METADATA, epochs_from
from pykbroker.storage.epochs import LeaderEpochs
from pykbroker.storage.failures import warn
from pykbroker.storage.index import MAX_RELATIVE_OFFSET
from pykbroker.storage.log import Log
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.producers import Producers
from pykbroker.storage.rebuild import Rebuild, mend_aborted
from pykbroker.storage.segment import Segment, headers_in
from pykbroker.storage.snapshots import ProducerSnapshots
from pykbroker.wire.batch import peek, verify

_SUFFIXES = (".log", ".index", ".timeindex", ".txnindex")
_LEFT_OVER = (".deleted", ".cleaned", ".tmp")
_ASIDE = ".stray"
_OFFSET_DIGITS = 20


class OpenedLog:
    """What is in a directory: the log, its epochs, the offsets of its producer snapshots in ascending order.

    `producers` are those of the log's end, if they are known already.
    """

    __slots__ = ("epochs", "log", "producers", "snapshots")

    def __init__(
        self, log: Log, epochs: LeaderEpochs, snapshots: list[int], producers: Producers | None = None
    ) -> None:
        self.log = log
        self.epochs = epochs
        self.snapshots = snapshots
        self.producers = producers


def open_log(
    files: Files,
    directory: str,
    config: LogConfig,
    now_ms: int,
    *,
    log_start: int,
    recovery_point: int,
    clean: bool,
    was_compacted: bool = False,
    producer_id_expiration_ms: int,
) -> OpenedLog:
    """Open the log in `directory`, which exists, recovering it unless the last stop was `clean`. OSError on failure."""
    names = _tidied(files, directory, files.list(directory))
    pairs = epochs_from(files.read(f"{directory}/{LEADER_EPOCHS}")) if LEADER_EPOCHS in names else None
    epochs = LeaderEpochs(pairs or [])
    log = Log(files, directory, config, log_start)
    log.may_have_gaps = config.is_compacted or was_compacted
    for base_offset in _offsets_of(names, ".log"):
        segment = log.add_segment(base_offset, now_ms)
        segment.size = files.size(segment.path + ".log")
    found = len(log.segments), log.size_bytes
    for suffix in _SUFFIXES[1:]:
        for orphan in set(_offsets_of(names, suffix)).difference(log.bases):
            files.remove(f"{directory}/{orphan:020d}{suffix}")
    producers = None
    if log.segments:
        log.start_offset = max(log_start, log.bases[0])
        unchecked = len(log.segments)
        known = ProducerSnapshots(files, directory, _offsets_of(names, ".snapshot"))
        if not (clean and _activate(log, recovery_point)):
            log.moved_in()  # what a killed process made may be in memory only
            rebuild = Rebuild(log, known, producer_id_expiration_ms, now_ms)
            unchecked = _recover(log, epochs, recovery_point, rebuild)
            producers = rebuild.producers if rebuild.end == log.end_offset else None
        mend_aborted(
            log, Rebuild(log, known, producer_id_expiration_ms, now_ms), unchecked,
            _offsets_of(names, ".index"), _offsets_of(names, ".txnindex"),
        )  # fmt: skip
        if log.end_offset < log.start_offset:
            _set_aside(files, log)
            producers = None
        if pairs is None:
            epochs = _epochs_in(log)
        for segment in log.segments:
            segment.close_file()  # thousands of partitions may be opened, and few of them used
        log.recovery_point = min(log.end_offset, max(recovery_point, log.end_offset if clean else 0))
    epochs.cut_end(log.end_offset)
    epochs.cut_start(log.start_offset)
    snapshots = _offsets_of(names, ".snapshot")
    ahead = [offset for offset in snapshots if offset > log.end_offset]
    for offset in ahead:
        files.remove(f"{directory}/{offset:020d}.snapshot")
    if ahead or found != (len(log.segments), log.size_bytes):
        _settle(files, log)
    return OpenedLog(log, epochs, snapshots[: len(snapshots) - len(ahead)], producers)


def _settle(files: Files, log: Log) -> None:
    """Bring to the device what was cut off: a power cut must not bring it back behind what is appended from now on."""
    for segment in log.segments[-1:]:
        segment.file.sync()
        segment.close_file()
    files.sync_directory(log.directory)


def _offset_in(name: str) -> int | None:
    """Return the offset that a file is named by, or None if it is none of a log's."""
    digits = name[:_OFFSET_DIGITS]
    is_number = len(digits) == _OFFSET_DIGITS and digits.isdecimal() and digits.isascii()
    if not is_number or name[_OFFSET_DIGITS:][:1] != "." or int(digits) >= 1 << 63:
        return None
    return int(digits)


def _offsets_of(names: list[str], suffix: str) -> list[int]:
    offsets = [_offset_in(name) for name in names if name[_OFFSET_DIGITS:] == suffix]
    return sorted(offset for offset in offsets if offset is not None)


def _tidied(files: Files, directory: str, names: list[str]) -> list[str]:
    """Remove what an interrupted cleaning or deletion left, finish a swap (STO-26); return what is there."""
    odd = [name for name in names if name.endswith((*_LEFT_OVER, ".swap")) and _is_of_a_log(name)]
    if not odd:
        return names
    # Where something is still `.cleaned`, a swap had only begun, and what it was to replace is there (`swapping.py`).
    begun = min((name[:_OFFSET_DIGITS] for name in odd if name.endswith(".cleaned")), default="x")
    unfinished = [name for name in odd if name.endswith(".swap") and name >= begun]
    for name in [*unfinished, *(name for name in odd if name.endswith(_LEFT_OVER))]:
        files.remove(f"{directory}/{name}")
    swapped = [name.removesuffix(".swap") for name in odd if name.endswith(".swap") and name not in unfinished]
    # A swapped-in segment stands for all that begin inside its offsets. Those go first, so that an interruption here
    # leaves the .swap to be found again.
    for base_offset in _offsets_of(swapped, ".log"):
        path = f"{directory}/{base_offset:020d}"
        try:
            end = _end_of(files.open(f"{path}.log.swap"), base_offset)
        except KafkaError:
            warn("%s.log.swap is damaged, and left alone", path)
            swapped = [name for name in swapped if _offset_in(name) != base_offset]
            continue
        for replaced in _offsets_of(names, ".log"):
            if base_offset < replaced < end:
                for suffix in _SUFFIXES:
                    files.remove(f"{directory}/{replaced:020d}{suffix}")
        for suffix in _SUFFIXES[1:]:
            files.remove(path + suffix)
    for name in swapped:
        files.rename(f"{directory}/{name}.swap", f"{directory}/{name}")
    return files.list(directory)


def _is_of_a_log(name: str) -> bool:
    return _offset_in(name) is not None or name.startswith((LEADER_EPOCHS, PARTITION_METADATA))


def _end_of(file: File, base_offset: int) -> int:
    """Return the offset after a segment's last batch; KafkaError(CORRUPT_MESSAGE) if it is not all batches."""
    end = base_offset
    for _, batch in headers_in(file, file.size):
        end = batch.next_offset
    return end


def _activate(log: Log, recovery_point: int) -> bool:
    """Find the end of a log that was closed; False if its tail is not as a clean stop leaves it."""
    segment = log.segments[-1]
    size = segment.size
    with suppress(KafkaError):
        log.end_offset = segment.activate()
        if log.end_offset == recovery_point and segment.size == size:
            return True
    segment.size = size  # if its index had to be made anew, that ended at the last batch that is good
    return False


def _recover(log: Log, epochs: LeaderEpochs, recovery_point: int, rebuild: Rebuild) -> int:
    """Check the log from the recovery point on, and cut it where it is not sound (STO-24).

    Return how many segments there are before, which were not looked at.

    Segments that only have deleted records are not checked: damage in them should cost nothing.
    """
    first = log.index_of(max(recovery_point, log.start_offset))
    next_offset, size = log.bases[first], log.size_bytes
    is_sound, kept = True, first
    while is_sound and kept < len(log.segments):
        segment = log.segments[kept]
        if not _continues(log, segment.base_offset, next_offset):
            is_sound = False
            break
        if kept > first:
            _finish(log.segments[kept - 1])
        whole = segment.size
        next_offset = _recover_segment(log, segment, epochs, rebuild)
        is_sound = segment.size == whole
        kept += 1
    log.end_offset = next_offset
    if not is_sound:
        dropped = log.drop_segments(kept)
        log.changed(log.segments[-1].path_of(".log"))
        warn(
            "%s: cut at offset %d, because what is there is no good: %d bytes, with %d later segments",
            log.directory, next_offset, size - log.size_bytes, dropped,
        )  # fmt: skip
    return first


def _continues(log: Log, base_offset: int, next_offset: int) -> bool:
    """Tell if what begins at `base_offset`, which no CRC covers, can be what comes next.

    Only compaction makes gaps, and it leaves alone what is not on the device yet; any other means a loss, or damage.
    """
    return base_offset == next_offset or (base_offset > next_offset and log.may_have_gaps)


def _finish(segment: Segment) -> None:
    """Complete the indexes of a segment after which another one begins."""
    segment.finish()
    with suppress(OSError):  # they stay in memory then, until the close
        segment.save_indexes()
    segment.cool()


def _recover_segment(log: Log, segment: Segment, epochs: LeaderEpochs, rebuild: Rebuild) -> int:
    """Check every batch, note it in new indexes, cut the file behind the last good one; return the next offset."""
    next_offset = segment.base_offset
    position, whole = 0, segment.size
    segment.start_indexes()
    rebuild.begin(segment)
    try:
        for view in segment.batches():
            batch = peek(view)
            verify(view, batch)
            if not _continues(log, batch.base_offset, next_offset) or batch.last_offset_delta < 0:
                break
            if batch.last_offset - segment.base_offset > MAX_RELATIVE_OFFSET:
                break
            segment.note(position, batch.length, batch.last_offset, batch.max_timestamp)
            epochs.begin(batch.leader_epoch, batch.base_offset)
            if batch.producer_id >= 0:
                rebuild.take(batch, view)
            position += batch.length
            next_offset = batch.next_offset
    except KafkaError:
        pass
    if position < whole:
        segment.cut(position)
    rebuild.finish(segment, next_offset)
    return next_offset


def _set_aside(files: Files, log: Log) -> None:
    """Begin anew at the start of a log that ends below it; what it has may be good, if the checkpoint was not."""
    warn(
        "%s: ends at %d, below its start, %d: its %d segments are set aside as *%s",
        log.directory, log.end_offset, log.start_offset, len(log.segments), _ASIDE,
    )  # fmt: skip
    for segment in log.segments:
        files.rename(f"{segment.path}.log", f"{segment.path}.log{_ASIDE}")
    log.truncate_all(log.start_offset)


def _epochs_in(log: Log) -> LeaderEpochs:
    """Return the leader epochs that the batches tell of, because their checkpoint does not."""
    epochs = LeaderEpochs([])
    with suppress(KafkaError):  # of a batch below the recovery point that is damaged
        for batch in log.headers(log.start_offset):
            epochs.begin(batch.leader_epoch, batch.base_offset)
    return epochs
