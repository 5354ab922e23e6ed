"""GRP: classic groups: JoinGroup, SyncGroup, Heartbeat, LeaveGroup."""

from collections.abc import Iterator

from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from pykbroker.wire.messages.join_group import JoinGroupRequest
from pykbroker.wire.messages.leave_group import LeaveGroupRequest
from pykbroker.wire.messages.sync_group import SyncGroupRequest
from tests.compat.oracle.groups import Member, await_state, leave, protocols, stable, state_of, synced
from tests.compat.oracle.node import Node
from tests.compat.oracle.settings import STRICT
from tests.compat.oracle.statement import statement


@statement("GRP-01", api=JoinGroupRequest)
def empty_group_id(at: Node) -> None:
    member = Member(at)
    member.group = ""
    assert member.send_join().answer().error_code == 24
    member.id, member.generation, member.protocol = "x", 1, "range"
    assert member.sync().error_code == 24
    assert member.heartbeat() == 24
    answer = member.leave()
    assert (answer.error_code or answer.members[0].error_code) == 24


@statement("GRP-02", api=JoinGroupRequest)
def session_timeout_out_of_bounds(at: Node) -> None:
    member = Member(at)
    for wrong in (0, 499, 1800001):
        assert member.send_join(session_timeout_ms=wrong).answer().error_code == 26


@statement("GRP-03", "GRP-05", api=JoinGroupRequest, since=4)
def member_id_required(at: Node) -> None:
    member = Member(at)
    first = member.send_join().answer()
    assert first.error_code == 79
    assert first.member_id.startswith("member1-")
    await_state(at, member.group, "Empty", 0)
    member.id = first.member_id
    assert member.join().generation_id == 1


@statement("GRP-03", api=JoinGroupRequest, since=4)
def pending_member_holds_back_the_join_phase(at: Node) -> None:
    leader, pending = stable(at)[0], Member(at)
    required = pending.send_join(session_timeout_ms=700).answer()
    assert required.error_code == 79
    waiting = leader.start_join()
    await_state(at, leader.group, "PreparingRebalance", 1)
    assert leader.joined(waiting).generation_id == 2


@statement("GRP-04", "GRP-05", api=JoinGroupRequest, until=3)
def admitted_directly(at: Node) -> None:
    assert Member(at).send_join().answer().error_code == 0


@statement("GRP-06", api=JoinGroupRequest)
def unknown_member_id(at: Node) -> None:
    stranger = Member(at)
    stranger.id = "stranger"
    answer = stranger.send_join().answer()
    assert (answer.error_code, answer.member_id) == (25, "stranger")
    stable(at)
    assert stranger.send_join().answer().error_code == 25


@statement("GRP-07", api=JoinGroupRequest)
def inconsistent_protocols(at: Node) -> None:
    assert Member(at).send_join(protocol_type="").answer().error_code == 23
    assert Member(at).send_join(protocols=[]).answer().error_code == 23
    stable(at)
    assert Member(at).send_join(protocol_type="connect").answer().error_code == 23
    assert Member(at).send_join(protocols=protocols("other")).answer().error_code == 23


@statement("GRP-08", api=JoinGroupRequest, settings=STRICT)
def initial_delay(at: Node) -> None:
    first, second = Member(at), Member(at)
    waiting = [(first, first.start_join())]
    await_state(at, at.name, "PreparingRebalance", 1)
    waiting.append((second, second.start_join()))
    assert [member.joined(answer).generation_id for member, answer in waiting] == [1, 1]
    assert len(first.ids) == 2


@statement("GRP-09", "GRP-12", "GRP-13", "GRP-14", "GRP-16", api=JoinGroupRequest)
def two_members(at: Node) -> None:
    first, second = stable(at, 2)
    assert first.generation == second.generation == 2
    assert first.leader == second.leader == first.id
    assert sorted(first.ids) == sorted([first.id, second.id])
    assert second.ids == []


@statement("GRP-10", api=JoinGroupRequest)
def late_member_is_removed(at: Node) -> None:
    first, second = stable(at, 2, rebalance_timeout_ms=1000, session_timeout_ms=1500)
    assert first.join().generation_id == 3
    assert first.ids == [first.id]
    assert second.heartbeat() == 25
    synced([first])


@statement("GRP-11", api=JoinGroupRequest, until=0)
def no_rebalance_timeout(at: Node) -> None:
    first, _ = stable(at, 2, session_timeout_ms=1000)
    assert first.join().generation_id == 3


@statement("GRP-14", api=JoinGroupRequest)
def another_leader(at: Node) -> None:
    first, second = stable(at, 2)
    first.leave()
    assert second.join().leader == second.id


