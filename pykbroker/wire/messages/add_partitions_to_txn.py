"""AddPartitionsToTxn, API key 24: versions 0-5, flexible from 3.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@struct
class AddPartitionsToTxnTopic(Message):
    name: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class AddPartitionsToTxnTransaction(Message):
    transactional_id: str = ""
    producer_id: int64 = 0
    producer_epoch: int16 = 0
    verify_only: bool = False
    topics: list[AddPartitionsToTxnTopic] = since(default_factory=list)


@message(key=24, versions="0-5", flexible="3+")
class AddPartitionsToTxnRequest(Message):
    transactions: list[AddPartitionsToTxnTransaction] = since("4+", default_factory=list)
    v3_and_below_transactional_id: str = since("0-3", default="")
    v3_and_below_producer_id: int64 = since("0-3", default=0)
    v3_and_below_producer_epoch: int16 = since("0-3", default=0)
    v3_and_below_topics: list[AddPartitionsToTxnTopic] = since("0-3", default_factory=list)


@struct
class AddPartitionsToTxnPartitionResult(Message):
    partition_index: int32 = 0
    partition_error_code: int16 = 0


@struct
class AddPartitionsToTxnTopicResult(Message):
    name: str = ""
    results_by_partition: list[AddPartitionsToTxnPartitionResult] = since(default_factory=list)


@struct
class AddPartitionsToTxnResult(Message):
    transactional_id: str = ""
    topic_results: list[AddPartitionsToTxnTopicResult] = since(default_factory=list)


@message(key=24, versions="0-5", flexible="3+")
class AddPartitionsToTxnResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = since("4+", default=0)
    results_by_transaction: list[AddPartitionsToTxnResult] = since("4+", default_factory=list)
    results_by_topic_v3_and_below: list[AddPartitionsToTxnTopicResult] = since("0-3", default_factory=list)
