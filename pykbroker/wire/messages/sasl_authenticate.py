"""SaslAuthenticate, API key 36: versions 0-2, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int64, message, since


@message(key=36, versions="0-2", flexible="2+")
class SaslAuthenticateRequest(Message):
    auth_bytes: bytes = b""


@message(key=36, versions="0-2", flexible="2+")
class SaslAuthenticateResponse(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    auth_bytes: bytes = b""
    session_lifetime_ms: int64 = since("1+", default=0)
