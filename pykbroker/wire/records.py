"""The records inside batches: iterate and build. For shards, compaction, look-ups and tools; never on the hot path.

Batches are format v2 (magic 2, KIP-98): a 61-byte header, see `batch.py`, and then, compressed as a whole or not:

    record: length | attributes int8 = 0 | timestamp delta | offset delta | key | value | headers
            varint                          varlong           varint        bytes  bytes   varint, twice bytes each

All varints are zigzag; bytes are a varint length (-1 for null) and then the bytes. A header's key is text, never null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pykbroker.errors import CORRUPT_MESSAGE, INVALID_RECORD, KafkaError, Malformed
from pykbroker.wire.batch import CODEC_MASK, CRC_START, HEADER, HEADER_BYTES, LENGTH_END, Batch, crc32c, header, peek
from pykbroker.wire.compression import Buffer, compress, decompress
from pykbroker.wire.primitives import read_varlong, varlong

Header = tuple[str, bytes | None]
KeyValue = tuple[bytes | None, bytes | None]

# The most that one batch may decompress to. Kafka streams and has no limit; we hold the records in memory. A batch is
# at most 1 MiB compressed by default, and what people send shrinks to a hundredth at the very best, hence 128 MiB.
DECOMPRESSED_LIMIT: Final = 128 * 1024 * 1024

_MAGIC: Final = 2


class Record:
    """One record. `timestamp` is in milliseconds since 1970, -1 for none; null and empty keys and values differ."""

    __slots__ = ("headers", "key", "offset", "timestamp", "value")

    def __init__(
        self,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] = (),
    ) -> None:
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = tuple(headers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    def __repr__(self) -> str:
        fields = ", ".join(f"{n}={getattr(self, n)!r}" for n in ("offset", "timestamp", "key", "value", "headers"))
        return f"Record({fields})"


def records_of(view: Buffer, batch: Batch, position: int = 0, limit: int = DECOMPRESSED_LIMIT) -> Iterator[Record]:
    """Yield the records of the batch that starts at `position` of `view` and whose header is `batch`.

    The CRC is not looked at. Raises KafkaError while iterating: INVALID_RECORD where the bytes are not the records that
    the header promises (PROD-27), MESSAGE_TOO_LARGE when they decompress to more than `limit` bytes. Errors come at the
    record that is wrong, after the ones before it.
    """
    body = memoryview(view)[position + HEADER_BYTES : position + batch.length]
    raw = decompress(batch.codec, body, limit)
    base_offset, base_timestamp = batch.base_offset, batch.base_timestamp
    append_time = batch.max_timestamp if batch.is_log_append_time else None
    at, end = 0, len(raw)
    try:
        for index in range(batch.count):
            size, at = _varint(raw, at)
            record_end = at + size
            if size < 0 or record_end > end:
                raise _invalid(index, "its length passes the end of the batch")
            at += 1  # attributes: nothing is defined in them
            timestamp_delta, at = _varint(raw, at)
            offset_delta, at = _varint(raw, at)
            key, at = _bytes(raw, at, record_end)
            value, at = _bytes(raw, at, record_end)
            count = raw[at]
            if count:
                headers, at = _headers(raw, at, record_end)
            else:
                headers, at = (), at + 1
            if at != record_end:
                raise _invalid(index, "its length is not that of its fields")
            timestamp = append_time
            if timestamp is None:
                # Java adds in 64 bits, without a check; do not let the sum grow past what fits into an answer.
                timestamp = (base_timestamp + timestamp_delta + (1 << 63)) % (1 << 64) - (1 << 63)
            yield Record(base_offset + offset_delta, timestamp, key, value, headers)
    except (IndexError, Malformed, UnicodeDecodeError):
        raise KafkaError(INVALID_RECORD, "the records of the batch cannot be read") from None
    if at != end:
        raise KafkaError(INVALID_RECORD, f"{end - at} bytes follow the last record of the batch")


def records_in(batches: Iterable[Buffer]) -> Iterator[Record]:
    """Yield the records of all batches, one batch per item, in order; control batches are passed over."""
    for view in batches:
        batch = peek(view)
        if not batch.is_control:
            yield from records_of(view, batch)


def batches_in(buf: Buffer) -> Iterator[tuple[int, Batch]]:
    """Yield the position and the header of each whole batch that follows the other in `buf`.

    A last batch that is cut short is left out, as Kafka does (PROD-12); a length that no batch can have raises
    KafkaError(CORRUPT_MESSAGE).
    """
    position, end = 0, len(buf)
    while end - position >= HEADER_BYTES:
        batch = header(buf, position)
        if batch.length < HEADER_BYTES:
            raise KafkaError(CORRUPT_MESSAGE, f"a batch of {batch.length} bytes is shorter than its header")
        if batch.length > end - position:
            return
        yield position, batch
        position += batch.length


def build_batch(
    pairs: Sequence[KeyValue],
    *,
    timestamp_ms: int,
    base_offset: int = 0,
    leader_epoch: int = 0,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    codec: int = 0,
    level: int | None = None,
    attributes: int = 0,
    headers: Sequence[Sequence[Header]] = (),
) -> bytearray:
    """Return one batch of keys and values that all have the same timestamp.

    `headers`, if given, has one list for each pair. `attributes` are the bits beside the codec's, such as 0x20 for a
    control batch (`org.apache.kafka.common.record.DefaultRecordBatch`).
    """
    return batch_of(
        [
            Record(base_offset + index, timestamp_ms, key, value, headers[index] if headers else ())
            for index, (key, value) in enumerate(pairs)
        ],
        leader_epoch=leader_epoch,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
        codec=codec,
        level=level,
        attributes=attributes,
    )


def batch_of(
    records: Sequence[Record],
    *,
    base_offset: int | None = None,
    last_offset: int | None = None,
    base_timestamp: int | None = None,
    max_timestamp: int | None = None,
    leader_epoch: int = 0,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    codec: int = 0,
    level: int | None = None,
    attributes: int = 0,
) -> bytearray:
    """Return one batch of records with ascending offsets, which may have gaps.

    Offsets and timestamps of the header follow from the records unless given: compaction gives `base_offset` and
    `last_offset` of the batch it thins out, a batch with LogAppendTime (attribute 0x08) its `max_timestamp`, and one
    with a delete horizon (0x40) its `base_timestamp`. A batch without records needs the two offsets.
    """
    if base_offset is None:
        base_offset = records[0].offset
    if last_offset is None:
        last_offset = records[-1].offset
    if base_timestamp is None:
        base_timestamp = records[0].timestamp if records else -1
    if max_timestamp is None:
        max_timestamp = max((record.timestamp for record in records), default=-1)
    raw = bytearray()
    for record in records:
        _write(raw, record, base_offset, base_timestamp)
    body = compress(codec, raw, level) if codec else raw
    batch = bytearray(HEADER_BYTES)
    batch += body
    fields = (
        (attributes & ~CODEC_MASK) | codec,
        last_offset - base_offset,
        base_timestamp,
        max_timestamp,
        producer_id,
        producer_epoch,
        base_sequence,
        len(records),
    )
    before = (base_offset, len(batch) - LENGTH_END, leader_epoch, _MAGIC)
    HEADER.pack_into(batch, 0, *before, 0, *fields)
    HEADER.pack_into(batch, 0, *before, crc32c(memoryview(batch)[CRC_START:], 0), *fields)
    return batch


def _write(out: bytearray, record: Record, base_offset: int, base_timestamp: int) -> None:
    fields = bytearray(1)
    fields += varlong(record.timestamp - base_timestamp)
    fields += varlong(record.offset - base_offset)
    for part in (record.key, record.value):
        _write_bytes(fields, part)
    fields += varlong(len(record.headers))
    for name, content in record.headers:
        _write_bytes(fields, name.encode())
        _write_bytes(fields, content)
    out += varlong(len(fields))
    out += fields


def _write_bytes(out: bytearray, content: bytes | None) -> None:
    if content is None:
        out += b"\x01"  # zigzag of -1
    else:
        out += varlong(len(content))
        out += content


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a zigzag varint and the position after it, of up to 64 bits: wider than a length may be, checked after."""
    byte = raw[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    return read_varlong(raw, at)


def _bytes(raw: bytes, at: int, end: int) -> tuple[bytes | None, int]:
    size, at = _varint(raw, at)
    if size < 0:
        return None, at
    if at + size > end:
        raise Malformed("bytes beyond the record")
    return raw[at : at + size], at + size


def _headers(raw: bytes, at: int, end: int) -> tuple[tuple[Header, ...], int]:
    count, at = _varint(raw, at)
    if not 0 <= count <= end - at:
        raise Malformed("an impossible number of headers")
    headers: list[Header] = []
    for _ in range(count):
        name, at = _bytes(raw, at, end)
        if name is None:
            raise Malformed("a header without a name")
        content, at = _bytes(raw, at, end)
        headers.append((name.decode(), content))
    return tuple(headers), at


def _invalid(index: int, reason: str) -> KafkaError:
    return KafkaError(INVALID_RECORD, f"record {index} of the batch: {reason}")
