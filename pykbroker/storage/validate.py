"""What a client's batch must be before it is stored, and how it may have to change on the way.

`checked_batch` reads the header and the checksum; on the hot path that is all. `prepare` is for topics whose settings
need more: keys on compacted topics, timestamps out of bounds, LogAppendTime, another codec. Only it reads
records (`org.apache.kafka.storage.internals.log.LogValidator`, `UnifiedLog`, `ProduceRequest.validateRecords`).
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import error as StructError
from typing import Final

from pykbroker.errors import (
    CORRUPT_MESSAGE,
    INVALID_RECORD,
    INVALID_TIMESTAMP,
    MESSAGE_TOO_LARGE,
    UNKNOWN_SERVER_ERROR,
    KafkaError,
)
from pykbroker.storage.log_config import LogConfig
from pykbroker.wire.batch import (
    CODEC_MASK,
    CONTROL,
    CRC_START,
    HEADER,
    HEADER_BYTES,
    LENGTH_END,
    LOG_APPEND_TIME,
    Batch,
    crc32c,
    header,
    peek,
)
from pykbroker.wire.compression import compress, decompress
from pykbroker.wire.records import Record, batch_of, records_of

MOST_WALKED: Final = 1_000_000
"""Records of a batch that are looked at one by one, at most: the most that librdkafka ever puts into one.

