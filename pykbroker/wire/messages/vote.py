"""Vote, API key 52: versions 0-2, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uint16, uuid


@struct
class VoteRequestPartitionData(Message):
    partition_index: int32 = 0
    replica_epoch: int32 = 0
    replica_id: int32 = 0
    replica_directory_id: uuid = since("1+", default=ZERO_UUID)
    voter_directory_id: uuid = since("1+", default=ZERO_UUID)
    last_offset_epoch: int32 = 0
    last_offset: int64 = 0
    pre_vote: bool = since("2+", default=False)


@struct
class VoteRequestTopicData(Message):
    topic_name: str = ""
    partitions: list[VoteRequestPartitionData] = since(default_factory=list)


@message(key=52, versions="0-2", flexible="0+")
class VoteRequest(Message):
    cluster_id: str | None = since(nullable="0+", default=None)
    voter_id: int32 = since("1+", default=-1)
    topics: list[VoteRequestTopicData] = since(default_factory=list)


@struct
class VoteResponsePartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    leader_id: int32 = 0
    leader_epoch: int32 = 0
    vote_granted: bool = False


@struct
class VoteResponseTopicData(Message):
    topic_name: str = ""
    partitions: list[VoteResponsePartitionData] = since(default_factory=list)


@struct
class NodeEndpoint(Message):
    node_id: int32 = 0
    host: str = ""
    port: uint16 = 0


@message(key=52, versions="0-2", flexible="0+")
class VoteResponse(Message):
    error_code: int16 = 0
    topics: list[VoteResponseTopicData] = since(default_factory=list)
    node_endpoints: list[NodeEndpoint] = since("1+", tag=0, default_factory=list)
