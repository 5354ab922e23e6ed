"""JoinGroup: who may come in, who waits, who is answered at once.

    member id   instance id        what happens
    ""          none               `_new_dynamic`: an id first (v4+, KIP-394), or straight in
    ""          unknown            `_admit`
    ""          known              `_replace_static` (KIP-345)
    pending     none               `_admit`
    known       none, or its own   `_rejoin`
    otherwise                      UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID

Source: `GroupMetadataManager.classicGroupJoin*`.
"""

from __future__ import annotations

from typing import Final

from pykbroker import errors
from pykbroker.env import Random
from pykbroker.errors import KafkaError
from pykbroker.groups.classic import (
    EMPTY,
    PREPARING_REBALANCE,
    STABLE,
    ClassicGroup,
    Facts,
    Member,
    Protocols,
    select_protocol,
)
from pykbroker.groups.rebalance import (
    answer_join,
    answer_sync,
    forget,
    generation_answer,
    join_error,
    maybe_complete_join,
    prepare_or_complete,
    start_session,
    start_session_of,
)
from pykbroker.groups.records import GroupRecord, MetadataRecord
from pykbroker.groups.state import ShardState, Step, require_group_id
from pykbroker.later import Later
from pykbroker.shard import Outcome
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
from pykbroker.wire.messages.sync_group import SyncGroupResponse

MEMBER_ID_REQUIRED_SINCE: Final = 4
SKIP_ASSIGNMENT_SINCE: Final = 9


class Joining:
    """A JoinGroup with what surrounds it: the client that sent it, and the version it came in."""

    __slots__ = ("client_id", "facts", "names", "request", "version")

    def __init__(self, request: JoinGroupRequest, version: int, client_id: str, client_host: str) -> None:
        self.request = request
        self.version = version
        self.client_id = client_id
        self.names = [protocol.name for protocol in request.protocols]
        protocols: Protocols = tuple((protocol.name, protocol.metadata) for protocol in request.protocols)
        # GRP-11: version 0 has no rebalance timeout.
        rebalance_timeout_ms = request.rebalance_timeout_ms if version >= 1 else request.session_timeout_ms
        self.facts: Facts = (protocols, rebalance_timeout_ms, request.session_timeout_ms, client_id, client_host)


def join(state: ShardState, joining: Joining) -> Outcome[GroupRecord, JoinGroupResponse]:
    """Answer a JoinGroup, now or when the join phase ends. Errors are in the response, not raised."""
    step = Step()
    try:
        _check_request(state, joining.request)
        return step.outcome(_decide(state, joining, step))
    except KafkaError as error:
        return step.outcome(join_error(joining.request.member_id, error.code))


def _check_request(state: ShardState, request: JoinGroupRequest) -> None:
    require_group_id(request.group_id)
    settings = state.settings
    if not settings.min_session_timeout_ms <= request.session_timeout_ms <= settings.max_session_timeout_ms:
        raise KafkaError(errors.INVALID_SESSION_TIMEOUT)


def _decide(state: ShardState, joining: Joining, step: Step) -> JoinGroupResponse | Later[JoinGroupResponse]:
    request = joining.request
    member_id, instance_id = request.member_id, request.group_instance_id
    group = state.live.get(request.group_id)
    if group is None:
        if member_id:
            raise KafkaError(errors.UNKNOWN_MEMBER_ID)
        if not request.protocol_type or not joining.names:
            raise KafkaError(errors.INCONSISTENT_GROUP_PROTOCOL)
        group = state.get_or_create(request.group_id)
    if not _has_room(state, group, member_id):
        _turn_away(state, group, member_id, step)
        return join_error("", errors.GROUP_MAX_SIZE_REACHED)  # GRP-41: with an empty member id
    if not group.supports(request.protocol_type, joining.names):
        raise KafkaError(errors.INCONSISTENT_GROUP_PROTOCOL)
    if member_id:
        if member_id in group.pending_members and instance_id is None:
            return _admit(state, group, member_id, joining, step)
        return _rejoin(state, group, group.check_member(member_id, instance_id), joining, step)
    new_member_id = f"{joining.client_id if instance_id is None else instance_id}-{_random_uuid_text(state.random)}"
    if instance_id is None:
        return _new_dynamic(state, group, new_member_id, joining, step)
    known = group.static_members.get(instance_id)
    if known is None:
        return _admit(state, group, new_member_id, joining, step)
    return _replace_static(state, group, group.members[known], new_member_id, joining, step)


def _has_room(state: ShardState, group: ClassicGroup, member_id: str) -> bool:
    """Tell if a member may come in, or stay. In the join phase only those who joined count: the last to come go."""
    most = state.settings.max_size
    if group.state == EMPTY:
        return True
    known = group.members.get(member_id)
    if group.state == PREPARING_REBALANCE:
        return (known is not None and known.held_join is not None) or group.awaiting_join < most
    return known is not None or len(group.members) < most


