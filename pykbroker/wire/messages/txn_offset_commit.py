"""TxnOffsetCommit, API key 28: versions 0-6, flexible from 3.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uuid


@struct
class TxnOffsetCommitRequestPartition(Message):
    partition_index: int32 = 0
    committed_offset: int64 = 0
    committed_leader_epoch: int32 = since("2+", default=-1)
    committed_metadata: str | None = since(nullable="0+", default="")


@struct
class TxnOffsetCommitRequestTopic(Message):
    name: str = since("0-5", default="")
    topic_id: uuid = since("6+", default=ZERO_UUID)
    partitions: list[TxnOffsetCommitRequestPartition] = since(default_factory=list)


@message(key=28, versions="0-6", flexible="3+")
class TxnOffsetCommitRequest(Message):
    transactional_id: str = ""
    group_id: str = ""
    producer_id: int64 = 0
    producer_epoch: int16 = 0
    generation_id_or_member_epoch: int32 = since("3+", default=-1)
    member_id: str = since("3+", default="")
    group_instance_id: str | None = since("3+", nullable="3+", default=None)
    topics: list[TxnOffsetCommitRequestTopic] = since(default_factory=list)


@struct
class TxnOffsetCommitResponsePartition(Message):
    partition_index: int32 = 0
    error_code: int16 = 0


@struct
class TxnOffsetCommitResponseTopic(Message):
    name: str = since("0-5", default="")
    topic_id: uuid = since("6+", default=ZERO_UUID)
    partitions: list[TxnOffsetCommitResponsePartition] = since(default_factory=list)


@message(key=28, versions="0-6", flexible="3+")
class TxnOffsetCommitResponse(Message):
    throttle_time_ms: int32 = 0
    topics: list[TxnOffsetCommitResponseTopic] = since(default_factory=list)
