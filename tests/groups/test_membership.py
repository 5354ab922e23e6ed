"""SyncGroup, Heartbeat, LeaveGroup and sessions."""

from typing import Any

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups.classic import COMPLETING_REBALANCE, EMPTY, PREPARING_REBALANCE, STABLE
from pykbroker.groups.membership import group_error
from pykbroker.groups.rebalance import release
from tests.groups.harness import World


def at(state: str, world: World, **facts: Any) -> tuple[str, str]:
    """Bring a group of two to a state; return its leader and its follower."""
    leader, follower = world.completing(2, **facts)
    if state == COMPLETING_REBALANCE:
        return leader, follower
    world.finish([leader, follower])
    if state == PREPARING_REBALANCE:
        world.join(leader, **facts)
    if state == EMPTY:
        world.leave(leader, follower)
    assert world.group().state == state
    return leader, follower


# SyncGroup


@pytest.mark.parametrize("state", [PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE])
def test_sync_of_an_unknown_member_or_generation(world: World, state: str) -> None:  # GRP-22
    _, follower = at(state, world)
    assert world.sync("who", 1).error_code == errors.UNKNOWN_MEMBER_ID
    assert world.sync(follower, 7).error_code == errors.ILLEGAL_GENERATION


@pytest.mark.parametrize("state", [None, EMPTY])
def test_sync_without_members(world: World, state: str | None) -> None:  # GRP-22
    if state:
        at(state, world)
    assert world.sync("who", 1).error_code == errors.UNKNOWN_MEMBER_ID


def test_sync_in_the_join_phase(world: World) -> None:  # GRP-22
    _, follower = at(PREPARING_REBALANCE, world)
    assert world.sync(follower, 1).error_code == errors.REBALANCE_IN_PROGRESS


@pytest.mark.parametrize(("kind", "protocol", "expected"), [
    ("consumer", "range", 0),
    ("connect", "range", errors.INCONSISTENT_GROUP_PROTOCOL),
    ("consumer", "sticky", errors.INCONSISTENT_GROUP_PROTOCOL),
])
def test_sync_names_the_protocol(world: World, kind: str, protocol: str, expected: int) -> None:  # GRP-23
    _, follower = at(STABLE, world)
    assert world.sync(follower, 1, kind=kind, protocol=protocol).error_code == expected


def test_followers_wait_for_the_leader(world: World) -> None:  # GRP-24, GRP-48
    leader, first, second = world.completing(3)
    waiting = [world.sync(first, 1), world.sync(second, 1)]
    assert all(one.is_held for one in waiting)
    own = world.sync(leader, 1, {leader: b"\x00L", first: b"\xff1", second: b"2"})
    assert [one.assignment for one in (own, *waiting)] == [b"\x00L", b"\xff1", b"2"]
    assert {(one.protocol_type, one.protocol_name) for one in (own, *waiting)} == {("consumer", "range")}
    assert world.group().state == STABLE


def test_member_without_assignment_gets_an_empty_one(world: World) -> None:  # GRP-25
    leader, follower = at(COMPLETING_REBALANCE, world)
    waiting = world.sync(follower, 1)
    world.sync(leader, 1, {leader: b"all"})
    assert (waiting.error_code, waiting.assignment) == (0, b"")


def test_sync_of_a_stable_group_repeats_the_assignment(world: World) -> None:  # GRP-26
    leader, follower = at(STABLE, world)
    assert world.sync(leader, 1, {leader: b"new", follower: b"new"}).assignment == b"0"
    assert world.sync(follower, 1).assignment == b"1"


def test_member_that_does_not_sync_is_removed(world: World) -> None:  # GRP-27
    leader, follower, lazy = world.completing(3, session=1_000_000, rebalance=20_000)
    waiting = world.sync(follower, 1)
    world.advance(19_999)
    assert waiting.is_held
    world.advance(1)
    assert waiting.error_code == errors.REBALANCE_IN_PROGRESS
    assert list(world.group().members) == [follower]
    assert world.group().state == PREPARING_REBALANCE
    assert {world.heartbeat(gone, 1) for gone in (leader, lazy)} == {errors.UNKNOWN_MEMBER_ID}