def _turn_away(state: ShardState, group: ClassicGroup, member_id: str, step: Step) -> None:
    if member_id:
        forget(state, group, member_id)
        maybe_complete_join(state, group, step)


def _new_dynamic(
    state: ShardState, group: ClassicGroup, member_id: str, joining: Joining, step: Step
) -> JoinGroupResponse | Later[JoinGroupResponse]:
    if joining.version < MEMBER_ID_REQUIRED_SINCE:
        return _admit(state, group, member_id, joining, step)
    group.pending_members.add(member_id)
    start_session_of(state, group.group_id, member_id, joining.request.session_timeout_ms)
    return join_error(member_id, errors.MEMBER_ID_REQUIRED)


def _admit(
    state: ShardState, group: ClassicGroup, member_id: str, joining: Joining, step: Step
) -> Later[JoinGroupResponse]:
    """Take in a new member, and hold its request."""
    request = joining.request
    member = Member(member_id, request.group_instance_id, joining.facts)
    member.is_new = True
    if group.state == PREPARING_REBALANCE and group.previous_state == EMPTY:
        group.new_member_added = True
    group.add(member, request.protocol_type)
    start_session(state, group, member)
    held = member.held_join = Later()
    prepare_or_complete(state, group, step)
    return held


def _rejoin(
    state: ShardState, group: ClassicGroup, member: Member, joining: Joining, step: Step
) -> JoinGroupResponse | Later[JoinGroupResponse]:
    """A member that is known: only a change, or the leader, rebalances a group that has its generation (GRP-17..20)."""
    is_unchanged = member.protocols == joining.facts[0]  # GRP-21
    waits = (
        group.state == PREPARING_REBALANCE
        or not is_unchanged
        or (group.state == STABLE and group.leader == member.member_id)
    )
    if not waits:
        start_session(state, group, member)
        return generation_answer(group, member)
    held = _hold(member, joining, step)
    prepare_or_complete(state, group, step)
    return held


def _hold(member: Member, joining: Joining, step: Step) -> Later[JoinGroupResponse]:
    """Take over what the request says, and hold it. An older one of the same member must not be left unanswered."""
    answer_join(member, join_error(member.member_id, errors.REBALANCE_IN_PROGRESS), step)
    member.take(joining.facts)
    held = member.held_join = Later()
    return held


def _replace_static(
    state: ShardState, group: ClassicGroup, member: Member, new_member_id: str, joining: Joining, step: Step
) -> Later[JoinGroupResponse]:
    """A static member came back without its id: it takes its old place under a new one (GRP-36)."""
    if group.state == STABLE:
        lists = [joining.facts[0] if known is member else known.protocols for known in group.members.values()]
        if select_protocol(lists) == group.protocol_name:
            return _replace_in_stable(state, group, member, new_member_id, joining, step)
    _fence(state, group, member, step)
    group.replace_static(member, new_member_id)
    held = _hold(member, joining, step)
    start_session(state, group, member)
    prepare_or_complete(state, group, step)  # GRP-38
    return held


def _fence(state: ShardState, group: ClassicGroup, member: Member, step: Step) -> None:
    """End the session and the held requests of the client that used a static member's id so far."""
    state.cancel(("session", group.group_id, member.member_id))
    answer_join(member, join_error(member.member_id, errors.FENCED_INSTANCE_ID), step)
    answer_sync(member, SyncGroupResponse(error_code=errors.FENCED_INSTANCE_ID), step)
    member.is_new = False


def _replace_in_stable(
    state: ShardState, group: ClassicGroup, member: Member, new_member_id: str, joining: Joining, step: Step
) -> Later[JoinGroupResponse]:
    """The same without a rebalance: the new id has to be stored; if it cannot be, the old one stays (GRP-37)."""
    held: Later[JoinGroupResponse] = Later()
    old_member_id, old_facts, old_leader = member.member_id, member.facts, group.leader or ""
    group.replace_static(member, new_member_id)
    member.take(joining.facts)
    assignments = {known.member_id: known.assignment for known in group.members.values()}
    step.records.append(MetadataRecord(group.group_id, group.metadata_value(assignments)))

    def stored() -> None:
        state.cancel(("session", group.group_id, old_member_id))
        start_session(state, group, member)
        group.note_subscriptions()
        answer = generation_answer(group, member)
        if joining.version >= SKIP_ASSIGNMENT_SINCE:
            answer.skip_assignment = group.leader == new_member_id  # KIP-814
        else:
            # A client this old would assign again if it saw itself lead; a Stable group would not pass that on.
            answer.leader, answer.members = old_leader, []
        step.answer(held, answer)

    def failed(_: KafkaError) -> None:
        group.replace_static(member, old_member_id)
        member.take(old_facts)

    step.when_stored(stored)
    step.when_failed(failed)
    return held


def _random_uuid_text(random: Random) -> str:
    """Return a version 4 UUID in its usual form, for member ids (GRP-05)."""
    raw = bytearray(random.bytes(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
