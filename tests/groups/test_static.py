"""Static members (KIP-345): replaced, fenced, remembered."""

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups.classic import EMPTY, PREPARING_REBALANCE, STABLE
from tests.groups.harness import Asked, World

BOTH = (("range", b"r"), ("sticky", b"s"))


def stable(world: World, *instances: str, **facts: object) -> list[str]:
    joins: list[Asked] = [world.join(instance=instance, **facts) for instance in instances]  # type: ignore[arg-type]
    world.advance(0)
    members = [one.member_id for one in joins]
    world.finish(members)
    return members


def test_replaced_member_is_fenced(world: World) -> None:  # GRP-36
    leader, old = stable(world, "a", "b")
    new = world.join(instance="b")
    assert (new.error_code, new.member_id != old) == (0, True)
    assert world.heartbeat(old, 1, instance="b") == errors.FENCED_INSTANCE_ID
    assert world.sync(old, 1, instance="b").error_code == errors.FENCED_INSTANCE_ID
    assert world.join(old, instance="b").error_code == errors.FENCED_INSTANCE_ID
    assert world.commit(generation=1, member_id=old, instance="b") == errors.FENCED_INSTANCE_ID
    assert world.leave((old, "b")) == [errors.FENCED_INSTANCE_ID]
    assert world.heartbeat(new.member_id, 1, instance="b") == 0
    assert list(world.group().members) == [leader, new.member_id]


def test_held_join_of_the_replaced_member_is_fenced(world: World) -> None:  # GRP-36
    leader, old = stable(world, "a", "b")
    world.join(version=3)
    held = world.join(old, instance="b")
    new = world.join(instance="b")
    assert held.error_code == errors.FENCED_INSTANCE_ID
    world.join(leader, instance="a")
    assert new.generation_id == 2


def test_held_sync_of_the_replaced_member_is_fenced(world: World) -> None:  # GRP-36, GRP-38
    joins = [world.join(instance="a"), world.join(instance="b")]
    world.advance(0)
    held = world.sync(joins[1].member_id, 1, instance="b")
    new = world.join(instance="b")
    assert held.error_code == errors.FENCED_INSTANCE_ID
    assert (new.is_held, world.group().state) == (True, PREPARING_REBALANCE)


def test_replaced_follower_keeps_generation_and_assignment(world: World) -> None:  # GRP-37
    leader, _ = stable(world, "a", "b")
    new = world.join(instance="b")
    assert (new.generation_id, new.leader, new.members, new.skip_assignment) == (1, leader, [], False)
    assert world.group().state == STABLE
    assert world.sync(new.member_id, 1, instance="b").assignment == b"1"


def test_replaced_leader_skips_the_assignment_from_v9(world: World) -> None:  # GRP-37
    _, follower = stable(world, "a", "b")
    new = world.join(instance="a", version=9)
    assert (new.leader, new.skip_assignment) == (new.member_id, True)
    assert [(one.member_id, one.group_instance_id) for one in new.members] == [(new.member_id, "a"), (follower, "b")]


def test_replaced_leader_is_told_its_old_id_before_v9(world: World) -> None:  # GRP-37
    old, _ = stable(world, "a", "b")
    new = world.join(instance="a", version=8)
    assert (new.leader, new.members, new.skip_assignment) == (old, [], False)
    assert world.group().leader == new.member_id


def test_replacement_that_cannot_be_stored_is_undone(world: World) -> None:  # GRP-37, GRP-44
    _, old = stable(world, "a", "b")
    world.partition.error = KafkaError(errors.KAFKA_STORAGE_ERROR)
    with pytest.raises(KafkaError):
        world.join(instance="b", protocols=(("range", b"new"),))
    assert world.heartbeat(old, 1, instance="b") == 0
    assert world.group().members[old].metadata("range") == b"topics"
    world.partition.error = None
    world.advance(10_000)
    assert old not in world.group().members


def test_replacement_that_changes_the_protocol_rebalances(world: World) -> None:  # GRP-38
    first, second, _ = stable(world, "a", "b", "c", protocols=BOTH)
    new = world.join(instance="c", protocols=(("sticky", b"s"),))
    assert (new.is_held, world.group().state) == (True, PREPARING_REBALANCE)
    world.join(first, instance="a", protocols=BOTH)
    world.join(second, instance="b", protocols=BOTH)
    assert (new.generation_id, new.protocol_name) == (2, "sticky")


def test_replacement_in_the_join_phase_waits_with_the_others(world: World) -> None:  # GRP-36
    leader, old = stable(world, "a", "b")
    world.join(version=3)
    new = world.join(instance="b")
    assert new.is_held
    world.join(leader, instance="a")
    assert (new.generation_id, old in world.group().members) == (2, False)


def test_unknown_instance_with_a_member_id(world: World) -> None:  # GRP-39
    (member,) = stable(world, "a")
    assert world.heartbeat(member, 1, instance="z") == errors.UNKNOWN_MEMBER_ID
    assert world.heartbeat("other", 1, instance="a") == errors.FENCED_INSTANCE_ID
    assert world.join("other", instance="a").error_code == errors.FENCED_INSTANCE_ID
    assert world.join("other", instance="z").error_code == errors.UNKNOWN_MEMBER_ID


def test_absent_static_member_is_kept_for_its_session(world: World) -> None:  # GRP-40
    (member,) = stable(world, "a", session=30_000)
    world.advance(29_999)
    assert (world.group().state, list(world.group().members)) == (STABLE, [member])
    back = world.join(instance="a", session=30_000)
    assert (back.error_code, back.generation_id) == (0, 1)
    world.advance(30_000)
    assert world.group().state == EMPTY


def test_old_session_ends_with_the_replacement(world: World) -> None:  # GRP-36
    stable(world, "a", session=10_000)
    world.advance(9_000)
    new = world.join(instance="a", session=10_000)
    world.advance(9_999)
    assert list(world.group().members) == [new.member_id]


def test_static_member_survives_a_restart(world: World) -> None:  # GRP-40, GRP-42
    stable(world, "a", "b")
    new = world.join(instance="b")
    again = world.restart()
    assert again.heartbeat(new.member_id, 1, instance="b") == 0
    assert again.sync(new.member_id, 1, instance="b").assignment == b"1"


def test_administrator_removes_by_instance(world: World) -> None:  # GRP-34
    leader, removed = stable(world, "a", "b")
    codes = world.leave(("", "b"), ("", "unknown"), ("wrong", "a"), "")
    unknown = errors.UNKNOWN_MEMBER_ID
    assert codes == [0, unknown, errors.FENCED_INSTANCE_ID, unknown]
    assert list(world.group().members) == [leader]
    assert world.heartbeat(leader, 1, instance="a") == errors.REBALANCE_IN_PROGRESS
    assert world.heartbeat(removed, 1, instance="b") == unknown
