"""A principal, as Envelope carries it.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, message


@message(versions="0", flexible="0+")
class DefaultPrincipalData(Message):
    type: str = ""
    name: str = ""
    token_authenticated: bool = False
