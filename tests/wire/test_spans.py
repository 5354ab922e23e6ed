"""The lean walk over records finds what the full one finds, and takes nothing for a record that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykbroker.errors import INVALID_RECORD, KafkaError
from pykbroker.wire.batch import HEADER_BYTES, peek
from pykbroker.wire.records import Record, batch_of, records_of
from pykbroker.wire.spans import latest_timestamp, rebased, spans

some_bytes = st.none() | st.binary(max_size=10) | st.binary(min_size=60, max_size=70) | st.just(b"x" * 9000)
records = st.builds(
    Record,
    offset=st.integers(0, 1 << 20),
    timestamp=st.integers(-1, 1 << 44),
    key=some_bytes,
    value=some_bytes,
    headers=st.lists(st.tuples(st.text(max_size=3), some_bytes), max_size=2),
)
batches = st.lists(records, min_size=1, max_size=8, unique_by=lambda record: record.offset).map(
    lambda found: sorted(found, key=lambda record: record.offset)
)


def raw_of(batch: bytearray) -> bytes:
    return bytes(batch[HEADER_BYTES:])


@given(batches)
def test_spans_are_the_records(found: list[Record]) -> None:
    batch = batch_of(found, base_offset=0)
    raw = raw_of(batch)
    end = 0
    for record, (delta, key, is_null, start, stop) in zip(found, spans(raw, 0, len(found)), strict=True):
        assert (delta, key, is_null) == (record.offset, record.key, record.value is None)
        assert start == end
        end = stop
    assert end == len(raw)


@given(batches, st.data())
def test_records_can_be_cut_out(found: list[Record], data: st.DataObject) -> None:
    raw = raw_of(batch_of(found, base_offset=0))
    chosen = data.draw(st.sets(st.integers(0, len(found) - 1), min_size=1))
    kept = [span for index, span in enumerate(spans(raw, 0, len(found))) if index in chosen]
    header = peek(batch_of([each for index, each in enumerate(found) if index in chosen], base_offset=0))
    header.base_timestamp = found[0].timestamp
    body = b"".join(raw[start:end] for _, _, _, start, end in kept)
    header.length = HEADER_BYTES + len(body)
    left = list(records_of(bytes(HEADER_BYTES) + body, header))
    assert left == [each for index, each in enumerate(found) if index in chosen]
    assert latest_timestamp(raw, kept, found[0].timestamp) == max(record.timestamp for record in left)


@given(batches, st.integers(0, 1 << 44))
def test_rebased_records_are_as_old_as_before(found: list[Record], base_timestamp: int) -> None:
    batch = batch_of(found, base_offset=0)
    raw, header = raw_of(batch), peek(batch)
    body = rebased(raw, spans(raw, 0, len(found)), base_timestamp - header.base_timestamp)
    header.base_timestamp = base_timestamp
    header.length = HEADER_BYTES + len(body)
    assert list(records_of(bytes(HEADER_BYTES) + body, header)) == found


def test_a_walk_goes_on_where_it_stopped() -> None:
    raw = raw_of(batch_of([Record(index, 5, b"k%d" % index, b"v") for index in range(5)]))
    first = spans(raw, 0, 2)
    assert first + spans(raw, first[-1][4], 3) == spans(raw, 0, 5)


@given(st.binary(max_size=40), st.integers(1, 4))
def test_no_bytes_break_the_walk(raw: bytes, count: int) -> None:
    try:
        found = spans(raw, 0, count)
    except KafkaError as error:
        assert error.code == INVALID_RECORD
    else:
        assert found[-1][4] <= len(raw)
        assert all(start < end for _, _, _, start, end in found)


@given(batches, st.data())
def test_every_cut_is_noticed(found: list[Record], data: st.DataObject) -> None:
    raw = raw_of(batch_of(found, base_offset=0))
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with pytest.raises(KafkaError):
        spans(cut, 0, len(found))
