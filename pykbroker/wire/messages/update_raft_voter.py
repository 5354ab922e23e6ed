"""UpdateRaftVoter, API key 82: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uint16, uuid


@struct
class Listener(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0


@struct
class KRaftVersionFeature(Message):
    min_supported_version: int16 = 0
    max_supported_version: int16 = 0


@message(key=82, versions="0", flexible="0+")
class UpdateRaftVoterRequest(Message):
    cluster_id: str | None = since(nullable="0+", default="")
    current_leader_epoch: int32 = 0
    voter_id: int32 = 0
    voter_directory_id: uuid = ZERO_UUID
    listeners: list[Listener] = since(default_factory=list)
    kraft_version_feature: KRaftVersionFeature = since(default_factory=KRaftVersionFeature)


@struct
class CurrentLeader(Message):
    leader_id: int32 = -1
    leader_epoch: int32 = -1
    host: str = ""
    port: int32 = 0


@message(key=82, versions="0", flexible="0+")
class UpdateRaftVoterResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    current_leader: CurrentLeader | None = since(tag=0, default=None)
