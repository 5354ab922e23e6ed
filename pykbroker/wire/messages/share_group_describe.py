"""ShareGroupDescribe, API key 77: versions 1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uuid


@message(key=77, versions="1", flexible="0+")
class ShareGroupDescribeRequest(Message):
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
    rack_id: str | None = since(nullable="0+", default=None)
    member_epoch: int32 = 0
    client_id: str = ""
    client_host: str = ""
    subscribed_topic_names: list[str] = since(default_factory=list)
    assignment: Assignment = since(default_factory=Assignment)


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


@message(key=77, versions="1", flexible="0+")
class ShareGroupDescribeResponse(Message):
    throttle_time_ms: int32 = 0
    groups: list[DescribedGroup] = since(default_factory=list)
