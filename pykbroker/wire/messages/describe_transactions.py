"""DescribeTransactions, API key 65: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@message(key=65, versions="0", flexible="0+")
class DescribeTransactionsRequest(Message):
    transactional_ids: list[str] = since(default_factory=list)


@struct
class TopicData(Message):
    topic: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class TransactionState(Message):
    error_code: int16 = 0
    transactional_id: str = ""
    transaction_state: str = ""
    transaction_timeout_ms: int32 = 0
    transaction_start_time_ms: int64 = 0
    producer_id: int64 = 0
    producer_epoch: int16 = 0
    topics: list[TopicData] = since(default_factory=list)


@message(key=65, versions="0", flexible="0+")
class DescribeTransactionsResponse(Message):
    throttle_time_ms: int32 = 0
    transaction_states: list[TransactionState] = since(default_factory=list)
