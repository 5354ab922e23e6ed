"""Fetch sessions (KIP-227): epochs, incremental answers, eviction."""

from __future__ import annotations

import pytest

from pykbroker import errors
from pykbroker.apis.fetch_sessions import FetchSessions, Plan
from pykbroker.errors import KafkaError
from pykbroker.wire.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
)

TOPIC_ID = bytes(range(16))


class Clock:
    now = 1_000

    def now_ms(self) -> int:
        return self.now


class Counting:
    """Random bytes that count up, so that session ids are known."""

    def __init__(self) -> None:
        self.count = 0

    def bytes(self, count: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(count, "big")


def sessions(slots: int = 10) -> FetchSessions:
    return FetchSessions(slots, Clock(), Counting())  # type: ignore[arg-type]


def request(
    *partitions: tuple[str, int, int], id: int = 0, epoch: int = -1, forget: tuple[tuple[str, int], ...] = ()
) -> FetchRequest:
    return FetchRequest(
        session_id=id,
        session_epoch=epoch,
        topics=[
            FetchTopic(topic=topic, partitions=[FetchPartition(partition=index, fetch_offset=offset)])
            for topic, index, offset in partitions
        ],
        forgotten_topics_data=[ForgottenTopic(topic=topic, partitions=[index]) for topic, index in forget],
    )


def answer(plan: Plan, *, records: bytes = b"", high_watermark: int = 5, error: int = 0, log_start: int = 0) -> list:
    return [
        (
            wanted,
            PartitionData(
                partition_index=wanted.index,
                high_watermark=high_watermark,
                log_start_offset=log_start,
                error_code=error,
                records=memoryview(records),
            ),
        )
        for wanted in plan.partitions.values()
    ]


def opened(cache: FetchSessions, *partitions: tuple[str, int, int]) -> int:
    plan = cache.open(request(*partitions, epoch=0), 12)
    session_id, _ = plan.select(answer(plan), False)
    return session_id


def test_epoch_minus_one_is_a_full_fetch_without_a_session() -> None:  # FET-21
    cache = sessions()
    plan = cache.open(request(("t", 0, 0)), 12)
    session_id, kept = plan.select(answer(plan), False)
    assert (session_id, len(kept), len(cache)) == (0, 1, 0)


def test_epoch_zero_opens_a_session_and_answers_in_full() -> None:  # FET-22
    cache = sessions()
    plan = cache.open(request(("t", 0, 0), ("t", 1, 0), epoch=0), 12)
    session_id, kept = plan.select(answer(plan), False)
    assert session_id != 0
    assert len(kept) == 2


def test_epoch_zero_with_an_old_id_closes_that_session() -> None:  # FET-22
    cache = sessions()
    old = opened(cache, ("t", 0, 0))
    cache.open(request(("t", 0, 0), id=old, epoch=0), 12)
    with pytest.raises(KafkaError) as caught:
        cache.open(request(id=old, epoch=1), 12)
    assert caught.value.code == errors.FETCH_SESSION_ID_NOT_FOUND


def test_an_incremental_answer_has_only_what_changed() -> None:  # FET-23
    cache = sessions()
    id = opened(cache, ("t", 0, 0), ("t", 1, 0))
    plan = cache.open(request(id=id, epoch=1), 12)
    assert plan.select(answer(plan), False) == (id, [])
    plan = cache.open(request(id=id, epoch=2), 12)
    assert [p.partition_index for p in plan.select(answer(plan, high_watermark=6), False)[1]] == [0, 1]
    plan = cache.open(request(id=id, epoch=3), 12)
    assert [p.partition_index for p in plan.select(answer(plan, high_watermark=6, log_start=2), False)[1]] == [0, 1]
    plan = cache.open(request(id=id, epoch=4), 12)
    pairs = answer(plan, high_watermark=6, log_start=2)
    pairs[1][1].records = memoryview(b"batch")
    assert [p.partition_index for p in plan.select(pairs, False)[1]] == [1]


def test_a_request_in_a_session_names_only_changes() -> None:  # FET-23
    cache = sessions()
    id = opened(cache, ("t", 0, 0), ("t", 1, 0))
    plan = cache.open(request(("t", 1, 7), ("u", 0, 3), id=id, epoch=1, forget=(("t", 0),)), 12)
    assert [(w.topic, w.index, w.offset) for w in plan.partitions.values()] == [("t", 1, 7), ("u", 0, 3)]


def test_partitions_that_returned_data_are_served_last_the_next_time() -> None:  # FET-09
    cache = sessions()
    id = opened(cache, ("t", 0, 0), ("t", 1, 0), ("t", 2, 0))
    plan = cache.open(request(id=id, epoch=1), 12)
    pairs = answer(plan)
    pairs[0][1].records = memoryview(b"batch")
    plan.select(pairs, False)
    plan = cache.open(request(id=id, epoch=2), 12)
    assert [wanted.index for wanted in plan.to_read()] == [1, 2, 0]


def test_the_epoch_counts_up_and_wraps_to_one() -> None:  # FET-24
    cache = sessions()
    id = opened(cache, ("t", 0, 0))
    cache.open(request(id=id, epoch=1), 12)
    cache.open(request(id=id, epoch=2), 12)
    session = cache._sessions[id]
    session.epoch = 2**31 - 1
    cache.open(request(id=id, epoch=2**31 - 1), 12)
    assert session.epoch == 1


def test_an_unknown_session_and_a_wrong_epoch_are_refused() -> None:  # FET-25
    cache = sessions()
    with pytest.raises(KafkaError) as caught:
        cache.open(request(id=99, epoch=1), 12)
    assert caught.value.code == errors.FETCH_SESSION_ID_NOT_FOUND
    id = opened(cache, ("t", 0, 0))
    with pytest.raises(KafkaError) as caught:
        cache.open(request(id=id, epoch=5), 12)
    assert caught.value.code == errors.INVALID_FETCH_SESSION_EPOCH


def test_epoch_minus_one_with_an_id_closes_the_session() -> None:  # FET-26
    cache = sessions()
    id = opened(cache, ("t", 0, 0))
    plan = cache.open(request(("t", 0, 0), id=id, epoch=-1), 12)
    assert plan.select(answer(plan), False)[0] == 0
    assert len(cache) == 0


def test_a_partition_in_error_is_sent_again_when_the_error_clears() -> None:  # FET-27
    cache = sessions()
    id = opened(cache, ("t", 0, 0))
    plan = cache.open(request(id=id, epoch=1), 12)
    assert len(plan.select(answer(plan, error=3, high_watermark=-1), False)[1]) == 1
    plan = cache.open(request(id=id, epoch=2), 12)
    assert len(plan.select(answer(plan), False)[1]) == 1
    plan = cache.open(request(id=id, epoch=3), 12)
    assert plan.select(answer(plan), False)[1] == []


def test_a_full_cache_refuses_small_new_sessions_and_evicts_idle_or_smaller_ones() -> None:  # FET-28
    cache = sessions(slots=1)
    assert opened(cache, ("t", 0, 0)) != 0
    assert opened(cache, ("u", 0, 0)) == 0
    larger = opened(cache, ("u", 0, 0), ("u", 1, 0))
    assert larger != 0
    cache._clock.now += 120_001  # type: ignore[attr-defined]
    assert opened(cache, ("v", 0, 0)) not in (0, larger)


def test_forgetting_everything_closes_the_session() -> None:  # FET-29
    cache = sessions()
    id = opened(cache, ("t", 0, 0))
    plan = cache.open(request(id=id, epoch=1, forget=(("t", 0),)), 12)
    assert plan.select(answer(plan), False) == (0, [])
    assert len(cache) == 0


def test_what_is_named_and_forgotten_in_one_request_is_answered_without_a_session() -> None:  # FET-29
    cache = sessions()
    id = opened(cache, ("t", 0, 0))
    plan = cache.open(request(("t", 0, 5), id=id, epoch=1, forget=(("t", 0),)), 12)
    assert [wanted.offset for wanted in plan.partitions.values()] == [5]
    assert plan.session is None
    assert len(cache) == 0


def test_a_session_by_name_cannot_go_on_by_id() -> None:  # FET-30
    cache = sessions()
    id = opened(cache, ("t", 0, 0))
    with pytest.raises(KafkaError) as caught:
        cache.open(request(id=id, epoch=1), 13)
    assert caught.value.code == errors.FETCH_SESSION_TOPIC_ID_ERROR


def test_a_partition_named_twice_is_read_once() -> None:  # FET-42
    plan = sessions().open(request(("t", 0, 1), ("t", 0, 2)), 12)
    assert [(w.index, w.offset) for w in plan.partitions.values()] == [(0, 2)]
