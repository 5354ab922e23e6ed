"""AlterConfigs, API key 33: versions 0-2, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class AlterableConfig(Message):
    name: str = ""
    value: str | None = since(nullable="0+", default="")


@struct
class AlterConfigsResource(Message):
    resource_type: int8 = 0
    resource_name: str = ""
    configs: list[AlterableConfig] = since(default_factory=list)


@message(key=33, versions="0-2", flexible="2+")
class AlterConfigsRequest(Message):
    resources: list[AlterConfigsResource] = since(default_factory=list)
    validate_only: bool = False


@struct
class AlterConfigsResourceResponse(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    resource_type: int8 = 0
    resource_name: str = ""


@message(key=33, versions="0-2", flexible="2+")
class AlterConfigsResponse(Message):
    throttle_time_ms: int32 = 0
    responses: list[AlterConfigsResourceResponse] = since(default_factory=list)
