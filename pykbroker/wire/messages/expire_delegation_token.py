"""ExpireDelegationToken, API key 40: versions 1-2, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message


@message(key=40, versions="1-2", flexible="2+")
class ExpireDelegationTokenRequest(Message):
    hmac: bytes = b""
    expiry_time_period_ms: int64 = 0


@message(key=40, versions="1-2", flexible="2+")
class ExpireDelegationTokenResponse(Message):
    error_code: int16 = 0
    expiry_timestamp_ms: int64 = 0
    throttle_time_ms: int32 = 0
