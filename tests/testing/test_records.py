"""What a consumer that reads committed gets of a topic's batches."""

from __future__ import annotations

from pykbroker.testing.records import committed_records
from pykbroker.wire.batch import CONTROL, TRANSACTIONAL
from pykbroker.wire.records import Record, batch_of


def batch(offset: int, value: bytes, producer_id: int = -1, attributes: int = 0) -> bytes:
    return bytes(batch_of([Record(offset, 0, None, value)], producer_id=producer_id, attributes=attributes))


def marker(offset: int, producer_id: int) -> bytes:
    return batch(offset, b"the end", producer_id, TRANSACTIONAL | CONTROL)


def transactional(offset: int, value: bytes, producer_id: int) -> bytes:
    return batch(offset, value, producer_id, TRANSACTIONAL)


def values(content: bytes, aborted: list[tuple[int, int]]) -> list[bytes | None]:
    return [record.value for record in committed_records(content, aborted)]


def test_markers_are_no_records() -> None:
    assert values(transactional(0, b"a", 1) + marker(1, 1), []) == [b"a"]


def test_an_aborted_transaction_does_not_count_and_the_next_one_does() -> None:
    content = transactional(0, b"a", 1) + marker(1, 1) + transactional(2, b"b", 1) + marker(3, 1)
    assert values(content, [(1, 0)]) == [b"b"]
    assert values(content, [(1, 2)]) == [b"a"]
    assert values(content, [(1, 2), (1, 0)]) == []


def test_producers_do_not_disturb_each_other() -> None:
    content = transactional(0, b"a", 1) + transactional(1, b"b", 2) + batch(2, b"c", 1) + marker(3, 1) + marker(4, 2)
    assert values(content, [(1, 0)]) == [b"b", b"c"]
