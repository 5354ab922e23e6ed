"""DescribeDelegationToken, API key 41: versions 1-3, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@struct
class DescribeDelegationTokenOwner(Message):
    principal_type: str = ""
    principal_name: str = ""


@message(key=41, versions="1-3", flexible="2+")
class DescribeDelegationTokenRequest(Message):
    owners: list[DescribeDelegationTokenOwner] | None = since(nullable="0+", default_factory=list)


@struct
class DescribedDelegationTokenRenewer(Message):
    principal_type: str = ""
    principal_name: str = ""


@struct
class DescribedDelegationToken(Message):
    principal_type: str = ""
    principal_name: str = ""
    token_requester_principal_type: str = since("3+", default="")
    token_requester_principal_name: str = since("3+", default="")
    issue_timestamp: int64 = 0
    expiry_timestamp: int64 = 0
    max_timestamp: int64 = 0
    token_id: str = ""
    hmac: bytes = b""
    renewers: list[DescribedDelegationTokenRenewer] = since(default_factory=list)


@message(key=41, versions="1-3", flexible="2+")
class DescribeDelegationTokenResponse(Message):
    error_code: int16 = 0
    tokens: list[DescribedDelegationToken] = since(default_factory=list)
    throttle_time_ms: int32 = 0
