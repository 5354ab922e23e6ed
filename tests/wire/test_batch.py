"""The header of a record batch: peek, verify, stamp."""

from __future__ import annotations

import struct

import pytest

from pykbroker.errors import CORRUPT_MESSAGE, KafkaError
from pykbroker.wire.batch import HEADER_BYTES, Batch, crc32c, peek, stamp, verify
from pykbroker.wire.records import build_batch


def a_batch(count: int = 3, **fields: int) -> bytearray:
    return build_batch([(b"key", b"value")] * count, timestamp_ms=1_700_000_000_000, **fields)  # type: ignore[arg-type]


def with_sequences(base_sequence: int, count: int) -> Batch:
    return peek(a_batch(count, producer_id=1, producer_epoch=0, base_sequence=base_sequence))


def test_header_is_laid_out_as_kafka_has_it() -> None:
    # STO-01: base offset, length, leader epoch, magic, crc, attributes, last offset delta, two timestamps, producer id,
    # producer epoch, base sequence, count.
    raw = struct.pack(">qiibIhiqqqhii", 1000, 61 - 12, 7, 2, 0xDEADBEEF, 0x14, 4, 11, 22, 33, 44, 55, 5)
    assert len(raw) == HEADER_BYTES
    batch = peek(raw)
    assert (batch.base_offset, batch.length, batch.leader_epoch, batch.magic) == (1000, 61, 7, 2)
    assert (batch.crc, batch.attributes, batch.last_offset_delta) == (0xDEADBEEF, 0x14, 4)
    assert (batch.base_timestamp, batch.max_timestamp) == (11, 22)
    assert (batch.producer_id, batch.producer_epoch, batch.base_sequence, batch.count) == (33, 44, 55, 5)
    assert (batch.last_offset, batch.next_offset) == (1004, 1005)


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        (0x08, "is_log_append_time"),
        (0x10, "is_transactional"),
        (0x20, "is_control"),
        (0x40, "has_delete_horizon"),
    ],
)
def test_attribute_bits(attributes: int, name: str) -> None:
    # STO-02
    every = ("is_log_append_time", "is_transactional", "is_control", "has_delete_horizon")
    batch = peek(a_batch(attributes=attributes))
    assert [each for each in every if getattr(batch, each)] == [name]
    assert batch.codec == 0


def test_codec_is_the_lowest_three_bits() -> None:
    # STO-02
    batch = Batch()
    for codec in range(8):
        batch.attributes = 0x78 | codec
        assert batch.codec == codec


@pytest.mark.parametrize(
    ("base", "count", "last"),
    [(0, 1, 0), (5, 3, 7), (2147483647, 1, 2147483647), (2147483646, 3, 0), (2147483647, 3, 1)],
)
def test_last_sequence_wraps_to_zero(base: int, count: int, last: int) -> None:
    # PROD-40
    assert with_sequences(base, count).last_sequence == last


def test_last_sequence_without_a_producer() -> None:
    assert peek(a_batch()).last_sequence == -1


def test_peek_at_a_position() -> None:
    first, second = a_batch(1), a_batch(2, base_offset=9)
    assert peek(first + second, len(first)).base_offset == 9


@pytest.mark.parametrize("length", [0, 1, 60])
def test_less_than_a_header_is_corrupt(length: int) -> None:
    # PROD-11
    with pytest.raises(KafkaError) as caught:
        peek(a_batch()[:length])
    assert caught.value.code == CORRUPT_MESSAGE


@pytest.mark.parametrize("length", [-(2**31), -1, 0, 48, 10**6])
def test_length_that_lies_is_corrupt(length: int) -> None:
    # PROD-11
    raw = a_batch()
    raw[8:12] = struct.pack(">i", length)
    with pytest.raises(KafkaError) as caught:
        peek(raw)
    assert caught.value.code == CORRUPT_MESSAGE


def test_every_flipped_bit_under_the_checksum_is_noticed() -> None:
    # PROD-11, STO-01: the checksum covers everything from the attributes on
    raw = a_batch(1)
    batch = peek(raw)
    verify(raw, batch)
    for bit in range(21 * 8, len(raw) * 8):
        raw[bit // 8] ^= 1 << bit % 8
        with pytest.raises(KafkaError) as caught:
            verify(raw, batch)
        assert caught.value.code == CORRUPT_MESSAGE
        raw[bit // 8] ^= 1 << bit % 8


def test_stamps_are_outside_the_checksum() -> None:
    # PROD-55
    raw = a_batch()
    before = bytes(raw)
    stamp(raw, 123456789012, 42)
    batch = peek(raw)
    verify(raw, batch)
    assert (batch.base_offset, batch.leader_epoch) == (123456789012, 42)
    assert raw[8:12] == before[8:12]
    assert raw[16:] == before[16:]


def test_stamp_and_verify_at_a_position_of_a_view() -> None:
    raw = bytearray(b"head") + a_batch()
    view = memoryview(raw)
    stamp(view, 5, 6, 4)
    batch = peek(view, 4)
    verify(view, batch, 4)
    assert (batch.base_offset, batch.leader_epoch) == (5, 6)


def test_checksum_is_castagnoli() -> None:
    # RFC 3720, appendix B.4
    assert crc32c(b"123456789", 0) == 0xE3069283
    assert crc32c(bytes(32), 0) == 0x8A9136AA
    assert crc32c(b"456789", crc32c(b"123", 0)) == 0xE3069283


def test_the_package_gets_the_extension_that_was_loaded_alone() -> None:
    import sys

    import crc32c as package

    assert package.crc32c(b"123456789") == 0xE3069283
    assert sys.modules["crc32c._crc32c"].crc32c is package.crc32c
