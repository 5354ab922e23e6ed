"""DescribeProducers, API key 61: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@struct
class TopicRequest(Message):
    name: str = ""
    partition_indexes: list[int32] = since(default_factory=list)


@message(key=61, versions="0", flexible="0+")
class DescribeProducersRequest(Message):
    topics: list[TopicRequest] = since(default_factory=list)


@struct
class ProducerState(Message):
    producer_id: int64 = 0
    producer_epoch: int32 = 0
    last_sequence: int32 = -1
    last_timestamp: int64 = -1
    coordinator_epoch: int32 = 0
    current_txn_start_offset: int64 = -1


@struct
class PartitionResponse(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    active_producers: list[ProducerState] = since(default_factory=list)


@struct
class TopicResponse(Message):
    name: str = ""
    partitions: list[PartitionResponse] = since(default_factory=list)


@message(key=61, versions="0", flexible="0+")
class DescribeProducersResponse(Message):
    throttle_time_ms: int32 = 0
    topics: list[TopicResponse] = since(default_factory=list)
