"""AlterReplicaLogDirs, API key 34: versions 1-2, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@struct
class AlterReplicaLogDirTopic(Message):
    name: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class AlterReplicaLogDir(Message):
    path: str = ""
    topics: list[AlterReplicaLogDirTopic] = since(default_factory=list)


@message(key=34, versions="1-2", flexible="2+")
class AlterReplicaLogDirsRequest(Message):
    dirs: list[AlterReplicaLogDir] = since(default_factory=list)


@struct
class AlterReplicaLogDirPartitionResult(Message):
    partition_index: int32 = 0
    error_code: int16 = 0


@struct
class AlterReplicaLogDirTopicResult(Message):
    topic_name: str = ""
    partitions: list[AlterReplicaLogDirPartitionResult] = since(default_factory=list)


@message(key=34, versions="1-2", flexible="2+")
class AlterReplicaLogDirsResponse(Message):
    throttle_time_ms: int32 = 0
    results: list[AlterReplicaLogDirTopicResult] = since(default_factory=list)
