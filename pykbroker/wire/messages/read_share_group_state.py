"""ReadShareGroupState, API key 84: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int8, int16, int32, int64, message, since, struct, uuid


@struct
class PartitionData(Message):
    partition: int32 = 0
    leader_epoch: int32 = 0


@struct
class ReadStateData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionData] = since(default_factory=list)


@message(key=84, versions="0", flexible="0+")
class ReadShareGroupStateRequest(Message):
    group_id: str = ""
    topics: list[ReadStateData] = since(default_factory=list)


@struct
class StateBatch(Message):
    first_offset: int64 = 0
    last_offset: int64 = 0
    delivery_state: int8 = 0
    delivery_count: int16 = 0


@struct
class PartitionResult(Message):
    partition: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    state_epoch: int32 = 0
    start_offset: int64 = 0
    state_batches: list[StateBatch] = since(default_factory=list)


@struct
class ReadStateResult(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionResult] = since(default_factory=list)


@message(key=84, versions="0", flexible="0+")
class ReadShareGroupStateResponse(Message):
    results: list[ReadStateResult] = since(default_factory=list)