@statement("GRP-15", api=JoinGroupRequest)
def protocol_by_votes(at: Node) -> None:
    first = Member(at, protocols=protocols("a", "b", "c"))
    assert first.join().protocol_name == "a"
    synced([first])
    second = Member(at, protocols=protocols("c", "b"))
    third = Member(at, protocols=protocols("c", "b", "x"))
    waiting = [(second, second.start_join())]
    await_state(at, first.group, "PreparingRebalance", 2)
    waiting.append((third, third.start_join()))
    await_state(at, first.group, "PreparingRebalance", 3)
    waiting.append((first, first.start_join()))
    assert [member.joined(answer).protocol_name for member, answer in waiting] == ["c", "c", "c"]


@statement("GRP-16", api=JoinGroupRequest)
def names_on_error(at: Node) -> None:
    answer = Member(at).send_join(session_timeout_ms=1).answer()
    assert answer.protocol_name == (None if at.version >= 7 else "")


@statement("GRP-17", api=JoinGroupRequest)
def leader_rejoins(at: Node) -> None:
    (leader,) = stable(at)
    assert leader.join().generation_id == 2


@statement("GRP-18", api=JoinGroupRequest)
def follower_rejoins_unchanged(at: Node) -> None:
    _, follower = stable(at, 2)
    assert follower.join().generation_id == 2
    assert state_of(at, follower.group)[0] == "Stable"


@statement("GRP-19", api=JoinGroupRequest)
def follower_rejoins_changed(at: Node) -> None:
    leader, follower = stable(at, 2)
    waiting = follower.start_join(protocols=protocols("range", metadata=b"other"))
    await_state(at, leader.group, "PreparingRebalance", 2)
    assert leader.heartbeat() == 27
    assert leader.join().generation_id == 3
    assert follower.joined(waiting).generation_id == 3


@statement("GRP-20", "GRP-21", api=JoinGroupRequest)
def rejoin_before_sync(at: Node) -> None:
    leader, follower = stable(at, 2)
    waiting = leader.start_join()
    await_state(at, leader.group, "PreparingRebalance")
    assert follower.join().generation_id == 3
    leader.joined(waiting)
    assert follower.join().generation_id == 3
    assert leader.join().generation_id == 3
    assert len(leader.ids) == 2
    other = Member(at)
    other.id, other.generation, other.protocol = follower.id, follower.generation, follower.protocol
    syncing = other.start_sync()
    changed = follower.start_join(protocols=protocols("range", "roundrobin"))
    await_state(at, leader.group, "PreparingRebalance")
    assert syncing.answer().error_code == 27
    assert leader.join().generation_id == 4
    follower.joined(changed)


@statement("GRP-22", api=SyncGroupRequest)
def sync_errors(at: Node) -> None:
    leader, follower = stable(at, 2)
    assert leader.sync(member_id="stranger").error_code == 25
    assert leader.sync(generation_id=7).error_code == 22
    assert leader.sync(group_id=f"{at.name}-none").error_code == 25
    waiting = leader.start_join()
    await_state(at, leader.group, "PreparingRebalance")
    assert follower.sync().error_code == 27
    follower.join()
    leader.joined(waiting)


@statement("GRP-23", api=SyncGroupRequest, since=5)
def sync_names_the_protocol(at: Node) -> None:
    leader = Member(at)
    leader.join()
    assert leader.sync(protocol_type=None).error_code == 23
    assert leader.sync(protocol_name=None).error_code == 23
    assert leader.sync(protocol_type="other").error_code == 23
    assert leader.sync(protocol_name="other").error_code == 23


@statement("GRP-24", "GRP-48", api=SyncGroupRequest)
def assignments_are_opaque(at: Node) -> None:
    blob = bytes(range(256))
    for kind, metadata in (("consumer", b"\0\1\0"), ("connect", b"\xff not a subscription")):
        leader = Member(at, f"{at.name}-{kind}", protocol_type=kind, protocols=protocols("range", metadata=metadata))
        leader.join()
        assert bytes(leader.sync([(leader.id, blob)]).assignment) == blob


@statement("GRP-24", "GRP-25", api=SyncGroupRequest)
def follower_syncs_first(at: Node) -> None:
    leader, follower = stable(at, 2)
    waiting = leader.start_join()
    await_state(at, leader.group, "PreparingRebalance")
    follower.join()
    leader.joined(waiting)
    syncing = follower.start_sync()
    assert bytes(leader.sync([(leader.id, b"mine")]).assignment) == b"mine"
    answer = syncing.answer()
    assert (answer.error_code, bytes(answer.assignment)) == (0, b"")


@statement("GRP-26", api=SyncGroupRequest)
def sync_in_stable(at: Node) -> None:
    leader, follower = stable(at, 2)
    before = bytes(follower.sync().assignment)
    leader.sync([(leader.id, b"new"), (follower.id, b"new")])
    assert bytes(follower.sync().assignment) == before != b"new"


