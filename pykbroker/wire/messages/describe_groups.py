"""DescribeGroups, API key 15: versions 0-6, flexible from 5.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@message(key=15, versions="0-6", flexible="5+")
class DescribeGroupsRequest(Message):
    groups: list[str] = since(default_factory=list)
    include_authorized_operations: bool = since("3+", default=False)


@struct
class DescribedGroupMember(Message):
    member_id: str = ""
    group_instance_id: str | None = since("4+", nullable="4+", default=None)
    client_id: str = ""
    client_host: str = ""
    member_metadata: bytes = b""
    member_assignment: bytes = b""


@struct
class DescribedGroup(Message):
    error_code: int16 = 0
    error_message: str | None = since("6+", nullable="6+", default=None)
    group_id: str = ""
    group_state: str = ""
    protocol_type: str = ""
    protocol_data: str = ""
    members: list[DescribedGroupMember] = since(default_factory=list)
    authorized_operations: int32 = since("3+", default=-2147483648)


@message(key=15, versions="0-6", flexible="5+")
class DescribeGroupsResponse(Message):
    throttle_time_ms: int32 = since("1+", default=0)
    groups: list[DescribedGroup] = since(default_factory=list)
