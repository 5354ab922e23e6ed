"""ListOffsets and OffsetForLeaderEpoch, as a client sees them."""

from __future__ import annotations

from typing import Any

import pytest

from pykbroker import errors
from pykbroker.wire.batch import peek
from pykbroker.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from pykbroker.wire.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from tests.apis.running import LIST_OFFSETS, OFFSET_FOR_LEADER_EPOCH, Running, versions
from tests.fakes import NOW_MS
from tests.storage.builders import a_batch, timed_batch

ALL = versions(LIST_OFFSETS)
EPOCHS = versions(OFFSET_FOR_LEADER_EPOCH)
EPOCH_SINCE = 4
LATEST, EARLIEST, LARGEST, EARLIEST_LOCAL, LATEST_TIERED, PENDING_UPLOAD = -1, -2, -3, -4, -5, -6


def asked(
    running: Running, *wanted: tuple[str, int, int], version: int = 11, leader_epoch: int = -1, **values: Any
) -> list[ListOffsetsPartitionResponse]:
    """Ask for (topic, partition, timestamp); return the partitions of the answer."""
    topics = [
        ListOffsetsTopic(
            name=topic,
            partitions=[
                ListOffsetsPartition(partition_index=index, timestamp=timestamp, current_leader_epoch=leader_epoch)
            ],
        )
        for topic, index, timestamp in wanted
    ]
    answer = running.client.send(ListOffsetsRequest(replica_id=-1, topics=topics, **values), version)
    assert [each.name for each in answer.topics] == [topic for topic, _, _ in wanted]
    return [part for each in answer.topics for part in each.partitions]


def found(running: Running, timestamp: int, version: int = 11, **values: Any) -> tuple[int, int, int]:
    """(offset, timestamp, leader epoch) of a good answer for partition 0."""
    (part,) = asked(running, ("t", 0, timestamp), version=version, **values)
    assert (part.partition_index, part.error_code) == (0, 0)
    return part.offset, part.timestamp, part.leader_epoch


def code(running: Running, timestamp: int, version: int = 11, **values: Any) -> int:
    """The error for partition 0, which comes without an offset."""
    (part,) = asked(running, ("t", 0, timestamp), version=version, **values)
    assert (part.offset, part.timestamp, part.leader_epoch) == (-1, -1, -1)
    return part.error_code


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("committed", [0, 1])
def test_the_latest_offset_is_the_end(topic: Running, version: int, committed: int) -> None:
    # LOFF-01: without transactions, committed or not; the epoch from version 4 on
    topic.lead(3)
    epoch = 3 if version >= EPOCH_SINCE else -1
    assert found(topic, LATEST, version, isolation_level=committed if version >= 2 else 0) == (0, -1, epoch)
    topic.produce(a_batch(5))
    assert found(topic, LATEST, version, isolation_level=committed if version >= 2 else 0) == (5, -1, epoch)


@pytest.mark.parametrize("version", ALL)
def test_the_earliest_offset_is_the_logs_start(topic: Running, version: int) -> None:
    # LOFF-02
    topic.produce(a_batch(3))
    topic.lead(2)
    topic.produce(a_batch(3))
    with_epoch = version >= EPOCH_SINCE
    assert found(topic, EARLIEST, version) == (0, -1, 0 if with_epoch else -1)
    topic.delete_records(4)
    assert found(topic, EARLIEST, version) == (4, -1, 2 if with_epoch else -1)
    topic.delete_records(-1)
    assert found(topic, EARLIEST, version)[0] == 6


@pytest.mark.parametrize("clean", [True, False])
def test_the_earliest_offset_is_kept_over_a_restart(topic: Running, clean: bool) -> None:
    # LOFF-02, TOP-21
    topic.produce(a_batch(5))
    topic.delete_records(3)
    topic.clock.advance(2000)  # the checkpoint is written
    topic.restart(clean=clean)
    assert found(topic, EARLIEST)[0] == 3


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_a_time_finds_the_first_record_that_is_not_older(topic: Running, version: int, codec: int) -> None:
    # LOFF-03: inside batches, compressed ones too; with the epoch of its batch
    topic.produce(timed_batch(100, 110, 120, codec=codec))
    topic.lead(6)
    topic.produce(timed_batch(200, 210, codec=codec))
    old, new = (0, 6) if version >= EPOCH_SINCE else (-1, -1)
    assert found(topic, 0, version) == (0, 100, old)
    assert found(topic, 100, version) == (0, 100, old)
    assert found(topic, 101, version) == (1, 110, old)
    assert found(topic, 120, version) == (2, 120, old)
    assert found(topic, 121, version) == (3, 200, new)
    assert found(topic, 205, version) == (4, 210, new)


