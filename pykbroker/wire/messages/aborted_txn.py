"""One entry of a transaction index (`.txnindex`).

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int64, message


@message(versions="0")
class AbortedTxn(Message):
    producer_id: int64 = 0
    first_offset: int64 = 0
    last_offset: int64 = 0
    last_stable_offset: int64 = 0
