"""The small text files beside the logs, in Kafka's formats: reading is forgiving, writing replaces the whole file.

    *-checkpoint          "0", the count of lines, then `topic partition offset` or `epoch start-offset` lines
    partition.metadata    `version: 0` and `topic_id: <uuid>`
    meta.properties       Java properties: version, cluster.id, node.id, directory.id
    .kafka_cleanshutdown  JSON, {"version":0,"brokerEpoch":-1}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pykbroker.env import Files
from pykbroker.wire.primitives import uuid_from_text, uuid_text

RECOVERY_POINTS: Final = "recovery-point-offset-checkpoint"
LOG_STARTS: Final = "log-start-offset-checkpoint"
LEADER_EPOCHS: Final = "leader-epoch-checkpoint"
PARTITION_METADATA: Final = "partition.metadata"
META_PROPERTIES: Final = "meta.properties"
CLEAN_SHUTDOWN: Final = ".kafka_cleanshutdown"
CLEAN_SHUTDOWN_CONTENT: Final = b'{"version":0,"brokerEpoch":-1}'

TopicPartition = tuple[str, int]


def _lines(content: bytes) -> list[list[str]] | None:
    """Return the fields of each line of a checkpoint, or None if it is not one."""
    lines = content.decode("utf-8", "replace").split("\n")
    if len(lines) < 2 or lines[0].strip() != "0" or not lines[1].strip().isdecimal():
        return None
    rows = [line.split() for line in lines[2:] if line.strip()]
    return rows if len(rows) == int(lines[1]) else None


def _checkpoint(rows: Iterable[str]) -> bytes:
    rows = list(rows)
    return "".join(f"{row}\n" for row in ("0", len(rows), *rows)).encode()


def read_offsets(files: Files, path: str) -> dict[TopicPartition, int]:
    """Return the offsets of a checkpoint; none if the file is missing or damaged, as Kafka takes it."""
    try:
        rows = _lines(files.read(path))
        return {(topic, int(index)): int(offset) for topic, index, offset in rows or ()}
    except (FileNotFoundError, ValueError):
        return {}


def offsets_content(offsets: dict[TopicPartition, int]) -> bytes:
    """Return the content of a checkpoint of offsets."""
    return _checkpoint(f"{topic} {index} {offset}" for (topic, index), offset in offsets.items())


def epochs_from(content: bytes) -> list[tuple[int, int]]:
    """Return (epoch, start offset) pairs in ascending order; none if the content is damaged."""
    try:
        return sorted((int(epoch), int(start)) for epoch, start in _lines(content) or ())
    except ValueError:
        return []


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
