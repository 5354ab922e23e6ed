"""Fetch, as a client sees it: what is read, how long it waits, and sessions from request to request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.testing.client import Pending
from pykbroker.wire.batch import peek, verify
from pykbroker.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from pykbroker.wire.messages.fetch import FetchResponse, ReplicaState
from pykbroker.wire.records import Record, batch_of
from tests.apis.running import FETCH, Running, offsets_of, partitions_of, records_of, versions
from tests.fakes import NOW_MS
from tests.storage.builders import a_batch

ALL = versions(FETCH)
LOG_START_SINCE, SESSIONS_SINCE, EPOCHS_SINCE, ZSTD_SINCE, DIVERGENCE_SINCE = 5, 7, 9, 10, 12
BY_ID_SINCE = 13
LONG_MS = 30_000


def size_of(running: Running, count: int = 1, index: int = 0) -> int:
    """Append a batch; return its size."""
    batch = a_batch(count)
    assert running.produce(batch, index=index).error_code == 0
    return len(batch)


def nothing(part: Any) -> bool:
    """Whether a partition's answer has no records, in the one way that all clients can read (FET-05)."""
    return part.records is not None and not part.records.nbytes


# -- what is read


@pytest.mark.parametrize("version", ALL)
def test_records_come_back(topic: Running, version: int) -> None:
    # FET-15, FET-43
    topic.produce(a_batch(3))
    part = topic.fetch_one(version=version)
    assert (part.partition_index, part.error_code, part.high_watermark, part.last_stable_offset) == (0, 0, 3, 3)
    assert part.log_start_offset == (0 if version >= LOG_START_SINCE else -1)
    assert [each.key for each in records_of(part)] == [b"k0", b"k1", b"k2"]


@pytest.mark.parametrize("version", ALL)
def test_an_offset_inside_a_batch_gives_all_of_it(topic: Running, version: int) -> None:
    # FET-01
    for count in (5, 5, 5):
        topic.produce(a_batch(count))
    for offset, expected in ((0, [0, 5, 10]), (4, [0, 5, 10]), (5, [5, 10]), (7, [5, 10]), (14, [10])):
        assert offsets_of(topic.fetch_one(offset, version=version)) == expected


def test_an_offset_in_a_hole_gives_the_next_batch(topic: Running) -> None:
    # FET-02: also if that is in the next segment
    topic.produce(a_batch(2))
    log = topic.partition().log
    for offset in (8, 20):
        if offset == 20:
            topic.partition()._roll(NOW_MS)
        batch = batch_of([Record(offset, NOW_MS, b"k", b"v")])
        log.append(batch, offset, NOW_MS)
    assert len(log.segments) == 2
    for offset, expected in ((1, [0, 8, 20]), (2, [8, 20]), (8, [8, 20]), (9, [20]), (19, [20])):
        assert offsets_of(topic.fetch_one(offset)) == expected


@pytest.mark.parametrize("version", ALL)
def test_the_end_gives_nothing_and_the_high_watermark(topic: Running, version: int) -> None:
    # FET-03, FET-05
    topic.produce(a_batch(3))
    part = topic.fetch_one(3, version=version)
    assert (part.error_code, part.high_watermark, part.last_stable_offset) == (0, 3, 3)
    assert nothing(part)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("committed", [0, 1])
def test_offsets_outside_the_log_are_refused_at_once(topic: Running, version: int, committed: int) -> None:
    # FET-04, FET-05, FET-11
    topic.produce(a_batch(5))
    topic.delete_records(2)
    for offset in (-1, 0, 1, 6, 2**63 - 1):
        part = topic.fetch_one(offset, version=version, max_wait_ms=LONG_MS, isolation_level=committed)
        assert part.error_code == errors.OFFSET_OUT_OF_RANGE
        assert (part.high_watermark, part.last_stable_offset, part.log_start_offset) == (-1, -1, -1)
        assert nothing(part)
    for offset in (2, 5):
        assert topic.fetch_one(offset, version=version).error_code == 0


def test_the_whole_batch_comes_although_its_head_is_deleted(topic: Running) -> None:
    # FET-36, FET-01
    topic.produce(a_batch(5))
    topic.delete_records(2)
    part = topic.fetch_one(2)
    assert (offsets_of(part), part.log_start_offset) == ([0], 2)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("limit", [0, 1, 60, 61])
