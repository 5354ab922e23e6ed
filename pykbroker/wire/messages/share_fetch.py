"""ShareFetch, API key 78: versions 1-2, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, batches, int8, int16, int32, int64, message, since, struct, uuid


@struct
class AcknowledgementBatch(Message):
    first_offset: int64 = 0
    last_offset: int64 = 0
    acknowledge_types: list[int8] = since(default_factory=list)


@struct
class FetchPartition(Message):
    partition_index: int32 = 0
    acknowledgement_batches: list[AcknowledgementBatch] = since(default_factory=list)


@struct
class FetchTopic(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[FetchPartition] = since(default_factory=list)


@struct
class ForgottenTopic(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[int32] = since(default_factory=list)


@message(key=78, versions="1-2", flexible="0+")
class ShareFetchRequest(Message):
    group_id: str | None = since(nullable="0+", default=None)
    member_id: str | None = since(nullable="0+", default="")
    share_session_epoch: int32 = 0
    max_wait_ms: int32 = 0
    min_bytes: int32 = 0
    max_bytes: int32 = 2147483647
    max_records: int32 = 0
    batch_size: int32 = 0
    share_acquire_mode: int8 = since("2+", default=0)
    is_renew_ack: bool = since("2+", default=False)
    topics: list[FetchTopic] = since(default_factory=list)
    forgotten_topics_data: list[ForgottenTopic] = since(default_factory=list)


@struct
class LeaderIdAndEpoch(Message):
    leader_id: int32 = 0
    leader_epoch: int32 = 0


@struct
class AcquiredRecords(Message):
    first_offset: int64 = 0
    last_offset: int64 = 0
    delivery_count: int16 = 0


@struct
class PartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    acknowledge_error_code: int16 = 0
    acknowledge_error_message: str | None = since(nullable="0+", default=None)
    current_leader: LeaderIdAndEpoch = since(default_factory=LeaderIdAndEpoch)
    records: batches | None = since(nullable="0", default=None)
    acquired_records: list[AcquiredRecords] = since(default_factory=list)


@struct
class ShareFetchableTopicResponse(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionData] = since(default_factory=list)


@struct
class NodeEndpoint(Message):
    node_id: int32 = 0
    host: str = ""
    port: int32 = 0
    rack: str | None = since(nullable="0+", default=None)


@message(key=78, versions="1-2", flexible="0+")
class ShareFetchResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    acquisition_lock_timeout_ms: int32 = 0
    responses: list[ShareFetchableTopicResponse] = since(default_factory=list)
    node_endpoints: list[NodeEndpoint] = since(default_factory=list)
