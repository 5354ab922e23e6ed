"""IncrementalAlterConfigs, API key 44: versions 0-1, flexible from 1.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class AlterableConfig(Message):
    name: str = ""
    config_operation: int8 = 0
    value: str | None = since(nullable="0+", default="")


@struct
class AlterConfigsResource(Message):
    resource_type: int8 = 0
    resource_name: str = ""
    configs: list[AlterableConfig] = since(default_factory=list)


@message(key=44, versions="0-1", flexible="1+")
class IncrementalAlterConfigsRequest(Message):
    resources: list[AlterConfigsResource] = since(default_factory=list)
    validate_only: bool = False


@struct
class AlterConfigsResourceResponse(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    resource_type: int8 = 0
    resource_name: str = ""


@message(key=44, versions="0-1", flexible="1+")
class IncrementalAlterConfigsResponse(Message):
    throttle_time_ms: int32 = 0
    responses: list[AlterConfigsResourceResponse] = since(default_factory=list)
