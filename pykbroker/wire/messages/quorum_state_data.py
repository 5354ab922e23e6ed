"""The `quorum-state` file of KRaft.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int32, int64, message, since, struct, uuid


@struct
class Voter(Message):
    voter_id: int32 = 0


@message(versions="0-1", flexible="0+")
class QuorumStateData(Message):
    cluster_id: str = since("0", default="")
    leader_id: int32 = -1
    leader_epoch: int32 = -1
    voted_id: int32 = -1
    voted_directory_id: uuid = since("1+", default=ZERO_UUID)
    applied_offset: int64 = since("0", default=0)
    current_voters: list[Voter] | None = since("0", nullable="0", default_factory=list)
