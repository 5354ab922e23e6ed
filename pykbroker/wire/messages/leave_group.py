"""LeaveGroup, API key 13: versions 0-5, flexible from 4.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@struct
class MemberIdentity(Message):
    member_id: str = ""
    group_instance_id: str | None = since(nullable="3+", default=None)
    reason: str | None = since("5+", nullable="5+", default=None)


@message(key=13, versions="0-5", flexible="4+")
class LeaveGroupRequest(Message):
    group_id: str = ""
    member_id: str = since("0-2", default="")
    members: list[MemberIdentity] = since("3+", default_factory=list)


@struct
class MemberResponse(Message):
    member_id: str = ""
    group_instance_id: str | None = since(nullable="3+", default="")
    error_code: int16 = 0


@message(key=13, versions="0-5", flexible="4+")
class LeaveGroupResponse(Message):
    throttle_time_ms: int32 = since("1+", default=0)
    error_code: int16 = 0
    members: list[MemberResponse] = since("3+", default_factory=list)
