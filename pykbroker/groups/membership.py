"""What members do between joins: SyncGroup, Heartbeat, LeaveGroup.

    state                 SyncGroup                             Heartbeat
    Empty, unknown group  UNKNOWN_MEMBER_ID                     UNKNOWN_MEMBER_ID
    PreparingRebalance    REBALANCE_IN_PROGRESS                 REBALANCE_IN_PROGRESS, extends the session
    CompletingRebalance   held; the leader's ends the wait      0, extends the session
    Stable                the member's assignment once more     0, extends the session

Source: `GroupMetadataManager.classicGroupSync`, `classicGroupHeartbeat`, `classicGroupLeave`.
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups.classic import COMPLETING_REBALANCE, PREPARING_REBALANCE, STABLE, ClassicGroup, Member
from pykbroker.groups.rebalance import (
    answer_sync,
    expel,
    fail_syncs,
    forget,
    maybe_complete_join,
    prepare,
    prepare_or_complete,
    start_session,
)
from pykbroker.groups.records import GroupRecord, MetadataRecord
from pykbroker.groups.state import ShardState, Step, require_group_id
from pykbroker.later import Later
from pykbroker.shard import Outcome
from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from pykbroker.wire.messages.leave_group import MemberIdentity, MemberResponse
from pykbroker.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

_GROUP_ERRORS = {
    errors.UNKNOWN_TOPIC_OR_PARTITION: errors.COORDINATOR_NOT_AVAILABLE,
    errors.NOT_ENOUGH_REPLICAS: errors.COORDINATOR_NOT_AVAILABLE,
    errors.REQUEST_TIMED_OUT: errors.COORDINATOR_NOT_AVAILABLE,
    errors.NOT_LEADER_OR_FOLLOWER: errors.NOT_COORDINATOR,
    errors.KAFKA_STORAGE_ERROR: errors.NOT_COORDINATOR,
    errors.MESSAGE_TOO_LARGE: errors.UNKNOWN_SERVER_ERROR,
    errors.RECORD_LIST_TOO_LARGE: errors.UNKNOWN_SERVER_ERROR,
    errors.INVALID_FETCH_SIZE: errors.UNKNOWN_SERVER_ERROR,
}


def group_error(append_error: int) -> int:
    """Return what clients are told when a group's record could not be stored (GRP-44)."""
    return _GROUP_ERRORS.get(append_error, append_error)


def sync(state: ShardState, request: SyncGroupRequest) -> Outcome[GroupRecord, SyncGroupResponse]:
    """Answer a SyncGroup, now or when the leader's comes. Raises KafkaError."""
    require_group_id(request.group_id)
    group = state.member_of(request.group_id)
    member = group.check_member(request.member_id, request.group_instance_id)
    _check_sync(group, request)
    step = Step()
    group.pending_sync.discard(member.member_id)
    if not group.pending_sync:
        state.cancel(("sync", group.group_id))
    if group.state == STABLE:
        start_session(state, group, member)
        return step.outcome(_assignment_answer(group, member))  # GRP-26
    # A SyncGroup of before, sent on a connection that is gone, must not be left unanswered.
    answer_sync(member, SyncGroupResponse(error_code=errors.REBALANCE_IN_PROGRESS), step)
    if member.member_id != group.leader:
        held = member.held_sync = Later()
        return step.outcome(held)
    return step.outcome(_sync_leader(state, group, member, request, step))


def _check_sync(group: ClassicGroup, request: SyncGroupRequest) -> None:
    if request.generation_id != group.generation_id:
        raise KafkaError(errors.ILLEGAL_GENERATION)
    if request.protocol_type not in (None, group.protocol_type) or request.protocol_name not in (
        None, group.protocol_name,
    ):
        raise KafkaError(errors.INCONSISTENT_GROUP_PROTOCOL)
    if group.state == PREPARING_REBALANCE:
        raise KafkaError(errors.REBALANCE_IN_PROGRESS)


def _sync_leader(
    state: ShardState, group: ClassicGroup, leader: Member, request: SyncGroupRequest, step: Step
) -> Later[SyncGroupResponse]:
    """Store the generation with the leader's assignments; then everybody who waits gets its own (GRP-24, GRP-25)."""
    held: Later[SyncGroupResponse] = Later()
    assignments = {one.member_id: one.assignment for one in request.assignments}
    step.records.append(MetadataRecord(group.group_id, group.metadata_value(assignments)))

    def stored() -> None:
        group.move_to(STABLE, state.clock.now_ms())
        for member in group.members.values():
            member.assignment = assignments.get(member.member_id, b"")
            if member is leader or answer_sync(member, _assignment_answer(group, member), step):
                start_session(state, group, member)
        step.answer(held, _assignment_answer(group, leader))

    def failed(error: KafkaError) -> None:
        # The leader itself hears the error from the runner.
        fail_syncs(state, group, group_error(error.code), step)
        prepare(state, group, step)

    step.when_stored(stored)
    step.when_failed(failed)
    return held


def _assignment_answer(group: ClassicGroup, member: Member) -> SyncGroupResponse:
    return SyncGroupResponse(
        protocol_type=group.protocol_type, protocol_name=group.protocol_name, assignment=member.assignment
    )


def heartbeat(state: ShardState, request: HeartbeatRequest) -> Outcome[GroupRecord, int]:
    """Extend a member's session, and return the error code of the answer. Raises KafkaError."""
    require_group_id(request.group_id)
    group = state.member_of(request.group_id)
    member = group.check_member(request.member_id, request.group_instance_id)
    if request.generation_id != group.generation_id:
        raise KafkaError(errors.ILLEGAL_GENERATION)
    start_session(state, group, member)
    return Step().outcome(errors.REBALANCE_IN_PROGRESS if group.state == PREPARING_REBALANCE else errors.NONE)


def leave(
    state: ShardState, group_id: str, leaving: list[MemberIdentity]
) -> Outcome[GroupRecord, list[MemberResponse]]:
    """Remove members at once, and return one answer for each (GRP-32..35). Raises KafkaError."""
    require_group_id(group_id)
    step = Step()
    group = state.live.get(group_id)
    answers = []
    has_left = False
    for one in leaving:
        code = errors.UNKNOWN_MEMBER_ID
        if group is not None:
            try:
                has_left = _leave(state, group, one, step) or has_left
                code = errors.NONE
            except KafkaError as error:
                code = error.code
        answers.append(
            MemberResponse(member_id=one.member_id, group_instance_id=one.group_instance_id, error_code=code)
        )
    if group is not None:
        if has_left and group.state in (STABLE, COMPLETING_REBALANCE):
            prepare_or_complete(state, group, step)
        else:
            maybe_complete_join(state, group, step)
    return step.outcome(answers)


def _leave(state: ShardState, group: ClassicGroup, leaving: MemberIdentity, step: Step) -> bool:
    """Remove one; tell if it was more than a pending member."""
    member_id, instance_id = leaving.member_id, leaving.group_instance_id
    if member_id in group.pending_members:
        forget(state, group, member_id)
        return False
    if not member_id and instance_id is not None:
        member_id = group.static_members.get(instance_id, "")  # GRP-34: an administrator knows the instance only
    expel(state, group, group.check_member(member_id, instance_id), errors.UNKNOWN_MEMBER_ID, step)
    return True
