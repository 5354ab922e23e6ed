"""ShareAcknowledge, API key 79: versions 1-2, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int8, int16, int32, int64, message, since, struct, uuid


@struct
class AcknowledgementBatch(Message):
    first_offset: int64 = 0
    last_offset: int64 = 0
    acknowledge_types: list[int8] = since(default_factory=list)


@struct
class AcknowledgePartition(Message):
    partition_index: int32 = 0
    acknowledgement_batches: list[AcknowledgementBatch] = since(default_factory=list)


@struct
class AcknowledgeTopic(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[AcknowledgePartition] = since(default_factory=list)


@message(key=79, versions="1-2", flexible="0+")
class ShareAcknowledgeRequest(Message):
    group_id: str | None = since(nullable="0+", default=None)
    member_id: str | None = since(nullable="0+", default="")
    share_session_epoch: int32 = 0
    is_renew_ack: bool = since("2+", default=False)
    topics: list[AcknowledgeTopic] = since(default_factory=list)


@struct
class LeaderIdAndEpoch(Message):
    leader_id: int32 = 0
    leader_epoch: int32 = 0


@struct
class PartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    current_leader: LeaderIdAndEpoch = since(default_factory=LeaderIdAndEpoch)


@struct
class ShareAcknowledgeTopicResponse(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionData] = since(default_factory=list)


@struct
class NodeEndpoint(Message):
    node_id: int32 = 0
    host: str = ""
    port: int32 = 0
    rack: str | None = since(nullable="0+", default=None)


@message(key=79, versions="1-2", flexible="0+")
class ShareAcknowledgeResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    acquisition_lock_timeout_ms: int32 = since("2+", default=0)
    responses: list[ShareAcknowledgeTopicResponse] = since(default_factory=list)
    node_endpoints: list[NodeEndpoint] = since(default_factory=list)
