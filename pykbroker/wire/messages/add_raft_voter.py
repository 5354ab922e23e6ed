"""AddRaftVoter, API key 80: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uint16, uuid


@struct
class Listener(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0


@message(key=80, versions="0-1", flexible="0+")
class AddRaftVoterRequest(Message):
    cluster_id: str | None = since(nullable="0+", default="")
    timeout_ms: int32 = 0
    voter_id: int32 = 0
    voter_directory_id: uuid = ZERO_UUID
    listeners: list[Listener] = since(default_factory=list)
    ack_when_committed: bool = since("1+", default=True)


@message(key=80, versions="0-1", flexible="0+")
class AddRaftVoterResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