@pytest.mark.parametrize("version", ALL)
def test_a_time_after_all_records_finds_nothing(topic: Running, version: int) -> None:
    # LOFF-04: no error; nor in an empty partition
    assert found(topic, 0, version) == (-1, -1, -1)
    topic.produce(timed_batch(100, 110))
    assert found(topic, 111, version) == (-1, -1, -1)
    assert found(topic, 2**63 - 1, version) == (-1, -1, -1)


@pytest.mark.parametrize("committed", [0, 1])
def test_only_what_can_be_fetched_is_found(topic: Running, monkeypatch: pytest.MonkeyPatch, committed: int) -> None:
    # LOFF-05, LOFF-01: by isolation level. An open transaction is made up, because there are none yet
    from pykbroker.storage.partition import Partition

    topic.produce(timed_batch(100, 110, 120))
    monkeypatch.setattr(Partition, "last_stable_offset", property(lambda self: 1))
    assert found(topic, 100, isolation_level=committed)[0] == 0
    assert found(topic, 110, isolation_level=committed)[0] == (-1 if committed else 1)
    assert found(topic, LATEST, isolation_level=committed)[0] == (1 if committed else 3)


@pytest.mark.parametrize("version", versions(LIST_OFFSETS, since=7))
@pytest.mark.parametrize("codec", [0, 1])
def test_the_largest_timestamp_is_found(topic: Running, version: int, codec: int) -> None:
    # LOFF-06, LOFF-07: the first record that has it
    assert found(topic, LARGEST, version) == (-1, -1, -1)
    topic.produce(timed_batch(100, 300, 200, codec=codec))
    assert found(topic, LARGEST, version) == (1, 300, 0)
    topic.produce(timed_batch(300, 100, codec=codec))
    assert found(topic, LARGEST, version) == (1, 300, 0)
    topic.produce(timed_batch(100, 400, codec=codec))
    assert found(topic, LARGEST, version) == (6, 400, 0)


def test_the_largest_append_time_is_its_batchs_first_record(running: Running) -> None:
    # LOFF-07
    running.create("t", message_timestamp_type="LogAppendTime")
    running.produce(a_batch(3))
    running.clock.advance(10)
    running.produce(a_batch(3))
    assert found(running, LARGEST) == (3, NOW_MS + 10, 0)


@pytest.mark.parametrize("version", versions(LIST_OFFSETS, since=8))
def test_the_local_start_is_the_start(topic: Running, version: int) -> None:
    # LOFF-08: nothing is tiered
    topic.produce(a_batch(5))
    topic.delete_records(2)
    assert found(topic, EARLIEST_LOCAL, version) == found(topic, EARLIEST, version) == (2, -1, 0)


@pytest.mark.parametrize(("timestamp", "since"), [(LATEST_TIERED, 9), (PENDING_UPLOAD, 11)])
def test_nothing_is_tiered(topic: Running, timestamp: int, since: int) -> None:
    # LOFF-08
    topic.produce(a_batch(5))
    for version in versions(LIST_OFFSETS, since=since):
        assert found(topic, timestamp, version) == (-1, -1, -1)


@pytest.mark.parametrize("version", ALL)
def test_timestamps_that_the_version_does_not_have_are_refused(topic: Running, version: int) -> None:
    # LOFF-09: for the partition
    topic.produce(a_batch(5))
    since = {LARGEST: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, PENDING_UPLOAD: 11, -7: 99, -(2**63): 99}
    for timestamp, first in since.items():
        (part,) = asked(topic, ("t", 0, timestamp), version=version)
        assert (part.error_code == errors.UNSUPPORTED_VERSION) == (version < first), timestamp
        assert (part.error_code == 0) == (version >= first), timestamp
        (unknown,) = asked(topic, ("none", 0, timestamp), version=version)
        assert (unknown.error_code == errors.UNSUPPORTED_VERSION) == (version < first), timestamp


