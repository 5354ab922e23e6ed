"""ConsumerGroupHeartbeat, API key 68: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uuid


@struct
class ConsumerGroupHeartbeatRequestTopicPartitions(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[int32] = since(default_factory=list)


@message(key=68, versions="0-1", flexible="0+")
class ConsumerGroupHeartbeatRequest(Message):
    group_id: str = ""
    member_id: str = ""
    member_epoch: int32 = 0
    instance_id: str | None = since(nullable="0+", default=None)
    rack_id: str | None = since(nullable="0+", default=None)
    rebalance_timeout_ms: int32 = -1
    subscribed_topic_names: list[str] | None = since(nullable="0+", default=None)
    subscribed_topic_regex: str | None = since("1+", nullable="1+", default=None)
    server_assignor: str | None = since(nullable="0+", default=None)
    topic_partitions: list[ConsumerGroupHeartbeatRequestTopicPartitions] | None = since(nullable="0+", default=None)


@struct
class ConsumerGroupHeartbeatResponseTopicPartitions(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[int32] = since(default_factory=list)


@struct
class Assignment(Message):
    topic_partitions: list[ConsumerGroupHeartbeatResponseTopicPartitions] = since(default_factory=list)


@message(key=68, versions="0-1", flexible="0+")
class ConsumerGroupHeartbeatResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    member_id: str | None = since(nullable="0+", default=None)
    member_epoch: int32 = 0
    heartbeat_interval_ms: int32 = 0
    assignment: Assignment | None = since(nullable="0+", default=None)
