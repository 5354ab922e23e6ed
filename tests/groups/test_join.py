"""JoinGroup and the join phase."""

import pytest

from pykbroker import errors
from pykbroker.groups.classic import COMPLETING_REBALANCE, EMPTY, PREPARING_REBALANCE, STABLE
from tests.groups.harness import World, check_reload

BOTH = (("range", b"r"), ("sticky", b"s"))


def test_empty_group_id_is_refused(world: World) -> None:  # GRP-01
    assert world.join(group="").error_code == errors.INVALID_GROUP_ID


@pytest.mark.parametrize(("session", "expected"), [
    (5_999, errors.INVALID_SESSION_TIMEOUT),
    (6_000, errors.MEMBER_ID_REQUIRED),
    (1_800_000, errors.MEMBER_ID_REQUIRED),
    (1_800_001, errors.INVALID_SESSION_TIMEOUT),
])
def test_session_timeout_has_bounds(world: World, session: int, expected: int) -> None:  # GRP-02
    assert world.join(session=session).error_code == expected


def test_dynamic_member_gets_an_id_first(world: World) -> None:  # GRP-03
    first = world.join(version=4)
    assert (first.error_code, first.member_id != "") == (errors.MEMBER_ID_REQUIRED, True)
    second = world.join(first.member_id, version=4)
    world.advance(0)
    assert (second.error_code, second.member_id, second.generation_id) == (0, first.member_id, 1)


def test_pending_member_blocks_a_running_join_phase(world: World) -> None:  # GRP-03
    leader, follower = world.stable(2)
    pending = world.member_id(session=10_000)
    rejoined = [world.join(leader), world.join(follower)]
    assert [one.is_held for one in rejoined] == [True, True]
    third = world.join(pending)
    assert [one.generation_id for one in (*rejoined, third)] == [2, 2, 2]


def test_pending_member_blocks_for_its_session_timeout_only(world: World) -> None:  # GRP-03
    (leader,) = world.stable(1)
    world.member_id(session=6_000)
    rejoined = world.join(leader)
    world.advance(5_999)
    assert rejoined.is_held
    world.advance(1)
    assert rejoined.generation_id == 2


@pytest.mark.parametrize(("version", "instance"), [(0, None), (3, None), (5, "i"), (9, "i")])
def test_admitted_directly(world: World, version: int, instance: str | None) -> None:  # GRP-04
    asked = world.join(version=version, instance=instance)
    assert asked.is_held
    world.advance(0)
    assert asked.error_code == 0


@pytest.mark.parametrize(("instance", "prefix"), [(None, "app-"), ("node-1", "node-1-")])
def test_generated_member_id(world: World, instance: str | None, prefix: str) -> None:  # GRP-05
    asked = world.join(client="app", instance=instance, version=9 if instance is None else 5)
    world.advance(0)
    assert asked.member_id.startswith(prefix)
    parts = asked.member_id.removeprefix(prefix).split("-")
    assert [len(part) for part in parts] == [8, 4, 4, 4, 12]
    assert parts[2][0] == "4"


def test_unknown_member_id_is_echoed(world: World) -> None:  # GRP-06
    without_group = world.join("who")
    world.stable(1)
    with_group = world.join("who")
    for asked in (without_group, with_group):
        assert (asked.error_code, asked.member_id) == (errors.UNKNOWN_MEMBER_ID, "who")
    assert "other" not in world.state.live


@pytest.mark.parametrize(("kind", "protocols"), [("", BOTH), ("consumer", ())])
def test_new_group_needs_type_and_protocols(world: World, kind: str, protocols: tuple[()]) -> None:  # GRP-07
    asked = world.join(kind=kind, protocols=protocols)
    assert asked.error_code == errors.INCONSISTENT_GROUP_PROTOCOL
    assert world.state.live == {}


@pytest.mark.parametrize(("kind", "protocols"), [
    ("connect", BOTH), ("consumer", (("other", b""),)), ("consumer", ()), ("", BOTH),
])
def test_member_must_fit_the_group(world: World, kind: str, protocols: tuple[tuple[str, bytes], ...]) -> None:  # GRP-07
    world.stable(1, protocols=BOTH)
    assert world.join(kind=kind, protocols=protocols).error_code == errors.INCONSISTENT_GROUP_PROTOCOL


def test_protocol_must_be_shared_by_all_members(world: World) -> None:  # GRP-07
    world.join(version=3, protocols=BOTH)
    world.join(version=3, protocols=(("sticky", b""),))
    refused = world.join(version=3, protocols=(("range", b""),))
    assert refused.error_code == errors.INCONSISTENT_GROUP_PROTOCOL


