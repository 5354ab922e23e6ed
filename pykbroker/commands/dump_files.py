"""What is in each kind of file of a log directory, line by line, and where it is damaged.

A dump yields lines, and `Damage` where the format is broken: behind that it goes on where that makes sense. Formats are
drawn in docs/formats.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import pairwise
from struct import Struct
from typing import BinaryIO, Final, NamedTuple

from pykbroker.commands.decoding import UNREADABLE, Decode, control_record, decoder_for, metadata_record
from pykbroker.errors import INVALID_RECORD, KafkaError, Malformed
from pykbroker.storage.aborted import AbortedIndex
from pykbroker.storage.checkpoints import rows_in
from pykbroker.storage.producers import SNAPSHOT_VERSION
from pykbroker.wire.batch import HEADER_BYTES, Batch, header, peek, verify
from pykbroker.wire.checksum import crc32c
from pykbroker.wire.codegen import decode_message
from pykbroker.wire.compression import NAMES
from pykbroker.wire.messages.producer_snapshot import ProducerSnapshot
from pykbroker.wire.records import records_of

MAGIC: Final = 2
_ON_THE_WAY: Final = re.compile(r"\.(deleted|cleaned|swap|part|damaged)$")
_SNAPSHOT_OF_METADATA: Final = re.compile(r"\d{20}-\d{10}\.checkpoint")
_PARTITION: Final = re.compile(r"(.+)-\d+(\.[0-9a-f]{32}-(delete|future|stray))?")
_TEXT: Final = ("meta.properties", "partition.metadata", ".kafka_cleanshutdown")


class Damage(NamedTuple):
    """The file is broken at a position, in bytes."""

    position: int
    what: str


Dumped = Iterator[str | Damage]


def dump_of(path: str, records: bool) -> Dumped | None:
    """Return the dump of a file, by its name; None if it is of no kind that we know. `records` shows those of a log.

    OSError if it cannot be read, while iterating.
    """
    name = _ON_THE_WAY.sub("", os.path.basename(path))
    if name.endswith(".log"):
        return batches(path, decoder_for(topic_of(path)) if records else None)
    if _SNAPSHOT_OF_METADATA.fullmatch(name):
        return batches(path, metadata_record if records else None)
    dump = _BY_SUFFIX.get(os.path.splitext(name)[1])
    if dump is None and name == "leader-epoch-checkpoint":
        dump = _epochs
    elif dump is None and name.endswith("-checkpoint"):
        dump = _offsets
    elif dump is None and name in _TEXT:
        dump = _plain
    return None if dump is None else dump(path)


def topic_of(path: str) -> str:
    """Return the topic whose directory a file is in; "" if it is in none."""
    found = _PARTITION.fullmatch(os.path.basename(os.path.dirname(os.path.abspath(path))))
    return found[1] if found else ""


# -- Batches


def batches(path: str, decode: Decode | None) -> Dumped:
    """Yield a line for each batch and, with `decode`, for each record in it."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        position, due = 0, -1
        while position < size:
            problem = _unsound(file, position, size)
            if problem is not None:
                yield Damage(position, problem)
                return  # nobody knows where the next one begins
            content = _read(file, position, header(_read(file, position, HEADER_BYTES)).length)
            batch = peek(content)
            yield f"at {position}: {_batch_text(batch)}"
            if batch.base_offset < due:
                yield Damage(position, f"the batch before ends with offset {due - 1}")
            try:
                verify(content, batch)
                if decode is not None:
                    yield from _records(content, batch, decode)
            except KafkaError as error:
                yield Damage(position, error.message or str(error))
            due = batch.next_offset
            position += batch.length


def _unsound(file: BinaryIO, position: int, size: int) -> str | None:
    """Return why there is no whole batch at a position; None if there is one."""
    left = size - position
    content = _read(file, position, HEADER_BYTES)
    if not any(content):
        return f"{left} bytes are left, and begin with zeros"
    if len(content) < HEADER_BYTES:
        return f"{left} bytes are left, less than the header of a batch"
    batch = header(content)
    if batch.magic != MAGIC:
        return f"magic is {batch.magic}, not {MAGIC}"
    if batch.length < HEADER_BYTES or batch.length > left:
        return f"the batch says that it has {batch.length} bytes, and {left} are left"
    return None


def _read(file: BinaryIO, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)


def _batch_text(batch: Batch) -> str:
    parts = [
        f"offsets {batch.base_offset}-{batch.last_offset}",
        f"records {batch.count}",
        f"{batch.length} bytes",
        NAMES[batch.codec] if batch.codec < len(NAMES) else f"codec {batch.codec}",
        f"epoch {batch.leader_epoch}",
        f"{'append' if batch.is_log_append_time else 'create'} time {time_text(batch.max_timestamp)}",
    ]
    if batch.producer_id >= 0:
        sequences = f" sequences {batch.base_sequence}-{batch.last_sequence}" if batch.base_sequence >= 0 else ""
        parts.append(f"producer {batch.producer_id} epoch {batch.producer_epoch}{sequences}")
    if batch.is_transactional:
        parts.append("transactional")
    if batch.is_control:
        parts.append("control")
    if batch.has_delete_horizon:
        parts.append(f"delete horizon {time_text(batch.base_timestamp)}")
    return ", ".join(parts)