def test_a_first_batch_larger_than_the_limits_comes_whole(topic: Running, version: int, limit: int) -> None:
    # FET-06, FET-44
    size = size_of(topic, 10)
    size_of(topic, 10)
    for limits in ({"partition_max_bytes": limit}, {"max_bytes": limit}):
        part = topic.fetch_one(version=version, **limits)
        assert part.records is not None
        assert part.records.nbytes == size
        assert len(records_of(part)) == 10


def test_only_the_first_partition_with_records_may_pass_the_limit(topic: Running) -> None:
    # FET-06, FET-07: an empty partition does not use it up
    size = size_of(topic, 10, index=1)
    size_of(topic, 10, index=2)
    answer = topic.fetch(("t", 0, 0), ("t", 1, 0), ("t", 2, 0), max_bytes=1)
    assert [part.records.nbytes for part in partitions_of(answer)] == [0, size, 0]
    assert [part.high_watermark for part in partitions_of(answer)] == [0, 10, 10]


def test_later_partitions_get_what_is_left(topic: Running) -> None:
    # FET-07, FET-08: in the request's order; the last batch may be cut
    sizes = [size_of(topic, 10, index=index) for index in (0, 1)]
    size_of(topic, 10, index=0)
    answer = topic.fetch(("t", 1, 0), ("t", 0, 0), max_bytes=sizes[1] + sizes[0] + 20)
    assert [part.partition_index for part in partitions_of(answer)] == [1, 0]
    assert [part.records.nbytes for part in partitions_of(answer)] == [sizes[1], sizes[0] + 20]
    assert [offsets_of(part) for part in partitions_of(answer)] == [[0], [0]]


def test_a_batch_is_cut_at_the_partitions_limit(topic: Running) -> None:
    # FET-07
    first = size_of(topic, 10)
    size_of(topic, 10)
    part = topic.fetch_one(partition_max_bytes=first + 30)
    assert part.records is not None
    assert part.records.nbytes == first + 30
    assert offsets_of(part) == [0]


def test_the_broker_has_a_limit_of_its_own(tmp_path: Path) -> None:
    # FET-08
    running = Running(tmp_path, **{"fetch.max.bytes": "1024"})
    running.create("t", partitions=3)
    for index in range(3):
        running.produce(a_batch(1, value=bytes(800)), index=index)
    sizes = [part.records.nbytes for part in partitions_of(running.fetch(*(("t", index, 0) for index in range(3))))]
    assert sizes[0] > 800
    assert sum(sizes) <= 1024 + 800
    assert sizes[2] == 0
    running.stop()


def test_the_default_limit_is_kafkas(running: Running) -> None:
    # FET-08
    assert running.broker.services.config.integer("fetch.max.bytes") == 57_671_680


@pytest.mark.parametrize("version", ALL)
def test_committed_reads_list_aborted_transactions_and_others_do_not(topic: Running, version: int) -> None:
    # FET-16, FET-18, FET-19: null, or a list that is empty
    topic.produce(a_batch(3))
    for offset in (0, 3):
        assert topic.fetch_one(offset, version=version, isolation_level=0).aborted_transactions is None
        part = topic.fetch_one(offset, version=version, isolation_level=1)
        assert (part.aborted_transactions, part.last_stable_offset, part.high_watermark) == ([], 3, 3)
    assert len(records_of(topic.fetch_one(version=version, isolation_level=1))) == 3


@pytest.mark.parametrize("version", ALL)
def test_a_topic_that_does_not_exist_is_unknown(topic: Running, version: int) -> None:
    # FET-31, FET-32, FET-05, FET-11
    part = topic.fetch_one(topic="missing", version=version, max_wait_ms=LONG_MS)
    by_id = version >= BY_ID_SINCE
    assert part.error_code == (errors.UNKNOWN_TOPIC_ID if by_id else errors.UNKNOWN_TOPIC_OR_PARTITION)
    assert part.high_watermark == -1
    assert nothing(part)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("index", [3, -1, 2**31 - 1])
def test_a_partition_that_does_not_exist_is_unknown(topic: Running, version: int, index: int) -> None:
    # FET-31, FET-32
    part = topic.fetch_one(index=index, version=version, max_wait_ms=LONG_MS)
    assert (part.partition_index, part.error_code) == (index, errors.UNKNOWN_TOPIC_OR_PARTITION)


def test_fetching_creates_no_topic(running: Running) -> None:
    # FET-32
    running.fetch_one(topic="missing")
    assert not running.broker.services.image.topics


