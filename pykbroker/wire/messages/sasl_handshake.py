"""SaslHandshake, API key 17: versions 0-1, never flexible.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, message, since


@message(key=17, versions="0-1")
class SaslHandshakeRequest(Message):
    mechanism: str = ""


@message(key=17, versions="0-1")
class SaslHandshakeResponse(Message):
    error_code: int16 = 0
    mechanisms: list[str] = since(default_factory=list)