def test_member_that_does_not_sync_in_a_stable_group_is_removed(world: World) -> None:  # GRP-27
    leader, _ = world.completing(2, session=1_000_000, rebalance=20_000)
    world.sync(leader, 1, {})
    world.advance(20_000)
    assert list(world.group().members) == [leader]


def test_sync_timer_of_a_generation_does_not_touch_the_next(world: World) -> None:  # GRP-27, GRP-47
    leader, follower = world.completing(2, session=1_000_000, rebalance=20_000)
    world.advance(15_000)
    joins = [
        world.join(leader, protocols=(("range", b"x"),), session=1_000_000, rebalance=20_000),
        world.join(follower, session=1_000_000, rebalance=20_000),
    ]
    assert [one.generation_id for one in joins] == [2, 2]
    world.advance(19_000)
    assert list(world.group().members) == [leader, follower]


@pytest.mark.parametrize(("stored", "heard"), [
    (errors.UNKNOWN_TOPIC_OR_PARTITION, errors.COORDINATOR_NOT_AVAILABLE),
    (errors.NOT_ENOUGH_REPLICAS, errors.COORDINATOR_NOT_AVAILABLE),
    (errors.REQUEST_TIMED_OUT, errors.COORDINATOR_NOT_AVAILABLE),
    (errors.NOT_LEADER_OR_FOLLOWER, errors.NOT_COORDINATOR),
    (errors.KAFKA_STORAGE_ERROR, errors.NOT_COORDINATOR),
    (errors.MESSAGE_TOO_LARGE, errors.UNKNOWN_SERVER_ERROR),
    (errors.RECORD_LIST_TOO_LARGE, errors.UNKNOWN_SERVER_ERROR),
    (errors.INVALID_FETCH_SIZE, errors.UNKNOWN_SERVER_ERROR),
])
def test_generation_that_cannot_be_stored(world: World, stored: int, heard: int) -> None:  # GRP-44
    leader, follower = at(COMPLETING_REBALANCE, world)
    waiting = world.sync(follower, 1)
    world.partition.error = KafkaError(stored)
    own = world.sync(leader, 1, {leader: b"L", follower: b"F"})
    assert (group_error(own.error_code), waiting.error_code) == (heard, heard)
    assert world.group().state == PREPARING_REBALANCE
    world.partition.error = None
    joins = [world.join(leader), world.join(follower)]
    assert [one.generation_id for one in joins] == [2, 2]


def test_syncing_again_answers_the_sync_before_it(world: World) -> None:  # GRP-47
    leader, follower = at(COMPLETING_REBALANCE, world)
    first = world.sync(follower, 1)
    second = world.sync(follower, 1)
    assert (first.error_code, second.is_held) == (errors.REBALANCE_IN_PROGRESS, True)
    world.sync(leader, 1, {follower: b"F"})
    assert second.assignment == b"F"


# Heartbeat


@pytest.mark.parametrize(("state", "code"), [
    (PREPARING_REBALANCE, errors.REBALANCE_IN_PROGRESS), (COMPLETING_REBALANCE, 0), (STABLE, 0),
])
def test_heartbeat_extends_the_session(world: World, state: str, code: int) -> None:  # GRP-28
    _, follower = at(state, world)
    world.advance(9_000)
    assert world.heartbeat(follower, 1) == code
    world.advance(9_000)
    assert follower in world.group().members


@pytest.mark.parametrize("state", [None, EMPTY, PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE])
def test_heartbeat_of_an_unknown_member(world: World, state: str | None) -> None:  # GRP-28
    if state:
        at(state, world)
    assert world.heartbeat("who", 1) == errors.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("state", [PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE])
def test_heartbeat_of_another_generation(world: World, state: str) -> None:  # GRP-28
    _, follower = at(state, world)
    assert world.heartbeat(follower, 2) == errors.ILLEGAL_GENERATION


