"""GRP: static members (KIP-345)."""

from pykbroker.wire.messages.join_group import JoinGroupRequest
from pykbroker.wire.messages.leave_group import LeaveGroupRequest
from tests.compat.oracle.groups import Member, await_state, leave, protocols, stable, synced
from tests.compat.oracle.node import Node
from tests.compat.oracle.statement import statement


@statement("GRP-04", "GRP-05", api=JoinGroupRequest, since=5)
def static_member_is_admitted_directly(at: Node) -> None:
    answer = Member(at, group_instance_id="one").send_join().answer()
    assert (answer.error_code, answer.generation_id) == (0, 1)
    assert answer.member_id.startswith("one-")


@statement("GRP-32", "GRP-34", api=LeaveGroupRequest, since=3)
def leaving_by_instance(at: Node) -> None:
    first, second = stable(at, 1, group_instance_id="one")[0], Member(at, group_instance_id="two")
    waiting = second.start_join()
    await_state(at, first.group, "PreparingRebalance", 2)
    first.join()
    second.joined(waiting)
    synced([first, second])
    answer = leave(at, first.group, ("", "none"), ("wrong", "two"), ("", "one"), ("stranger", None))
    assert answer.error_code == 0
    assert sorted(each.error_code for each in answer.members) == [0, 25, 25, 82]


@statement("GRP-36", "GRP-37", "GRP-39", api=JoinGroupRequest, since=5)
def static_member_is_replaced(at: Node) -> None:
    (old,) = stable(at, group_instance_id="one")
    new = Member(at, group_instance_id="one")
    answer = new.join()
    assert (answer.error_code, answer.generation_id) == (0, 1)
    assert new.id != old.id
    assert answer.skip_assignment is (at.version >= 9)
    assert new.sync().error_code == 0
    assert old.heartbeat() == 82
    assert old.sync().error_code == 82
    assert old.send_join().answer().error_code == 82
    left = old.leave()
    assert left.members[0].error_code == 82
    stranger = Member(at, group_instance_id="two")
    stranger.id = "stranger"
    assert stranger.send_join().answer().error_code == 25


@statement("GRP-36", api=JoinGroupRequest, since=5)
def replaced_while_it_waits(at: Node) -> None:
    first = stable(at, group_instance_id="one")[0]
    old = Member(at, group_instance_id="two")
    waiting = old.start_join()
    await_state(at, first.group, "PreparingRebalance", 2)
    new = Member(at, group_instance_id="two")
    rejoined = new.start_join()
    assert waiting.answer().error_code == 82
    first.join()
    assert new.joined(rejoined).error_code == 0


@statement("GRP-38", api=JoinGroupRequest, since=5)
def replacement_changes_the_protocol(at: Node) -> None:
    (old,) = stable(at, group_instance_id="one", protocols=protocols("a", "b"))
    assert old.protocol == "a"
    new = Member(at, group_instance_id="one", protocols=protocols("b"))
    answer = new.join()
    assert (answer.error_code, answer.generation_id, answer.protocol_name) == (0, 2, "b")
    newer = Member(at, group_instance_id="one", protocols=protocols("b"))
    assert newer.join().generation_id == 3


@statement("GRP-40", "GRP-10", api=JoinGroupRequest, since=5)
def static_member_stays_until_its_session_ends(at: Node) -> None:
    (one,) = stable(at, group_instance_id="one", session_timeout_ms=1500, rebalance_timeout_ms=600)
    one.connection.close()
    two = Member(at, group_instance_id="two", session_timeout_ms=20000, rebalance_timeout_ms=600)
    answer = two.join()
    assert answer.error_code == 0
    assert len(answer.members) == 2 or answer.leader != two.id
