"""EndTxn, API key 26: versions 0-5, flexible from 3.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since


@message(key=26, versions="0-5", flexible="3+")
class EndTxnRequest(Message):
    transactional_id: str = ""
    producer_id: int64 = 0
    producer_epoch: int16 = 0
    committed: bool = False


@message(key=26, versions="0-5", flexible="3+")
class EndTxnResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    producer_id: int64 = since("5+", default=-1)
    producer_epoch: int16 = since("5+", default=-1)
