"""InitProducerId, API key 22: versions 0-6, flexible from 2, the latest unstable.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since


@message(key=22, versions="0-6", flexible="2+")
class InitProducerIdRequest(Message):
    transactional_id: str | None = since(nullable="0+", default="")
    transaction_timeout_ms: int32 = 0
    producer_id: int64 = since("3+", default=-1)
    producer_epoch: int16 = since("3+", default=-1)
    enable_2pc: bool = since("6+", default=False)
    keep_prepared_txn: bool = since("6+", default=False)


@message(key=22, versions="0-6", flexible="2+")
class InitProducerIdResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    producer_id: int64 = -1
    producer_epoch: int16 = 0
    ongoing_txn_producer_id: int64 = since("6+", default=-1)
    ongoing_txn_producer_epoch: int16 = since("6+", default=-1)
