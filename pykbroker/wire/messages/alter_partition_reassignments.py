"""AlterPartitionReassignments, API key 45: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@struct
class ReassignablePartition(Message):
    partition_index: int32 = 0
    replicas: list[int32] | None = since(nullable="0+", default=None)


@struct
class ReassignableTopic(Message):
    name: str = ""
    partitions: list[ReassignablePartition] = since(default_factory=list)


@message(key=45, versions="0-1", flexible="0+")
class AlterPartitionReassignmentsRequest(Message):
    timeout_ms: int32 = 60000
    allow_replication_factor_change: bool = since("1+", default=True)
    topics: list[ReassignableTopic] = since(default_factory=list)


@struct
class ReassignablePartitionResponse(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")


@struct
class ReassignableTopicResponse(Message):
    name: str = ""
    partitions: list[ReassignablePartitionResponse] = since(default_factory=list)


@message(key=45, versions="0-1", flexible="0+")
class AlterPartitionReassignmentsResponse(Message):
    throttle_time_ms: int32 = 0
    allow_replication_factor_change: bool = since("1+", default=True)
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    responses: list[ReassignableTopicResponse] = since(default_factory=list)
