"""Fetch sessions from request to request, through the dispatcher; `test_fetch_sessions.py` has their bookkeeping."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.storage.answers import Read
from pykbroker.storage.partition import Partition
from pykbroker.testing.client import Pending
from pykbroker.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from tests.apis.running import FETCH, Running, nbytes, offsets_of, partitions_of, records_of, versions
from tests.storage.builders import a_batch

ALL = versions(FETCH)
SESSIONS_SINCE, EPOCHS_SINCE, LONG_MS = 7, 9, 30_000


class Consumer:
    """Fetches in a session: the epochs are kept here."""

    def __init__(self, running: Running, version: int, *wanted: tuple[str, int, int]) -> None:
        self.running = running
        self.version = version
        self._client = running.another_client()  # others may ask while a fetch is parked
        answer = running.fetch(*wanted, version=version, session_epoch=0)
        self.id: int = answer.session_id
        self.epoch = 1
        self.first = answer

    def fetch(self, *changed: tuple[str, int, int], **values: Any) -> Any:
        """An incremental fetch that names only what changed."""
        values = {"session_id": self.id, "session_epoch": self.epoch, "client": self._client, **values}
        self.epoch += 1
        return self.running.fetch(*changed, version=self.version, **values)

    def told(self, *changed: tuple[str, int, int], **values: Any) -> list[tuple[int, int]]:
        """(partition, high watermark) of everything that an incremental fetch answers."""
        answer = self.fetch(*changed, **values)
        assert (answer.error_code, answer.session_id) == (0, self.id)
        return [(part.partition_index, part.high_watermark) for part in partitions_of(answer)]


WITH_SESSIONS = versions(FETCH, since=SESSIONS_SINCE)


@pytest.mark.parametrize("version", ALL)
def test_a_fetch_without_a_session_is_always_full(topic: Running, version: int) -> None:
    # FET-21
    for _ in range(2):
        answer = topic.fetch(("t", 0, 0), ("t", 1, 0), version=version)
        assert (answer.session_id, len(partitions_of(answer))) == (0, 2)
    assert not len(topic.broker.services.fetch_sessions)


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_a_session_begins_with_everything_and_goes_on_with_what_is_new(topic: Running, version: int) -> None:
    # FET-22, FET-23
    topic.produce(a_batch(2), index=1)
    consumer = Consumer(topic, version, ("t", 0, 0), ("t", 1, 0), ("t", 2, 0))
    assert consumer.id > 0
    assert [part.partition_index for part in partitions_of(consumer.first)] == [0, 1, 2]
    assert consumer.told(("t", 1, 2)) == []
    topic.produce(a_batch(3), index=2)
    assert consumer.told() == [(2, 3)]
    assert consumer.told() == [(2, 3)]  # it still reads from 0, so there are records
    assert consumer.told(("t", 2, 3)) == []


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_a_moved_log_start_is_news(topic: Running, version: int) -> None:
    # FET-23, FET-36
    topic.produce(a_batch(5))
    consumer = Consumer(topic, version, ("t", 0, 5), ("t", 1, 0))
    topic.delete_records(3)
    (part,) = partitions_of(consumer.fetch())
    assert (part.partition_index, part.log_start_offset, part.high_watermark) == (0, 3, 5)
    assert consumer.told() == []


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_partitions_join_and_leave_a_session(topic: Running, version: int) -> None:
    # FET-23
    consumer = Consumer(topic, version, ("t", 0, 0))
    assert consumer.told(("t", 1, 0)) == [(1, 0)]
    for index in (0, 1):
        topic.produce(a_batch(), index=index)
    assert consumer.told(forget=[("t", 0)]) == [(1, 1)]
    assert consumer.told(("t", 0, 0), ("t", 1, 1)) == [(0, 1)]


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_partitions_that_gave_records_are_served_last(topic: Running, version: int) -> None:
    # FET-09, FET-08: with room for one batch, each of them has its turn
    for index in range(3):
        topic.produce(a_batch(2), index=index)
    consumer = Consumer(topic, version, ("t", 0, 2), ("t", 1, 2), ("t", 2, 2))
    for index in range(3):
        topic.produce(a_batch(2), index=index)
        topic.produce(a_batch(2), index=index)
    turns = []
    for _ in range(6):
        answer = consumer.fetch(max_bytes=1)
        turns += [part.partition_index for part in partitions_of(answer) if nbytes(part)]
    assert turns == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_a_wrong_epoch_is_refused_and_the_right_one_still_works(topic: Running, version: int) -> None:
    # FET-24, FET-25
    consumer = Consumer(topic, version, ("t", 0, 0))
    assert consumer.told() == []
    for epoch in (1, 3, 2**31 - 1):
        answer = topic.fetch(version=version, session_id=consumer.id, session_epoch=epoch)
        assert (answer.error_code, answer.responses) == (errors.INVALID_FETCH_SESSION_EPOCH, [])
    assert consumer.told() == []


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_an_unknown_session_is_refused(topic: Running, version: int) -> None:
    # FET-25
    answer = topic.fetch(("t", 0, 0), version=version, session_id=4711, session_epoch=1)
    assert (answer.error_code, answer.responses) == (errors.FETCH_SESSION_ID_NOT_FOUND, [])


def test_sessions_do_not_survive_a_restart(topic: Running) -> None:
    # FET-25
    consumer = Consumer(topic, 12, ("t", 0, 0))
    topic.restart()
    assert consumer.fetch().error_code == errors.FETCH_SESSION_ID_NOT_FOUND


def test_a_session_belongs_to_no_connection(topic: Running) -> None:
    # FET-23
    consumer = Consumer(topic, 12, ("t", 0, 0))
    topic.client = topic.another_client()
    topic.produce(a_batch())
    assert consumer.told() == [(0, 1)]


@pytest.mark.parametrize("version", WITH_SESSIONS)
@pytest.mark.parametrize("epoch", [-1, 0])
def test_a_session_ends_when_another_begins_in_its_place(topic: Running, version: int, epoch: int) -> None:
    # FET-22, FET-26: with epoch -1 nothing takes its place
    consumer = Consumer(topic, version, ("t", 0, 0))
    answer = topic.fetch(("t", 0, 0), ("t", 1, 0), version=version, session_id=consumer.id, session_epoch=epoch)
    assert (answer.error_code, len(partitions_of(answer))) == (0, 2)
    assert (answer.session_id == 0) == (epoch == -1)
    assert answer.session_id != consumer.id
    assert consumer.fetch().error_code == errors.FETCH_SESSION_ID_NOT_FOUND


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_a_partition_in_error_is_told_until_it_is_well(topic: Running, version: int) -> None:
    # FET-27, FET-11: every time, and once more when the error is gone
    consumer = Consumer(topic, version, ("t", 0, 0), ("t", 3, 0))
    assert consumer.told() == [(3, -1)]
    assert consumer.told() == [(3, -1)]
    grow = CreatePartitionsRequest(topics=[CreatePartitionsTopic(name="t", count=4, assignments=None)], timeout_ms=1)
    assert not topic.client.send(grow, 3).results[0].error_code
    assert consumer.told() == [(3, 0)]
    assert consumer.told() == []


def test_a_topic_that_was_deleted_is_an_error_in_its_session(topic: Running) -> None:
    # FET-27, FET-31
    for version, code in ((12, errors.UNKNOWN_TOPIC_OR_PARTITION), (13, errors.UNKNOWN_TOPIC_ID)):
        consumer = Consumer(topic, version, ("t", 0, 0))
        topic.delete("t")
        assert [part.error_code for part in partitions_of(consumer.fetch())] == [code]
        topic.create("t", partitions=3)


def test_a_full_cache_gives_no_session_and_no_error(tmp_path: Path) -> None:
    # FET-28: a smaller one, or an idle one, gives way
    running = Running(tmp_path, {"max.incremental.fetch.session.cache.slots": "1"})
    running.create("t", partitions=3)
    first = Consumer(running, 12, ("t", 0, 0))
    same = Consumer(running, 12, ("t", 1, 0))
    assert (first.id > 0, same.id, len(partitions_of(same.first))) == (True, 0, 1)
    larger = Consumer(running, 12, ("t", 1, 0), ("t", 2, 0))
    assert larger.id > 0
    assert first.fetch().error_code == errors.FETCH_SESSION_ID_NOT_FOUND
    running.clock.advance(120_001)
    assert Consumer(running, 12, ("t", 0, 0)).id > 0
    assert larger.fetch().error_code == errors.FETCH_SESSION_ID_NOT_FOUND
    running.stop()


def test_the_cache_holds_a_thousand_sessions(running: Running) -> None:
    # FET-28
    assert running.broker.services.config.integer("max.incremental.fetch.session.cache.slots") == 1000


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_forgetting_everything_ends_the_session(topic: Running, version: int) -> None:
    # FET-29
    consumer = Consumer(topic, version, ("t", 0, 0))
    answer = consumer.fetch(forget=[("t", 0)], max_wait_ms=LONG_MS)
    assert (answer.error_code, answer.session_id, answer.responses) == (0, 0, [])
    assert consumer.fetch().error_code == errors.FETCH_SESSION_ID_NOT_FOUND


@pytest.mark.parametrize(("before", "after"), [(12, 13), (13, 12), (7, 18)])
def test_a_session_cannot_change_from_names_to_ids(topic: Running, before: int, after: int) -> None:
    # FET-30
    consumer = Consumer(topic, before, ("t", 0, 0))
    consumer.version = after
    answer = consumer.fetch()
    assert (answer.error_code, answer.responses) == (errors.FETCH_SESSION_TOPIC_ID_ERROR, [])


@pytest.mark.parametrize("version", WITH_SESSIONS)
def test_a_fetch_in_a_session_waits_like_any_other(topic: Running, version: int) -> None:
    # FET-10, FET-13, FET-23: news of other partitions alone are no records, and do not end it
    consumer = Consumer(topic, version, ("t", 0, 0), ("t", 1, 0))
    waiting = consumer.fetch(max_wait_ms=100, client=topic.another_client())
    assert isinstance(waiting, Pending)
    topic.produce(a_batch(), index=1)
    topic.clock.advance(0)
    assert [(part.partition_index, offsets_of(part)) for part in partitions_of(waiting.response)] == [(1, [0])]
    waiting = consumer.fetch(("t", 1, 1), max_wait_ms=100, client=topic.another_client())
    topic.clock.advance(100)
    assert (waiting.response.session_id, waiting.response.responses) == (consumer.id, [])


def test_an_empty_session_is_no_session(topic: Running) -> None:
    # FET-22
    answer = topic.fetch(session_epoch=0)
    assert (answer.session_id, answer.error_code, answer.responses) == (0, 0, [])


@pytest.mark.parametrize("version", versions(FETCH, since=EPOCHS_SINCE))
def test_a_session_tells_leader_epoch_errors_at_once(topic: Running, version: int) -> None:
    # FET-27, FET-33
    topic.lead(2)
    consumer = Consumer(topic, version, ("t", 0, 0))
    answer = consumer.fetch(("t", 0, 0), leader_epoch=1, max_wait_ms=LONG_MS)
    assert [part.error_code for part in partitions_of(answer)] == [errors.FENCED_LEADER_EPOCH]
    assert consumer.told(("t", 0, 0), leader_epoch=2) == [(0, 0)]


@pytest.mark.parametrize("version", versions(FETCH, since=12))
def test_a_session_tells_of_divergence_until_the_client_has_turned_back(topic: Running, version: int) -> None:
    # FET-34, FET-23: although nothing else is new
    topic.produce(a_batch(3))
    topic.lead(5)
    topic.produce(a_batch(2))
    consumer = Consumer(topic, version, ("t", 0, 5))
    for changed in ([("t", 0, 4)], []):
        (part,) = partitions_of(consumer.fetch(*changed, last_fetched_epoch=0, max_wait_ms=LONG_MS))
        assert part.diverging_epoch is not None
        assert (part.error_code, part.diverging_epoch.end_offset) == (0, 3)
    assert consumer.told(("t", 0, 3), last_fetched_epoch=0) == [(0, 5)]
    assert consumer.told(("t", 0, 5), last_fetched_epoch=5) == []


# -- Settled partitions: those of which the consumer knows all are watched, not read


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The partitions that were read, in order."""
    seen: list[int] = []
    read = Partition.read

    def noted(self: Partition, *arguments: Any, **options: Any) -> Read:
        seen.append(self.index)
        return read(self, *arguments, **options)

    monkeypatch.setattr(Partition, "read", noted)
    return seen


