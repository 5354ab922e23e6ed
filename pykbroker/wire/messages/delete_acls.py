"""DeleteAcls, API key 31: versions 1-3, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class DeleteAclsFilter(Message):
    resource_type_filter: int8 = 0
    resource_name_filter: str | None = since(nullable="0+", default="")
    pattern_type_filter: int8 = 3
    principal_filter: str | None = since(nullable="0+", default="")
    host_filter: str | None = since(nullable="0+", default="")
    operation: int8 = 0
    permission_type: int8 = 0


@message(key=31, versions="1-3", flexible="2+")
class DeleteAclsRequest(Message):
    filters: list[DeleteAclsFilter] = since(default_factory=list)


@struct
class DeleteAclsMatchingAcl(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    resource_type: int8 = 0
    resource_name: str = ""
    pattern_type: int8 = 3
    principal: str = ""
    host: str = ""
    operation: int8 = 0
    permission_type: int8 = 0


@struct
class DeleteAclsFilterResult(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    matching_acls: list[DeleteAclsMatchingAcl] = since(default_factory=list)


@message(key=31, versions="1-3", flexible="2+")
class DeleteAclsResponse(Message):
    throttle_time_ms: int32 = 0
    filter_results: list[DeleteAclsFilterResult] = since(default_factory=list)
