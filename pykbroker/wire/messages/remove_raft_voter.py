"""RemoveRaftVoter, API key 81: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, uuid


@message(key=81, versions="0", flexible="0+")
class RemoveRaftVoterRequest(Message):
    cluster_id: str | None = since(nullable="0+", default="")
    voter_id: int32 = 0
    voter_directory_id: uuid = ZERO_UUID


@message(key=81, versions="0", flexible="0+")
class RemoveRaftVoterResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
