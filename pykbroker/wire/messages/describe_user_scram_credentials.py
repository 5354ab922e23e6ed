"""DescribeUserScramCredentials, API key 50: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class UserName(Message):
    name: str = ""


@message(key=50, versions="0", flexible="0+")
class DescribeUserScramCredentialsRequest(Message):
    users: list[UserName] | None = since(nullable="0+", default_factory=list)


@struct
class CredentialInfo(Message):
    mechanism: int8 = 0
    iterations: int32 = 0


@struct
class DescribeUserScramCredentialsResult(Message):
    user: str = ""
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    credential_infos: list[CredentialInfo] = since(default_factory=list)


@message(key=50, versions="0", flexible="0+")
class DescribeUserScramCredentialsResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    results: list[DescribeUserScramCredentialsResult] = since(default_factory=list)
