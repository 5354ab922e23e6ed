"""CreateDelegationToken, API key 38: versions 1-3, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@struct
class CreatableRenewers(Message):
    principal_type: str = ""
    principal_name: str = ""


@message(key=38, versions="1-3", flexible="2+")
class CreateDelegationTokenRequest(Message):
    owner_principal_type: str | None = since("3+", nullable="3+", default="")
    owner_principal_name: str | None = since("3+", nullable="3+", default="")
    renewers: list[CreatableRenewers] = since(default_factory=list)
    max_lifetime_ms: int64 = 0


@message(key=38, versions="1-3", flexible="2+")
class CreateDelegationTokenResponse(Message):
    error_code: int16 = 0
    principal_type: str = ""
    principal_name: str = ""
    token_requester_principal_type: str = since("3+", default="")
    token_requester_principal_name: str = since("3+", default="")
    issue_timestamp_ms: int64 = 0
    expiry_timestamp_ms: int64 = 0
    max_timestamp_ms: int64 = 0
    token_id: str = ""
    hmac: bytes = b""
    throttle_time_ms: int32 = 0
