"""DescribeShareGroupOffsets, API key 90: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uuid


@struct
class DescribeShareGroupOffsetsRequestTopic(Message):
    topic_name: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class DescribeShareGroupOffsetsRequestGroup(Message):
    group_id: str = ""
    topics: list[DescribeShareGroupOffsetsRequestTopic] | None = since(nullable="0+", default_factory=list)


@message(key=90, versions="0-1", flexible="0+")
class DescribeShareGroupOffsetsRequest(Message):
    groups: list[DescribeShareGroupOffsetsRequestGroup] = since(default_factory=list)


@struct
class DescribeShareGroupOffsetsResponsePartition(Message):
    partition_index: int32 = 0
    start_offset: int64 = 0
    leader_epoch: int32 = 0
    lag: int64 = since("1+", default=-1)
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)


@struct
class DescribeShareGroupOffsetsResponseTopic(Message):
    topic_name: str = ""
    topic_id: uuid = ZERO_UUID
    partitions: list[DescribeShareGroupOffsetsResponsePartition] = since(default_factory=list)


@struct
class DescribeShareGroupOffsetsResponseGroup(Message):
    group_id: str = ""
    topics: list[DescribeShareGroupOffsetsResponseTopic] = since(default_factory=list)
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)


@message(key=90, versions="0-1", flexible="0+")
class DescribeShareGroupOffsetsResponse(Message):
    throttle_time_ms: int32 = 0
    groups: list[DescribeShareGroupOffsetsResponseGroup] = since(default_factory=list)
