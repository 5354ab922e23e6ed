"""A rebalance from start to end, and the timers that drive it.

    prepare ──► (JoinGroups arrive) ──► complete_join ──► (SyncGroups arrive) ──► Stable, in `membership`

    timer     key                          due after                          then
    session   ("session", group, member)   session timeout, or 5 minutes      `member_expired`
                                           for a new member's first JoinGroup
    join      ("join", group)              initial delay, extended; later     `complete_join`
                                           the longest rebalance timeout
    sync      ("sync", group)              the longest rebalance timeout      `sync_expired`

Every member that is not being held has a session timer, and every group in PreparingRebalance a join timer.

Source: `GroupMetadataManager.prepareRebalance`, `completeClassicGroupJoin`, `expirePendingSync` and their neighbours.
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.groups.classic import (
    COMPLETING_REBALANCE,
    EMPTY,
    PREPARING_REBALANCE,
    STABLE,
    ClassicGroup,
    Member,
)
from pykbroker.groups.records import GroupRecord, MetadataRecord
from pykbroker.groups.state import ShardState, Step
from pykbroker.shard import Outcome
from pykbroker.wire.messages.join_group import JoinGroupResponse
from pykbroker.wire.messages.sync_group import SyncGroupResponse


def prepare_or_complete(state: ShardState, group: ClassicGroup, step: Step) -> None:
    """A member came, changed or left: start a rebalance, or see whether the running one can end its join phase."""
    if group.state == PREPARING_REBALANCE:
        maybe_complete_join(state, group, step)
    else:
        prepare(state, group, step)


def prepare(state: ShardState, group: ClassicGroup, step: Step) -> None:
    """Start the join phase. Held SyncGroups are answered REBALANCE_IN_PROGRESS (GRP-20)."""
    if group.state == COMPLETING_REBALANCE:
        fail_syncs(state, group, errors.REBALANCE_IN_PROGRESS, step)
    group.pending_sync.clear()
    state.cancel(("sync", group.group_id))
    is_initial = group.state == EMPTY
    group.move_to(PREPARING_REBALANCE, state.clock.now_ms())
    if is_initial:
        # GRP-08: the group is new; more members are likely to come.
        group.new_member_added = False
        delay_ms = state.settings.initial_rebalance_delay_ms
        _schedule_initial(state, group, delay_ms, max(group.rebalance_timeout_ms - delay_ms, 0))
    elif group.has_all_members_joined:
        complete_join(state, group, step)
    else:
        _schedule_join(state, group)


def maybe_complete_join(state: ShardState, group: ClassicGroup, step: Step) -> None:
    """End the join phase if nobody is missing (GRP-09); during the initial delay it goes on regardless."""
    if group.state == PREPARING_REBALANCE and group.previous_state != EMPTY and group.has_all_members_joined:
        complete_join(state, group, step)


def complete_join(state: ShardState, group: ClassicGroup, step: Step) -> None:
    """End the join phase: drop who did not come, start the next generation, answer every held JoinGroup."""
    state.cancel(("join", group.group_id))
    for member in list(group.members.values()):
        if member.held_join is None and member.group_instance_id is None:
            forget(state, group, member.member_id)  # GRP-10: static members stay until their session ends
    if group.members and not group.elect_joined_leader():
        # Only static members that are away: wait for one of them, or for the end of their sessions.
        _schedule_join(state, group)
        return
    now_ms = state.clock.now_ms()
    group.next_generation(now_ms)
    if group.state == EMPTY:
        step.records.append(MetadataRecord(group.group_id, group.metadata_value({})))
        return
    for member in group.members.values():
        if member.held_join is None:
            continue
        answer_join(member, generation_answer(group, member), step)
        member.is_new = False
        group.pending_sync.add(member.member_id)
        start_session(state, group, member)
    group_id = group.group_id
    state.schedule(("sync", group_id), group.rebalance_timeout_ms, lambda: _sync_expired(state, group_id))


def generation_answer(group: ClassicGroup, member: Member) -> JoinGroupResponse:
    """Return the answer to a member's JoinGroup in the present generation (GRP-12, GRP-13)."""
    return JoinGroupResponse(
        generation_id=group.generation_id,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        leader=group.leader or "",
        member_id=member.member_id,
        members=group.members_of_generation() if member.member_id == group.leader else [],
    )


def join_error(member_id: str, code: int) -> JoinGroupResponse:
    """Return a JoinGroup's answer that is nothing but an error; protocol type and name are null (GRP-16)."""
    return JoinGroupResponse(member_id=member_id, error_code=code, protocol_name=None)


def answer_join(member: Member, response: JoinGroupResponse, step: Step) -> None:
    """Answer the JoinGroup that a member has waiting, if there is one."""
    held, member.held_join = member.held_join, None
    if held is not None:
        step.answer(held, response)


