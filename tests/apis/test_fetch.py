"""Fetch, as a client sees it: what is read. `test_fetch_waits.py` waits, `test_fetch_in_session.py` has sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.wire.batch import peek, verify
from pykbroker.wire.messages.fetch import PartitionData, ReplicaState
from pykbroker.wire.records import Record, batch_of
from tests.apis.running import FETCH, Running, nbytes, offsets_of, partitions_of, records_of, versions
from tests.fakes import NOW_MS
from tests.storage.builders import a_batch

ALL = versions(FETCH)
LOG_START_SINCE, EPOCHS_SINCE, DIVERGENCE_SINCE = 5, 9, 12
BY_ID_SINCE = 13
LONG_MS = 30_000


def nothing(part: PartitionData) -> bool:
    """Whether a partition's answer has no records, in the one way that all clients can read (FET-05)."""
    return not nbytes(part)


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
        assert part.aborted_transactions is None  # nothing was read
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
    size = topic.append_batch(10)
    topic.append_batch(10)
    both: list[dict[str, Any]] = [{"partition_max_bytes": limit}, {"max_bytes": limit}]
    for limits in both:
        part = topic.fetch_one(version=version, **limits)
        assert nbytes(part) == size
        assert len(records_of(part)) == 10


def test_only_the_first_partition_with_records_may_pass_the_limit(topic: Running) -> None:
    # FET-06, FET-07: an empty partition does not use it up
    size = topic.append_batch(10, index=1)
    topic.append_batch(10, index=2)
    answer = topic.fetch(("t", 0, 0), ("t", 1, 0), ("t", 2, 0), max_bytes=1)
    assert [nbytes(part) for part in partitions_of(answer)] == [0, size, 0]
    assert [part.high_watermark for part in partitions_of(answer)] == [0, 10, 10]


def test_later_partitions_get_what_is_left(topic: Running) -> None:
    # FET-07, FET-08: in the request's order; the last batch may be cut
    sizes = [topic.append_batch(10, index=index) for index in (0, 1)]
    topic.append_batch(10, index=0)
    answer = topic.fetch(("t", 1, 0), ("t", 0, 0), max_bytes=sizes[1] + sizes[0] + 20)
    assert [part.partition_index for part in partitions_of(answer)] == [1, 0]
    assert [nbytes(part) for part in partitions_of(answer)] == [sizes[1], sizes[0] + 20]
    assert [offsets_of(part) for part in partitions_of(answer)] == [[0], [0]]


def test_a_batch_is_cut_at_the_partitions_limit(topic: Running) -> None:
    # FET-07
    first = topic.append_batch(10)
    topic.append_batch(10)
    part = topic.fetch_one(partition_max_bytes=first + 30)
    assert nbytes(part) == first + 30
    assert offsets_of(part) == [0]


def test_the_broker_has_a_limit_of_its_own(tmp_path: Path) -> None:
    # FET-08
    running = Running(tmp_path, {"fetch.max.bytes": "1024"})
    running.create("t", partitions=3)
    for index in range(3):
        running.produce(a_batch(1, value=bytes(800)), index=index)
    sizes = [nbytes(part) for part in partitions_of(running.fetch(*(("t", index, 0) for index in range(3))))]
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
        assert part.aborted_transactions is None
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
def test_zstd_is_given_to_every_version(running: Running, version: int) -> None:
    # FET-39: Kafka 4 converts nothing for old clients any more, and refuses nothing either
    running.create("t", compression_type="zstd")
    running.produce(a_batch(5))
    assert len(records_of(running.fetch_one(version=version))) == 5


def test_partitions_that_do_not_exist_are_answered_last(topic: Running) -> None:
    # FET-09, FET-32
    answer = topic.fetch(("t", 7, 0), ("none", 0, 0), ("t", 0, 0))
    assert [(part.partition_index, part.error_code) for part in partitions_of(answer)] == [(0, 0), (7, 3), (0, 3)]


@pytest.mark.parametrize("version", ALL)
def test_aborted_transactions_of_a_partition_in_error(topic: Running, version: int) -> None:
    # FET-18, FET-32: null where nothing was read, whatever the isolation; empty where there is nothing to be read
    for isolation in (0, 1):
        assert topic.fetch_one(99, version=version, isolation_level=isolation).aborted_transactions is None
        assert topic.fetch_one(index=7, version=version, isolation_level=isolation).aborted_transactions == []
        assert topic.fetch_one(topic="none", version=version, isolation_level=isolation).aborted_transactions == []


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
