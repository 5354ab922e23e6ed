"""Produce, API key 0: versions 3-13, flexible from 9.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, batches, int16, int32, int64, message, since, struct, uuid


@struct
class PartitionProduceData(Message):
    index: int32 = 0
    records: batches | None = since(nullable="0+", default=None)


@struct
class TopicProduceData(Message):
    name: str = since("0-12", default="")
    topic_id: uuid = since("13+", default=ZERO_UUID)
    partition_data: list[PartitionProduceData] = since(default_factory=list)


@message(key=0, versions="3-13", flexible="9+")
class ProduceRequest(Message):
    transactional_id: str | None = since(nullable="3+", default=None)
    acks: int16 = 0
    timeout_ms: int32 = 0
    topic_data: list[TopicProduceData] = since(default_factory=list)


@struct
class BatchIndexAndErrorMessage(Message):
    batch_index: int32 = 0
    batch_index_error_message: str | None = since(nullable="8+", default=None)


@struct
class LeaderIdAndEpoch(Message):
    leader_id: int32 = -1
    leader_epoch: int32 = -1


@struct
class PartitionProduceResponse(Message):
    index: int32 = 0
    error_code: int16 = 0
    base_offset: int64 = 0
    log_append_time_ms: int64 = -1
    log_start_offset: int64 = since("5+", default=-1)
    record_errors: list[BatchIndexAndErrorMessage] = since("8+", default_factory=list)
    error_message: str | None = since("8+", nullable="8+", default=None)
    current_leader: LeaderIdAndEpoch | None = since("10+", tag=0, default=None)


@struct
class TopicProduceResponse(Message):
    name: str = since("0-12", default="")
    topic_id: uuid = since("13+", default=ZERO_UUID)
    partition_responses: list[PartitionProduceResponse] = since(default_factory=list)


@struct
class NodeEndpoint(Message):
    node_id: int32 = 0
    host: str = ""
    port: int32 = 0
    rack: str | None = since(nullable="10+", default=None)


@message(key=0, versions="3-13", flexible="9+")
class ProduceResponse(Message):
    responses: list[TopicProduceResponse] = since(default_factory=list)
    throttle_time_ms: int32 = 0
    node_endpoints: list[NodeEndpoint] = since("10+", tag=0, default_factory=list)