def settled(topic: Running, *indexes: int) -> Consumer:
    """A consumer that knows all of these partitions of an empty topic."""
    consumer = Consumer(topic, 12, *(("t", index, 0) for index in indexes))
    assert consumer.told() == []
    return consumer


def test_only_partitions_to_which_something_happened_are_read(topic: Running, reads: list[int]) -> None:
    consumer = settled(topic, 0, 1, 2)
    topic.produce(a_batch(), index=1)
    reads.clear()
    assert consumer.told() == [(1, 1)]
    assert consumer.told(("t", 1, 1)) == []
    assert consumer.told() == []
    assert reads == [1, 1]


def test_a_parked_fetch_counts_the_bytes_of_settled_partitions(topic: Running, reads: list[int]) -> None:
    # FET-10, FET-13
    consumer = settled(topic, 0, 1, 2)
    size = len(a_batch())
    waiting = consumer.fetch(max_wait_ms=LONG_MS, min_bytes=4 * size)
    reads.clear()
    for index in (2, 0, 2):
        topic.produce(a_batch(), index=index)
        topic.clock.advance(0)
        assert not waiting.done
    topic.produce(a_batch(), index=0)
    topic.clock.advance(0)
    assert [(part.partition_index, offsets_of(part)) for part in partitions_of(waiting.response)] == [
        (0, [0, 1]), (2, [0, 1])
    ]  # fmt: skip
    assert reads == [0, 2]


