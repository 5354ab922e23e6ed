"""OffsetCommit, API key 8: versions 2-10, flexible from 8.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uuid


@struct
class OffsetCommitRequestPartition(Message):
    partition_index: int32 = 0
    committed_offset: int64 = 0
    committed_leader_epoch: int32 = since("6+", default=-1)
    committed_metadata: str | None = since(nullable="0+", default="")


@struct
class OffsetCommitRequestTopic(Message):
    name: str = since("0-9", default="")
    topic_id: uuid = since("10+", default=ZERO_UUID)
    partitions: list[OffsetCommitRequestPartition] = since(default_factory=list)


@message(key=8, versions="2-10", flexible="8+")
class OffsetCommitRequest(Message):
    group_id: str = ""
    generation_id_or_member_epoch: int32 = -1
    member_id: str = ""
    group_instance_id: str | None = since("7+", nullable="7+", default=None)
    retention_time_ms: int64 = since("2-4", default=-1)
    topics: list[OffsetCommitRequestTopic] = since(default_factory=list)


@struct
class OffsetCommitResponsePartition(Message):
    partition_index: int32 = 0
    error_code: int16 = 0


@struct
class OffsetCommitResponseTopic(Message):
    name: str = since("0-9", default="")
    topic_id: uuid = since("10+", default=ZERO_UUID)
    partitions: list[OffsetCommitResponsePartition] = since(default_factory=list)


@message(key=8, versions="2-10", flexible="8+")
class OffsetCommitResponse(Message):
    throttle_time_ms: int32 = since("3+", default=0)
    topics: list[OffsetCommitResponseTopic] = since(default_factory=list)
