"""UpdateFeatures (57): which level of a feature the cluster uses. DescribeFeatures of clients is ApiVersions.

v0 KIP-584 · v1 kinds of upgrade and validate_only · v2 no results by feature (KIP-1022).
"""

from __future__ import annotations

from pykbroker.apis.context import Context
from pykbroker.metadata.feature_updates import update
from pykbroker.wire.messages.update_features import (
    UpdatableFeatureResult,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)


def update_features(ctx: Context, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse:
    """Finalize other levels of features: all of the request, or none with the reason at the top (API-16).

    The `allow_downgrade` of v0 has no effect, as in Kafka's controllers: they look at the upgrade type, which v0 lacks.
    """
    wanted = [(each.feature, each.max_version_level, each.upgrade_type) for each in request.feature_updates]
    node_id = ctx.services.config.node_id
    ctx.services.controller.decide(lambda image: update(image, wanted, node_id), request.validate_only)
    return UpdateFeaturesResponse(
        error_message=None,
        # "NONE" is the name of error 0, which Kafka puts where others have a message.
        results=[UpdatableFeatureResult(feature=name, error_message="NONE") for name, _, _ in wanted],
    )
