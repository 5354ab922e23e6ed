"""ListOffsets, API key 2: versions 1-11, flexible from 6.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, int64, message, since, struct


@struct
class ListOffsetsPartition(Message):
    partition_index: int32 = 0
    current_leader_epoch: int32 = since("4+", default=-1)
    timestamp: int64 = 0


@struct
class ListOffsetsTopic(Message):
    name: str = ""
    partitions: list[ListOffsetsPartition] = since(default_factory=list)


@message(key=2, versions="1-11", flexible="6+")
class ListOffsetsRequest(Message):
    replica_id: int32 = 0
    isolation_level: int8 = since("2+", default=0)
    topics: list[ListOffsetsTopic] = since(default_factory=list)
    timeout_ms: int32 = since("10+", default=0)


@struct
class ListOffsetsPartitionResponse(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    timestamp: int64 = -1
    offset: int64 = -1
    leader_epoch: int32 = since("4+", default=-1)


@struct
class ListOffsetsTopicResponse(Message):
    name: str = ""
    partitions: list[ListOffsetsPartitionResponse] = since(default_factory=list)


@message(key=2, versions="1-11", flexible="6+")
class ListOffsetsResponse(Message):
    throttle_time_ms: int32 = since("2+", default=0)
    topics: list[ListOffsetsTopicResponse] = since(default_factory=list)
