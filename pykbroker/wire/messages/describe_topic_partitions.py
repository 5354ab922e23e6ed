"""DescribeTopicPartitions, API key 75: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uuid


@struct
class TopicRequest(Message):
    name: str = ""


@struct
class DescribeTopicPartitionsRequestCursor(Message):
    topic_name: str = ""
    partition_index: int32 = 0


@message(key=75, versions="0", flexible="0+")
class DescribeTopicPartitionsRequest(Message):
    topics: list[TopicRequest] = since(default_factory=list)
    response_partition_limit: int32 = 2000
    cursor: DescribeTopicPartitionsRequestCursor | None = since(nullable="0+", default=None)


@struct
class DescribeTopicPartitionsResponsePartition(Message):
    error_code: int16 = 0
    partition_index: int32 = 0
    leader_id: int32 = 0
    leader_epoch: int32 = -1
    replica_nodes: list[int32] = since(default_factory=list)
    isr_nodes: list[int32] = since(default_factory=list)
    eligible_leader_replicas: list[int32] | None = since(nullable="0+", default=None)
    last_known_elr: list[int32] | None = since(nullable="0+", default=None)
    offline_replicas: list[int32] = since(default_factory=list)


@struct
class DescribeTopicPartitionsResponseTopic(Message):
    error_code: int16 = 0
    name: str | None = since(nullable="0+", default="")
    topic_id: uuid = ZERO_UUID
    is_internal: bool = False
    partitions: list[DescribeTopicPartitionsResponsePartition] = since(default_factory=list)
    topic_authorized_operations: int32 = -2147483648


@struct
class DescribeTopicPartitionsResponseCursor(Message):
    topic_name: str = ""
    partition_index: int32 = 0


@message(key=75, versions="0", flexible="0+")
class DescribeTopicPartitionsResponse(Message):
    throttle_time_ms: int32 = 0
    topics: list[DescribeTopicPartitionsResponseTopic] = since(default_factory=list)
    next_cursor: DescribeTopicPartitionsResponseCursor | None = since(nullable="0+", default=None)
