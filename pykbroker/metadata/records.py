"""How metadata records look in the log, and in which versions they are written.

A record has no key. Its value (`org.apache.kafka.server.common.serialization.AbstractApiMessageSerde`):

    uvarint frame version (1) | uvarint api key | uvarint version | message

`kafka-dump-log --cluster-metadata-decoder` reads them. The versions are those that `metadata.version` 30 (4.3-IV0)
settles on, so that tools from Kafka 4.3 on know all of them.
"""

from __future__ import annotations

from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError, Malformed
from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.message import Message
from pykbroker.wire.messages import metadata_records
from pykbroker.wire.primitives import read_uvarint

FRAME_VERSION: Final = 1
NEWEST: Final = {
    metadata_records.RegisterBrokerRecord: 4,
    metadata_records.PartitionRecord: 2,
    metadata_records.PartitionChangeRecord: 2,
}

_CLASSES: Final[dict[int, type[Message]]] = {
    found.__key__: found
    for found in vars(metadata_records).values()
    if isinstance(found, type) and issubclass(found, Message) and found.__key__ is not None
}


def encode(record: Message) -> bytes:
    """Return a record's value as it is stored."""
    key = record.__key__
    assert key is not None, "only records of the metadata log have a key"
    version = NEWEST.get(type(record), 0)
    return bytes((FRAME_VERSION, key, version)) + encode_message(record, version)  # all below 128: a byte each


def decode(value: bytes) -> Message | None:
    """Return a stored record, or None for a kind that no Kafka we know has; CORRUPT_MESSAGE if it is not one at all.

    A version of a known kind that we do not know is corruption too: going on without it would lose metadata.
    """
    try:
        frame, at = read_uvarint(value, 0)
        key, at = read_uvarint(value, at)
        version, at = read_uvarint(value, at)
        if frame != FRAME_VERSION:
            raise Malformed(f"frame version {frame}")
        kind = _CLASSES.get(key)
        if kind is None:
            return None
        low, high = kind.__versions__
        if not low <= version <= high:
            raise Malformed(f"{kind.__name__} version {version}")
        return decode_message(kind, version, value[at:])
    except (Malformed, IndexError) as problem:
        raise KafkaError(errors.CORRUPT_MESSAGE, f"not a metadata record: {problem}") from problem
