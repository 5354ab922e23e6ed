"""ApiVersions, API key 18: versions 0-5, flexible from 3.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@message(key=18, versions="0-5", flexible="3+")
class ApiVersionsRequest(Message):
    client_software_name: str = since("3+", default="")
    client_software_version: str = since("3+", default="")
    cluster_id: str | None = since("5+", nullable="5+", default=None)
    node_id: int32 = since("5+", default=-1)


@struct
class ApiVersion(Message):
    api_key: int16 = 0
    min_version: int16 = 0
    max_version: int16 = 0


@struct
class SupportedFeatureKey(Message):
    name: str = ""
    min_version: int16 = 0
    max_version: int16 = 0


@struct
class FinalizedFeatureKey(Message):
    name: str = ""
    max_version_level: int16 = 0
    min_version_level: int16 = 0


@message(key=18, versions="0-5", flexible="3+")
class ApiVersionsResponse(Message):
    error_code: int16 = 0
    api_keys: list[ApiVersion] = since(default_factory=list)
    throttle_time_ms: int32 = since("1+", default=0)
    supported_features: list[SupportedFeatureKey] = since("3+", tag=0, default_factory=list)
    finalized_features_epoch: int64 = since("3+", tag=1, default=-1)
    finalized_features: list[FinalizedFeatureKey] = since("3+", tag=2, default_factory=list)
    zk_migration_ready: bool = since("3+", tag=3, default=False)
