"""Heartbeat, API key 12: versions 0-4, flexible from 4.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since


@message(key=12, versions="0-4", flexible="4+")
class HeartbeatRequest(Message):
    group_id: str = ""
    generation_id: int32 = 0
    member_id: str = ""
    group_instance_id: str | None = since("3+", nullable="3+", default=None)


@message(key=12, versions="0-4", flexible="4+")
class HeartbeatResponse(Message):
    throttle_time_ms: int32 = since("1+", default=0)
    error_code: int16 = 0