def answer_sync(member: Member, response: SyncGroupResponse, step: Step) -> bool:
    """Answer the SyncGroup that a member has waiting; tell if there was one."""
    held, member.held_sync = member.held_sync, None
    if held is not None:
        step.answer(held, response)
    return held is not None


def fail_syncs(state: ShardState, group: ClassicGroup, code: int, step: Step) -> None:
    """Take all assignments back, and answer every held SyncGroup with an error."""
    for member in group.members.values():
        member.assignment = b""
        if answer_sync(member, SyncGroupResponse(error_code=code), step):
            start_session(state, group, member)


def release(state: ShardState) -> Outcome[GroupRecord, None]:
    """Answer every held request with NOT_COORDINATOR, because the broker stops: members look for another one."""
    step = Step()
    for group in state.live.values():
        for member in group.members.values():
            answer_join(member, join_error(member.member_id, errors.NOT_COORDINATOR), step)
            answer_sync(member, SyncGroupResponse(error_code=errors.NOT_COORDINATOR), step)
            start_session(state, group, member)
    return step.outcome(None)


# Leaving


def forget(state: ShardState, group: ClassicGroup, member_id: str) -> None:
    """Remove a member, or a pending one, together with its session."""
    state.cancel(("session", group.group_id, member_id))
    group.remove(member_id)


def expel(state: ShardState, group: ClassicGroup, member: Member, code: int, step: Step) -> None:
    """Remove a member; what it has waiting is answered with an error. The caller goes on with the group."""
    answer_join(member, join_error("", code), step)
    answer_sync(member, SyncGroupResponse(error_code=code), step)
    forget(state, group, member.member_id)


# Timers


def start_session(state: ShardState, group: ClassicGroup, member: Member) -> None:
    """Give a member its whole session timeout from now on; a new one, that cannot heartbeat, 5 minutes (GRP-31)."""
    timeout_ms = state.settings.new_member_join_timeout_ms if member.is_new else member.session_timeout_ms
    start_session_of(state, group.group_id, member.member_id, timeout_ms)


def start_session_of(state: ShardState, group_id: str, member_id: str, timeout_ms: int) -> None:
    """The same for an id that is only pending."""
    state.schedule(("session", group_id, member_id), timeout_ms, lambda: _member_expired(state, group_id, member_id))


def _member_expired(state: ShardState, group_id: str, member_id: str) -> Outcome[GroupRecord, None]:
    step = Step()
    group = state.live.get(group_id)
    if group is None:
        return step.outcome(None)
    member = group.members.get(member_id)
    if member is None:
        forget(state, group, member_id)
        if group.state == PREPARING_REBALANCE:
            maybe_complete_join(state, group, step)
    elif member.is_new or (member.held_join is None and member.held_sync is None):
        expel(state, group, member, errors.UNKNOWN_MEMBER_ID, step)  # GRP-29
        if group.state in (STABLE, COMPLETING_REBALANCE):
            prepare(state, group, step)
        else:
            maybe_complete_join(state, group, step)
    # else GRP-30: who is waiting here does not expire; the session starts anew with the answer
    return step.outcome(None)


def _schedule_join(state: ShardState, group: ClassicGroup) -> None:
    group_id = group.group_id
    state.schedule(("join", group_id), group.rebalance_timeout_ms, lambda: _join_due(state, group_id))


def _join_due(state: ShardState, group_id: str) -> Outcome[GroupRecord, None]:
    step = Step()
    group = state.live.get(group_id)
    if group is not None and group.state == PREPARING_REBALANCE:
        complete_join(state, group, step)
    return step.outcome(None)


def _schedule_initial(state: ShardState, group: ClassicGroup, delay_ms: int, remaining_ms: int) -> None:
    group_id = group.group_id
    state.schedule(("join", group_id), delay_ms, lambda: _initial_due(state, group_id, delay_ms, remaining_ms))


def _initial_due(state: ShardState, group_id: str, delay_ms: int, remaining_ms: int) -> Outcome[GroupRecord, None]:
    group = state.live.get(group_id)
    if group is None or not group.new_member_added or remaining_ms == 0:
        return _join_due(state, group_id)
    group.new_member_added = False
    next_delay_ms = min(state.settings.initial_rebalance_delay_ms, remaining_ms)
    _schedule_initial(state, group, next_delay_ms, max(remaining_ms - delay_ms, 0))
    return Step().outcome(None)


def _sync_expired(state: ShardState, group_id: str) -> Outcome[GroupRecord, None]:
    step = Step()
    group = state.live.get(group_id)
    if group is not None and group.pending_sync:  # of this generation: a new rebalance clears them
        for member_id in sorted(group.pending_sync):
            forget(state, group, member_id)  # GRP-27
        prepare(state, group, step)
    return step.outcome(None)
