"""Records of the broker's own topics, and control records, as JSON: `TypeName {"field": value}`.

What their bytes mean is in the topic: `__consumer_offsets` and `__transaction_state` have the type in the key,
`__cluster_metadata` (and its snapshots) have all in the value, and a control record is one by its batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Final, get_args, get_origin

from pykbroker.commands.textual import json_from
from pykbroker.errors import KafkaError, Malformed
from pykbroker.metadata import records as metadata_records
from pykbroker.metadata.names import CLUSTER_METADATA_TOPIC, GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC
from pykbroker.wire.codegen import decode_message
from pykbroker.wire.message import Message, fields_of, uuid
from pykbroker.wire.messages import control_records, group_records, transaction_records
from pykbroker.wire.primitives import uuid_text
from pykbroker.wire.records import Record

Decode = Callable[[Record], str]

_CONTROL: Final[tuple[tuple[str, type[Message]], ...]] = (
    ("abort", control_records.EndTxnMarker),
    ("commit", control_records.EndTxnMarker),
    ("leader change", control_records.LeaderChangeMessage),
    ("snapshot header", control_records.SnapshotHeaderRecord),
    ("snapshot footer", control_records.SnapshotFooterRecord),
    ("kraft version", control_records.KRaftVersionRecord),
    ("voters", control_records.VotersRecord),
)
"""What the types of control records mean, by number (`org.apache.kafka.common.record.ControlRecordType`)."""


def decoder_for(topic: str) -> Decode:
    """Return what makes a topic's records readable; it raises Malformed or KafkaError for one that is not sound."""
    if topic == CLUSTER_METADATA_TOPIC:
        return metadata_record
    if topic == GROUP_METADATA_TOPIC:
        return lambda record: _keyed(record, group_records)
    if topic == TRANSACTION_STATE_TOPIC:
        return lambda record: _keyed(record, transaction_records)
    return plain_record


def plain_record(record: Record) -> str:
    """Return key, value and headers of a user's record."""
    fields: dict[str, object] = {"key": json_from(record.key), "value": json_from(record.value)}
    if record.headers:
        fields["headers"] = [[name, json_from(content)] for name, content in record.headers]
    return _text(fields)


def metadata_record(record: Record) -> str:
    """Return a record of the metadata log."""
    message = metadata_records.decode(record.value or b"")
    return plain_record(record) if message is None else f"{type(message).__name__} {_text(as_json(message))}"


def control_record(record: Record) -> str:
    """Return a record of a control batch."""
    key = record.key or b""
    kind = int.from_bytes(key[2:4], "big")
    if len(key) < 4 or kind >= len(_CONTROL) or record.value is None or len(record.value) < 2:
        return plain_record(record)
    name, cls = _CONTROL[kind]
    content = record.value
    if cls is control_records.EndTxnMarker:
        content = content[2:]  # the only one whose version stands in front
    version = min(int.from_bytes(record.value[:2], "big"), cls.__versions__[1])
    return f"{name} {_text(as_json(decode_message(cls, version, content)))}"


def _keyed(record: Record, declared: ModuleType) -> str:
    """Return a record whose key says its type, and whose value says its version."""
    key, value = record.key or b"", record.value
    found = _types_in(declared).get(int.from_bytes(key[:2], "big"))
    if len(key) < 2 or found is None:
        return plain_record(record)
    name, key_class, value_class = found
    fields = as_json(decode_message(key_class, 0, key[2:]))
    if value is None:
        return f"{name} {_text(fields)} removed"
    version = int.from_bytes(value[:2], "big")
    low, high = value_class.__versions__
    if len(value) < 2 or not low <= version <= high:
        raise Malformed(f"{value_class.__name__} has no version {version}")
    return f"{name} {_text({**fields, **as_json(decode_message(value_class, version, value[2:]))})}"


@cache
def _types_in(declared: ModuleType) -> dict[int, tuple[str, type[Message], type[Message]]]:
    """Return name, class of the key and class of the value by type."""
    found = vars(declared)
    return {
        each.__key__ or 0: (name.removesuffix("Key"), each, found[f"{name.removesuffix('Key')}Value"])
        for name, each in found.items()
        if isinstance(each, type) and issubclass(each, Message) and name.endswith("Key") and each.__key__ is not None
    }


def as_json(message: Message) -> dict[str, object]:
    """Return a message as what JSON has: UUIDs as Kafka writes them, bytes as `textual.json_from` does."""
    return {field.name: _json(getattr(message, field.name), field.annotation) for field in fields_of(type(message))}


def _json(value: object, annotation: object) -> object:
    if isinstance(value, Message):
        return as_json(value)
    if isinstance(value, list):
        kinds = [each for each in (annotation, *get_args(annotation)) if get_origin(each) is list]
        return [_json(each, get_args(kinds[0])[0]) for each in value]  # it is list[...], or list[...] | None
    if isinstance(value, bytes | memoryview):
        return uuid_text(bytes(value)) if annotation is uuid else json_from(bytes(value))
    return value


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


UNREADABLE: Final = (KafkaError, Malformed)
"""What a decoder raises."""