@statement("GRP-27", api=SyncGroupRequest)
def no_sync_in_time(at: Node) -> None:
    leader, follower = stable(at, 2, rebalance_timeout_ms=1000)
    waiting = leader.start_join()
    await_state(at, leader.group, "PreparingRebalance")
    follower.join()
    leader.joined(waiting)
    follower.start_sync()
    await_state(at, leader.group, "PreparingRebalance", 1)
    assert leader.heartbeat() == 25


@statement("GRP-28", api=HeartbeatRequest)
def heartbeats(at: Node) -> None:
    leader = Member(at)
    leader.join()
    assert leader.heartbeat() == 0
    synced([leader])
    assert leader.heartbeat() == 0
    assert leader.heartbeat(generation_id=9) == 22
    assert leader.heartbeat(member_id="stranger") == 25
    assert leader.heartbeat(group_id=f"{at.name}-none") == 25
    other = Member(at)
    waiting = other.start_join()
    await_state(at, leader.group, "PreparingRebalance", 2)
    assert leader.heartbeat() == 27
    leader.join()
    other.joined(waiting)
    synced([leader, other])
    leader.leave()
    other.leave()
    assert leader.heartbeat() == 25


@statement("GRP-29", api=JoinGroupRequest)
def session_expires(at: Node) -> None:
    first, second = stable(at, 2, session_timeout_ms=1000)
    await_state(at, first.group, "Empty", 0)
    assert first.heartbeat() == 25
    assert second.heartbeat() == 25


@statement("GRP-30", api=JoinGroupRequest)
def waiting_member_does_not_expire(at: Node) -> None:
    first, second = stable(at, 2, session_timeout_ms=700, rebalance_timeout_ms=2500)
    answer = first.join()
    assert (answer.error_code, answer.generation_id) == (0, 3)
    assert second.heartbeat() == 25


@statement("GRP-32", "GRP-33", api=LeaveGroupRequest)
def leaving(at: Node) -> None:
    leader, follower = stable(at, 2)
    follower.leave()
    assert leader.heartbeat() == 27
    assert leader.join().generation_id == 3
    synced([leader])
    leader.leave()
    assert state_of(at, leader.group) == ("Empty", 0)
    unknown = leader.leave()
    assert (unknown.error_code or unknown.members[0].error_code) == 25
    nobody = leave(at, f"{at.name}-none", ("x", None))
    assert (nobody.error_code or nobody.members[0].error_code) == 25


@statement("GRP-35", api=LeaveGroupRequest)
def pending_member_leaves(at: Node) -> None:
    pending = Member(at)
    pending.id = pending.send_join().answer().member_id
    answer = pending.leave()
    assert not answer.error_code
    assert not any(each.error_code for each in answer.members)


@statement("GRP-41", api=JoinGroupRequest, settings=STRICT)
def full_group(at: Node) -> None:
    first, second = stable(at, 2)
    late = Member(at)
    answer = late.send_join().answer()
    if answer.error_code == 79:
        late.id = answer.member_id
        answer = late.send_join().answer()
    assert (answer.error_code, answer.member_id) == (81, "")
    waiting = first.start_join()
    await_state(at, first.group, "PreparingRebalance")
    assert second.join().error_code == 0
    assert first.joined(waiting).error_code == 0


@statement("GRP-42", api=HeartbeatRequest, restarts=True)
def group_survives_a_restart(at: Node) -> Iterator[None]:
    first, second = stable(at, 2, session_timeout_ms=600000)
    yield
    for member in (first, second):
        member.connection = at.connect()
        assert member.heartbeat() == 0
        assert member.sync().error_code == 0


@statement("GRP-45", api=JoinGroupRequest, since=8)
def reasons(at: Node) -> None:
    assert Member(at).join(reason="a reason").error_code == 0


@statement("GRP-47", api=JoinGroupRequest)
def many_members(at: Node) -> None:
    leader = stable(at)[0]
    others = [Member(at) for _ in range(5)]
    waiting = []
    for count, member in enumerate(others, 2):
        waiting.append((member, member.start_join()))
        await_state(at, leader.group, "PreparingRebalance", count)
    assert leader.join().generation_id == 2
    assert all(not member.joined(answer).error_code for member, answer in waiting)
    synced([leader, *others])
    assert state_of(at, leader.group) == ("Stable", 6)


@statement("FRM-09", "FRM-22")
def parked_join_holds_back_its_own_connection_only(at: Node) -> None:
    leader, other = stable(at)[0], Member(at)
    parked = other.start_join()
    behind = at.start(HeartbeatRequest(group_id=other.group, member_id=other.id, generation_id=2), on=other.connection)
    await_state(at, leader.group, "PreparingRebalance", 2)
    assert leader.heartbeat() == 27
    leader.join()
    assert other.joined(parked).error_code == 0
    assert behind.answer().error_code == 0
    other.connection.close()
    assert leader.heartbeat() == 0
    assert state_of(at, leader.group) == ("CompletingRebalance", 2)
