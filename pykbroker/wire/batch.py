"""The header of a record batch: peek, verify, stamp. Never the records; those are `records.py`.

    offset  bytes  field
         0      8  base offset                  stamped by the broker, outside the CRC
         8      4  length of all that follows
        12      4  partition leader epoch       stamped by the broker, outside the CRC
        16      1  magic = 2
        17      4  CRC-32C of everything from 21 on
        21      2  attributes: 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
        23      4  last offset - base offset
        27      8  base timestamp
        35      8  largest timestamp
        43      8  producer id, -1 for none
        51      2  producer epoch
        53      4  base sequence
        57      4  count of records
        61         records, compressed as a whole if there is a codec

All big-endian (`org.apache.kafka.common.record.DefaultRecordBatch`; KIP-98). This is on the Produce path: a header is
unpacked at once, and neither `verify` nor `stamp` copies.
"""

from __future__ import annotations

import struct
from typing import Final

from pykbroker.errors import CORRUPT_MESSAGE, KafkaError
from pykbroker.wire.checksum import crc32c as crc32c  # for others to import

Buffer = bytes | bytearray | memoryview

HEADER_BYTES: Final = 61
LENGTH_END: Final = 12  # base offset and length: what `length` itself does not count
CRC_START: Final = 21

CODEC_MASK: Final = 0x07
LOG_APPEND_TIME: Final = 0x08
TRANSACTIONAL: Final = 0x10
CONTROL: Final = 0x20
DELETE_HORIZON: Final = 0x40

HEADER: Final = struct.Struct(">qiibIhiqqqhii")
MAX_SEQUENCE: Final = 0x7FFFFFFF

_unpack = HEADER.unpack_from
_pack_offset = struct.Struct(">q").pack_into
_pack_epoch = struct.Struct(">i").pack_into


class Batch:
    """The header of one batch. `length` is the whole batch's size in bytes, 12 more than the field says."""

    __slots__ = (
        "attributes", "base_offset", "base_sequence", "base_timestamp", "count", "crc", "last_offset_delta",
        "leader_epoch", "length", "magic", "max_timestamp", "producer_epoch", "producer_id",
    )  # fmt: skip

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int

    @property
    def last_offset(self) -> int:
        """The offset of the last record, also if compaction took that record away."""
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        """The first offset after the batch."""
        return self.base_offset + self.last_offset_delta + 1

    @property
    def last_sequence(self) -> int:
        """The sequence of the last record; after 2147483647 comes 0. -1 without a producer."""
        if self.base_sequence < 0:
            return -1
        return (self.base_sequence + self.last_offset_delta) & MAX_SEQUENCE

    @property
    def codec(self) -> int:
        """0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 mean nothing."""
        return self.attributes & CODEC_MASK

    @property
    def is_log_append_time(self) -> bool:
        return bool(self.attributes & LOG_APPEND_TIME)

    @property
    def is_transactional(self) -> bool:
        return bool(self.attributes & TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        return bool(self.attributes & CONTROL)

    @property
    def has_delete_horizon(self) -> bool:
        return bool(self.attributes & DELETE_HORIZON)

    def __repr__(self) -> str:
        return f"Batch({', '.join(f'{name}={getattr(self, name)}' for name in self.__slots__)})"


def header(buf: Buffer, position: int = 0) -> Batch:
    """Return the header at `position`; the rest of the batch need not be there. `struct.error` if it is cut short."""
    batch = Batch()
    (
        batch.base_offset,
        length,
        batch.leader_epoch,
        batch.magic,
        batch.crc,
        batch.attributes,
        batch.last_offset_delta,
        batch.base_timestamp,
        batch.max_timestamp,
        batch.producer_id,
        batch.producer_epoch,
        batch.base_sequence,
        batch.count,
    ) = _unpack(buf, position)
    batch.length = length + LENGTH_END
    return batch


def peek(buf: Buffer, position: int = 0) -> Batch:
    """Return the header of the whole batch at `position`.

    Raises KafkaError(CORRUPT_MESSAGE) if there is less than a header, or not as much as the header promises. The magic
    is not looked at: it, and the length, have the same place in all formats.
    """
    try:
        batch = header(buf, position)
    except struct.error:
        raise KafkaError(CORRUPT_MESSAGE, "the batch is shorter than its header") from None
    if batch.length < HEADER_BYTES or batch.length > len(buf) - position:
        raise KafkaError(CORRUPT_MESSAGE, f"the batch says that it has {batch.length} bytes")
    return batch


def verify(view: Buffer, batch: Batch, position: int = 0) -> None:
    """Raise KafkaError(CORRUPT_MESSAGE) unless the checksum matches the bytes."""
    if crc32c(memoryview(view)[position + CRC_START : position + batch.length], 0) != batch.crc:
        raise KafkaError(CORRUPT_MESSAGE, "the batch does not match its checksum")


def stamp(buf: bytearray | memoryview, base_offset: int, leader_epoch: int, position: int = 0) -> None:
    """Write the offset and the epoch that the broker gives; both lie before what the CRC covers."""
    _pack_offset(buf, position, base_offset)
    _pack_epoch(buf, position + LENGTH_END, leader_epoch)
