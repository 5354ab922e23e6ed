"""Messages as plain dictionaries: what a version carries, by name; batches with their headers and records.

Ids become `Id`, so that `normal.py` can tell them from text. A field that a version does not carry is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pykbroker.errors import KafkaError, name_of
from pykbroker.wire.batch import HEADER_BYTES, LENGTH_END, crc32c, header
from pykbroker.wire.message import ZERO_UUID, Fixed, Message, fields_of, uuid
from pykbroker.wire.records import records_of

Plain = Any
"""dict, list, str, int, float, bool, None or Id."""

_CODECS = ("none", "gzip", "snappy", "lz4", "zstd", "5", "6", "7")


@dataclass(frozen=True, slots=True)
class Id:
    """Something that each broker makes up for itself."""

    kind: str
    value: object


def plain(message: Message, version: int) -> dict[str, Plain]:
    """Return a message's fields in one version."""
    found: dict[str, Plain] = {}
    for field in fields_of(type(message)):
        if field.versions[0] <= version <= field.versions[1]:
            found[field.name] = _value(field.name, field.annotation, getattr(message, field.name), version)
    return found


def _value(name: str, annotation: Any, value: Any, version: int) -> Plain:
    if isinstance(value, Message):
        return plain(value, version)
    if isinstance(value, list | tuple):
        inner = next(iter(get_args(annotation)), None)
        return [_value(name, inner, each, version) for each in value]
    if name == "records" and isinstance(value, bytes | bytearray | memoryview):
        return list(batches(bytes(value)))
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(annotation, bytes(value))
    if name.endswith("error_code") and isinstance(value, int):
        return name_of(value)
    return value


def _bytes(annotation: Any, value: bytes) -> Plain:
    if annotation == uuid or Fixed in map(type, getattr(annotation, "__metadata__", ())):
        return Id("uuid", value) if value != ZERO_UUID else "zero"
    return repr(value)[2:-1]


def batches(content: bytes) -> Iterator[dict[str, Plain]]:
    """Yield the batches of a fetch as dictionaries; the last may be one that was cut short."""
    at = 0
    while at < len(content):
        length = int.from_bytes(content[at + 8 : at + 12], "big") + LENGTH_END
        if length < HEADER_BYTES or at + HEADER_BYTES > len(content) or at + length > len(content):
            yield {"no_whole_batch": len(content) - at}
            return
        yield _batch(content[at : at + length])
        at += length


def _batch(content: bytes) -> dict[str, Plain]:
    batch = header(content)
    flags = {"log append time": batch.is_log_append_time, "transactional": batch.is_transactional}
    flags |= {"control": batch.is_control, "delete horizon": batch.has_delete_horizon}
    try:
        records = [
            {
                "offset": record.offset,
                "timestamp": record.timestamp,
                "key": None if record.key is None else repr(record.key)[2:-1],
                "value": None if record.value is None else repr(record.value)[2:-1],
                "headers": [[key, None if value is None else repr(value)[2:-1]] for key, value in record.headers],
            }
            for record in records_of(content, batch)
        ]
    except KafkaError as error:
        records = [{"unreadable": str(error)}]
    return {
        "base_offset": batch.base_offset,
        "leader_epoch": batch.leader_epoch,
        "magic": batch.magic,
        "crc_is_right": batch.crc == crc32c(content[21:]),
        "codec": _CODECS[batch.codec],
        "flags": [name for name, is_set in flags.items() if is_set],
        "last_offset_delta": batch.last_offset_delta,
        "base_timestamp": batch.base_timestamp,
        "max_timestamp": batch.max_timestamp,
        "producer_id": batch.producer_id,
        "producer_epoch": batch.producer_epoch,
        "base_sequence": batch.base_sequence,
        "count": batch.count,
        "records": records,
        "payload_bytes": batch.length - HEADER_BYTES,
        "payload_crc": crc32c(content[HEADER_BYTES:]),
    }
