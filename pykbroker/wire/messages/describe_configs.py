"""DescribeConfigs, API key 32: versions 1-4, flexible from 4.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class DescribeConfigsResource(Message):
    resource_type: int8 = 0
    resource_name: str = ""
    configuration_keys: list[str] | None = since(nullable="0+", default_factory=list)


@message(key=32, versions="1-4", flexible="4+")
class DescribeConfigsRequest(Message):
    resources: list[DescribeConfigsResource] = since(default_factory=list)
    include_synonyms: bool = False
    include_documentation: bool = since("3+", default=False)


@struct
class DescribeConfigsSynonym(Message):
    name: str = ""
    value: str | None = since(nullable="0+", default="")
    source: int8 = 0


@struct
class DescribeConfigsResourceResult(Message):
    name: str = ""
    value: str | None = since(nullable="0+", default="")
    read_only: bool = False
    config_source: int8 = -1
    is_sensitive: bool = False
    synonyms: list[DescribeConfigsSynonym] = since(default_factory=list)
    config_type: int8 = since("3+", default=0)
    documentation: str | None = since("3+", nullable="0+", default="")


@struct
class DescribeConfigsResult(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    resource_type: int8 = 0
    resource_name: str = ""
    configs: list[DescribeConfigsResourceResult] = since(default_factory=list)


@message(key=32, versions="1-4", flexible="4+")
class DescribeConfigsResponse(Message):
    throttle_time_ms: int32 = 0
    results: list[DescribeConfigsResult] = since(default_factory=list)
