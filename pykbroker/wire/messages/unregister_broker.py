"""UnregisterBroker, API key 64: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since


@message(key=64, versions="0", flexible="0+")
class UnregisterBrokerRequest(Message):
    broker_id: int32 = 0


@message(key=64, versions="0", flexible="0+")
class UnregisterBrokerResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
