"""ConsumerGroupDescribe, API key 69: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int8, int16, int32, message, since, struct, uuid


@message(key=69, versions="0-1", flexible="0+")
class ConsumerGroupDescribeRequest(Message):
    group_ids: list[str] = since(default_factory=list)
    include_authorized_operations: bool = False


@struct
class TopicPartitions(Message):
    topic_id: uuid = ZERO_UUID
    topic_name: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class Assignment(Message):
    topic_partitions: list[TopicPartitions] = since(default_factory=list)


@struct
class Member(Message):
    member_id: str = ""
    instance_id: str | None = since(nullable="0+", default=None)
    rack_id: str | None = since(nullable="0+", default=None)
    member_epoch: int32 = 0
    client_id: str = ""
    client_host: str = ""
    subscribed_topic_names: list[str] = since(default_factory=list)
    subscribed_topic_regex: str | None = since(nullable="0+", default=None)
    assignment: Assignment = since(default_factory=Assignment)
    target_assignment: Assignment = since(default_factory=Assignment)
    member_type: int8 = since("1+", default=-1)


@struct
class DescribedGroup(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    group_id: str = ""
    group_state: str = ""
    group_epoch: int32 = 0
    assignment_epoch: int32 = 0
    assignor_name: str = ""
    members: list[Member] = since(default_factory=list)
    authorized_operations: int32 = -2147483648


@message(key=69, versions="0-1", flexible="0+")
class ConsumerGroupDescribeResponse(Message):
    throttle_time_ms: int32 = 0
    groups: list[DescribedGroup] = since(default_factory=list)
