"""The small text files beside the logs, in Kafka's formats: reading is forgiving, writing replaces the whole file.

    *-checkpoint          "0", the count of lines, then `topic partition offset` or `epoch start-offset` lines
    partition.metadata    `version: 0` and `topic_id: <uuid>`
    meta.properties       Java properties: version, cluster.id, node.id, directory.id
    .kafka_cleanshutdown  JSON, {"version":0,"brokerEpoch":-1}
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from pykbroker.env import Files
from pykbroker.steps import TURN_RECORDS, Task
from pykbroker.storage.failures import warn
from pykbroker.wire.primitives import uuid_from_text, uuid_text

RECOVERY_POINTS: Final = "recovery-point-offset-checkpoint"
LOG_STARTS: Final = "log-start-offset-checkpoint"
CLEANER_POINTS: Final = "cleaner-offset-checkpoint"
HIGH_WATERMARKS: Final = "replication-offset-checkpoint"
LEADER_EPOCHS: Final = "leader-epoch-checkpoint"
PARTITION_METADATA: Final = "partition.metadata"
META_PROPERTIES: Final = "meta.properties"
CLEAN_SHUTDOWN: Final = ".kafka_cleanshutdown"
CLEAN_SHUTDOWN_CONTENT: Final = b'{"version":0,"brokerEpoch":-1}'

TopicPartition = tuple[str, int]


def rows_in(content: bytes, width: int) -> list[list[str]] | None:
    """Return the fields of each line of a checkpoint, the last two of them numbers, or None if it is not one."""
    if not content:
        return []  # Kafka creates its checkpoints like that, and reads them so (`CheckpointFile`)
    lines = content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    # What does not end with a line's end was cut short, maybe in the middle of a number.
    if len(lines) < 3 or lines[0] != "0" or not _is_number(lines[1]) or lines[-1]:
        return None
    rows = [line.split(" ") for line in lines[2:-1]]
    sound = all(len(row) == width and all(map(_is_number, row[-2:])) for row in rows)
    return rows if sound and len(rows) == int(lines[1]) else None


def _is_number(text: str) -> bool:
    """Tell if it is an offset, an epoch, an index: never negative, never more than 64 bits."""
    return text.isdecimal() and text.isascii() and len(text) < 20 and int(text) < 1 << 63


def _checkpoint(rows: Iterable[str]) -> bytes:
    rows = list(rows)
    return "".join(f"{row}\n" for row in ("0", len(rows), *rows)).encode()


def read_offsets(files: Files, path: str) -> dict[TopicPartition, int]:
    """Return the offsets of a checkpoint; none if the file is missing or (this is logged) damaged, as in Kafka."""
    try:
        rows = rows_in(files.read(path), 3)
    except FileNotFoundError:
        return {}
    if rows is None:
        warn("%s is damaged: it counts for nothing", path)
        return {}
    return {(topic, int(index)): int(offset) for topic, index, offset in rows}


def offsets_content(offsets: dict[TopicPartition, int]) -> Task[bytes]:
    """Return the content of a checkpoint of offsets, in short turns."""
    rows = []
    for (topic, index), offset in offsets.items():
        rows.append(f"{topic} {index} {offset}")
        if len(rows) % TURN_RECORDS == 0:
            yield None
    return _checkpoint(rows)


def epochs_from(content: bytes) -> list[tuple[int, int]] | None:
    """Return (epoch, start offset) pairs in ascending order; None if the content is damaged."""
    pairs = [(int(epoch), int(start)) for epoch, start in rows_in(content, 2) or ()]
    ascend = all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    return pairs if pairs and ascend else None


def epochs_content(epochs: Iterable[tuple[int, int]]) -> bytes:
    """Return the content of a leader-epoch-checkpoint."""
    return _checkpoint(f"{epoch} {start}" for epoch, start in epochs)


def topic_id_from(content: bytes) -> bytes | None:
    """Return the topic id of a partition.metadata, or None if it is damaged."""
    for line in content.decode("ascii", "replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "topic_id":
            try:
                return uuid_from_text(value.strip())
            except ValueError:
                return None
    return None


def partition_metadata(topic_id: bytes) -> bytes:
    """Return the content of a partition.metadata."""
    return f"version: 0\ntopic_id: {uuid_text(topic_id)}".encode()


def properties_content(entries: dict[str, str]) -> bytes:
    """Return the content of a properties file."""
    return ("#\n" + "".join(f"{name}={value}\n" for name, value in sorted(entries.items()))).encode()


def write_plainly(files: Files, path: str, content: bytes) -> None:
    """Write a small file without fsync: one whose loss is noticed, and mended, when it is next read."""
    file = files.open(path)
    try:
        file.truncate(0)
        file.append(content)
    finally:
        file.close()