Two million empty records compress to 1.5 KB, and would hold up everybody for seconds.
"""

_SMALLEST_SIZE: Final = 14  # what even a message of the oldest format has after offset and length
_CODECS: Final = {"uncompressed": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


class RecordError(KafkaError):
    """A batch that is refused because of some of its records: (index in the batch, message) of each (PROD-60)."""

    __slots__ = ("record_errors",)

    def __init__(self, code: int, message: str, record_errors: list[tuple[int, str]]) -> None:
        super().__init__(code, message)
        self.record_errors = record_errors


class RequestError(KafkaError):
    """No batch that could be sent at all: Kafka sees that in the request, before it looks for a log (PROD-30)."""

    __slots__ = ()


def checked_batch(view: memoryview, config: LogConfig) -> Batch:
    """Return the header of the one batch that a client may send. Hot path: no record is looked at.

    Raises KafkaError if there is no batch, or another one, or if its size, checksum or header is not in order.
    """
    try:
        batch = header(view)
    except StructError:
        raise _not_a_batch(view) from None
    length = batch.length
    if length != len(view) or batch.magic != 2:
        _refuse_shape(view, batch)
    if batch.base_offset:
        raise KafkaError(INVALID_RECORD, f"the batch has base offset {batch.base_offset}; it must be 0")
    if length > config.max_message_bytes:
        raise too_large(length, config)
    if crc32c(view[CRC_START:length], 0) != batch.crc:
        raise KafkaError(CORRUPT_MESSAGE, "the batch does not match its checksum")
    attributes = batch.attributes
    if (
        batch.count <= 0
        or batch.last_offset_delta != batch.count - 1
        or attributes & CONTROL
        or attributes & CODEC_MASK > 4
        or batch.base_sequence < 0 <= batch.producer_id
    ):
        raise _header_error(batch)
    return batch


def _refuse_shape(view: memoryview, batch: Batch) -> None:
    """Raise unless the view begins with one whole batch of our format, which only an incomplete one may follow."""
    if not HEADER_BYTES <= batch.length <= len(view):
        raise _not_a_batch(view)
    if batch.magic in (0, 1):
        raise RequestError(INVALID_RECORD, f"batches of format {batch.magic} are no longer taken")  # PROD-07
    if batch.magic != 2:
        raise KafkaError(CORRUPT_MESSAGE, f"unknown batch format {batch.magic}")
    try:
        peek(view, batch.length)
    except KafkaError:
        return  # PROD-12
    raise RequestError(INVALID_RECORD, "there is more than one record batch for the partition")  # PROD-06


def _not_a_batch(view: memoryview) -> KafkaError:
    """Tell bytes that are no batch at all from an incomplete batch, which counts as none (PROD-05, PROD-12)."""
    if len(view) < LENGTH_END + 5:
        return RequestError(INVALID_RECORD, "there is no record batch for the partition")
    size = int.from_bytes(view[8:12], "big", signed=True)
    magic = view[16]
    if size >= _SMALLEST_SIZE and magic <= 2:
        if size + LENGTH_END > len(view):
            return RequestError(INVALID_RECORD, "there is no whole record batch for the partition")
        if magic < 2:
            return RequestError(INVALID_RECORD, f"batches of format {magic} are no longer taken")  # PROD-07
    return KafkaError(CORRUPT_MESSAGE, "the batch is shorter than its header, or its length is wrong")


def too_large(length: int, config: LogConfig) -> KafkaError:
    """Return the error for a batch above max.message.bytes (PROD-10, PROD-25)."""
    return KafkaError(MESSAGE_TOO_LARGE, f"the batch has {length} bytes, the topic takes {config.max_message_bytes}")


def _header_error(batch: Batch) -> KafkaError:
    if batch.count <= 0 or batch.last_offset_delta != batch.count - 1:
        return KafkaError(
            INVALID_RECORD, f"the batch has {batch.count} records, and {batch.last_offset_delta} as its last offset"
        )
    if batch.is_control:
        return KafkaError(INVALID_RECORD, "clients cannot write control batches")
    if batch.codec > 4:
        return KafkaError(UNKNOWN_SERVER_ERROR, f"no compression type has the number {batch.codec}")  # as Kafka
    return KafkaError(INVALID_RECORD, f"a batch of producer {batch.producer_id} must have sequences")


def prepare(view: memoryview, batch: Batch, config: LogConfig, now_ms: int) -> tuple[Batch, memoryview]:
    """Return header and bytes of the batch as it is to be stored; what changes in the header is changed in `view`.

    Raises RecordError for bad records.
    """
    codec = _CODECS.get(config.compression_type, batch.codec)
    stamps_time = config.message_timestamp_type == "LogAppendTime"
    has_gaps, max_timestamp = False, batch.max_timestamp
    if _must_walk(batch, config, now_ms) or codec != batch.codec:
        if batch.count > MOST_WALKED:
            raise KafkaError(MESSAGE_TOO_LARGE, f"a batch of {batch.count} records is too much to look into")
        records = records_of(view, batch, limit=config.max_decompressed_bytes)
        has_gaps, max_timestamp = _checked_records(records, batch, config, now_ms)
    attributes = batch.attributes & ~LOG_APPEND_TIME
    if stamps_time:
        attributes |= LOG_APPEND_TIME
        max_timestamp = now_ms
    if has_gaps:
        return _rebuilt(view, batch, codec, attributes, max_timestamp, config)
    if codec != batch.codec:
        return _recompressed(view, batch, codec, attributes, max_timestamp, config)
    if attributes == batch.attributes and max_timestamp == batch.max_timestamp:
        return batch, view
    return _restamped(view, batch, attributes, max_timestamp), view


def _must_walk(batch: Batch, config: LogConfig, now_ms: int) -> bool:
    if config.validate_records or config.is_compacted or batch.is_log_append_time:
        return True
    if config.message_timestamp_type == "LogAppendTime":
        return False
    newest = now_ms + config.message_timestamp_after_max_ms
    # The header says which timestamp is the largest, but not which is the smallest.
    return batch.max_timestamp > newest or not config.takes_any_timestamp_before


def _checked_records(
    records: Iterable[Record], batch: Batch, config: LogConfig, now_ms: int
) -> tuple[bool, int]:
    """Return whether offsets have gaps, and the largest timestamp. One record is in memory at a time.

    Raises RecordError if the records are not ones that the topic takes (PROD-16, PROD-18, PROD-19, PROD-20).
    """
    needs_key = config.is_compacted
    stamps_time = config.message_timestamp_type == "LogAppendTime"
    oldest = now_ms - config.message_timestamp_before_max_ms
    newest = now_ms + config.message_timestamp_after_max_ms
    errors = []
    code = INVALID_RECORD
    has_gaps, max_timestamp = False, -1
    for index, record in enumerate(records):
        timestamp = record.timestamp
        if timestamp > max_timestamp:
            max_timestamp = timestamp
        if record.offset != index:
            has_gaps = True
        if needs_key and record.key is None:
            errors.append((index, "a compacted topic takes no record without a key"))
        elif not stamps_time and timestamp != -1:
            if not oldest <= timestamp <= newest:
                code = INVALID_TIMESTAMP
                errors.append((index, f"timestamp {timestamp} is not between {oldest} and {newest}"))
        elif batch.is_log_append_time:
            code = INVALID_TIMESTAMP
            errors.append((index, "clients cannot set the timestamp type to LogAppendTime"))
    if errors:
        what = "timestamps" if code == INVALID_TIMESTAMP else "records"
        raise RecordError(code, f"{len(errors)} of {batch.count} records refused, because of invalid {what}", errors)
    return has_gaps, max_timestamp


def _recompressed(
    view: memoryview, batch: Batch, codec: int, attributes: int, max_timestamp: int, config: LogConfig
) -> tuple[Batch, memoryview]:
    """Write the same records in another codec (PROD-24)."""
    raw = decompress(batch.codec, view[HEADER_BYTES : batch.length], config.max_decompressed_bytes)
    built = bytearray(HEADER_BYTES)
    built += compress(codec, raw, _level_of(codec, config))
    fields = list(HEADER.unpack_from(view))
    fields[1], fields[5], fields[8] = len(built) - LENGTH_END, (attributes & ~CODEC_MASK) | codec, max_timestamp
    _seal(built, fields)
    return _fitting(built, config)


def _rebuilt(
    view: memoryview, batch: Batch, codec: int, attributes: int, max_timestamp: int, config: LogConfig
) -> tuple[Batch, memoryview]:
    """Write the records anew, because their offsets have gaps (PROD-26)."""
    records = list(records_of(view, batch, limit=config.max_decompressed_bytes))
    for index, record in enumerate(records):
        record.offset = index
    built = batch_of(
        records,
        base_timestamp=batch.base_timestamp,
        max_timestamp=max_timestamp,
        producer_id=batch.producer_id,
        producer_epoch=batch.producer_epoch,
        base_sequence=batch.base_sequence,
        codec=codec,
        level=_level_of(codec, config),
        attributes=attributes,
    )
    return _fitting(built, config)


def _level_of(codec: int, config: LogConfig) -> int | None:
    levels = {1: config.compression_gzip_level, 3: config.compression_lz4_level, 4: config.compression_zstd_level}
    return levels.get(codec)


def _fitting(built: bytearray, config: LogConfig) -> tuple[Batch, memoryview]:
    """Return the batch unless it has become too large for the topic (PROD-25)."""
    if len(built) > config.max_message_bytes:
        raise too_large(len(built), config)
    return peek(built), memoryview(built)


def _restamped(view: memoryview, batch: Batch, attributes: int, max_timestamp: int) -> Batch:
    """Give the header another timestamp type and largest timestamp, and so another checksum; no record moves."""
    fields = list(HEADER.unpack_from(view))
    fields[5], fields[8] = attributes, max_timestamp
    _seal(view[: batch.length], fields)
    batch.attributes, batch.max_timestamp, batch.crc = attributes, max_timestamp, fields[4]
    return batch


def _seal(batch: bytearray | memoryview, fields: list[int]) -> None:
    """Write the header, and the checksum that it then has, which is one of the fields."""
    HEADER.pack_into(batch, 0, *fields)
    fields[4] = crc32c(memoryview(batch)[CRC_START:], 0)
    HEADER.pack_into(batch, 0, *fields)
