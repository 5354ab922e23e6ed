"""Record batches: what we build others read, what others build we read, and lies are noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.wire.batch import LOG_APPEND_TIME, crc32c, peek, verify
from pykbroker.wire.compression import compress
from pykbroker.wire.records import Record, batch_of, batches_in, build_batch, records_in, records_of

NOW = 1_700_000_000_000
CODECS = range(5)
RECORDS = [
    Record(7, NOW, b"key", b"value", [("h", b"1"), ("h", None), ("ü", b"")]),
    Record(8, NOW - 5_000_000_000, None, b""),
    Record(9, NOW + 70, b"", None),
    Record(12, NOW - 1, b"k" * 300, b"v" * 70_000, [("n", b"x" * 200)] * 70),
]


def read(batch: bytearray) -> list[Record]:
    return list(records_of(batch, peek(batch)))


def with_records(raw: bytes, count: int) -> bytearray:
    """A batch under a valid checksum whose record bytes are `raw`."""
    batch = batch_of([], base_offset=0, last_offset=count - 1)
    batch += raw
    batch[8:12] = (len(batch) - 12).to_bytes(4, "big")
    batch[57:61] = count.to_bytes(4, "big", signed=True)
    batch[17:21] = crc32c(memoryview(batch)[21:], 0).to_bytes(4, "big")
    return batch


@pytest.mark.parametrize("codec", CODECS)
def test_records_come_back_as_they_were_put_in(codec: int) -> None:
    """PROD-56: null and empty, headers, and timestamps that go backwards; PROD-57: in every codec."""
    batch = batch_of(RECORDS, codec=codec)
    assert read(batch) == RECORDS
    verify(batch, peek(batch))


@pytest.mark.parametrize("codec", CODECS)
def test_kafka_python_reads_what_we_build(codec: int) -> None:
    batch = batch_of(RECORDS, codec=codec, producer_id=5, producer_epoch=2, base_sequence=11)
    (theirs,) = _their_batches(bytes(batch))
    assert theirs.validate_crc()
    assert (theirs.producer_id, theirs.producer_epoch, theirs.base_sequence) == (5, 2, 11)
    assert [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in theirs] == [
        (r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in RECORDS
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_we_read_what_kafka_python_builds(codec: int) -> None:
    builder = DefaultRecordBatchBuilder(2, codec, True, 5, 2, 11, 1 << 20)
    for index, record in enumerate(RECORDS):
        builder.append(index, record.timestamp, record.key, record.value, list(record.headers))
    built = bytes(builder.build())
    batch = peek(built)
    verify(built, batch)
    assert [(r.timestamp, r.key, r.value, r.headers) for r in records_of(built, batch)] == [
        (r.timestamp, r.key, r.value, r.headers) for r in RECORDS
    ]
    assert (batch.is_transactional, batch.base_sequence, batch.count) == (True, 11, 4)


def test_uncompressed_batch_is_byte_for_byte_that_of_kafka_python() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 20)
    for index, record in enumerate(RECORDS):
        builder.append(index, record.timestamp, record.key, record.value, list(record.headers))
    theirs = bytearray(builder.build())
    theirs[12:16] = bytes(4)  # the leader epoch is the broker's to set, and outside the checksum
    ours = batch_of([Record(i, r.timestamp, r.key, r.value, r.headers) for i, r in enumerate(RECORDS)])
    assert ours == theirs


_maybe_bytes = st.none() | st.binary(max_size=300)
_records = st.lists(
    st.tuples(
        st.integers(-1, 2**62),
        _maybe_bytes,
        _maybe_bytes,
        st.lists(st.tuples(st.text(max_size=5), _maybe_bytes), max_size=3),
    ),
    min_size=1,
    max_size=8,
)


@given(_records, st.sampled_from(CODECS), st.integers(0, 2**40))
def test_any_records_round_trip_and_agree_with_kafka_python(rows: list, codec: int, base: int) -> None:
    records = [Record(base + i, t, k, v, h) for i, (t, k, v, h) in enumerate(rows)]
    batch = batch_of(records, codec=codec)
    assert read(batch) == records
    (theirs,) = _their_batches(bytes(batch))
    assert [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in theirs] == [
        (r.offset, r.timestamp, r.key, r.value, r.headers) for r in records
    ]


@given(st.binary(max_size=80), st.integers(-3, 5))
def test_no_bytes_raise_anything_but_a_kafka_error(raw: bytes, count: int) -> None:
    """PROD-27: garbage under a valid checksum."""
    batch = with_records(raw, count)
    try:
        for record in records_of(batch, peek(batch)):
            assert -(2**63) <= record.timestamp < 2**63
    except KafkaError as error:
        assert error.code == errors.INVALID_RECORD


@given(st.data())
def test_changing_a_byte_of_the_records_never_raises_anything_else(data: st.DataObject) -> None:
    """PROD-27."""
    batch = batch_of(RECORDS[:3], codec=data.draw(st.sampled_from(CODECS)))
    batch[data.draw(st.integers(61, len(batch) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(batch)
    except KafkaError as error:
        assert error.code in (errors.INVALID_RECORD, errors.MESSAGE_TOO_LARGE)


def _refused(batch: bytearray) -> int:
    with pytest.raises(KafkaError) as caught:
        read(batch)
    return caught.value.code


def test_count_that_lies_is_refused() -> None:
    """PROD-27: more records than there are, and fewer."""
    raw = bytes(batch_of(RECORDS[:2])[61:])
    assert read(with_records(raw, 2))
    assert _refused(with_records(raw, 3)) == errors.INVALID_RECORD
    assert _refused(with_records(raw, 1)) == errors.INVALID_RECORD
    assert _refused(with_records(raw, -1)) == errors.INVALID_RECORD


@pytest.mark.parametrize(
    "raw",
    [
        bytes([40, 0, 0, 0, 1, 1, 0]),  # the record is longer than the batch
        bytes([14, 0, 0, 0, 1, 1, 0, 0]),  # longer than its fields
        bytes([10, 0, 0, 0, 1, 1, 0]),  # shorter than its fields
        bytes([12, 0, 0, 0, 1, 40, 0]),  # a value beyond the record
        bytes([12, 0, 0, 0, 1, 1, 40]),  # headers that are not there
        bytes([12, 0, 0, 0, 1, 1, 1]),  # a negative number of headers
        bytes([16, 0, 0, 0, 1, 1, 2, 1, 1]),  # a header without a name
        bytes([20, 0, 0, 0, 1, 1, 2, 4, 0xFF, 0xFE, 1]),  # a name that is no text
        b"\xff" * 12,  # a number without an end
    ],
)
def test_malformed_record_is_refused(raw: bytes) -> None:
    """PROD-27."""
    assert _refused(with_records(raw, 1)) == errors.INVALID_RECORD


def test_bomb_stops_at_the_limit() -> None:
    batch = with_records(compress(4, bytes(40_000_000)), 1)
    batch[22] = 4
    with pytest.raises(KafkaError) as caught:
        list(records_of(batch, peek(batch), limit=1 << 20))
    assert caught.value.code == errors.MESSAGE_TOO_LARGE


def test_append_time_is_the_time_of_every_record() -> None:
    """PROD-22."""
    batch = batch_of(RECORDS, attributes=LOG_APPEND_TIME, max_timestamp=NOW + 99)
    assert {record.timestamp for record in read(batch)} == {NOW + 99}


def test_build_batch_gives_all_records_one_timestamp_and_header_lists_in_order() -> None:
    batch = build_batch(
        [(b"a", None), (None, b"b")], timestamp_ms=NOW, base_offset=5, leader_epoch=3, headers=[[], [("h", b"")]]
    )
    assert read(batch) == [Record(5, NOW, b"a", None), Record(6, NOW, None, b"b", [("h", b"")])]
    header = peek(batch)
    assert (header.base_offset, header.last_offset, header.leader_epoch, header.count) == (5, 6, 3, 2)
    assert (header.base_timestamp, header.max_timestamp) == (NOW, NOW)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (-1, -1, -1)


def test_compacted_batch_keeps_the_offsets_of_the_one_it_was() -> None:
    batch = batch_of(RECORDS[1:2], base_offset=7, last_offset=12)
    header = peek(batch)
    assert (header.base_offset, header.last_offset, header.count) == (7, 12, 1)
    assert read(batch) == RECORDS[1:2]
    empty = batch_of([], base_offset=7, last_offset=12)
    assert (peek(empty).last_offset, peek(empty).count, read(empty)) == (12, 0, [])


def test_records_in_passes_over_control_batches() -> None:
    ordinary = build_batch([(b"a", b"1")], timestamp_ms=1)
    control = build_batch([(b"b", b"2")], timestamp_ms=1, attributes=0x20)
    assert [record.key for record in records_in([control, ordinary])] == [b"a"]


def test_batches_in_gives_whole_batches_and_leaves_a_cut_one() -> None:
    """PROD-12."""
    one, two = build_batch([(b"a", b"1")], timestamp_ms=1), build_batch([(b"b", b"2")], timestamp_ms=1, base_offset=1)
    buf = one + two
    assert [(at, batch.base_offset) for at, batch in batches_in(buf)] == [(0, 0), (len(one), 1)]
    for cut in range(len(one), len(buf)):
        assert [at for at, _ in batches_in(memoryview(buf)[:cut])] == [0]
    buf[8:12] = bytes(4)
    with pytest.raises(KafkaError) as caught:
        list(batches_in(buf))
    assert caught.value.code == errors.CORRUPT_MESSAGE


def test_records_at_a_position_of_a_larger_buffer() -> None:
    one, two = build_batch([(b"a", b"1")], timestamp_ms=1), build_batch([(b"b", b"2")], timestamp_ms=1)
    buf = memoryview(bytes(one + two))
    assert [r.key for at, batch in batches_in(buf) for r in records_of(buf, batch, at)] == [b"a", b"b"]


def _their_batches(buf: bytes) -> list:
    found, batches = MemoryRecords(buf), []
    while (batch := found.next_batch()) is not None:
        batches.append(batch)
    return batches
