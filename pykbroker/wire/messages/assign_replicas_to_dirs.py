"""AssignReplicasToDirs, API key 73: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uuid


@struct
class AssignReplicasToDirsRequestPartitionData(Message):
    partition_index: int32 = 0


@struct
class AssignReplicasToDirsRequestTopicData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[AssignReplicasToDirsRequestPartitionData] = since(default_factory=list)


@struct
class AssignReplicasToDirsRequestDirectoryData(Message):
    id: uuid = ZERO_UUID
    topics: list[AssignReplicasToDirsRequestTopicData] = since(default_factory=list)


@message(key=73, versions="0", flexible="0+")
class AssignReplicasToDirsRequest(Message):
    broker_id: int32 = 0
    broker_epoch: int64 = -1
    directories: list[AssignReplicasToDirsRequestDirectoryData] = since(default_factory=list)


@struct
class AssignReplicasToDirsResponsePartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0


@struct
class AssignReplicasToDirsResponseTopicData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[AssignReplicasToDirsResponsePartitionData] = since(default_factory=list)


@struct
class AssignReplicasToDirsResponseDirectoryData(Message):
    id: uuid = ZERO_UUID
    topics: list[AssignReplicasToDirsResponseTopicData] = since(default_factory=list)


@message(key=73, versions="0", flexible="0+")
class AssignReplicasToDirsResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    directories: list[AssignReplicasToDirsResponseDirectoryData] = since(default_factory=list)
