"""WriteTxnMarkers, API key 27: versions 1-2, flexible from 1.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, int64, message, since, struct


@struct
class WritableTxnMarkerTopic(Message):
    name: str = ""
    partition_indexes: list[int32] = since(default_factory=list)


@struct
class WritableTxnMarker(Message):
    producer_id: int64 = 0
    producer_epoch: int16 = 0
    transaction_result: bool = False
    topics: list[WritableTxnMarkerTopic] = since(default_factory=list)
    coordinator_epoch: int32 = 0
    transaction_version: int8 = since("2+", default=0)


@message(key=27, versions="1-2", flexible="1+")
class WriteTxnMarkersRequest(Message):
    markers: list[WritableTxnMarker] = since(default_factory=list)


@struct
class WritableTxnMarkerPartitionResult(Message):
    partition_index: int32 = 0
    error_code: int16 = 0


@struct
class WritableTxnMarkerTopicResult(Message):
    name: str = ""
    partitions: list[WritableTxnMarkerPartitionResult] = since(default_factory=list)


@struct
class WritableTxnMarkerResult(Message):
    producer_id: int64 = 0
    topics: list[WritableTxnMarkerTopicResult] = since(default_factory=list)


@message(key=27, versions="1-2", flexible="1+")
class WriteTxnMarkersResponse(Message):
    markers: list[WritableTxnMarkerResult] = since(default_factory=list)
