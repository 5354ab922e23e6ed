"""AlterUserScramCredentials, API key 51: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class ScramCredentialDeletion(Message):
    name: str = ""
    mechanism: int8 = 0


@struct
class ScramCredentialUpsertion(Message):
    name: str = ""
    mechanism: int8 = 0
    iterations: int32 = 0
    salt: bytes = b""
    salted_password: bytes = b""


@message(key=51, versions="0", flexible="0+")
class AlterUserScramCredentialsRequest(Message):
    deletions: list[ScramCredentialDeletion] = since(default_factory=list)
    upsertions: list[ScramCredentialUpsertion] = since(default_factory=list)


@struct
class AlterUserScramCredentialsResult(Message):
    user: str = ""
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")


@message(key=51, versions="0", flexible="0+")
class AlterUserScramCredentialsResponse(Message):
    throttle_time_ms: int32 = 0
    results: list[AlterUserScramCredentialsResult] = since(default_factory=list)
