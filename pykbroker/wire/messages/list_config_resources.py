"""ListConfigResources, API key 74: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@message(key=74, versions="0-1", flexible="0+")
class ListConfigResourcesRequest(Message):
    resource_types: list[int8] = since("1+", default_factory=list)


@struct
class ConfigResource(Message):
    resource_name: str = ""
    resource_type: int8 = since("1+", default=16)


@message(key=74, versions="0-1", flexible="0+")
class ListConfigResourcesResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    config_resources: list[ConfigResource] = since(default_factory=list)