def test_a_parked_fetch_hears_that_a_settled_partition_has_a_new_segment(topic: Running) -> None:
    # FET-14
    topic.create("s", segment_bytes=str(1 << 20))
    topic.produce(a_batch(value=b"v" * 700_000), topic="s")
    consumer = Consumer(topic, 12, ("s", 0, 1))
    assert consumer.told() == []
    waiting = consumer.fetch(max_wait_ms=LONG_MS, min_bytes=1 << 24)
    topic.produce(a_batch(value=b"v" * 700_000), topic="s")
    topic.clock.advance(0)
    assert waiting.done


def test_a_parked_fetch_hears_what_else_happens_to_a_settled_partition(topic: Running) -> None:
    # FET-11, FET-13
    topic.create("u")
    topic.produce(a_batch(2))
    consumer = Consumer(topic, 12, ("t", 0, 2), ("u", 0, 0))
    assert consumer.told() == []
    waiting = consumer.fetch(max_wait_ms=LONG_MS)
    topic.delete_records(1)
    topic.clock.advance(0)
    assert [part.log_start_offset for part in partitions_of(waiting.response)] == [1]
    waiting = consumer.fetch(max_wait_ms=LONG_MS)
    topic.delete("u")
    topic.clock.advance(0)
    assert [part.error_code for part in partitions_of(waiting.response)] == [errors.UNKNOWN_TOPIC_OR_PARTITION]


