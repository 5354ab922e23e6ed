"""ReadShareGroupStateSummary, API key 87: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uuid


@struct
class PartitionData(Message):
    partition: int32 = 0
    leader_epoch: int32 = 0


@struct
class ReadStateSummaryData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionData] = since(default_factory=list)


@message(key=87, versions="0-1", flexible="0+")
class ReadShareGroupStateSummaryRequest(Message):
    group_id: str = ""
    topics: list[ReadStateSummaryData] = since(default_factory=list)


@struct
class PartitionResult(Message):
    partition: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    state_epoch: int32 = 0
    leader_epoch: int32 = 0
    start_offset: int64 = 0
    delivery_complete_count: int32 = since("1+", default=-1)


@struct
class ReadStateSummaryResult(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[PartitionResult] = since(default_factory=list)


@message(key=87, versions="0-1", flexible="0+")
class ReadShareGroupStateSummaryResponse(Message):
    results: list[ReadStateSummaryResult] = since(default_factory=list)
