"""What a client's batch must be before it is stored, and how it may have to change on the way.

`checked_batch` reads the header and the checksum; on the hot path that is all. `prepare` is for topics whose settings
need more: keys on compacted topics, timestamps out of bounds, LogAppendTime, another codec. Only it reads
records (`org.apache.kafka.storage.internals.log.LogValidator`, `UnifiedLog`, `ProduceRequest.validateRecords`).
"""

from __future__ import annotations

from collections.abc import Sequence
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
        raise KafkaError(INVALID_RECORD, f"batches of format {batch.magic} are no longer taken")  # PROD-07
    if batch.magic != 2:
        raise KafkaError(CORRUPT_MESSAGE, f"unknown batch format {batch.magic}")
    try:
        peek(view, batch.length)
    except KafkaError:
        return  # PROD-12
    raise KafkaError(INVALID_RECORD, "there is more than one record batch for the partition")  # PROD-06


def _not_a_batch(view: memoryview) -> KafkaError:
    """Tell bytes that are no batch at all from an incomplete batch, which counts as none (PROD-05, PROD-12)."""
    if len(view) < LENGTH_END + 5:
        return KafkaError(INVALID_RECORD, "there is no record batch for the partition")
    size = int.from_bytes(view[8:12], "big", signed=True)
    magic = view[16]
    if size >= _SMALLEST_SIZE and magic <= 2:
        if size + LENGTH_END > len(view):
            return KafkaError(INVALID_RECORD, "there is no whole record batch for the partition")
        if magic < 2:
            return KafkaError(INVALID_RECORD, f"batches of format {magic} are no longer taken")  # PROD-07
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
    rebuild = codec != batch.codec
    max_timestamp = batch.max_timestamp
    if _must_walk(batch, config, now_ms) or rebuild:
        if batch.count > MOST_WALKED:
            raise KafkaError(MESSAGE_TOO_LARGE, f"a batch of {batch.count} records is too much to look into")
        records = list(records_of(view, batch))
        _check_records(records, batch, config, now_ms)
        rebuild = rebuild or any(record.offset != index for index, record in enumerate(records))
        max_timestamp = max(record.timestamp for record in records)
    attributes = batch.attributes & ~LOG_APPEND_TIME
    if stamps_time:
        attributes |= LOG_APPEND_TIME
        max_timestamp = now_ms
    if rebuild:
        return _rebuilt(records, batch, codec, attributes, max_timestamp, config)
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


def _check_records(records: Sequence[Record], batch: Batch, config: LogConfig, now_ms: int) -> None:
    """Raise RecordError if the records are not ones that the topic takes (PROD-16, PROD-18, PROD-19, PROD-20)."""
    needs_key = config.is_compacted
    stamps_time = config.message_timestamp_type == "LogAppendTime"
    oldest = now_ms - config.message_timestamp_before_max_ms
    newest = now_ms + config.message_timestamp_after_max_ms
    errors = []
    code = INVALID_RECORD
    for index, record in enumerate(records):
        timestamp = record.timestamp
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
        raise RecordError(code, f"{len(errors)} of {len(records)} records refused, because of invalid {what}", errors)


def _rebuilt(
    records: list[Record], batch: Batch, codec: int, attributes: int, max_timestamp: int, config: LogConfig
) -> tuple[Batch, memoryview]:
    """Write the records anew: in another codec, or because their offsets have gaps (PROD-24, PROD-26)."""
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
        level={1: config.compression_gzip_level, 3: config.compression_lz4_level, 4: config.compression_zstd_level}.get(
            codec
        ),
        attributes=attributes,
    )
    if len(built) > config.max_message_bytes:
        raise too_large(len(built), config)
    return peek(built), memoryview(built)


def _restamped(view: memoryview, batch: Batch, attributes: int, max_timestamp: int) -> Batch:
    """Give the header another timestamp type and largest timestamp, and so another checksum; no record moves."""
    fields = list(HEADER.unpack_from(view))
    fields[5], fields[8] = attributes, max_timestamp
    HEADER.pack_into(view, 0, *fields)
    fields[4] = crc32c(view[CRC_START : batch.length], 0)
    HEADER.pack_into(view, 0, *fields)
    batch.attributes, batch.max_timestamp, batch.crc = attributes, max_timestamp, fields[4]
    return batch
