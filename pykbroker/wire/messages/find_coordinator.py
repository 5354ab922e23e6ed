"""FindCoordinator, API key 10: versions 0-6, flexible from 3.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@message(key=10, versions="0-6", flexible="3+")
class FindCoordinatorRequest(Message):
    key: str = since("0-3", default="")
    key_type: int8 = since("1+", default=0)
    coordinator_keys: list[str] = since("4+", default_factory=list)


@struct
class Coordinator(Message):
    key: str = ""
    node_id: int32 = 0
    host: str = ""
    port: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="4+", default="")


@message(key=10, versions="0-6", flexible="3+")
class FindCoordinatorResponse(Message):
    throttle_time_ms: int32 = since("1+", default=0)
    error_code: int16 = since("0-3", default=0)
    error_message: str | None = since("1-3", nullable="1-3", default="")
    node_id: int32 = since("0-3", default=0)
    host: str = since("0-3", default="")
    port: int32 = since("0-3", default=0)
    coordinators: list[Coordinator] = since("4+", default_factory=list)