def test_initial_delay_grows_with_each_joiner() -> None:  # GRP-08
    world = World(initial_rebalance_delay_ms=3_000)
    first = world.join(version=3, rebalance=7_000)
    world.advance(2_999)
    second = world.join(version=3, rebalance=7_000)
    world.advance(3_000)
    assert first.is_held and second.is_held
    third = world.join(version=3, rebalance=7_000)
    world.advance(1_000)  # 6,999: the last extension is what is left of the rebalance timeout
    assert first.is_held
    world.advance(1)
    assert [one.generation_id for one in (first, second, third)] == [1, 1, 1]
    check_reload(world)


def test_initial_delay_ends_when_nobody_else_comes() -> None:  # GRP-08
    world = World(initial_rebalance_delay_ms=3_000)
    first = world.join(version=3)
    world.advance(2_999)
    assert first.is_held
    world.advance(1)
    assert first.generation_id == 1


def test_join_phase_ends_when_the_last_member_rejoins(world: World) -> None:  # GRP-09
    members = world.stable(3)
    joins = [world.join(member) for member in members[:2]]
    assert all(one.is_held for one in joins)
    joins.append(world.join(members[2]))
    assert [one.generation_id for one in joins] == [2, 2, 2]


def test_join_phase_ends_after_the_longest_rebalance_timeout(world: World) -> None:  # GRP-09, GRP-10
    leader = world.join(version=3, session=1_000_000, rebalance=20_000)
    other = world.join(version=3, session=1_000_000, rebalance=40_000)
    world.advance(0)
    world.finish([leader.member_id, other.member_id])
    again = world.join(leader.member_id, session=1_000_000, rebalance=20_000)
    world.advance(39_999)
    assert again.is_held
    world.advance(1)
    assert again.generation_id == 2
    assert list(world.group().members) == [leader.member_id]
    assert world.heartbeat(other.member_id, 1) == errors.UNKNOWN_MEMBER_ID


def test_static_member_that_did_not_rejoin_stays(world: World) -> None:  # GRP-10
    dynamic = world.join(version=3, session=30_000, rebalance=20_000)
    static = world.join(instance="i", session=200_000, rebalance=20_000)
    world.advance(0)
    world.finish([dynamic.member_id, static.member_id])
    again = world.join(dynamic.member_id, session=30_000, rebalance=20_000)
    world.advance(20_000)
    assert again.generation_id == 2
    assert list(world.group().members) == [dynamic.member_id, static.member_id]
    world.finish([dynamic.member_id])
    for _ in range(17):
        world.advance(10_000)
        world.heartbeat(dynamic.member_id, 2)
    assert static.member_id in world.group().members
    world.advance(10_000)
    assert static.member_id not in world.group().members


def test_version_0_uses_the_session_timeout_for_rebalances(world: World) -> None:  # GRP-11
    world.join(version=0, session=12_345)
    assert world.group().rebalance_timeout_ms == 12_345


def test_completed_join_phase_answers_all_together(world: World) -> None:  # GRP-12, GRP-13
    joins = [world.join(version=3, protocols=(("range", b"%d" % at),)) for at in range(3)]
    static = world.join(instance="i", protocols=(("range", b"3"),))
    assert all(one.is_held for one in joins)
    world.advance(0)
    joins.append(static)
    assert world.group().state == COMPLETING_REBALANCE
    assert {(one.generation_id, one.protocol_name, one.leader) for one in joins} == {(1, "range", joins[0].member_id)}
    told = [(one.member_id, one.group_instance_id, one.metadata) for one in joins[0].members]
    assert told == [
        (one.member_id, instance, b"%d" % at)
        for at, (one, instance) in enumerate(zip(joins, (None, None, None, "i"), strict=True))
    ]
    assert [one.members for one in joins[1:]] == [[], [], []]


def test_first_member_leads(world: World) -> None:  # GRP-14
    members = world.completing(3)
    assert world.group().leader == members[0]


def test_leader_that_does_not_rejoin_is_followed_by_one_that_did(world: World) -> None:  # GRP-14
    members = world.stable(3, session=1_000_000, rebalance=30_000)
    joins = [
        world.join(member, protocols=(("range", b"new"),), session=1_000_000, rebalance=30_000)
        for member in members[1:]
    ]
    world.advance(30_000)
    assert {one.leader for one in joins} == {members[1]}


@pytest.mark.parametrize(("lists", "chosen"), [
    (["ab", "ab", "ba"], "a"),
    (["ab", "ba", "ba"], "b"),
    (["abc", "cb", "cb"], "c"),
    (["ab", "ba"], "a"),
])
def test_protocol_with_most_votes_is_chosen(world: World, lists: list[str], chosen: str) -> None:  # GRP-15
    joins = [world.join(version=3, protocols=tuple((name, b"") for name in names)) for names in lists]
    world.advance(0)
    assert {one.protocol_name for one in joins} == {chosen}


def test_success_names_type_and_protocol_and_errors_do_not(world: World) -> None:  # GRP-16
    asked = world.join(version=3)
    world.advance(0)
    assert (asked.protocol_type, asked.protocol_name) == ("consumer", "range")
    refused = world.join("who")
    assert (refused.protocol_type, refused.protocol_name) == (None, None)


