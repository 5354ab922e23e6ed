"""CreateAcls, API key 30: versions 1-3, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class AclCreation(Message):
    resource_type: int8 = 0
    resource_name: str = ""
    resource_pattern_type: int8 = 3
    principal: str = ""
    host: str = ""
    operation: int8 = 0
    permission_type: int8 = 0


@message(key=30, versions="1-3", flexible="2+")
class CreateAclsRequest(Message):
    creations: list[AclCreation] = since(default_factory=list)


@struct
class AclCreationResult(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")


@message(key=30, versions="1-3", flexible="2+")
class CreateAclsResponse(Message):
    throttle_time_ms: int32 = 0
    results: list[AclCreationResult] = since(default_factory=list)
