"""SyncGroup, API key 14: versions 0-5, flexible from 4.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@struct
class SyncGroupRequestAssignment(Message):
    member_id: str = ""
    assignment: bytes = b""


@message(key=14, versions="0-5", flexible="4+")
class SyncGroupRequest(Message):
    group_id: str = ""
    generation_id: int32 = 0
    member_id: str = ""
    group_instance_id: str | None = since("3+", nullable="3+", default=None)
    protocol_type: str | None = since("5+", nullable="5+", default=None)
    protocol_name: str | None = since("5+", nullable="5+", default=None)
    assignments: list[SyncGroupRequestAssignment] = since(default_factory=list)


@message(key=14, versions="0-5", flexible="4+")
class SyncGroupResponse(Message):
    throttle_time_ms: int32 = since("1+", default=0)
    error_code: int16 = 0
    protocol_type: str | None = since("5+", nullable="5+", default=None)
    protocol_name: str | None = since("5+", nullable="5+", default=None)
    assignment: bytes = b""
