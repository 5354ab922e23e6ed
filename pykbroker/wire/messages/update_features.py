"""UpdateFeatures, API key 57: versions 0-2, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class FeatureUpdateKey(Message):
    feature: str = ""
    max_version_level: int16 = 0
    allow_downgrade: bool = since("0", default=False)
    upgrade_type: int8 = since("1+", default=1)


@message(key=57, versions="0-2", flexible="0+")
class UpdateFeaturesRequest(Message):
    timeout_ms: int32 = 60000
    feature_updates: list[FeatureUpdateKey] = since(default_factory=list)
    validate_only: bool = since("1+", default=False)


@struct
class UpdatableFeatureResult(Message):
    feature: str = ""
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")


@message(key=57, versions="0-2", flexible="0+")
class UpdateFeaturesResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    results: list[UpdatableFeatureResult] = since("0-1", default_factory=list)