@pytest.mark.parametrize("version", versions(FETCH, since=EPOCHS_SINCE))
def test_leader_epochs_are_fenced_both_ways(topic: Running, version: int) -> None:
    # FET-33
    topic.lead(5)
    topic.produce(a_batch())
    for epoch, code in (
        (5, 0), (-1, 0), (4, errors.FENCED_LEADER_EPOCH), (0, errors.FENCED_LEADER_EPOCH),
        (6, errors.UNKNOWN_LEADER_EPOCH),
    ):  # fmt: skip
        part = topic.fetch_one(version=version, leader_epoch=epoch, max_wait_ms=LONG_MS)
        assert part.error_code == code
        assert nothing(part) == bool(code)


def history(running: Running) -> None:
    """Epoch 0 has offsets 0 to 2, epoch 3 has 3 and 4, epoch 7 has 5 to 9."""
    running.produce(a_batch(3))
    running.lead(3)
    running.produce(a_batch(2))
    running.lead(7)
    running.produce(a_batch(5))


@pytest.mark.parametrize("version", versions(FETCH, since=DIVERGENCE_SINCE))
@pytest.mark.parametrize(
    ("last_epoch", "offset", "diverging"),
    [
        (7, 8, None),
        (3, 5, None),
        (0, 3, None),
        (3, 6, (3, 5)),
        (0, 4, (0, 3)),
        (2, 3, (0, 3)),
        (5, 5, (3, 5)),
        (6, 4, (3, 5)),
    ],
)
def test_where_a_clients_log_diverges_is_told(
    topic: Running, version: int, last_epoch: int, offset: int, diverging: tuple[int, int] | None
) -> None:
    # FET-34: no records then, no error, and no waiting
    history(topic)
    part = topic.fetch_one(offset, version=version, last_fetched_epoch=last_epoch, max_wait_ms=LONG_MS)
    assert (part.error_code, part.high_watermark, part.log_start_offset) == (0, 10, 0)
    if diverging is None:
        assert part.diverging_epoch is None
        assert offsets_of(part)
    else:
        assert part.diverging_epoch is not None
        assert (part.diverging_epoch.epoch, part.diverging_epoch.end_offset) == diverging
        assert nothing(part)


@pytest.mark.parametrize("last_epoch", [8, 100])
def test_an_epoch_that_never_was_is_out_of_range(topic: Running, last_epoch: int) -> None:
    # FET-34
    history(topic)
    assert topic.fetch_one(5, last_fetched_epoch=last_epoch).error_code == errors.OFFSET_OUT_OF_RANGE


def test_an_offset_below_the_start_is_out_of_range_whatever_its_epoch(topic: Running) -> None:
    # FET-34, FET-04
    history(topic)
    topic.delete_records(4)
    assert topic.fetch_one(2, last_fetched_epoch=2).error_code == errors.OFFSET_OUT_OF_RANGE


@pytest.mark.parametrize("version", ALL)
def test_the_log_start_follows_deleted_records(topic: Running, version: int) -> None:
    # FET-36
    topic.produce(a_batch(5))
    for start in (2, 5):
        topic.delete_records(start)
        found = topic.fetch_one(5, version=version).log_start_offset
        assert found == (start if version >= LOG_START_SINCE else -1)


@pytest.mark.parametrize("version", versions(FETCH, since=11))
def test_no_other_replica_is_preferred(topic: Running, version: int) -> None:
    # FET-37
    topic.produce(a_batch())
    part = topic.fetch_one(version=version, rack_id="r2")
    assert part.preferred_read_replica == -1
    assert offsets_of(part) == [0]


@pytest.mark.parametrize("version", [4, 14])
def test_a_replica_is_served_like_anybody(topic: Running, version: int) -> None:
    # FET-38: up to version 14 in a field of its own
    topic.produce(a_batch())
    for replica in (-2, 1, 2):
        assert offsets_of(topic.fetch_one(version=version, replica_id=replica)) == [0]


def test_a_replica_of_a_newer_version_is_served_like_anybody(topic: Running) -> None:
    # FET-38
    topic.produce(a_batch())
    state = ReplicaState(replica_id=2, replica_epoch=1)
    assert offsets_of(topic.fetch_one(version=18, replica_state=state)) == [0]


@pytest.mark.parametrize("version", ALL)
def test_zstd_needs_version_10(running: Running, version: int) -> None:
    # FET-39: where the topic's own setting says zstd
    running.create("t", compression_type="zstd")
    running.produce(a_batch(5))
    part = running.fetch_one(version=version)
    if version < ZSTD_SINCE:
        assert part.error_code == errors.UNSUPPORTED_COMPRESSION_TYPE
        assert nothing(part)
    else:
        assert len(records_of(part)) == 5


