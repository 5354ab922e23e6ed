"""SaslHandshake (17), SaslAuthenticate (36): who the client is. Not asked on a plaintext listener, which all are.

SaslHandshake: v0 KIP-43 · v1 tokens in SaslAuthenticate (KIP-152).
SaslAuthenticate: v0 KIP-152 · v1 lifetime of the session (KIP-368) · v2 flexible.
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.wire.messages.sasl_authenticate import SaslAuthenticateRequest, SaslAuthenticateResponse
from pykbroker.wire.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse


def sasl_handshake(ctx: Context, request: SaslHandshakeRequest) -> SaslHandshakeResponse:
    """Refuse with ILLEGAL_SASL_STATE: the client may go on without."""
    return SaslHandshakeResponse(error_code=errors.ILLEGAL_SASL_STATE)


def sasl_authenticate(ctx: Context, request: SaslAuthenticateRequest) -> SaslAuthenticateResponse:
    """Refuse with ILLEGAL_SASL_STATE: the client may go on without."""
    return SaslAuthenticateResponse(
        error_code=errors.ILLEGAL_SASL_STATE,
        error_message="SaslAuthenticate request received after successful authentication",
    )
