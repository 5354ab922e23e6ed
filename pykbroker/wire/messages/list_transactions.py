"""ListTransactions, API key 66: versions 0-2, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@message(key=66, versions="0-2", flexible="0+")
class ListTransactionsRequest(Message):
    state_filters: list[str] = since(default_factory=list)
    producer_id_filters: list[int64] = since(default_factory=list)
    duration_filter: int64 = since("1+", default=-1)
    transactional_id_pattern: str | None = since("2+", nullable="2+", default=None)


@struct
class TransactionState(Message):
    transactional_id: str = ""
    producer_id: int64 = 0
    transaction_state: str = ""


@message(key=66, versions="0-2", flexible="0+")
class ListTransactionsResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    unknown_state_filters: list[str] = since(default_factory=list)
    transaction_states: list[TransactionState] = since(default_factory=list)
