"""InitializeShareGroupState, API key 83: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uuid


@struct
class PartitionData(Message):
    partition: int32 = 0
    state_epoch: int32 = 0
    start_offset: int64 = 0


@struct
class InitializeStateData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionData] = since(default_factory=list)


@message(key=83, versions="0", flexible="0+")
class InitializeShareGroupStateRequest(Message):
    group_id: str = ""
    topics: list[InitializeStateData] = since(default_factory=list)


@struct
class PartitionResult(Message):
    partition: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)


@struct
class InitializeStateResult(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionResult] = since(default_factory=list)


@message(key=83, versions="0", flexible="0+")
class InitializeShareGroupStateResponse(Message):
    results: list[InitializeStateResult] = since(default_factory=list)
