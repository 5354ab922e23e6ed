"""DescribeQuorum, API key 55: versions 0-2, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uint16, uuid


@struct
class DescribeQuorumRequestPartitionData(Message):
    partition_index: int32 = 0


@struct
class DescribeQuorumRequestTopicData(Message):
    topic_name: str = ""
    partitions: list[DescribeQuorumRequestPartitionData] = since(default_factory=list)


@message(key=55, versions="0-2", flexible="0+")
class DescribeQuorumRequest(Message):
    topics: list[DescribeQuorumRequestTopicData] = since(default_factory=list)


@struct
class ReplicaState(Message):
    replica_id: int32 = 0
    replica_directory_id: uuid = since("2+", default=ZERO_UUID)
    log_end_offset: int64 = 0
    last_fetch_timestamp: int64 = since("1+", default=-1)
    last_caught_up_timestamp: int64 = since("1+", default=-1)


@struct
class DescribeQuorumResponsePartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since("2+", nullable="2+", default="")
    leader_id: int32 = 0
    leader_epoch: int32 = 0
    high_watermark: int64 = 0
    current_voters: list[ReplicaState] = since(default_factory=list)
    observers: list[ReplicaState] = since(default_factory=list)


@struct
class DescribeQuorumResponseTopicData(Message):
    topic_name: str = ""
    partitions: list[DescribeQuorumResponsePartitionData] = since(default_factory=list)


@struct
class Listener(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0


@struct
class Node(Message):
    node_id: int32 = 0
    listeners: list[Listener] = since(default_factory=list)


@message(key=55, versions="0-2", flexible="0+")
class DescribeQuorumResponse(Message):
    error_code: int16 = 0
    error_message: str | None = since("2+", nullable="2+", default="")
    topics: list[DescribeQuorumResponseTopicData] = since(default_factory=list)
    nodes: list[Node] = since("2+", default_factory=list)
