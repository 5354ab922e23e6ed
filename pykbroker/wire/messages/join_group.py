"""JoinGroup, API key 11: versions 0-9, flexible from 6.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@struct
class JoinGroupRequestProtocol(Message):
    name: str = ""
    metadata: bytes = b""


@message(key=11, versions="0-9", flexible="6+")
class JoinGroupRequest(Message):
    group_id: str = ""
    session_timeout_ms: int32 = 0
    rebalance_timeout_ms: int32 = since("1+", default=-1)
    member_id: str = ""
    group_instance_id: str | None = since("5+", nullable="5+", default=None)
    protocol_type: str = ""
    protocols: list[JoinGroupRequestProtocol] = since(default_factory=list)
    reason: str | None = since("8+", nullable="8+", default=None)


@struct
class JoinGroupResponseMember(Message):
    member_id: str = ""
    group_instance_id: str | None = since("5+", nullable="5+", default=None)
    metadata: bytes = b""


@message(key=11, versions="0-9", flexible="6+")
class JoinGroupResponse(Message):
    throttle_time_ms: int32 = since("2+", default=0)
    error_code: int16 = 0
    generation_id: int32 = -1
    protocol_type: str | None = since("7+", nullable="7+", default=None)
    protocol_name: str | None = since(nullable="7+", default="")
    leader: str = ""
    skip_assignment: bool = since("9+", default=False)
    member_id: str = ""
    members: list[JoinGroupResponseMember] = since(default_factory=list)
