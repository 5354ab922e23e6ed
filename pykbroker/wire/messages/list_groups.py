"""ListGroups, API key 16: versions 0-5, flexible from 3.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@message(key=16, versions="0-5", flexible="3+")
class ListGroupsRequest(Message):
    states_filter: list[str] = since("4+", default_factory=list)
    types_filter: list[str] = since("5+", default_factory=list)


@struct
class ListedGroup(Message):
    group_id: str = ""
    protocol_type: str = ""
    group_state: str = since("4+", default="")
    group_type: str = since("5+", default="")


@message(key=16, versions="0-5", flexible="3+")
class ListGroupsResponse(Message):
    throttle_time_ms: int32 = since("1+", default=0)
    error_code: int16 = 0
    groups: list[ListedGroup] = since(default_factory=list)
