"""ListOffsets (key 2) and OffsetForLeaderEpoch (key 23): where things are in a log.

ListOffsets: v1 one offset per timestamp · v2 isolation level · v4 leader epochs · v6 flexible · v7 timestamp -3, the
largest timestamp (KIP-734) · v8 -4, local log start (KIP-405) · v9 -5, last tiered offset (KIP-1005) · v10 timeout ·
v11 -6, earliest pending upload (KIP-1023).
OffsetForLeaderEpoch: v2 current leader epoch · v3 replica id · v4 flexible.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError
from pykbroker.storage.partition import Partition
from pykbroker.wire.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from pykbroker.wire.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)

LATEST: Final = -1
EARLIEST: Final = -2
MAX_TIMESTAMP: Final = -3
EARLIEST_LOCAL: Final = -4
LATEST_TIERED: Final = -5
EARLIEST_PENDING_UPLOAD: Final = -6

_SPECIAL_SINCE: Final = {
    LATEST: 0, EARLIEST: 0, MAX_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11,
}
_READ_COMMITTED: Final = 1


def check_leader_epoch(partition: Partition, current_leader_epoch: int) -> None:
    """Fence a client whose idea of the leader epoch is older or newer than ours; -1 is not checked (FET-33)."""
    if current_leader_epoch in (-1, partition.leader_epoch):
        return
    if current_leader_epoch < partition.leader_epoch:
        raise KafkaError(errors.FENCED_LEADER_EPOCH)
    raise KafkaError(errors.UNKNOWN_LEADER_EPOCH)


def list_offsets(ctx: Context, request: ListOffsetsRequest) -> ListOffsetsResponse:
    """Answer each partition's timestamp with an offset."""
    committed = request.isolation_level == _READ_COMMITTED
    times = Counter((topic.name, item.partition_index) for topic in request.topics for item in topic.partitions)
    topics = []
    for topic in request.topics:
        answers = []
        for item in topic.partitions:
            place = topic.name, item.partition_index
            if times[place] == 0:
                continue  # answered already
            try:
                if times[place] > 1:
                    times[place] = 0
                    raise KafkaError(errors.INVALID_REQUEST)  # LOFF-11: once, however often it was asked for
                if item.timestamp < 0 and ctx.version < _SPECIAL_SINCE.get(item.timestamp, 1 << 15):
                    raise KafkaError(errors.UNSUPPORTED_VERSION)  # LOFF-09: also where there is no such partition
                partition = ctx.services.partitions.get(topic.name, item.partition_index)
                answers.append(_offset_at(partition, item, committed))
            except KafkaError as error:
                answers.append(
                    ListOffsetsPartitionResponse(partition_index=item.partition_index, error_code=error.code)
                )
        topics.append(ListOffsetsTopicResponse(name=topic.name, partitions=answers))
    return ListOffsetsResponse(topics=topics)


def _offset_at(
    partition: Partition, item: ListOffsetsPartition, committed: bool
) -> ListOffsetsPartitionResponse:
    check_leader_epoch(partition, item.current_leader_epoch)
    answer = ListOffsetsPartitionResponse(partition_index=item.partition_index)
    timestamp = item.timestamp
    if timestamp == LATEST:
        answer.offset = partition.last_stable_offset if committed else partition.high_watermark
        answer.leader_epoch = partition.leader_epoch
    elif timestamp in (EARLIEST, EARLIEST_LOCAL):
        answer.offset = partition.log_start_offset
        answer.leader_epoch = partition.epoch_at(answer.offset)
    elif timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        pass  # LOFF-08: nothing is tiered
    else:
        found = (
            partition.offset_of_max_timestamp(committed)
            if timestamp == MAX_TIMESTAMP
            else partition.offset_for_time(timestamp, committed)
        )
        if found is not None:
            answer.offset, answer.timestamp, answer.leader_epoch = found
    return answer


def offset_for_leader_epoch(ctx: Context, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse:
    """Answer each partition's epoch with where that epoch ends."""
    return OffsetForLeaderEpochResponse(
        topics=[
            OffsetForLeaderTopicResult(
                topic=topic.topic, partitions=[_end_of(ctx, topic.topic, item) for item in topic.partitions]
            )
            for topic in request.topics
        ]
    )


def _end_of(ctx: Context, topic: str, item: OffsetForLeaderPartition) -> EpochEndOffset:
    try:
        partition = ctx.services.partitions.get(topic, item.partition)
        check_leader_epoch(partition, item.current_leader_epoch)
    except KafkaError as error:
        return EpochEndOffset(partition=item.partition, error_code=error.code)
    epoch, end_offset = partition.end_offset_for_epoch(item.leader_epoch)
    return EpochEndOffset(partition=item.partition, leader_epoch=epoch, end_offset=end_offset)
