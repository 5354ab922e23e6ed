"""OffsetForLeaderEpoch, API key 23: versions 2-4, flexible from 4.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@struct
class OffsetForLeaderPartition(Message):
    partition: int32 = 0
    current_leader_epoch: int32 = -1
    leader_epoch: int32 = 0


@struct
class OffsetForLeaderTopic(Message):
    topic: str = ""
    partitions: list[OffsetForLeaderPartition] = since(default_factory=list)


@message(key=23, versions="2-4", flexible="4+")
class OffsetForLeaderEpochRequest(Message):
    replica_id: int32 = since("3+", default=-2)
    topics: list[OffsetForLeaderTopic] = since(default_factory=list)


@struct
class EpochEndOffset(Message):
    error_code: int16 = 0
    partition: int32 = 0
    leader_epoch: int32 = -1
    end_offset: int64 = -1


@struct
class OffsetForLeaderTopicResult(Message):
    topic: str = ""
    partitions: list[EpochEndOffset] = since(default_factory=list)


@message(key=23, versions="2-4", flexible="4+")
class OffsetForLeaderEpochResponse(Message):
    throttle_time_ms: int32 = 0
    topics: list[OffsetForLeaderTopicResult] = since(default_factory=list)
