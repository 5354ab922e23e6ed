"""CreateDelegationToken (38), RenewDelegationToken (39), ExpireDelegationToken (40), DescribeDelegationToken (41).

Tokens are for clients that have authenticated themselves in another way (KIP-48). All listeners are plaintext ones, on
which nobody has, so all four answer DELEGATION_TOKEN_REQUEST_NOT_ALLOWED (CLA-22), which Kafka, too, says before it
looks whether tokens are enabled.

Create: v1 KIP-48 · v2 flexible · v3 tokens for others (KIP-373).  Renew, Expire: v1 KIP-48 · v2 flexible.
Describe: v1 KIP-48 · v2 flexible · v3 who asked for the token (KIP-373).
"""

from __future__ import annotations

from typing import Final

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.wire.messages.create_delegation_token import CreateDelegationTokenRequest, CreateDelegationTokenResponse
from pykbroker.wire.messages.describe_delegation_token import (
    DescribeDelegationTokenRequest,
    DescribeDelegationTokenResponse,
)
from pykbroker.wire.messages.expire_delegation_token import ExpireDelegationTokenRequest, ExpireDelegationTokenResponse
from pykbroker.wire.messages.renew_delegation_token import RenewDelegationTokenRequest, RenewDelegationTokenResponse

_REFUSED: Final = errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
_ANONYMOUS: Final = ("User", "ANONYMOUS")
_NEVER: Final = -1


def create_delegation_token(ctx: Context, request: CreateDelegationTokenRequest) -> CreateDelegationTokenResponse:
    """Refuse a token to a client that nobody knows."""
    kind, name = _ANONYMOUS
    return CreateDelegationTokenResponse(
        error_code=_REFUSED,
        principal_type=kind,
        principal_name=name,
        token_requester_principal_type=kind,
        token_requester_principal_name=name,
        issue_timestamp_ms=_NEVER,
        expiry_timestamp_ms=_NEVER,
        max_timestamp_ms=_NEVER,
    )


def renew_delegation_token(ctx: Context, request: RenewDelegationTokenRequest) -> RenewDelegationTokenResponse:
    """Refuse a client that nobody knows."""
    return RenewDelegationTokenResponse(error_code=_REFUSED, expiry_timestamp_ms=_NEVER)


def expire_delegation_token(ctx: Context, request: ExpireDelegationTokenRequest) -> ExpireDelegationTokenResponse:
    """Refuse a client that nobody knows."""
    return ExpireDelegationTokenResponse(error_code=_REFUSED, expiry_timestamp_ms=_NEVER)


def describe_delegation_token(ctx: Context, request: DescribeDelegationTokenRequest) -> DescribeDelegationTokenResponse:
    """Refuse a client that nobody knows."""
    return DescribeDelegationTokenResponse(error_code=_REFUSED)
