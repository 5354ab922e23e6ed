"""The rules of compaction, without a file: which batches stay, and what is left of one."""

from __future__ import annotations

import pytest

from pykbroker.storage.aborted import Aborted
from pykbroker.storage.compaction import Fate, LastBatches, Round, TransactionsMet, with_records, without_records
from pykbroker.storage.key_offsets import KeyOffsets
from pykbroker.wire.batch import CONTROL, DELETE_HORIZON, LOG_APPEND_TIME, TRANSACTIONAL, Batch, peek, verify
from pykbroker.wire.compression import decompress
from pykbroker.wire.records import Record, batch_of, records_of
from pykbroker.wire.spans import spans
from tests.fakes import NOW_MS

RETENTION_MS = 1000
PRODUCER = 5


def a_header(
    offset: int = 10, *, count: int = 1, attributes: int = 0, base_timestamp: int = NOW_MS, **fields: int
) -> Batch:
    return peek(
        batch_of(
            [Record(offset + index, base_timestamp, b"k", b"v") for index in range(count)],
            base_offset=offset,
            last_offset=offset + max(count, 1) - 1,
            base_timestamp=base_timestamp,
            attributes=attributes,
            **fields,  # type: ignore[arg-type]
        )
    )


def data(offset: int, producer: int = PRODUCER, *, attributes: int = TRANSACTIONAL, **fields: int) -> Batch:
    return a_header(offset, attributes=attributes, producer_id=producer, producer_epoch=0, base_sequence=0, **fields)


def marker(offset: int, producer: int = PRODUCER, *, attributes: int = 0, epoch: int = 0, **fields: int) -> Batch:
    attributes |= TRANSACTIONAL | CONTROL
    return a_header(offset, attributes=attributes, producer_id=producer, producer_epoch=epoch, **fields)


def a_round(
    offsets: KeyOffsets | None = None,
    aborted: list[Aborted] | None = None,
    last_batches: LastBatches | None = None,
    *,
    end_offset: int = 1000,
    now_ms: int = NOW_MS,
) -> Round:
    return Round(
        offsets or KeyOffsets(10),
        TransactionsMet(aborted or [], 0),
        last_batches or {},
        end_offset=end_offset,
        now_ms=now_ms,
        delete_retention_ms=RETENTION_MS,
    )


# -- Which batches stay


def test_a_batch_without_a_producer_goes_once_it_is_empty() -> None:
    verdict = a_round().judge(a_header())
    assert (verdict.fate, verdict.takes_records) == (Fate.GOES_IF_EMPTY, False)


def test_the_last_batch_of_a_known_producer_stays() -> None:
    """STO-22"""
    judge = a_round(last_batches={PRODUCER: (0, 11)})
    assert judge.judge(data(10, attributes=0)).fate is Fate.GOES_IF_EMPTY
    assert judge.judge(data(11, attributes=0)).fate is Fate.STAYS
    assert judge.judge(data(12, 6, attributes=0)).fate is Fate.GOES_IF_EMPTY


def test_the_marker_of_a_producer_that_has_no_data_stays_for_its_epoch() -> None:
    """STO-22"""
    judge = a_round(last_batches={PRODUCER: (3, -1)})
    assert judge.judge(marker(10, epoch=2), is_abort=False).fate is Fate.GOES_IF_EMPTY
    assert judge.judge(marker(11, epoch=3), is_abort=False).fate is Fate.STAYS
    assert judge.judge(data(12, attributes=0, count=1)).fate is Fate.GOES_IF_EMPTY


def test_the_last_batch_of_the_round_stays() -> None:
    judge = a_round(end_offset=12)
    assert judge.judge(a_header(10)).fate is Fate.GOES_IF_EMPTY
    assert judge.judge(a_header(11)).fate is Fate.STAYS


def test_aborted_data_goes_and_committed_data_stays() -> None:
    """STO-22"""
    judge = a_round(aborted=[Aborted(PRODUCER, 20, 22, 23)])
    fates = [
        judge.judge(data(10)).fate,
        judge.judge(marker(11), is_abort=False).fate,
        judge.judge(data(20)).fate,
        judge.judge(data(21, 6)).fate,
        judge.judge(marker(22), is_abort=True).fate,
        judge.judge(data(23)).fate,
    ]
    kept = Fate.GOES_IF_EMPTY
    assert fates == [kept, kept, Fate.GOES, kept, kept, kept]


def test_aborted_data_that_a_producer_needs_stays_as_a_header() -> None:
    judge = a_round(aborted=[Aborted(PRODUCER, 10, 11, 12)], last_batches={PRODUCER: (0, 10)})
    verdict = judge.judge(data(10))
    assert (verdict.fate, verdict.takes_records) == (Fate.STAYS, True)


def test_data_outside_of_transactions_is_never_aborted() -> None:
    judge = a_round(aborted=[Aborted(PRODUCER, 10, 12, 13)])
    assert judge.judge(data(10, attributes=0)).fate is Fate.GOES_IF_EMPTY


