"""Varints and UUID text, at their edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykbroker.errors import Malformed
from pykbroker.wire.primitives import (
    more_uvarint,
    read_uvarint,
    read_varlong,
    required_uvarint,
    skip_tags,
    uuid_from_text,
    uuid_text,
    uvarint,
    varlong,
)


@pytest.mark.parametrize(
    ("value", "raw"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (16383, "ff7f"), (16384, "808001"),
     (2**28 - 1, "ffffff7f"), (2**28, "8080808001"), (2**32 - 1, "ffffffff0f")],
)  # fmt: skip
def test_uvarint_is_little_endian_groups_of_seven_bits(value: int, raw: str) -> None:
    assert uvarint(value).hex() == raw
    assert read_uvarint(b"\xaa" + bytes.fromhex(raw), 1) == (value, 1 + len(raw) // 2)


@given(st.integers(0, 2**32 - 1))
def test_uvarint_survives_a_round_trip(value: int) -> None:
    raw = uvarint(value)
    assert read_uvarint(raw, 0) == read_uvarint(memoryview(raw), 0) == (value, len(raw))
    if value > 127:
        assert more_uvarint(raw, 1) == (value, len(raw))


@pytest.mark.parametrize("raw", ["ffffffff10", "ffffffffff01", "8080808080", "ffffffffffffffffff"])
def test_uvarint_beyond_32_bits_is_malformed(raw: str) -> None:
    with pytest.raises(Malformed):
        read_uvarint(bytes.fromhex(raw), 0)
    with pytest.raises(Malformed):
        more_uvarint(bytes.fromhex(raw), 1)


def test_varint_that_runs_off_the_end_is_an_index_error() -> None:
    for raw in (b"", b"\x80", b"\xff\xff"):
        with pytest.raises(IndexError):
            read_uvarint(raw, 0)
        with pytest.raises(IndexError):
            read_varlong(raw, 0)


@pytest.mark.parametrize(
    ("value", "raw"),
    [(0, "00"), (-1, "01"), (1, "02"), (63, "7e"), (-64, "7f"), (64, "8001"), (2**31 - 1, "feffffff0f"),
     (-(2**31), "ffffffff0f"), (2**63 - 1, "feffffffffffffffff01"), (-(2**63), "ffffffffffffffffff01")],
)  # fmt: skip
def test_varlong_is_zigzag(value: int, raw: str) -> None:
    assert varlong(value).hex() == raw
    assert read_varlong(bytes.fromhex(raw), 0) == (value, len(raw) // 2)


@given(st.integers(-(2**63), 2**63 - 1))
def test_varlong_survives_a_round_trip(value: int) -> None:
    raw = varlong(value)
    assert read_varlong(raw, 0) == (value, len(raw))


@pytest.mark.parametrize("raw", ["80" * 10 + "01", "ff" * 9 + "02", "ff" * 9 + "7f"])
def test_varlong_beyond_64_bits_is_malformed(raw: str) -> None:
    with pytest.raises(Malformed):
        read_varlong(bytes.fromhex(raw), 0)


def test_required_length_may_not_be_null() -> None:
    assert required_uvarint(b"\x80\x01", 1) == (128, 2)
    assert required_uvarint(b"\x05", 1) == (5, 1)
    for null in (b"\0", b"\x80\0"):
        with pytest.raises(Malformed):
            required_uvarint(null, 1)


def test_unknown_tagged_fields_are_skipped() -> None:
    # FRM-16
    section = b"\x03" + b"\x00\x02ab" + b"\x85\x01\x00" + b"\x7f\x01c"
    assert skip_tags(section + b"rest", 1) == len(section)


def test_many_unknown_tagged_fields_are_skipped() -> None:
    section = uvarint(200) + b"\x07\x01z" * 200
    assert skip_tags(section, 1) == len(section)


def test_uuid_text_is_base64url_without_padding() -> None:
    raw = bytes(range(240, 256))
    assert uuid_text(raw) == "8PHy8_T19vf4-fr7_P3-_w"
    assert uuid_from_text(uuid_text(raw)) == raw
    assert uuid_text(bytes(16)) == "A" * 22


@given(st.binary(min_size=16, max_size=16))
def test_uuid_text_survives_a_round_trip(raw: bytes) -> None:
    assert len(uuid_text(raw)) == 22
    assert uuid_from_text(uuid_text(raw)) == raw


@pytest.mark.parametrize("text", ["", "AAAA", "A" * 21, "A" * 21 + "B", "A" * 23, "A" * 24, "é" * 22])
def test_text_that_is_no_uuid_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        uuid_from_text(text)
