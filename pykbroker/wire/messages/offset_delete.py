"""OffsetDelete, API key 47: versions 0, never flexible.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@struct
class OffsetDeleteRequestPartition(Message):
    partition_index: int32 = 0


@struct
class OffsetDeleteRequestTopic(Message):
    name: str = ""
    partitions: list[OffsetDeleteRequestPartition] = since(default_factory=list)


@message(key=47, versions="0")
class OffsetDeleteRequest(Message):
    group_id: str = ""
    topics: list[OffsetDeleteRequestTopic] = since(default_factory=list)


@struct
class OffsetDeleteResponsePartition(Message):
    partition_index: int32 = 0
    error_code: int16 = 0


@struct
class OffsetDeleteResponseTopic(Message):
    name: str = ""
    partitions: list[OffsetDeleteResponsePartition] = since(default_factory=list)


@message(key=47, versions="0")
class OffsetDeleteResponse(Message):
    error_code: int16 = 0
    throttle_time_ms: int32 = 0
    topics: list[OffsetDeleteResponseTopic] = since(default_factory=list)
