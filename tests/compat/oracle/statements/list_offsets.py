"""LOFF: ListOffsets. OFLE: OffsetForLeaderEpoch."""

import time
from typing import Any

from pykbroker.wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from pykbroker.wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from tests.compat.oracle.asking import NOW_MS, create, delete_records, fill, list_offset, produce, timed
from tests.compat.oracle.node import Node
from tests.compat.oracle.statement import statement


@statement("LOFF-01", "LOFF-02", api=ListOffsetsRequest)
def ends(at: Node) -> None:
    topic = create(at)
    assert list_offset(at, topic, -1).offset == 0
    fill(at, topic, b"a", b"b", b"c")
    delete_records(at, topic, 1)
    assert list_offset(at, topic, -1).offset == 3
    assert list_offset(at, topic, -1, isolation=int(at.version >= 2)).offset == 3
    assert list_offset(at, topic, -2).offset == 1


@statement("LOFF-03", "LOFF-04", "LOFF-05", api=ListOffsetsRequest)
def by_time(at: Node) -> None:
    topic = create(at)
    assert list_offset(at, topic, 0).offset == -1
    produce(at, topic, timed(NOW_MS, NOW_MS + 10, NOW_MS + 20))
    produce(at, topic, timed(NOW_MS + 30, NOW_MS + 40, codec=1))
    produce(at, topic, timed(NOW_MS + 50, NOW_MS + 60, codec=3))
    for delta, offset in ((-5, 0), (0, 0), (1, 1), (20, 2), (25, 3), (31, 4), (60, 6), (61, -1)):
        assert list_offset(at, topic, NOW_MS + delta).offset == offset
        list_offset(at, topic, NOW_MS + delta, isolation=int(at.version >= 2))
    delete_records(at, topic, 4)
    assert list_offset(at, topic, NOW_MS).offset == 4


@statement("LOFF-14", api=ListOffsetsRequest)
def out_of_order(at: Node) -> None:
    topic = create(at)
    produce(at, topic, timed(NOW_MS + 50, NOW_MS))
    produce(at, topic, timed(NOW_MS + 20, NOW_MS + 10))
    produce(at, topic, timed(NOW_MS + 90))
    for delta in (0, 15, 51, 60, 90):
        list_offset(at, topic, NOW_MS + delta)
    assert list_offset(at, topic, NOW_MS + 15).offset == 0


@statement("LOFF-06", "LOFF-07", api=ListOffsetsRequest, since=7)
def largest_timestamp(at: Node) -> None:
    topic = create(at)
    assert list_offset(at, topic, -3).offset == -1
    produce(at, topic, timed(NOW_MS + 5, NOW_MS + 30))
    produce(at, topic, timed(NOW_MS + 30, NOW_MS + 7, codec=2))
    assert list_offset(at, topic, -3).offset == 1
    produce(at, topic, timed(NOW_MS, NOW_MS + 50, NOW_MS + 1, codec=1))
    assert list_offset(at, topic, -3).offset == 5


@statement(
    "LOFF-07",
    api=ListOffsetsRequest,
    since=7,
    may_differ={
        "ListOffsets.topics.partitions.timestamp": "the moment of the append",
    },
)
def largest_append_time(at: Node) -> None:
    topic = create(at, message_timestamp_type="LogAppendTime")
    produce(at, topic, timed(NOW_MS + 5, NOW_MS + 30))
    at.until(lambda: time.time() * 1000 > NOW_MS + 5)
    produce(at, topic, timed(NOW_MS + 5, NOW_MS + 30))
    list_offset(at, topic, -3)


@statement("LOFF-08", api=ListOffsetsRequest, since=8)
def local_and_tiered(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a", b"b")
    delete_records(at, topic, 1)
    assert list_offset(at, topic, -4).offset == 1
    if at.version >= 9:
        assert list_offset(at, topic, -5).offset == -1
    if at.version >= 11:
        list_offset(at, topic, -6)


@statement("LOFF-09", api=ListOffsetsRequest)
def special_timestamps_too_early(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    for timestamp in (-3, -4, -5, -6, -7, -100):
        list_offset(at, topic, timestamp)
    assert list_offset(at, topic, -7).error_code == 35


@statement("LOFF-10", api=ListOffsetsRequest)
def unknown_partitions(at: Node) -> None:
    topic = create(at)
    assert list_offset(at, f"{topic}-none", -1).error_code == 3
    assert list_offset(at, topic, -1, index=5).error_code == 3


@statement("LOFF-11", api=ListOffsetsRequest)
def partition_twice(at: Node) -> None:
    topic = create(at)
    parts = [ListOffsetsPartition(partition_index=0, timestamp=-1) for _ in range(2)]
    answer = at.send(ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=topic, partitions=parts)]))
    assert {part.error_code for each in answer.topics for part in each.partitions} == {42}


@statement("LOFF-12", api=ListOffsetsRequest, since=4)
def leader_epochs(at: Node) -> None:
    topic = create(at)
    assert list_offset(at, topic, -1, leader_epoch=4).error_code == 75
    assert list_offset(at, topic, -1, leader_epoch=0).error_code == 0


def end_of(at: Node, topic: str, epoch: int, index: int = 0, current: int = -1) -> Any:
    """Ask where a leader epoch ended."""
    part = OffsetForLeaderPartition(partition=index, current_leader_epoch=current, leader_epoch=epoch)
    topics = [OffsetForLeaderTopic(topic=topic, partitions=[part])]
    return at.send(OffsetForLeaderEpochRequest(replica_id=-2, topics=topics)).topics[0].partitions[0]


@statement("OFLE-01", "OFLE-03", "OFLE-05", "OFLE-06", api=OffsetForLeaderEpochRequest)
def ends_of_epochs(at: Node) -> None:
    topic = create(at)
    end_of(at, topic, 0)
    fill(at, topic, b"a", b"b")
    answer = end_of(at, topic, 0)
    assert (answer.leader_epoch, answer.end_offset) == (0, 2)
    above = end_of(at, topic, 3)
    assert (above.error_code, above.end_offset) == (0, -1)
    end_of(at, topic, -1)
    assert end_of(at, topic, 0, current=5).error_code == 75
    assert end_of(at, f"{topic}-none", 0).error_code == 3
    assert end_of(at, topic, 0, index=4).error_code == 3
