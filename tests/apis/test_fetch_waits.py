"""Fetches that wait: for how long, for how much, and what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from pykbroker import errors
from pykbroker.testing.client import Pending
from pykbroker.wire.messages.fetch import FetchResponse
from tests.apis.running import FETCH, Running, nbytes, offsets_of, partitions_of, versions
from tests.storage.builders import a_batch
from tests.storage.transactional import ABORT, COMMIT, end, send

ALL = versions(FETCH)
BY_ID_SINCE, LONG_MS = 13, 30_000


def parked(running: Running, *wanted: tuple[str, int, int], **values: Any) -> Pending:
    """A fetch of its own client that waits, up to 100 ms unless told otherwise."""
    values.setdefault("max_wait_ms", 100)
    answer = running.fetch(*wanted, client=running.another_client(), **values)
    assert isinstance(answer, Pending), answer
    assert not answer.done
    return answer


@pytest.mark.parametrize("version", ALL)
def test_a_fetch_that_finds_nothing_waits_until_its_time_is_up(topic: Running, version: int) -> None:
    # FET-10
    waiting = parked(topic, ("t", 0, 0), version=version)
    topic.clock.advance(99)
    assert not waiting.done
    topic.clock.advance(1)
    (part,) = partitions_of(waiting.response)
    assert (part.error_code, part.high_watermark) == (0, 0)
    assert not nbytes(part)


def test_the_shortest_wait_is_one(topic: Running) -> None:
    # FET-10, FET-12
    waiting = parked(topic, ("t", 0, 0), max_wait_ms=1)
    topic.clock.advance(1)
    assert waiting.done


@pytest.mark.parametrize("version", ALL)
def test_an_append_wakes_a_fetch(topic: Running, version: int) -> None:
    # FET-13, FET-10
    waiting = parked(topic, ("t", 0, 0), version=version)
    topic.produce(a_batch(2))
    topic.clock.advance(0)
    (part,) = partitions_of(waiting.response)
    assert (offsets_of(part), part.high_watermark) == ([0], 2)


def test_an_append_to_any_of_its_partitions_wakes_a_fetch(topic: Running) -> None:
    # FET-13
    topic.create("u")
    waiting = parked(topic, ("t", 0, 0), ("t", 1, 0), ("u", 0, 0))
    topic.produce(a_batch(), index=2)
    topic.clock.advance(0)
    assert not waiting.done
    topic.produce(a_batch(), topic="u")
    topic.clock.advance(0)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[], [], [0]]


def test_a_fetch_waits_for_as_many_bytes_as_it_wants(topic: Running) -> None:
    # FET-10, FET-13: over all its partitions
    size = topic.append_batch()
    waiting = parked(topic, ("t", 0, 0), ("t", 1, 0), min_bytes=3 * size)
    topic.append_batch(index=1)
    topic.clock.advance(50)
    assert not waiting.done
    topic.append_batch()
    topic.clock.advance(0)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[0, 1], [0]]


def test_a_byte_too_few_is_not_enough(topic: Running) -> None:
    # FET-10
    size = topic.append_batch()
    waiting = parked(topic, ("t", 0, 0), min_bytes=2 * size + 1)
    topic.append_batch()
    topic.clock.advance(0)
    assert not waiting.done


def test_a_fetch_whose_time_is_up_gets_what_there_is(topic: Running) -> None:
    # FET-10
    size = topic.append_batch()
    waiting = parked(topic, ("t", 0, 0), min_bytes=10 * size)
    topic.append_batch()
    topic.clock.advance(100)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[0, 1]]


def test_enough_bytes_are_answered_at_once(topic: Running) -> None:
    # FET-10
    size = topic.append_batch()
    assert offsets_of(topic.fetch_one(max_wait_ms=LONG_MS, min_bytes=size)) == [0]
    parked(topic, ("t", 0, 0), min_bytes=size + 1)


def test_appends_of_one_moment_are_in_one_answer(topic: Running) -> None:
    # FET-13
    waiting = parked(topic, ("t", 0, 0), ("t", 1, 0))
    topic.send_produce({("t", 0): a_batch(), ("t", 1): a_batch()})
    topic.clock.advance(0)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[0], [0]]


@pytest.mark.parametrize("version", ALL)
def test_an_error_in_any_partition_is_answered_at_once(topic: Running, version: int) -> None:
    # FET-11: the others are there as well
    answer = topic.fetch(("t", 0, 0), ("t", 9, 0), version=version, max_wait_ms=LONG_MS)
    assert isinstance(answer, FetchResponse)
    assert [part.error_code for part in partitions_of(answer)] == [0, errors.UNKNOWN_TOPIC_OR_PARTITION]


@pytest.mark.parametrize("values", [{"max_wait_ms": 0}, {"max_wait_ms": LONG_MS, "min_bytes": 0}, {"max_wait_ms": -1}])
def test_a_fetch_that_may_not_wait_is_answered_at_once(topic: Running, values: dict[str, Any]) -> None:
    # FET-12
    assert not nbytes(topic.fetch_one(**values))


@pytest.mark.parametrize("version", ALL)
def test_a_fetch_of_nothing_is_answered_at_once(topic: Running, version: int) -> None:
    # FET-12
    answer = topic.fetch(version=version, max_wait_ms=LONG_MS)
    assert (answer.error_code, answer.session_id, answer.responses) == (0, 0, [])


@pytest.mark.parametrize("version", ALL)
def test_the_deletion_of_a_topic_wakes_a_fetch(topic: Running, version: int) -> None:
    # FET-13
    waiting = parked(topic, ("t", 0, 0), version=version)
    topic.delete("t")
    topic.clock.advance(0)
    code = errors.UNKNOWN_TOPIC_ID if version >= BY_ID_SINCE else errors.UNKNOWN_TOPIC_OR_PARTITION
    assert [part.error_code for part in partitions_of(waiting.response)] == [code]


def test_records_that_are_deleted_wake_a_fetch(topic: Running) -> None:
    # FET-13, FET-36: offsets are out of range now
    topic.produce(a_batch(5))
    waiting = parked(topic, ("t", 0, 3), min_bytes=10_000)
    topic.delete_records(4)
    topic.clock.advance(0)
    assert [part.error_code for part in partitions_of(waiting.response)] == [errors.OFFSET_OUT_OF_RANGE]


def test_a_new_segment_wakes_a_fetch(running: Running) -> None:
    # FET-14
    running.create("t", segment_bytes="1048576")
    running.produce(a_batch(1, value=bytes(700_000)))
    waiting = parked(running, ("t", 0, 1), min_bytes=2_000_000)
    running.produce(a_batch())
    running.clock.advance(0)
    assert not waiting.done
    running.produce(a_batch(1, value=bytes(700_000)))
    running.clock.advance(0)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[1, 2]]


def test_a_fetch_from_an_older_segment_does_not_wait(running: Running) -> None:
    # FET-14
    running.create("t", segment_bytes="1048576")
    for _ in range(2):
        running.produce(a_batch(1, value=bytes(700_000)))
    waiting = parked(running, ("t", 0, 0), partition_max_bytes=1 << 30, min_bytes=2_000_000)
    running.clock.advance(0)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[0, 1]]


def test_the_first_record_of_all_is_no_new_segment(topic: Running) -> None:
    # FET-14, FET-10
    waiting = parked(topic, ("t", 0, 0), min_bytes=10_000)
    topic.produce(a_batch())
    topic.clock.advance(0)
    assert not waiting.done


def test_an_open_transaction_does_not_wake_who_reads_what_is_committed(topic: Running) -> None:
    # FET-16, FET-10
    partition = topic.partition()
    waiting = parked(topic, ("t", 0, 0), isolation_level=1)
    other = parked(topic, ("t", 0, 0), isolation_level=0)
    send(partition, 7, 0)
    topic.produce(a_batch())
    topic.clock.advance(0)
    assert (waiting.done, other.done) == (False, True)
    end(partition, 7, COMMIT)
    topic.clock.advance(0)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[0, 1, 2]]


def test_the_end_of_a_transaction_frees_all_that_it_held_back(topic: Running) -> None:
    # FET-16, FET-12: more than the marker's bytes, and what was there before the fetch came
    partition = topic.partition()
    send(partition, 7, 0, value=bytes(5000))
    waiting = parked(topic, ("t", 0, 0), isolation_level=1, min_bytes=6000)
    send(partition, 8, 0)
    end(partition, 7, ABORT)
    topic.clock.advance(0)
    assert not waiting.done
    topic.produce(a_batch(1, value=bytes(2000)))
    topic.clock.advance(0)
    assert not waiting.done
    end(partition, 8, COMMIT)
    topic.clock.advance(0)
    (part,) = partitions_of(waiting.response)
    assert offsets_of(part) == [0, 1, 2, 3, 4]
    assert [(each.producer_id, each.first_offset) for each in part.aborted_transactions or ()] == [(7, 0)]


def test_bytes_are_counted_again_after_a_transaction(topic: Running) -> None:
    # FET-12
    partition = topic.partition()
    send(partition, 7, 0)
    waiting = parked(topic, ("t", 0, 0), isolation_level=1, min_bytes=1000)
    end(partition, 7, COMMIT)
    topic.produce(a_batch(1, value=bytes(500)))
    topic.clock.advance(0)
    assert not waiting.done
    topic.produce(a_batch(1, value=bytes(500)))
    topic.clock.advance(0)
    assert waiting.done


def test_a_segment_inside_an_open_transaction_wakes_nobody(running: Running) -> None:
    # FET-14, FET-16: whoever reads what is committed would come back at once, and again
    running.create("t", segment_bytes="1048576")
    for sequence in range(2):
        send(running.partition(), 7, sequence, value=bytes(700_000))
    waiting = parked(running, ("t", 0, 0), isolation_level=1)
    running.clock.advance(0)
    assert not waiting.done
    send(running.partition(), 7, 2, value=bytes(700_000))
    running.clock.advance(0)
    assert not waiting.done
    end(running.partition(), 7, COMMIT)
    running.clock.advance(0)
    assert waiting.done


def test_an_answered_fetch_leaves_nothing_behind(topic: Running) -> None:
    # FET-10, FET-13
    for wake in (lambda: topic.produce(a_batch()), lambda: topic.clock.advance(100)):
        end = topic.partition().log_end_offset
        waiting = parked(topic, ("t", 0, end), ("t", 1, 0))
        wake()
        topic.clock.advance(0)
        assert waiting.done
        assert not topic.broker.services.fetch_waits
        assert not topic.partition("t", 0)._watchers
        assert not topic.partition("t", 1)._watchers
    topic.clock.advance(1000)


def test_many_fetches_wait_each_for_itself(topic: Running) -> None:
    # FET-10, FET-13, FRM-09
    first = parked(topic, ("t", 0, 0))
    second = parked(topic, ("t", 1, 0))
    third = parked(topic, ("t", 0, 0), max_wait_ms=50)
    topic.clock.advance(50)
    assert [each.done for each in (first, second, third)] == [False, False, True]
    topic.produce(a_batch())
    topic.clock.advance(0)
    assert [each.done for each in (first, second)] == [True, False]


def test_a_stopping_broker_answers_what_waits(topic: Running) -> None:
    # FET-10: with what there is
    waiting = parked(topic, ("t", 0, 0), max_wait_ms=LONG_MS)
    topic.broker.release_parked()
    topic.clock.advance(0)
    assert [part.error_code for part in partitions_of(waiting.response)] == [0]
