"""Envelope, API key 58: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, message, since


@message(key=58, versions="0", flexible="0+")
class EnvelopeRequest(Message):
    request_data: bytes = b""
    request_principal: bytes | None = since(nullable="0+", default=b"")
    client_host_address: bytes = b""


@message(key=58, versions="0", flexible="0+")
class EnvelopeResponse(Message):
    response_data: bytes | None = since(nullable="0+", default=None)
    error_code: int16 = 0