def test_a_topic_made_anew_is_read_in_its_session(topic: Running) -> None:
    topic.create("u")
    consumer = Consumer(topic, 12, ("u", 0, 0))
    assert consumer.told() == []
    topic.delete("u")
    topic.create("u")
    topic.produce(a_batch(), topic="u")
    assert consumer.told() == [(0, 1)]


@pytest.mark.parametrize("epoch", [-1, 0])
def test_who_waits_in_a_session_that_ends_is_answered(topic: Running, epoch: int) -> None:
    consumer = settled(topic, 0)
    waiting = consumer.fetch(max_wait_ms=LONG_MS)
    topic.fetch(("t", 0, 0), session_id=consumer.id, session_epoch=epoch)
    topic.clock.advance(0)
    assert waiting.done


def test_a_session_that_ended_watches_nothing(topic: Running) -> None:
    consumer = settled(topic, 0, 1)
    topic.fetch(("t", 0, 0), session_id=consumer.id, session_epoch=-1)
    assert not topic.partition("t", 0)._watchers
    assert not topic.partition("t", 1)._watchers


def test_a_session_that_nobody_uses_hears_of_a_partition_once(topic: Running) -> None:
    settled(topic, 0)
    assert topic.partition("t", 0)._watchers
    topic.produce(a_batch())
    assert not topic.partition("t", 0)._watchers


