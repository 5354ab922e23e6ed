"""Keys and values of `__transaction_state`.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, int64, message, since, struct


@message(key=0, versions="0")
class TransactionLogKey(Message):
    transactional_id: str = ""


@struct
class PartitionsSchema(Message):
    topic: str = ""
    partition_ids: list[int32] = since(default_factory=list)


@message(key=0, versions="0-1", flexible="1+")
class TransactionLogValue(Message):
    producer_id: int64 = 0
    previous_producer_id: int64 = since("1+", tag=0, default=-1)
    next_producer_id: int64 = since("1+", tag=1, default=-1)
    producer_epoch: int16 = 0
    next_producer_epoch: int16 = since("1+", tag=3, default=-1)
    transaction_timeout_ms: int32 = 0
    transaction_status: int8 = 0
    transaction_partitions: list[PartitionsSchema] | None = since(nullable="0+", default_factory=list)
    transaction_last_update_timestamp_ms: int64 = 0
    transaction_start_timestamp_ms: int64 = 0
    client_transaction_version: int16 = since("1+", tag=2, default=0)
