"""What `Partition.append` takes, refuses, and stores."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.storage import validate
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.storage.validate import RecordError
from pykbroker.wire.batch import HEADER, crc32c, peek, verify
from pykbroker.wire.records import Header, Record, batch_of, build_batch, records_of
from tests.fakes import NOW_MS
from tests.storage.builders import a_batch, append, fetch, headers, open_partition, records, timed_batch


def sealed(batch: bytearray) -> bytearray:
    """The batch with a right checksum, whatever was done to it."""
    batch[17:21] = struct.pack(">I", crc32c(memoryview(batch)[21:], 0))
    return batch


def with_field(index: int, value: int, batch: bytearray | None = None) -> bytearray:
    """A batch with another value in one field of its header, and a right checksum."""
    batch = a_batch(3) if batch is None else batch
    fields = list(HEADER.unpack_from(batch))
    fields[index] = value
    HEADER.pack_into(batch, 0, *fields)
    return sealed(batch)


def refusal(partition: Partition, batch: bytes | bytearray, now_ms: int = NOW_MS) -> KafkaError:
    """The error that a batch gets; nothing may have been stored."""
    end, size = partition.log_end_offset, partition.size_bytes
    with pytest.raises(KafkaError) as caught:
        partition.append(memoryview(bytes(batch)), now_ms)
    assert (partition.log_end_offset, partition.size_bytes) == (end, size)
    return caught.value


def test_records_get_consecutive_offsets(partition: Partition) -> None:
    # PROD-29
    assert [append(partition, a_batch(count)) for count in (3, 1, 2)] == [0, 3, 4]
    assert (partition.log_start_offset, partition.log_end_offset, partition.high_watermark) == (0, 6, 6)
    assert [record.offset for record in records(partition)] == list(range(6))


def test_bytes_are_stored_as_they_came_except_for_the_stamps(partition: Partition) -> None:
    # PROD-23, PROD-55, FET-43, PROD-21
    for batch in (a_batch(2), a_batch(3, codec=1), a_batch(1, timestamp=-1)):
        batch[12:16] = b"\xff\xff\xff\xff"
        base = append(partition, batch)
        stored = fetch(partition, base)
        assert struct.unpack_from(">qii", stored) == (base, len(batch) - 12, 0)
        assert stored[16:] == batch[16:]
        verify(stored, peek(stored))


def test_leader_epoch_is_the_partition_s(store: Store) -> None:
    # PROD-55
    partition = open_partition(store, epoch=5)
    append(partition, with_field(2, 77))
    assert headers(fetch(partition, 0))[0].leader_epoch == 5


def test_a_batch_in_immutable_bytes_is_stored_as_well(partition: Partition) -> None:
    append(partition, a_batch())
    batch = bytes(a_batch())
    assert partition.append(memoryview(batch), NOW_MS).base_offset == 1
    assert headers(fetch(partition, 1))[0].base_offset == 1
    assert peek(batch).base_offset == 0


def test_answer_of_a_plain_append(partition: Partition) -> None:
    # PROD-21
    append(partition, a_batch(4))
    partition.delete_records(2)
    answer = partition.append(a_batch(), NOW_MS)
    assert (answer.base_offset, answer.log_append_time, answer.log_start_offset, answer.duplicate) == (4, -1, 2, False)


@pytest.mark.parametrize("length", [0, 8, 16, 17, 40, 61, -1])
def test_no_whole_batch_is_an_invalid_record(partition: Partition, length: int) -> None:
    # PROD-05, PROD-12
    assert refusal(partition, a_batch()[:length]).code == errors.INVALID_RECORD


def test_two_batches_are_an_invalid_record(partition: Partition) -> None:
    # PROD-06
    assert refusal(partition, a_batch() + a_batch()).code == errors.INVALID_RECORD


@pytest.mark.parametrize("cut", [1, 16, 60, 61, -1])
def test_a_partial_batch_behind_the_first_is_trimmed(partition: Partition, cut: int) -> None:
    # PROD-12
    first, second = a_batch(2), a_batch(3)
    append(partition, first + second[:cut])
    assert partition.size_bytes == len(first)
    assert partition.log_end_offset == 2


@pytest.mark.parametrize("magic", [0, 1])
def test_older_formats_are_an_invalid_record(partition: Partition, magic: int) -> None:
    # PROD-07: a message of the old formats may be shorter than a header of the new one
    for content in (a_batch(), struct.pack(">qiIb", 0, 22, 0, magic) + bytes(17)):
        content = bytearray(content)
        content[16] = magic
        assert refusal(partition, content).code == errors.INVALID_RECORD


@pytest.mark.parametrize("magic", [3, 127, 255])
def test_unknown_format_is_corrupt(partition: Partition, magic: int) -> None:
    content = a_batch()
    content[16] = magic
    assert refusal(partition, content).code == errors.CORRUPT_MESSAGE


def test_base_offset_must_be_zero(partition: Partition) -> None:
    # PROD-09
    assert refusal(partition, with_field(0, 1)).code == errors.INVALID_RECORD


def test_batch_of_exactly_the_largest_size_passes(store: Store) -> None:
    # PROD-10: the size is that of the compressed batch, with all its header
    for index, codec in enumerate((0, 1)):
        batch = a_batch(50, value=b"x" * 100, codec=codec)
        assert append(open_partition(store, LogConfig(max_message_bytes=len(batch)), index), batch) == 0
        smaller = open_partition(store, LogConfig(max_message_bytes=len(batch) - 1), index + 10)
        assert refusal(smaller, batch).code == errors.MESSAGE_TOO_LARGE


@pytest.mark.parametrize("position", [17, 21, 57, 61, -1])
def test_wrong_checksum_is_corrupt(partition: Partition, position: int) -> None:
    # PROD-11
    batch = a_batch(2)
    batch[position] ^= 1
    assert refusal(partition, batch).code == errors.CORRUPT_MESSAGE


@pytest.mark.parametrize("size", [-1, 13, 14, 48])
def test_length_below_a_header_is_corrupt(partition: Partition, size: int) -> None:
    # PROD-11
    batch = a_batch()
    batch[8:12] = struct.pack(">i", size)
    assert refusal(partition, batch).code == errors.CORRUPT_MESSAGE


def test_control_batch_is_refused(partition: Partition) -> None:
    # PROD-13
    assert refusal(partition, with_field(5, 0x20)).code == errors.INVALID_RECORD


@pytest.mark.parametrize(("field", "value"), [(12, 0), (12, -1), (12, 2), (12, 4), (6, -1), (6, 3), (6, 2**31 - 1)])
def test_count_and_offsets_must_agree(partition: Partition, field: int, value: int) -> None:
    # PROD-14
    assert refusal(partition, with_field(field, value)).code == errors.INVALID_RECORD


def test_producer_without_sequence_is_refused(partition: Partition) -> None:
    # PROD-15
    assert refusal(partition, with_field(9, 5)).code == errors.INVALID_RECORD


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_unknown_codec_is_refused_as_kafka_does(partition: Partition, codec: int) -> None:
    # PROD-57
    assert refusal(partition, with_field(5, codec)).code == errors.UNKNOWN_SERVER_ERROR


def test_checks_come_in_kafkas_order(store: Store) -> None:
    # PROD: base offset, then size, then checksum, then header
    partition = open_partition(store, LogConfig(max_message_bytes=100))
    batch = with_field(0, 1, with_field(12, 0, a_batch(3, value=b"v" * 100)))
    batch[-1] ^= 1
    assert refusal(partition, batch).code == errors.INVALID_RECORD
    batch[0:8] = bytes(8)
    assert refusal(partition, batch).code == errors.MESSAGE_TOO_LARGE
    partition.reconfigure(LogConfig())
    assert refusal(partition, batch).code == errors.CORRUPT_MESSAGE
    batch[-1] ^= 1
    assert refusal(partition, batch).code == errors.INVALID_RECORD


def test_transactional_batches_are_not_taken_yet(partition: Partition) -> None:
    batch = a_batch(producer=5, attributes=0x10)
    assert refusal(partition, batch).code == errors.INVALID_TXN_STATE


def test_batch_larger_than_a_segment(store: Store) -> None:
    # PROD-28
    batch = a_batch(10, value=b"v" * 100)
    assert refusal(open_partition(store, LogConfig(segment_bytes=len(batch) - 1)), batch).code == (
        errors.RECORD_LIST_TOO_LARGE
    )
    assert append(open_partition(store, LogConfig(segment_bytes=len(batch)), 1), batch) == 0


# -- Compacted topics

COMPACTED = LogConfig(cleanup_policy=("compact",))


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_compacted_topic_needs_keys(store: Store, codec: int) -> None:
    # PROD-16, PROD-60
    pairs = [(b"a", b""), (None, b""), (b"b", b""), (None, None)]
    error = refusal(open_partition(store, COMPACTED), build_batch(pairs, timestamp_ms=NOW_MS, codec=codec))
    assert isinstance(error, RecordError)
    assert error.code == errors.INVALID_RECORD
    assert [index for index, _ in error.record_errors] == [1, 3]
    assert all(message for _, message in error.record_errors)
    assert error.message


def test_a_batch_of_too_many_records_is_not_looked_into(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "MOST_WALKED", 2)
    assert refusal(open_partition(store, COMPACTED), a_batch(3, codec=4)).code == errors.MESSAGE_TOO_LARGE
    assert append(open_partition(store, LogConfig(), index=1), a_batch(3, codec=4)) == 0


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
@pytest.mark.parametrize("reads", [{"cleanup_policy": ("compact",)}, {"compression_type": "uncompressed"}])
def test_a_batch_that_decompresses_to_too_much_is_refused(
    store: Store, codec: int, reads: dict[str, str | tuple[str]]
) -> None:
    # Where the broker has to look into it; elsewhere nobody knows.
    bomb = build_batch([(b"k", bytes(1_000_000))], timestamp_ms=NOW_MS, codec=codec)
    config = LogConfig(max_decompressed_bytes=1_000_000, **reads)  # type: ignore[arg-type]
    assert refusal(open_partition(store, config), bomb).code == errors.MESSAGE_TOO_LARGE
    assert append(open_partition(store, LogConfig(max_decompressed_bytes=1_000_000), index=1), bomb) == 0
    config = LogConfig(max_decompressed_bytes=1_000_100, **reads)  # type: ignore[arg-type]
    assert append(open_partition(store, config, index=2), bomb) == 0


def test_compacted_topic_takes_empty_keys(store: Store) -> None:
    # PROD-17
    partition = open_partition(store, LogConfig(cleanup_policy=("compact", "delete")))
    append(partition, build_batch([(b"", b"v"), (b"k", None)], timestamp_ms=NOW_MS))
    assert [(record.key, record.value) for record in records(partition)] == [(b"", b"v"), (b"k", None)]


def test_headers_nulls_and_empties_come_back(partition: Partition) -> None:
    # PROD-56
    pairs = [(None, None), (b"", b""), (b"k", b"v")]
    sent: list[list[Header]] = [[("h", None), ("h", b"")], [], [("", b"x")]]
    append(partition, build_batch(pairs, timestamp_ms=NOW_MS, headers=sent))
    found = records(partition)
    assert [(record.key, record.value, list(record.headers)) for record in found] == [
        (*pair, headers) for pair, headers in zip(pairs, sent, strict=True)
    ]


# -- Timestamps


def test_timestamps_too_far_in_the_future(partition: Partition) -> None:
    # PROD-18: an hour is the default
    hour = 3600000
    append(partition, timed_batch(0, NOW_MS + hour, NOW_MS))
    error = refusal(partition, timed_batch(NOW_MS + hour + 1, NOW_MS, NOW_MS + hour + 2))
    assert isinstance(error, RecordError)
    assert error.code == errors.INVALID_TIMESTAMP
    assert [index for index, _ in error.record_errors] == [0, 2]


def test_timestamps_too_far_in_the_past(store: Store) -> None:
    # PROD-18: the smallest timestamp need not be the first
    partition = open_partition(store, LogConfig(message_timestamp_before_max_ms=1000))
    append(partition, timed_batch(NOW_MS, NOW_MS - 1000, -1))
    error = refusal(partition, timed_batch(NOW_MS, NOW_MS - 1001))
    assert isinstance(error, RecordError)
    assert (error.code, [index for index, _ in error.record_errors]) == (errors.INVALID_TIMESTAMP, [1])


def test_no_timestamp_always_passes(store: Store) -> None:
    # PROD-18
    partition = open_partition(store, LogConfig(message_timestamp_before_max_ms=0, message_timestamp_after_max_ms=0))
    append(partition, timed_batch(-1, -1))
    assert [record.timestamp for record in records(partition)] == [-1, -1]


def test_bad_timestamp_decides_over_missing_key(store: Store) -> None:
    # PROD-19
    batch = batch_of([Record(0, NOW_MS, None, b""), Record(1, NOW_MS + 10**9, b"k", b"")])
    error = refusal(open_partition(store, COMPACTED), batch)
    assert isinstance(error, RecordError)
    assert (error.code, [index for index, _ in error.record_errors]) == (errors.INVALID_TIMESTAMP, [0, 1])


def test_client_cannot_set_log_append_time(store: Store) -> None:
    # PROD-20: on a CreateTime topic this shows only where the record has no timestamp
    create_time = open_partition(store)
    assert refusal(create_time, a_batch(timestamp=-1, attributes=0x08)).code == errors.INVALID_TIMESTAMP
    append(create_time, a_batch(attributes=0x08))
    stored = fetch(create_time, 0)
    assert not peek(stored).is_log_append_time
    verify(stored, peek(stored))
    append_time = open_partition(store, LogConfig(message_timestamp_type="LogAppendTime"), 1)
    assert refusal(append_time, a_batch(2, attributes=0x08)).code == errors.INVALID_TIMESTAMP


@pytest.mark.parametrize("codec", [0, 1])
def test_log_append_time(store: Store, codec: int) -> None:
    # PROD-22
    partition = open_partition(store, LogConfig(message_timestamp_type="LogAppendTime"))
    batch = timed_batch(5, 6, 10**15, codec=codec)
    answer = partition.append(memoryview(bytes(batch)), NOW_MS + 3)
    assert answer.log_append_time == NOW_MS + 3
    stored = fetch(partition, 0)
    header = peek(stored)
    verify(stored, header)
    assert (header.is_log_append_time, header.max_timestamp, header.codec) == (True, NOW_MS + 3, codec)
    assert stored[61:] == batch[61:]
    assert [record.timestamp for record in records(partition)] == [NOW_MS + 3] * 3


# -- Codecs


@pytest.mark.parametrize(
    ("name", "codec"), [("uncompressed", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)]
)
@pytest.mark.parametrize("sent", [0, 1])
def test_topic_with_a_codec_of_its_own(store: Store, name: str, codec: int, sent: int) -> None:
    # PROD-24
    partition = open_partition(store, LogConfig(compression_type=name))
    append(partition, a_batch(2))
    batch = a_batch(20, value=b"x" * 50, codec=sent, producer=4, sequence=3)
    assert append(partition, batch) == 2
    stored = fetch(partition, 2)
    header = peek(stored)
    verify(stored, header)
    assert (header.codec, header.count, header.last_offset) == (codec, 20, 21)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (4, 0, 3)
    expected = [(r.offset + 2, r.timestamp, r.key, r.value) for r in records_of(batch, peek(batch))]
    assert [(r.offset, r.timestamp, r.key, r.value) for r in records_of(stored, header)] == expected


def test_recompressed_batch_may_get_too_large(store: Store) -> None:
    # PROD-25
    batch = a_batch(100, value=b"x" * 1000, codec=1)
    partition = open_partition(store, LogConfig(compression_type="uncompressed", max_message_bytes=len(batch) + 1000))
    assert refusal(partition, batch).code == errors.MESSAGE_TOO_LARGE


def test_recompression_together_with_log_append_time(store: Store) -> None:
    # PROD-22, PROD-24
    config = LogConfig(compression_type="gzip", message_timestamp_type="LogAppendTime")
    partition = open_partition(store, config)
    append(partition, timed_batch(1, 2), NOW_MS)
    stored = fetch(partition, 0)
    verify(stored, peek(stored))
    assert [record.timestamp for record in records(partition)] == [NOW_MS, NOW_MS]


# -- validate_records

STRICT = LogConfig(validate_records=True)


def test_offset_gaps_are_closed_when_records_are_validated(store: Store) -> None:
    # PROD-26
    gaps = [Record(0, NOW_MS, b"a", b""), Record(2, NOW_MS, b"b", b""), Record(5, NOW_MS, b"c", b"")]
    batch = with_field(6, 2, batch_of(gaps, codec=1))
    partition = open_partition(store, STRICT)
    append(partition, batch)
    assert [(record.offset, record.key) for record in records(partition)] == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert append(partition, a_batch()) == 3


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_garbage_under_a_right_checksum_is_refused_when_records_are_validated(store: Store, codec: int) -> None:
    # PROD-27
    partition = open_partition(store, STRICT)
    batch = a_batch(3, codec=codec)
    for garbage in (batch[:61] + b"\x55" * (len(batch) - 61), with_field(12, 4, with_field(6, 3, bytearray(batch)))):
        assert refusal(partition, sealed(bytearray(garbage))).code == errors.INVALID_RECORD
    assert append(partition, batch) == 0


def test_largest_timestamp_is_corrected_when_records_are_validated(store: Store) -> None:
    # PROD-21
    partition = open_partition(store, STRICT)
    append(partition, with_field(8, NOW_MS + 50, a_batch(2)))
    stored = fetch(partition, 0)
    verify(stored, peek(stored))
    assert peek(stored).max_timestamp == NOW_MS


# -- What the broker writes itself


def test_own_batches_are_stamped_in_place(store: Store) -> None:
    partition = open_partition(store, epoch=3)
    append(partition, a_batch(2))
    batch = a_batch(2)
    assert partition.append_own(batch) is None, "it counts at once"
    assert peek(batch).base_offset == 2
    assert fetch(partition, 2) == batch
    assert (peek(batch).base_offset, peek(batch).leader_epoch) == (2, 3)
    assert partition.log_end_offset == 4


def test_watchers_hear_of_appends_and_changes(partition: Partition) -> None:
    heard: list[tuple[str, int]] = []

    class Once:
        def appended(self, partition: Partition, nbytes: int) -> None:
            heard.append(("once", nbytes))
            partition.unwatch(self)

        def changed(self, partition: Partition) -> None:
            heard.append(("changed", partition.log_start_offset))

    first, second = Once(), Once()
    partition.watch(first)
    partition.watch(second)
    batch = a_batch()
    append(partition, batch)
    append(partition, batch)
    partition.append_own(a_batch())
    assert heard == [("once", len(batch))] * 2
    partition.watch(first)
    partition.delete_records(1)
    assert heard[-1] == ("changed", 1)
    partition.unwatch(first)
    partition.unwatch(first)


def test_offsets_survive_a_restart(partition: Partition, reopened: Callable[[], Partition]) -> None:
    # STO-27, PROD-29
    append(partition, a_batch(3))
    again = reopened()
    assert append(again, a_batch(2)) == 3
    assert [record.offset for record in records(again)] == list(range(5))


def test_rolled_segments_hold_no_descriptors(store: Store) -> None:
    partition = open_partition(store, LogConfig(segment_bytes=200))
    append(partition, a_batch())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        append(partition, a_batch())
    assert len(partition.log.segments) > 10
    fetch(partition, 0, 1 << 20)
    # The active segment's, and that of the one that was read last.
    assert len(os.listdir("/proc/self/fd")) <= before + 1