@pytest.mark.parametrize("seed", range(20))
def test_a_session_tells_what_full_fetches_tell(topic: Running, seed: int) -> None:
    """Whatever happens, a consumer in a session comes to know the watermarks, log starts and records there are."""
    chance = Random(seed)
    count = len(topic.broker.services.image.topics["t"].partitions)
    offsets = dict.fromkeys(range(count), 0)
    consumer = Consumer(topic, 12, *(("t", index, 0) for index in range(count)))
    first = partitions_of(consumer.first)
    known = {part.partition_index: (part.high_watermark, part.log_start_offset) for part in first}
    moved: set[int] = set()
    for _ in range(60):
        for _ in range(chance.randrange(3)):
            index = chance.randrange(count)
            if chance.random() < 0.8:
                topic.produce(a_batch(chance.randrange(1, 4)), index=index)
            else:
                topic.delete_records(chance.randint(0, topic.partition("t", index).log_end_offset), index=index)
        changed = [("t", index, offsets[index]) for index in sorted(moved)]
        moved.clear()
        limits = {"max_bytes": chance.choice([1, 200, 100_000]), "max_wait_ms": chance.choice([0, 50])}
        answer = consumer.fetch(*changed, **limits)
        if isinstance(answer, Pending):
            if chance.random() < 0.5:
                topic.produce(a_batch(), index=chance.randrange(count))
            topic.clock.advance(50)
            answer = answer.response
        assert not answer.error_code
        for part in partitions_of(answer):
            index = part.partition_index
            if part.error_code == errors.OFFSET_OUT_OF_RANGE:
                offsets[index] = topic.partition("t", index).log_start_offset
                moved.add(index)
                continue
            known[index] = (part.high_watermark, part.log_start_offset)
            found = [record.offset for record in records_of(part)]
            if found and found[-1] >= offsets[index]:
                assert found[0] <= offsets[index]
                offsets[index] = found[-1] + 1
                moved.add(index)
    for _ in range(200):
        answer = consumer.fetch(*(("t", index, offsets[index]) for index in sorted(moved)), max_wait_ms=0)
        moved.clear()
        for part in partitions_of(answer):
            index = part.partition_index
            if part.error_code:
                offsets[index] = topic.partition("t", index).log_start_offset
                moved.add(index)
                continue
            known[index] = (part.high_watermark, part.log_start_offset)
            if found := records_of(part):
                offsets[index] = found[-1].offset + 1
                moved.add(index)
    for index in range(count):
        full = topic.fetch_one(offsets[index], index=index)
        assert (offsets[index], full.high_watermark, full.log_start_offset) == (full.high_watermark, *known[index])
