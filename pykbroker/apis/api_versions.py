"""ApiVersions (key 18): what this broker speaks.

v0 plain · v1 throttle time · v3 flexible, client software name and version (KIP-511), features (KIP-584) as tagged
fields · v4 features whose lowest level is 0 (KIP-1022) · v5 the cluster and node that the client means (KIP-1242).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.apis.registry import API_VERSIONS, advertised, served_versions
from pykbroker.metadata.features import SUPPORTED
from pykbroker.wire.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)

_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def api_versions(ctx: Context, request: ApiVersionsRequest) -> ApiVersionsResponse:
    """List the served APIs; refuse a client whose software name or version is not a plain word (API-03)."""
    if ctx.version >= 3:
        if not (_is_word(request.client_software_name) and _is_word(request.client_software_version)):
            return ApiVersionsResponse(error_code=errors.INVALID_REQUEST)
        ctx.session.software_name = request.client_software_name
        ctx.session.software_version = request.client_software_version
    if ctx.version >= 5 and _is_misrouted(ctx, request):
        return ApiVersionsResponse(error_code=errors.REBOOTSTRAP_REQUIRED)
    features = ctx.services.image.features
    return ApiVersionsResponse(
        api_keys=_api_keys(),
        supported_features=[
            SupportedFeatureKey(name=name, min_version=low, max_version=high)
            for name, (low, high) in SUPPORTED.items()
            if low > 0 or ctx.version >= 4  # API-06: older clients cannot read a lowest level of 0
        ],
        finalized_features_epoch=ctx.services.image.version,
        finalized_features=[
            FinalizedFeatureKey(name=name, max_version_level=level, min_version_level=level)
            for name, level in features.items()
            if level > 0 and name in SUPPORTED  # a directory that Kafka wrote has others, too
        ],
    )


def newer_than_ours() -> ApiVersionsResponse:
    """Return what a client hears whose ApiVersions version we do not know: our range of this one API (FRM-14)."""
    low, high = served_versions(API_VERSIONS) or (0, 0)
    return ApiVersionsResponse(
        error_code=errors.UNSUPPORTED_VERSION,
        api_keys=[ApiVersion(api_key=API_VERSIONS, min_version=low, max_version=high)],
    )


@cache
def _api_keys() -> list[ApiVersion]:
    return [ApiVersion(api_key=key, min_version=low, max_version=high) for key, low, high in advertised()]


def _is_word(text: str) -> bool:
    """Tell if `text` matches `[a-zA-Z0-9](?:[a-zA-Z0-9\\-.]*[a-zA-Z0-9])?` (KIP-511)."""
    return bool(text) and text[0] in _LETTERS and text[-1] in _LETTERS and all(c in _LETTERS or c in "-." for c in text)


def _is_misrouted(ctx: Context, request: ApiVersionsRequest) -> bool:
    """Tell if the client means another cluster or node (KIP-1242); -1 and null mean that it does not know."""
    if request.cluster_id is not None and request.cluster_id != ctx.services.image.cluster_id:
        return True
    return request.node_id >= 0 and request.node_id != ctx.services.config.node_id
