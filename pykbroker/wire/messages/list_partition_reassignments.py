"""ListPartitionReassignments, API key 46: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@struct
class ListPartitionReassignmentsTopics(Message):
    name: str = ""
    partition_indexes: list[int32] = since(default_factory=list)


@message(key=46, versions="0", flexible="0+")
class ListPartitionReassignmentsRequest(Message):
    timeout_ms: int32 = 60000
    topics: list[ListPartitionReassignmentsTopics] | None = since(nullable="0+", default=None)


@struct
class OngoingPartitionReassignment(Message):
    partition_index: int32 = 0
    replicas: list[int32] = since(default_factory=list)
    adding_replicas: list[int32] = since(default_factory=list)
    removing_replicas: list[int32] = since(default_factory=list)


@struct
class OngoingTopicReassignment(Message):
    name: str = ""
    partitions: list[OngoingPartitionReassignment] = since(default_factory=list)


@message(key=46, versions="0", flexible="0+")
class ListPartitionReassignmentsResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    topics: list[OngoingTopicReassignment] = since(default_factory=list)
