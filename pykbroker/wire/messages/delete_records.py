"""DeleteRecords, API key 21: versions 0-2, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@struct
class DeleteRecordsPartition(Message):
    partition_index: int32 = 0
    offset: int64 = 0


@struct
class DeleteRecordsTopic(Message):
    name: str = ""
    partitions: list[DeleteRecordsPartition] = since(default_factory=list)


@message(key=21, versions="0-2", flexible="2+")
class DeleteRecordsRequest(Message):
    topics: list[DeleteRecordsTopic] = since(default_factory=list)
    timeout_ms: int32 = 0


@struct
class DeleteRecordsPartitionResult(Message):
    partition_index: int32 = 0
    low_watermark: int64 = 0
    error_code: int16 = 0


@struct
class DeleteRecordsTopicResult(Message):
    name: str = ""
    partitions: list[DeleteRecordsPartitionResult] = since(default_factory=list)


@message(key=21, versions="0-2", flexible="2+")
class DeleteRecordsResponse(Message):
    throttle_time_ms: int32 = 0
    topics: list[DeleteRecordsTopicResult] = since(default_factory=list)