def test_leader_of_a_stable_group_rebalances_by_joining(world: World) -> None:  # GRP-17
    leader, follower = world.stable(2)
    asked = world.join(leader)
    assert asked.is_held
    assert world.group().state == PREPARING_REBALANCE
    assert world.heartbeat(follower, 1) == errors.REBALANCE_IN_PROGRESS


def test_unchanged_follower_of_a_stable_group_gets_its_generation(world: World) -> None:  # GRP-18
    leader, follower = world.stable(2)
    asked = world.join(follower)
    assert (asked.generation_id, asked.leader, asked.member_id, asked.members) == (1, leader, follower, [])
    assert world.group().state == STABLE


@pytest.mark.parametrize("protocols", [
    (("range", b"other"),),
    (("range", b"topics"), ("sticky", b"")),
    (("sticky", b""), ("range", b"topics")),
])
def test_changed_follower_of_a_stable_group_rebalances(  # GRP-19, GRP-21
    world: World, protocols: tuple[tuple[str, bytes], ...]
) -> None:
    leader, follower = world.stable(2)
    asked = world.join(follower, protocols=protocols)
    assert asked.is_held
    world.join(leader)
    assert asked.generation_id == 2


def test_unchanged_members_of_a_completing_group_get_their_generation(world: World) -> None:  # GRP-20
    leader, follower = world.completing(2)
    assert [one.member_id for one in world.join(leader).members] == [leader, follower]
    assert world.join(follower).members == []
    assert (world.group().state, world.group().generation_id) == (COMPLETING_REBALANCE, 1)


def test_changed_member_of_a_completing_group_rebalances(world: World) -> None:  # GRP-20
    leader, follower = world.completing(2)
    waiting = world.sync(follower, 1)
    changed = world.join(leader, protocols=(("range", b"other"),))
    assert waiting.error_code == errors.REBALANCE_IN_PROGRESS
    assert changed.is_held
    world.join(follower)
    assert changed.generation_id == 2


def test_order_of_protocols_counts_as_a_change(world: World) -> None:  # GRP-21
    _, follower = world.stable(2, protocols=BOTH)
    assert world.join(follower, protocols=BOTH).generation_id == 1
    assert world.join(follower, protocols=BOTH[::-1]).is_held


def test_new_member_of_a_stable_group_rebalances(world: World) -> None:
    (leader,) = world.stable(1)
    asked = world.join(version=3)
    assert asked.is_held
    world.join(leader)
    assert (asked.generation_id, len(world.group().members)) == (2, 2)


def test_full_group_turns_new_members_away_and_keeps_the_present_ones() -> None:  # GRP-41
    world = World(max_size=2)
    leader, follower = world.stable(2)
    refused = world.join()
    assert (refused.error_code, refused.member_id) == (errors.GROUP_MAX_SIZE_REACHED, "")
    joins = [world.join(leader), world.join(follower)]
    assert [one.generation_id for one in joins] == [2, 2]
    check_reload(world)


def test_full_group_turns_away_the_last_to_rejoin() -> None:  # GRP-41
    world = World(max_size=2)
    leader, follower = world.stable(2)
    pending_slot = world.join(leader)
    world.state.settings.max_size = 1
    refused = world.join(follower)
    assert (refused.error_code, refused.member_id) == (errors.GROUP_MAX_SIZE_REACHED, "")
    assert (pending_slot.generation_id, list(world.group().members)) == (2, [leader])
    check_reload(world)


def test_joining_again_answers_the_join_before_it(world: World) -> None:  # GRP-47
    leader, _ = world.stable(2)
    first = world.join(leader)
    second = world.join(leader)
    assert first.error_code == errors.REBALANCE_IN_PROGRESS
    assert second.is_held


def test_held_new_member_expires_after_five_minutes(world: World) -> None:  # GRP-31
    world.stable(1, session=1_800_000, rebalance=1_800_000)
    new = world.join(version=3, session=6_000)
    world.advance(299_999)
    assert new.is_held
    world.advance(1)
    assert (new.error_code, new.member_id) == (errors.UNKNOWN_MEMBER_ID, "")


def test_group_with_only_absent_static_members_waits_for_their_sessions(world: World) -> None:  # GRP-10
    static = world.join(instance="i", session=100_000, rebalance=20_000)
    dynamic = world.join(version=3, session=10_000, rebalance=20_000)
    world.advance(0)
    world.finish([static.member_id, dynamic.member_id])
    world.advance(10_000)  # the dynamic one is gone; nobody rejoins
    assert world.group().state == PREPARING_REBALANCE
    world.advance(89_999)
    assert world.group().state == PREPARING_REBALANCE
    world.advance(1)
    assert (world.group().state, world.group().generation_id) == (EMPTY, 2)