@pytest.mark.parametrize("version", ALL)
def test_what_does_not_exist_is_unknown(topic: Running, version: int) -> None:
    # LOFF-10: and the others are answered
    topic.produce(a_batch(5))
    parts = asked(topic, ("t", 0, LATEST), ("t", 3, LATEST), ("missing", 0, 0), ("t", -1, EARLIEST), version=version)
    unknown = (errors.UNKNOWN_TOPIC_OR_PARTITION, -1, -1)
    assert [(part.error_code, part.offset, part.timestamp) for part in parts] == [
        (0, 5, -1), unknown, unknown, unknown,
    ]  # fmt: skip
    assert [part.partition_index for part in parts] == [0, 3, 0, -1]
    assert list(topic.broker.services.image.topics) == ["t"]


@pytest.mark.parametrize("version", ALL)
def test_a_partition_asked_for_twice_is_refused(topic: Running, version: int) -> None:
    # LOFF-11: it alone, and only once
    parts = asked(topic, ("t", 0, LATEST), ("t", 1, LATEST), ("t", 0, EARLIEST), version=version)
    assert [(part.partition_index, part.error_code) for part in parts] == [
        (0, errors.INVALID_REQUEST), (1, 0),
    ]  # fmt: skip
    assert [part.offset for part in parts] == [-1, 0]


@pytest.mark.parametrize("version", versions(LIST_OFFSETS, since=EPOCH_SINCE))
@pytest.mark.parametrize("timestamp", [LATEST, EARLIEST, 0])
def test_leader_epochs_are_fenced_both_ways(topic: Running, version: int, timestamp: int) -> None:
    # LOFF-12
    topic.lead(5)
    assert code(topic, timestamp, version, leader_epoch=4) == errors.FENCED_LEADER_EPOCH
    assert code(topic, timestamp, version, leader_epoch=6) == errors.UNKNOWN_LEADER_EPOCH
    for epoch in (5, -1):
        (part,) = asked(topic, ("t", 0, timestamp), version=version, leader_epoch=epoch)
        assert part.error_code == 0


def test_the_oldest_version_is_not_kept(running: Running) -> None:
    # LOFF-13
    assert ALL[0] == 1


def test_an_earlier_offset_wins_among_times_out_of_order(topic: Running) -> None:
    # LOFF-14
    topic.produce(timed_batch(500, 100))
    topic.produce(timed_batch(300, 400))
    assert found(topic, 200) == (0, 500, 0)
    assert found(topic, 450) == (0, 500, 0)


def test_times_are_looked_for_segment_by_segment(running: Running) -> None:
    # LOFF-14, LOFF-03: the first segment whose largest timestamp is new enough
    running.create("t", segment_bytes="1048576")
    for timestamp in (300, 100, 200):
        batch = a_batch(1, timestamp=timestamp, value=bytes(700_000))
        running.produce(batch)
    assert len(running.partition().log.segments) == 3
    assert found(running, 150) == (0, 300, 0)
    assert found(running, 300) == (0, 300, 0)
    running.delete_records(1)
    assert found(running, 150) == (2, 200, 0)
    assert found(running, 100) == (1, 100, 0)


def test_a_control_record_takes_an_offset(topic: Running) -> None:
    # LOFF-15: a marker, which has a timestamp, can be the answer; the broker wrote it, as at the end of a transaction
    topic.produce(timed_batch(100, 110))
    marker = timed_batch(150)
    header = peek(marker)
    marker[21:23] = (header.attributes | 0x30).to_bytes(2, "big")
    topic.partition().append_own(marker)
    assert found(topic, LATEST)[0] == 3
    assert found(topic, 120) == (2, 150, 0)


@pytest.mark.parametrize("version", ALL)
def test_nobody_is_throttled(topic: Running, version: int) -> None:
    # QUO-01
    assert topic.client.send(ListOffsetsRequest(), version).throttle_time_ms == 0


# -- OffsetForLeaderEpoch


def ends(
    running: Running, *epochs: int, version: int = 4, leader_epoch: int = -1, topic: str = "t", index: int = 0,
    **values: Any,
) -> list[EpochEndOffset]:  # fmt: skip
    """Ask where epochs end; one partition of the answer for each."""
    partitions = [
        OffsetForLeaderPartition(partition=index, current_leader_epoch=leader_epoch, leader_epoch=epoch)
        for epoch in epochs
    ]
    request = OffsetForLeaderEpochRequest(
        topics=[OffsetForLeaderTopic(topic=topic, partitions=partitions)], **values
    )
    (answer,) = running.client.send(request, version).topics
    assert (answer.topic, [part.partition for part in answer.partitions]) == (topic, [index] * len(epochs))
    return list(answer.partitions)


