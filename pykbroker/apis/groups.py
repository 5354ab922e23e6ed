"""Membership of classic groups: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

    JoinGroup   11   v1 rebalance_timeout_ms; v2 throttle time; v4 member id required first (KIP-394);
                     v5 group_instance_id (KIP-345); v6 flexible; v7 protocol_type (KIP-559); v8 reason (KIP-800);
                     v9 skip_assignment (KIP-814)
    Heartbeat   12   v1 throttle time; v3 group_instance_id; v4 flexible
    LeaveGroup  13   v1 throttle time; v3 members in a batch, with their errors; v4 flexible; v5 reason
    SyncGroup   14   v1 throttle time; v3 group_instance_id; v4 flexible; v5 protocol type and name (KIP-559)

What the operations mean is in `groups.joining` and `groups.membership`. Reasons (GRP-45) are read and not used.
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.apis.replies import reply_of
from pykbroker.errors import KafkaError
from pykbroker.groups import membership
from pykbroker.groups.joining import Joining, join
from pykbroker.groups.rebalance import join_error
from pykbroker.later import Later
from pykbroker.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
from pykbroker.wire.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse
from pykbroker.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

_NULL_PROTOCOL_SINCE = 7
_PROTOCOL_REQUIRED_SINCE = 5
_LEAVE_IN_BATCH_SINCE = 3


def join_group(ctx: Context, request: JoinGroupRequest) -> JoinGroupResponse | Later[JoinGroupResponse]:
    """Answer when the join phase ends, or at once. Errors before v7 say "" as protocol, not null (GRP-16)."""
    joining = Joining(request, ctx.version, ctx.client_id, "/" + ctx.session.peer_host)

    def answered(response: JoinGroupResponse) -> JoinGroupResponse:
        if ctx.version < _NULL_PROTOCOL_SINCE and response.protocol_name is None:
            response.protocol_name = ""
        return response

    return reply_of(
        lambda: ctx.services.groups.run(request.group_id, lambda state: join(state, joining)),
        answered,
        lambda error: answered(join_error(request.member_id, membership.group_error(error.code))),
    )


def sync_group(ctx: Context, request: SyncGroupRequest) -> SyncGroupResponse | Later[SyncGroupResponse]:
    """Answer when the leader has assigned, or at once."""
    if ctx.version >= _PROTOCOL_REQUIRED_SINCE and (request.protocol_type is None or request.protocol_name is None):
        return SyncGroupResponse(error_code=errors.INCONSISTENT_GROUP_PROTOCOL)  # GRP-23
    return reply_of(
        lambda: ctx.services.groups.run(request.group_id, lambda state: membership.sync(state, request)),
        lambda response: response,
        lambda error: SyncGroupResponse(error_code=membership.group_error(error.code)),
    )


def heartbeat(ctx: Context, request: HeartbeatRequest) -> HeartbeatResponse | Later[HeartbeatResponse]:
    """Keep a member alive, and tell it when to rejoin."""
    try:
        code = ctx.services.groups.run(request.group_id, lambda state: membership.heartbeat(state, request))
    except KafkaError as error:
        # GRP-43: a member must not give up its assignment because the coordinator is still reading its log.
        code = errors.NONE if error.code == errors.COORDINATOR_LOAD_IN_PROGRESS else error.code
    assert not isinstance(code, Later), "heartbeats are answered at once"
    return HeartbeatResponse(error_code=code)


def leave_group(ctx: Context, request: LeaveGroupRequest) -> LeaveGroupResponse | Later[LeaveGroupResponse]:
    """Remove members. Before v3 there is one, and its error is the response's (GRP-32)."""
    is_batch = ctx.version >= _LEAVE_IN_BATCH_SINCE
    leaving = request.members if is_batch else [MemberIdentity(member_id=request.member_id)]

    def answered(answers: list[MemberResponse]) -> LeaveGroupResponse:
        if is_batch:
            return LeaveGroupResponse(members=answers)
        return LeaveGroupResponse(error_code=answers[0].error_code)

    return reply_of(
        lambda: ctx.services.groups.run(
            request.group_id, lambda state: membership.leave(state, request.group_id, leaving)
        ),
        answered,
        lambda error: LeaveGroupResponse(error_code=membership.group_error(error.code)),
    )
