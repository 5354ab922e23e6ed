"""ShareGroupHeartbeat, API key 76: versions 1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uuid


@message(key=76, versions="1", flexible="0+")
class ShareGroupHeartbeatRequest(Message):
    group_id: str = ""
    member_id: str = ""
    member_epoch: int32 = 0
    rack_id: str | None = since(nullable="0+", default=None)
    subscribed_topic_names: list[str] | None = since(nullable="0+", default=None)


@struct
class TopicPartitions(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[int32] = since(default_factory=list)


@struct
class Assignment(Message):
    topic_partitions: list[TopicPartitions] = since(default_factory=list)


@message(key=76, versions="1", flexible="0+")
class ShareGroupHeartbeatResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    member_id: str | None = since(nullable="0+", default=None)
    member_epoch: int32 = 0
    heartbeat_interval_ms: int32 = 0
    assignment: Assignment | None = since(nullable="0+", default=None)
