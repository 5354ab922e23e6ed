"""DeleteGroups, API key 42: versions 0-3, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@message(key=42, versions="0-3", flexible="2+")
class DeleteGroupsRequest(Message):
    groups_names: list[str] = since(default_factory=list)


@struct
class DeletableGroupResult(Message):
    group_id: str = ""
    error_code: int16 = 0
    error_message: str | None = since("3+", nullable="3+", default=None)


@message(key=42, versions="0-3", flexible="2+")
class DeleteGroupsResponse(Message):
    throttle_time_ms: int32 = 0
    results: list[DeletableGroupResult] = since(default_factory=list)
