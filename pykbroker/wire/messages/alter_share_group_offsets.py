"""AlterShareGroupOffsets, API key 91: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uuid


@struct
class AlterShareGroupOffsetsRequestPartition(Message):
    partition_index: int32 = 0
    start_offset: int64 = 0


@struct
class AlterShareGroupOffsetsRequestTopic(Message):
    topic_name: str = ""
    partitions: list[AlterShareGroupOffsetsRequestPartition] = since(default_factory=list)


@message(key=91, versions="0", flexible="0+")
class AlterShareGroupOffsetsRequest(Message):
    group_id: str = ""
    topics: list[AlterShareGroupOffsetsRequestTopic] = since(default_factory=list)


@struct
class AlterShareGroupOffsetsResponsePartition(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)


@struct
class AlterShareGroupOffsetsResponseTopic(Message):
    topic_name: str = ""
    topic_id: uuid = ZERO_UUID
    partitions: list[AlterShareGroupOffsetsResponsePartition] = since(default_factory=list)


@message(key=91, versions="0", flexible="0+")
class AlterShareGroupOffsetsResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    responses: list[AlterShareGroupOffsetsResponseTopic] = since(default_factory=list)