@pytest.mark.parametrize("version", ALL)
def test_a_partition_named_twice_is_answered_once(topic: Running, version: int) -> None:
    # FET-42
    topic.produce(a_batch())
    topic.produce(a_batch())
    answer = topic.fetch(("t", 0, 0), ("t", 0, 1), version=version)
    assert [(part.partition_index, offsets_of(part)) for part in partitions_of(answer)] == [(0, [1])]


def test_batches_are_the_bytes_on_disk(topic: Running) -> None:
    # FET-43
    for codec in range(5):
        topic.produce(a_batch(10, codec=codec))
    content = bytes(topic.fetch_one().records or b"")
    assert content == (topic.path / "t-0" / f"{0:020}.log").read_bytes()
    position = 0
    for codec in range(5):
        batch = peek(content, position)
        verify(content, batch, position)
        assert (batch.base_offset, batch.codec) == (10 * codec, codec)
        position += batch.length


@pytest.mark.parametrize("version", ALL)
def test_topics_and_partitions_come_back_as_they_were_named(topic: Running, version: int) -> None:
    # FET-31, FET-32: by name, or by id from version 13 on
    topic.create("u")
    answer = topic.fetch(("t", 1, 0), ("t", 0, 0), ("u", 0, 0), version=version)
    named = [(each.topic, each.topic_id, [p.partition_index for p in each.partitions]) for each in answer.responses]
    if version >= BY_ID_SINCE:
        assert named == [("", topic.topic_id("t"), [1, 0]), ("", topic.topic_id("u"), [0])]
    else:
        assert named == [("t", bytes(16), [1, 0]), ("u", bytes(16), [0])]


def test_reads_go_through_all_segments(running: Running) -> None:
    # FET-01, FET-07
    running.create("t", segment_bytes="1048576", max_message_bytes="1048576")
    for _ in range(4):
        running.produce(a_batch(1, value=bytes(700_000)))
    assert len(running.partition().log.segments) == 4
    assert offsets_of(running.fetch_one(partition_max_bytes=1 << 30)) == [0, 1, 2, 3]
    assert offsets_of(running.fetch_one(2, partition_max_bytes=1 << 30)) == [2, 3]


def test_internal_topics_can_be_read(running: Running) -> None:
    # INT-07
    running.broker.services.controller.ensure_internal_topic()
    assert running.fetch_one(topic="__consumer_offsets").error_code == 0


# -- waiting


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
    assert nothing(part)


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
    size = size_of(topic)
    waiting = parked(topic, ("t", 0, 0), ("t", 1, 0), min_bytes=3 * size)
    size_of(topic, index=1)
    topic.clock.advance(50)
    assert not waiting.done
    size_of(topic)
    topic.clock.advance(0)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[0, 1], [0]]


def test_a_fetch_whose_time_is_up_gets_what_there_is(topic: Running) -> None:
    # FET-10
    size = size_of(topic)
    waiting = parked(topic, ("t", 0, 0), min_bytes=10 * size)
    size_of(topic)
    topic.clock.advance(100)
    assert [offsets_of(part) for part in partitions_of(waiting.response)] == [[0, 1]]


def test_enough_bytes_are_answered_at_once(topic: Running) -> None:
    # FET-10
    size = size_of(topic)
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
def test_a_fetch_that_may_not_wait_is_answered_at_once(topic: Running, values: dict[str, int]) -> None:
    # FET-12
    assert nothing(topic.fetch_one(**values))


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


# -- sessions


class Consumer:
    """Fetches in a session: the epochs are kept here."""

    def __init__(self, running: Running, version: int, *wanted: tuple[str, int, int]) -> None:
        self.running = running
        self.version = version
        answer = running.fetch(*wanted, version=version, session_epoch=0)
        self.id: int = answer.session_id
        self.epoch = 1
        self.first = answer

    def fetch(self, *changed: tuple[str, int, int], **values: Any) -> Any:
        """An incremental fetch that names only what changed."""
        values = {"session_id": self.id, "session_epoch": self.epoch, **values}
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
        turns += [part.partition_index for part in partitions_of(answer) if part.records.nbytes]
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
    running = Running(tmp_path, **{"max.incremental.fetch.session.cache.slots": "1"})
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
