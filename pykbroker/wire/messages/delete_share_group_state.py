"""DeleteShareGroupState, API key 86: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uuid


@struct
class PartitionData(Message):
    partition: int32 = 0


@struct
class DeleteStateData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionData] = since(default_factory=list)


@message(key=86, versions="0", flexible="0+")
class DeleteShareGroupStateRequest(Message):
    group_id: str = ""
    topics: list[DeleteStateData] = since(default_factory=list)


@struct
class PartitionResult(Message):
    partition: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)


@struct
class DeleteStateResult(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionResult] = since(default_factory=list)


@message(key=86, versions="0", flexible="0+")
class DeleteShareGroupStateResponse(Message):
    results: list[DeleteStateResult] = since(default_factory=list)
