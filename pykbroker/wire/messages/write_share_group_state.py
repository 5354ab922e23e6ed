"""WriteShareGroupState, API key 85: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int8, int16, int32, int64, message, since, struct, uuid


@struct
class StateBatch(Message):
    first_offset: int64 = 0
    last_offset: int64 = 0
    delivery_state: int8 = 0
    delivery_count: int16 = 0


@struct
class PartitionData(Message):
    partition: int32 = 0
    state_epoch: int32 = 0
    leader_epoch: int32 = 0
    start_offset: int64 = 0
    delivery_complete_count: int32 = since("1+", default=-1)
    state_batches: list[StateBatch] = since(default_factory=list)


@struct
class WriteStateData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionData] = since(default_factory=list)


@message(key=85, versions="0-1", flexible="0+")
class WriteShareGroupStateRequest(Message):
    group_id: str = ""
    topics: list[WriteStateData] = since(default_factory=list)


@struct
class PartitionResult(Message):
    partition: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)


@struct
class WriteStateResult(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionResult] = since(default_factory=list)


@message(key=85, versions="0-1", flexible="0+")
class WriteShareGroupStateResponse(Message):
    results: list[WriteStateResult] = since(default_factory=list)