@pytest.mark.parametrize("is_abort", [False, True])
def test_a_marker_waits_for_its_data_and_then_for_its_horizon(is_abort: bool) -> None:
    """STO-22"""
    aborted = [Aborted(PRODUCER, 10, 12, 13)] if is_abort else []
    first = a_round(aborted=aborted)
    first.judge(data(10))
    verdict = first.judge(marker(12), is_abort=is_abort)
    assert not verdict.is_idle_marker
    assert first.new_horizon_ms(marker(12), verdict, has_deletes=False) is None
    assert first.transactions.still_there == aborted

    second = a_round(aborted=aborted)
    verdict = second.judge(marker(12), is_abort=is_abort)
    assert verdict.is_idle_marker
    assert second.transactions.still_there == []
    horizon_ms = second.new_horizon_ms(marker(12), verdict, has_deletes=False)
    assert horizon_ms == NOW_MS + RETENTION_MS

    waiting = marker(12, attributes=DELETE_HORIZON, base_timestamp=horizon_ms)
    before = a_round(aborted=aborted, now_ms=horizon_ms - 1)
    verdict = before.judge(waiting, is_abort=is_abort)
    assert (verdict.fate, verdict.takes_records) == (Fate.GOES_IF_EMPTY, False)
    assert before.new_horizon_ms(waiting, verdict, has_deletes=False) is None
    after = a_round(aborted=aborted, now_ms=horizon_ms)
    assert after.judge(waiting, is_abort=is_abort).fate is Fate.GOES


def test_a_marker_whose_horizon_has_passed_stays_while_there_is_data() -> None:
    late = a_round(now_ms=NOW_MS + 10 * RETENTION_MS)
    late.judge(data(10))
    waiting = marker(12, attributes=DELETE_HORIZON, base_timestamp=NOW_MS)
    assert late.judge(waiting, is_abort=False).fate is Fate.GOES_IF_EMPTY


def test_a_control_batch_of_another_kind_stays() -> None:
    judge = a_round(now_ms=NOW_MS + 10 * RETENTION_MS)
    other = marker(12, attributes=DELETE_HORIZON, base_timestamp=NOW_MS)
    verdict = judge.judge(other)
    assert (verdict.fate, verdict.takes_records, verdict.is_idle_marker) == (Fate.GOES_IF_EMPTY, False, False)
    assert len(judge.staying(other, [(0, b"k", False, 0, 1)])) == 1


def test_transactions_that_ended_before_the_start_are_over() -> None:
    met = TransactionsMet([Aborted(PRODUCER, 10, 20, 21)], start=50)
    assert not met.takes_back(data(60))


def test_a_transaction_that_began_before_the_start_goes_on() -> None:
    met = TransactionsMet([Aborted(PRODUCER, 10, 70, 71)], start=50)
    assert met.takes_back(data(60))


# -- Which records stay


def test_a_delete_stays_until_the_horizon() -> None:
    """STO-21"""
    offsets = KeyOffsets(10)
    offsets.note([(0, b"k", True, 0, 1)], 10)
    record = [(0, b"k", True, 0, 1)]
    fresh, waiting = a_header(), a_header(attributes=DELETE_HORIZON, base_timestamp=NOW_MS + 5)
    assert a_round(offsets).staying(fresh, record) == record
    assert a_round(offsets, now_ms=NOW_MS + 4).staying(waiting, record) == record
    assert a_round(offsets, now_ms=NOW_MS + 5).staying(waiting, record) == []


def test_a_horizon_is_given_once() -> None:
    judge = a_round()
    fresh, waiting = a_header(), a_header(attributes=DELETE_HORIZON)
    assert judge.new_horizon_ms(fresh, judge.judge(fresh), has_deletes=True) == NOW_MS + RETENTION_MS
    assert judge.new_horizon_ms(fresh, judge.judge(fresh), has_deletes=False) is None
    assert judge.new_horizon_ms(waiting, judge.judge(waiting), has_deletes=True) is None


# -- What is left of a batch


@pytest.mark.parametrize("codec", range(5))
def test_a_batch_without_records_keeps_what_says_who_sent_what(codec: int) -> None:
    attributes = TRANSACTIONAL | LOG_APPEND_TIME | DELETE_HORIZON
    before = a_header(
        7, count=3, codec=codec, attributes=attributes, leader_epoch=4, producer_id=8, producer_epoch=9, base_sequence=6
    )
    view = without_records(before)
    after = peek(view)
    verify(view, after)
    assert len(view) == after.length == 61
    assert (after.attributes, after.count) == (TRANSACTIONAL | LOG_APPEND_TIME, 0)
    assert (after.base_timestamp, after.max_timestamp) == (-1, before.max_timestamp)
    for name in ("base_offset", "last_offset", "leader_epoch", "producer_id", "producer_epoch", "last_sequence"):
        assert getattr(after, name) == getattr(before, name), name
    assert list(records_of(view, after)) == []


@pytest.mark.parametrize("codec", range(5))
def test_a_thinned_batch_keeps_its_offsets_and_its_codec(codec: int) -> None:
    """STO-19"""
    records = [Record(7 + index, NOW_MS + index, b"k%d" % index, b"v", [("h", None)]) for index in range(4)]
    batch = batch_of(records, codec=codec, leader_epoch=4, producer_id=8, producer_epoch=9, base_sequence=6)
    before = peek(batch)
    raw = decompress(codec, memoryview(batch)[61:], 1 << 20)
    kept = spans(raw, 0, 4)[1:3]
    body = b"".join(raw[start:end] for *_, start, end in kept)
    view = with_records(before, body, 2, NOW_MS + 2, None)
    after = peek(view)
    verify(view, after)
    assert list(records_of(view, after)) == records[1:3]
    assert (after.count, after.max_timestamp) == (2, NOW_MS + 2)
    for name in ("base_offset", "last_offset", "leader_epoch", "attributes", "producer_id", "last_sequence"):
        assert getattr(after, name) == getattr(before, name), name
