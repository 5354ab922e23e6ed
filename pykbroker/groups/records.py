"""The records of `__consumer_offsets`: what a group shard stores, in Kafka's own layout.

    key     int16 record type, then the key's fields       1 = a committed offset, 2 = a classic group (INT-02, INT-03)
    value   int16 version, then the value's fields         null = removed

Values are written in the versions that Apache Kafka 4.4 writes: offsets in version 4, which alone has room for the
topic id, or in version 1 when the client asked for an expiry of its own, as only that one can say it; groups in
version 3. All older versions are read, and so is record type 0, the offset key of before 0.9. Record types of the other
group protocols are skipped on load (INT-04).

Source: `GroupCoordinatorRecordHelpers`, `GroupCoordinatorRecordSerde`.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, TypeVar

from pykbroker import errors
from pykbroker.errors import KafkaError, Malformed
from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.message import Message
from pykbroker.wire.messages.group_records import (
    GroupMetadataKey,
    GroupMetadataValue,
    LegacyOffsetCommitKey,
    LegacyOffsetCommitValue,
    OffsetCommitKey,
    OffsetCommitValue,
)

LEGACY_OFFSET: Final = 0
OFFSET: Final = 1
GROUP: Final = 2

OFFSET_VALUE_VERSION: Final = 4
OFFSET_VALUE_VERSION_WITH_EXPIRY: Final = 1
GROUP_VALUE_VERSION: Final = 3

_prefix = Struct(">h")
M = TypeVar("M", bound=Message)


class OffsetRecord:
    """One committed offset, or (without a value) its removal."""

    __slots__ = ("group_id", "partition", "topic", "value")

    def __init__(self, group_id: str, topic: str, partition: int, value: OffsetCommitValue | None) -> None:
        self.group_id = group_id
        self.topic = topic
        self.partition = partition
        self.value = value

    def __repr__(self) -> str:
        return f"OffsetRecord({self.group_id!r}, {self.topic!r}, {self.partition}, {self.value!r})"


class MetadataRecord:
    """A classic group's generation with members and assignments, or (without a value) the group's removal."""

    __slots__ = ("group_id", "value")

    def __init__(self, group_id: str, value: GroupMetadataValue | None) -> None:
        self.group_id = group_id
        self.value = value

    def __repr__(self) -> str:
        return f"MetadataRecord({self.group_id!r}, {self.value!r})"


GroupRecord = OffsetRecord | MetadataRecord


def encode(record: GroupRecord) -> tuple[bytes, bytes | None]:
    """Return a record's key and value as they are stored."""
    if isinstance(record, OffsetRecord):
        key = OffsetCommitKey(group=record.group_id, topic=record.topic, partition=record.partition)
        return _prefixed(OFFSET, key, 0), _offset_value(record.value)
    group = _prefixed(GROUP, GroupMetadataKey(group=record.group_id), 0)
    if record.value is None:
        return group, None
    return group, _prefixed(GROUP_VALUE_VERSION, record.value, GROUP_VALUE_VERSION)


def decode(key: bytes | None, value: bytes | None) -> GroupRecord | None:
    """Return the record, or None for one of another group protocol; KafkaError if it cannot be read."""
    if key is None or len(key) < 2:
        raise KafkaError(errors.CORRUPT_MESSAGE, "a record of __consumer_offsets without a key")
    kind: int = _prefix.unpack_from(key)[0]
    try:
        if kind == GROUP:
            group = decode_message(GroupMetadataKey, 0, key[2:])
            return MetadataRecord(group.group, _value(GroupMetadataValue, value))
        if kind == OFFSET:
            offset = decode_message(OffsetCommitKey, 0, key[2:])
            return OffsetRecord(offset.group, offset.topic, offset.partition, _value(OffsetCommitValue, value))
        if kind == LEGACY_OFFSET:
            return _decode_legacy(key, value)
    except Malformed as error:
        raise KafkaError(errors.CORRUPT_MESSAGE, f"a record of type {kind} in __consumer_offsets: {error}") from error
    return None


def _decode_legacy(key: bytes, value: bytes | None) -> OffsetRecord:
    where = decode_message(LegacyOffsetCommitKey, 0, key[2:])
    old = _value(LegacyOffsetCommitValue, value)
    committed = None
    if old is not None:
        committed = OffsetCommitValue(
            offset=old.offset, metadata=old.metadata, commit_timestamp=old.commit_timestamp
        )
    return OffsetRecord(where.group, where.topic, where.partition, committed)


def _offset_value(value: OffsetCommitValue | None) -> bytes | None:
    if value is None:
        return None
    version = OFFSET_VALUE_VERSION if value.expire_timestamp < 0 else OFFSET_VALUE_VERSION_WITH_EXPIRY
    return _prefixed(version, value, version)


def _prefixed(prefix: int, value: Message, version: int) -> bytes:
    return _prefix.pack(prefix) + encode_message(value, version)


def _value(cls: type[M], stored: bytes | None) -> M | None:
    if stored is None:
        return None
    if len(stored) < 2:
        raise Malformed("a value without a version")
    version: int = _prefix.unpack_from(stored)[0]
    low, high = cls.__versions__
    if not low <= version <= high:
        raise KafkaError(errors.UNSUPPORTED_VERSION, f"{cls.__name__} version {version} is from a newer Kafka")
    return decode_message(cls, version, stored[2:])
