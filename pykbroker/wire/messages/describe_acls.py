"""DescribeAcls, API key 29: versions 1-3, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@message(key=29, versions="1-3", flexible="2+")
class DescribeAclsRequest(Message):
    resource_type_filter: int8 = 0
    resource_name_filter: str | None = since(nullable="0+", default="")
    pattern_type_filter: int8 = 3
    principal_filter: str | None = since(nullable="0+", default="")
    host_filter: str | None = since(nullable="0+", default="")
    operation: int8 = 0
    permission_type: int8 = 0


@struct
class AclDescription(Message):
    principal: str = ""
    host: str = ""
    operation: int8 = 0
    permission_type: int8 = 0


@struct
class DescribeAclsResource(Message):
    resource_type: int8 = 0
    resource_name: str = ""
    pattern_type: int8 = 3
    acls: list[AclDescription] = since(default_factory=list)


@message(key=29, versions="1-3", flexible="2+")
class DescribeAclsResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    resources: list[DescribeAclsResource] = since(default_factory=list)