def _records(content: bytes, batch: Batch, decode: Decode) -> Iterator[str]:
    for record in records_of(content, batch):
        try:
            text = control_record(record) if batch.is_control else decode(record)
        except UNREADABLE as error:
            raise KafkaError(INVALID_RECORD, f"offset {record.offset}: {error}") from None
        yield f"    {record.offset}  {time_text(record.timestamp)}  {text}"


def time_text(timestamp_ms: int) -> str:
    """Return a timestamp for people, in UTC; `-` for none, the number for one that no calendar has."""
    if timestamp_ms < 0:
        return "-"
    try:
        seconds = datetime.fromtimestamp(timestamp_ms // 1000, UTC)
        return f"{seconds:%Y-%m-%dT%H:%M:%S}.{timestamp_ms % 1000:03}Z"
    except (OverflowError, ValueError, OSError):
        return str(timestamp_ms)


# -- Indexes


def _index(path: str) -> Dumped:
    """Yield the entries of an .index; each must lead to a batch of the log beside it that begins no later."""
    log = f"{path.removesuffix('.index')}.log"
    base = _base_offset(path)
    with open(log, "rb") if os.path.exists(log) else nullcontext() as file:
        size = os.fstat(file.fileno()).st_size if file else 0
        for at, (relative, position), damage in _entries(path, Struct(">II"), both_ascend=True):
            yield f"offset {base + relative} at {position}"
            if damage:
                yield Damage(at, damage)
            elif file is not None:
                batch = _read(file, position, HEADER_BYTES)
                begins = header(batch).base_offset if len(batch) == HEADER_BYTES else None
                if begins is None or not base <= begins <= base + relative:
                    yield Damage(at, f"no such batch there in the log of {size} bytes")
    yield from _rest(path, 8)


def _time_index(path: str) -> Dumped:
    base = _base_offset(path)
    for at, (timestamp, relative), damage in _entries(path, Struct(">qI"), both_ascend=False):
        yield f"time {time_text(timestamp)} at offset {base + relative}"
        if damage:
            yield Damage(at, damage)
    yield from _rest(path, 12)


def _entries(path: str, layout: Struct, both_ascend: bool) -> Iterator[tuple[int, tuple[int, int], str]]:
    """Yield position, entry, and what is wrong with it or "". Zeros at the end are what Kafka preallocated."""
    content = _whole(path)
    content = content[: len(content) - len(content) % layout.size]
    used = -(-len(content.rstrip(b"\0")) // layout.size) * layout.size
    before: tuple[int, int] | None = None
    for at in range(0, used, layout.size):
        entry: tuple[int, int] = layout.unpack_from(content, at)
        if before is not None and (entry[0] <= before[0] or entry[1] < before[1] + both_ascend):
            yield at, entry, "it does not ascend"
        else:
            yield at, entry, ""
        before = entry


def _rest(path: str, width: int) -> Dumped:
    size = os.stat(path).st_size
    if size % width:
        yield Damage(size - size % width, f"{size % width} bytes are left, less than an entry")


def _aborted(path: str) -> Dumped:
    content = _whole(path)
    index = AbortedIndex.load(content)
    if index is None:
        yield Damage(0, "not a transaction index")
        return
    for entry in map(index.entry, range(len(index))):
        yield (
            f"producer {entry.producer_id} offsets {entry.first_offset}-{entry.last_offset}, "
            f"last stable offset {entry.last_stable_offset}"
        )


# -- Small files


def _producers(path: str) -> Dumped:
    content = _whole(path)
    if int.from_bytes(content[:2], "big") != SNAPSHOT_VERSION:
        yield Damage(0, f"not version {SNAPSHOT_VERSION}")
        return
    try:
        snapshot = decode_message(ProducerSnapshot, SNAPSHOT_VERSION, content[2:])
    except Malformed as error:
        yield Damage(2, str(error))
        return
    if snapshot.crc != crc32c(memoryview(content)[6:], 0):
        yield Damage(2, "it does not match its checksum")
    for each in snapshot.producer_entries:
        open_since = each.current_txn_first_offset
        yield (
            f"producer {each.producer_id} epoch {each.epoch}, last sequence {each.last_sequence} at offset "
            f"{each.last_offset}, {time_text(each.timestamp)}, coordinator epoch {each.coordinator_epoch}"
            + (f", transaction open since offset {open_since}" if open_since >= 0 else "")
        )


def _epochs(path: str) -> Dumped:
    rows = rows_in(_whole(path), 2)
    if rows is None:
        yield Damage(0, "not a checkpoint of epochs")
        return
    numbers = [(int(epoch), int(start)) for epoch, start in rows]
    yield from (f"epoch {epoch} from offset {start}" for epoch, start in numbers)
    if any(a[0] >= b[0] or a[1] >= b[1] for a, b in pairwise(numbers)):
        yield Damage(0, "the epochs do not ascend")


def _offsets(path: str) -> Dumped:
    rows = rows_in(_whole(path), 3)
    if rows is None:
        yield Damage(0, "not a checkpoint of offsets")
        return
    yield from (f"{topic}-{partition} {offset}" for topic, partition, offset in rows)


def _plain(path: str) -> Dumped:
    yield from _whole(path).decode(errors="replace").splitlines()


def _whole(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _base_offset(path: str) -> int:
    digits = os.path.basename(path).partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


_BY_SUFFIX: Final[dict[str, Callable[[str], Dumped]]] = {
    ".index": _index,
    ".timeindex": _time_index,
    ".txnindex": _aborted,
    ".snapshot": _producers,
}
