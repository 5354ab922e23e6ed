"""Which partition a key goes to: what Kafka's Java client does, and kafka-python and aiokafka after it.

Source: `org.apache.kafka.clients.producer.internals.BuiltInPartitioner`, `org.apache.kafka.common.utils.Utils.murmur2`
(MurmurHash2 by Austin Appleby, with Kafka's seed). librdkafka's default is another one, by CRC-32.
"""

from __future__ import annotations

from typing import Final

_SEED: Final = 0x9747B28C
_FACTOR: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def partition_for_key(key: bytes, partitions: int) -> int:
    """Return the partition of a key in a topic of so many."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(content: bytes) -> int:
    """Return the hash, as a number without a sign."""
    code = (_SEED ^ len(content)) & _MASK
    whole = len(content) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(content[at : at + 4], "little") * _FACTOR & _MASK
        code = code * _FACTOR & _MASK ^ (word ^ word >> 24) * _FACTOR & _MASK
    if whole < len(content):
        code = (code ^ int.from_bytes(content[whole:], "little")) * _FACTOR & _MASK
    code = (code ^ code >> 13) * _FACTOR & _MASK
    return code ^ code >> 15