def test_empty_group_id_is_refused(world: World) -> None:  # GRP-01
    assert world.heartbeat("m", 1, group="") == errors.INVALID_GROUP_ID
    assert world.sync("m", 1, group="").error_code == errors.INVALID_GROUP_ID
    with pytest.raises(KafkaError) as raised:
        world.leave("m", group="")
    assert raised.value.code == errors.INVALID_GROUP_ID


# Sessions


def test_member_is_expired_when_its_session_lapses(world: World) -> None:  # GRP-29
    leader, follower = at(STABLE, world)
    world.advance(9_999)
    assert world.heartbeat(leader, 1) == 0
    world.advance(1)
    assert list(world.group().members) == [leader]
    assert world.heartbeat(leader, 1) == errors.REBALANCE_IN_PROGRESS
    assert world.heartbeat(follower, 1) == errors.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize("what", ["heartbeat", "commit", "join", "sync"])
def test_what_extends_a_session(world: World, what: str) -> None:  # GRP-29, OFF-06
    leader, follower = at(STABLE, world)
    world.advance(9_000)
    world.heartbeat(leader, 1)
    if what == "heartbeat":
        world.heartbeat(follower, 1)
    if what == "commit":
        world.commit(generation=1, member_id=follower)
    if what == "join":
        world.join(follower)
    if what == "sync":
        world.sync(follower, 1)
    world.advance(9_000)
    assert follower in world.group().members


def test_member_waiting_in_join_does_not_expire(world: World) -> None:  # GRP-30
    leader, follower = at(STABLE, world)
    waiting = world.join(leader)
    for _ in range(5):
        world.advance(9_000)
        world.heartbeat(follower, 1)
    assert waiting.is_held
    assert list(world.group().members) == [leader, follower]
    world.join(follower)
    assert waiting.generation_id == 2
    world.advance(9_999)
    assert leader in world.group().members
    world.advance(1)
    assert leader not in world.group().members


def test_member_waiting_in_sync_does_not_expire(world: World) -> None:  # GRP-30
    leader, follower = at(COMPLETING_REBALANCE, world)
    waiting = world.sync(follower, 1)
    for _ in range(5):
        world.advance(9_000)
        world.heartbeat(leader, 1)
    world.sync(leader, 1, {follower: b"F"})
    assert waiting.assignment == b"F"
    world.advance(9_999)
    assert follower in world.group().members
    world.advance(1)
    assert follower not in world.group().members


def test_expired_member_of_the_join_phase_lets_it_end(world: World) -> None:  # GRP-29, GRP-09
    leader, _ = at(PREPARING_REBALANCE, world)
    waiting = world.asked[-1]
    world.advance(10_000)
    assert (waiting.generation_id, list(world.group().members)) == (2, [leader])


# LeaveGroup


def test_leaving_rebalances_the_rest(world: World) -> None:  # GRP-33
    leader, follower = at(STABLE, world)
    assert world.leave(leader) == [0]
    assert world.group().state == PREPARING_REBALANCE
    asked = world.join(follower)
    assert (asked.generation_id, asked.leader) == (2, follower)


def test_last_member_leaves_an_empty_group(world: World) -> None:  # GRP-33
    (member,) = world.stable(1)
    world.commit(7, generation=1, member_id=member)
    assert world.leave(member) == [0]
    group = world.group()
    assert (group.state, group.generation_id, group.protocol_type, group.leader) == (EMPTY, 2, "consumer", None)
    assert world.committed() == 7
    assert world.state.stored["g"].members == []


def test_leaving_a_completing_group_answers_the_syncs(world: World) -> None:  # GRP-33, GRP-47
    leader, follower = at(COMPLETING_REBALANCE, world)
    waiting = world.sync(follower, 1)
    world.leave(leader)
    assert waiting.error_code == errors.REBALANCE_IN_PROGRESS


def test_leaving_answers_what_the_member_has_waiting(world: World) -> None:  # GRP-47
    _, follower = at(COMPLETING_REBALANCE, world)
    waiting = world.sync(follower, 1)
    assert world.leave(follower) == [0]
    assert waiting.error_code == errors.UNKNOWN_MEMBER_ID


