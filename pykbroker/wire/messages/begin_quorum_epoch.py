"""BeginQuorumEpoch, API key 53: versions 0-1, flexible from 1.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uint16, uuid


@struct
class BeginQuorumEpochRequestPartitionData(Message):
    partition_index: int32 = 0
    voter_directory_id: uuid = since("1+", default=ZERO_UUID)
    leader_id: int32 = 0
    leader_epoch: int32 = 0


@struct
class BeginQuorumEpochRequestTopicData(Message):
    topic_name: str = ""
    partitions: list[BeginQuorumEpochRequestPartitionData] = since(default_factory=list)


@struct
class LeaderEndpoint(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0


@message(key=53, versions="0-1", flexible="1+")
class BeginQuorumEpochRequest(Message):
    cluster_id: str | None = since(nullable="0+", default=None)
    voter_id: int32 = since("1+", default=-1)
    topics: list[BeginQuorumEpochRequestTopicData] = since(default_factory=list)
    leader_endpoints: list[LeaderEndpoint] = since("1+", default_factory=list)


@struct
class BeginQuorumEpochResponsePartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    leader_id: int32 = 0
    leader_epoch: int32 = 0


@struct
class BeginQuorumEpochResponseTopicData(Message):
    topic_name: str = ""
    partitions: list[BeginQuorumEpochResponsePartitionData] = since(default_factory=list)


@struct
class NodeEndpoint(Message):
    node_id: int32 = 0
    host: str = ""
    port: uint16 = 0


@message(key=53, versions="0-1", flexible="1+")
class BeginQuorumEpochResponse(Message):
    error_code: int16 = 0
    topics: list[BeginQuorumEpochResponseTopicData] = since(default_factory=list)
    node_endpoints: list[NodeEndpoint] = since("1+", tag=0, default_factory=list)
