"""EndQuorumEpoch, API key 54: versions 0-1, flexible from 1.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uint16, uuid


@struct
class ReplicaInfo(Message):
    candidate_id: int32 = 0
    candidate_directory_id: uuid = ZERO_UUID


@struct
class EndQuorumEpochRequestPartitionData(Message):
    partition_index: int32 = 0
    leader_id: int32 = 0
    leader_epoch: int32 = 0
    preferred_successors: list[int32] = since("0", default_factory=list)
    preferred_candidates: list[ReplicaInfo] = since("1+", default_factory=list)


@struct
class EndQuorumEpochRequestTopicData(Message):
    topic_name: str = ""
    partitions: list[EndQuorumEpochRequestPartitionData] = since(default_factory=list)


@struct
class LeaderEndpoint(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0


@message(key=54, versions="0-1", flexible="1+")
class EndQuorumEpochRequest(Message):
    cluster_id: str | None = since(nullable="0+", default=None)
    topics: list[EndQuorumEpochRequestTopicData] = since(default_factory=list)
    leader_endpoints: list[LeaderEndpoint] = since("1+", default_factory=list)


@struct
class EndQuorumEpochResponsePartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    leader_id: int32 = 0
    leader_epoch: int32 = 0


@struct
class EndQuorumEpochResponseTopicData(Message):
    topic_name: str = ""
    partitions: list[EndQuorumEpochResponsePartitionData] = since(default_factory=list)


@struct
class NodeEndpoint(Message):
    node_id: int32 = 0
    host: str = ""
    port: uint16 = 0


@message(key=54, versions="0-1", flexible="1+")
class EndQuorumEpochResponse(Message):
    error_code: int16 = 0
    topics: list[EndQuorumEpochResponseTopicData] = since(default_factory=list)
    node_endpoints: list[NodeEndpoint] = since("1+", tag=0, default_factory=list)
