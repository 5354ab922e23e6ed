"""BrokerHeartbeat, API key 63: versions 0-2, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, uuid


@message(key=63, versions="0-2", flexible="0+")
class BrokerHeartbeatRequest(Message):
    broker_id: int32 = 0
    broker_epoch: int64 = -1
    current_metadata_offset: int64 = 0
    want_fence: bool = False
    want_shut_down: bool = False
    offline_log_dirs: list[uuid] = since("1+", tag=0, default_factory=list)
    cordoned_log_dirs: list[uuid] | None = since("2+", nullable="2+", tag=1, default=None)


@message(key=63, versions="0-2", flexible="0+")
class BrokerHeartbeatResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    is_caught_up: bool = False
    is_fenced: bool = True
    should_shut_down: bool = False