def end_of(running: Running, epoch: int, version: int = 4) -> tuple[int, int]:
    (part,) = ends(running, epoch, version=version)
    assert part.error_code == 0
    return part.leader_epoch, part.end_offset


def history(running: Running) -> None:
    """Epoch 2 has offsets 0 to 2, epoch 5 has 3 and 4, epoch 9 has 5 to 9."""
    for epoch, count in ((2, 3), (5, 2), (9, 5)):
        running.lead(epoch)
        running.produce(a_batch(count))


@pytest.mark.parametrize("version", EPOCHS)
def test_the_current_epoch_ends_where_the_log_does(topic: Running, version: int) -> None:
    # OFLE-01: also while nothing is there
    assert end_of(topic, 0, version) == (0, 0)
    topic.produce(a_batch(3))
    assert end_of(topic, 0, version) == (0, 3)
    topic.produce(a_batch(2))
    assert end_of(topic, 0, version) == (0, 5)


@pytest.mark.parametrize("version", EPOCHS)
def test_an_older_epoch_ends_where_the_next_begins(topic: Running, version: int) -> None:
    # OFLE-02: one that was skipped is answered with the one before it
    history(topic)
    assert [end_of(topic, epoch, version) for epoch in (2, 3, 4, 5, 6, 8, 9)] == [
        (2, 3), (2, 3), (2, 3), (5, 5), (5, 5), (5, 5), (9, 10),
    ]  # fmt: skip


@pytest.mark.parametrize("version", EPOCHS)
def test_an_epoch_that_is_not_known_has_no_end(topic: Running, version: int) -> None:
    # OFLE-03: -1 and -1, and no error
    history(topic)
    assert [end_of(topic, epoch, version) for epoch in (10, 2**31 - 1, -1)] == [(-1, -1)] * 3


@pytest.mark.parametrize("version", EPOCHS)
def test_an_epoch_before_the_first_ends_where_that_begins(topic: Running, version: int) -> None:
    # OFLE-04: the epoch asked for is given back
    history(topic)
    assert end_of(topic, 1, version) == (1, 0)
    topic.delete_records(4)
    assert end_of(topic, 3, version) == (3, 4)
    assert end_of(topic, 5, version) == (5, 5)


@pytest.mark.parametrize("clean", [True, False])
def test_epochs_are_known_after_a_restart(topic: Running, clean: bool) -> None:
    # OFLE-02, STO-09
    history(topic)
    topic.restart(clean=clean)
    assert [end_of(topic, epoch) for epoch in (2, 5, 9)] == [(2, 3), (5, 5), (9, 10)]


@pytest.mark.parametrize("version", EPOCHS)
def test_the_leader_epoch_is_checked(topic: Running, version: int) -> None:
    # OFLE-05
    history(topic)
    for epoch, expected in ((8, errors.FENCED_LEADER_EPOCH), (10, errors.UNKNOWN_LEADER_EPOCH)):
        (part,) = ends(topic, 2, version=version, leader_epoch=epoch)
        assert (part.error_code, part.leader_epoch, part.end_offset) == (expected, -1, -1)
    (part,) = ends(topic, 2, version=version, leader_epoch=9)
    assert (part.error_code, part.end_offset) == (0, 3)


@pytest.mark.parametrize("version", EPOCHS)
def test_epochs_of_what_does_not_exist_are_unknown(topic: Running, version: int) -> None:
    # OFLE-05
    for name, index in (("missing", 0), ("t", 3), ("t", -1)):
        (part,) = ends(topic, 0, version=version, topic=name, index=index)
        assert (part.error_code, part.leader_epoch, part.end_offset) == (errors.UNKNOWN_TOPIC_OR_PARTITION, -1, -1)
    assert list(topic.broker.services.image.topics) == ["t"]


@pytest.mark.parametrize("replica", [-2, -1, 1])
def test_any_replica_is_answered_by_the_leader(topic: Running, replica: int) -> None:
    # OFLE-06
    history(topic)
    for version in versions(OFFSET_FOR_LEADER_EPOCH, since=3):
        (part,) = ends(topic, 5, version=version, replica_id=replica)
        assert (part.error_code, part.leader_epoch, part.end_offset) == (0, 5, 5)


def test_one_partition_may_be_asked_about_several_epochs(topic: Running) -> None:
    # OFLE-02
    history(topic)
    assert [part.end_offset for part in ends(topic, 2, 5)] == [3, 5]