def test_leaving_of_the_last_missing_member_ends_the_join_phase(world: World) -> None:  # GRP-09, GRP-33
    _, follower = at(PREPARING_REBALANCE, world)
    waiting = world.asked[-1]
    assert world.leave(follower) == [0]
    assert waiting.generation_id == 2


def test_each_leaving_member_has_its_own_error(world: World) -> None:  # GRP-32
    leader, follower = at(STABLE, world)
    assert world.leave("who", leader, follower, leader) == [
        errors.UNKNOWN_MEMBER_ID, 0, 0, errors.UNKNOWN_MEMBER_ID,
    ]
    assert world.leave("who", group="none") == [errors.UNKNOWN_MEMBER_ID]


def test_pending_member_may_leave(world: World) -> None:  # GRP-35
    at(STABLE, world)
    pending = world.member_id()
    assert world.leave(pending) == [0]
    assert (world.group().state, world.group().pending_members) == (STABLE, set())
    assert world.join(pending).error_code == errors.UNKNOWN_MEMBER_ID


def test_leaving_pending_member_no_longer_blocks(world: World) -> None:  # GRP-35, GRP-03
    (leader,) = world.stable(1)
    pending = world.member_id()
    waiting = world.join(leader)
    assert waiting.is_held
    world.leave(pending)
    assert waiting.generation_id == 2


# Stop and restart


def test_stopping_answers_what_is_held(world: World) -> None:  # GRP-47
    _, follower = at(COMPLETING_REBALANCE, world)
    syncing = world.sync(follower, 1)
    joining = world.join(group="other", version=3)
    world.run(release)
    assert (syncing.error_code, joining.error_code) == (errors.NOT_COORDINATOR, errors.NOT_COORDINATOR)


def test_restart_restores_the_last_complete_generation(world: World) -> None:  # GRP-42
    leader, follower = at(STABLE, world)
    again = world.restart()
    group = again.group()
    assert (group.state, group.generation_id, group.leader) == (STABLE, 1, leader)
    assert again.heartbeat(follower, 1) == 0
    assert again.sync(follower, 1).assignment == b"1"
    assert again.join(follower).generation_id == 1


def test_restart_starts_sessions_anew(world: World) -> None:  # GRP-42
    leader, _ = at(STABLE, world)
    world.advance(9_000)
    again = world.restart()
    again.advance(9_999)
    assert again.heartbeat(leader, 1) == 0
    again.advance(1)
    assert list(again.group().members) == [leader]


def test_restart_in_a_rebalance_brings_back_the_generation_before(world: World) -> None:  # GRP-42
    leader, follower = at(STABLE, world)
    world.join(leader)
    world.join(follower)
    assert world.group().generation_id == 2
    again = world.restart()
    assert (again.group().generation_id, again.heartbeat(follower, 1)) == (1, 0)
    assert again.heartbeat(follower, 2) == errors.ILLEGAL_GENERATION


def test_restart_of_a_group_over_its_limit_rebalances(world: World) -> None:  # GRP-41, GRP-42
    at(STABLE, world)
    world.settings["max_size"] = 1
    assert world.restart().group().state == PREPARING_REBALANCE
    world.settings["max_size"] = 2


@pytest.mark.parametrize("blob", [b"", b"\x00", b"\xff\xff", b"\x00\x00\xff\xff\xff\xff", bytes(range(256))])
def test_blobs_are_opaque(world: World, blob: bytes) -> None:  # GRP-48
    joins = [world.join(version=3, protocols=(("range", blob),)) for _ in range(2)]
    world.advance(0)
    leader, follower = (one.member_id for one in joins)
    assert [one.metadata for one in joins[0].members] == [blob, blob]
    waiting = world.sync(follower, 1)
    world.sync(leader, 1, {follower: blob})
    assert waiting.assignment == blob
    assert world.restart().sync(follower, 1).assignment == blob
