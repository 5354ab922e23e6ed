"""OffsetCommit, OffsetDelete, retention: who may change a group's offsets, and when they go."""

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups import commits, retention
from pykbroker.groups.classic import COMPLETING_REBALANCE, EMPTY, PREPARING_REBALANCE, STABLE
from pykbroker.groups.commits import Commit, commit_error
from pykbroker.wire.codegen import encode_message
from pykbroker.wire.messages.consumer_protocol import ConsumerProtocolSubscription
from pykbroker.wire.messages.offset_commit import OffsetCommitRequest
from tests.groups.harness import World, check_reload
from tests.groups.test_membership import at

DAY = 86_400_000
WEEK = 7 * DAY


def subscription(*topics: str, version: int = 3) -> tuple[tuple[str, bytes], ...]:
    blob = version.to_bytes(2, "big") + encode_message(ConsumerProtocolSubscription(topics=list(topics)), version)
    return (("range", blob),)


def delete(world: World, *topics: str, group: str = "g") -> list[int]:
    partitions = [(topic, 0) for topic in topics]
    codes: list[int] = world.run(lambda state: commits.delete(state, group, partitions))
    return codes


# OffsetCommit


def test_commit_to_an_unknown_group_makes_a_simple_one(world: World) -> None:  # OFF-01
    assert world.commit(5) == 0
    group = world.group()
    assert (world.committed(), group.state, group.protocol_type) == (5, EMPTY, None)


def test_commit_to_an_empty_group(world: World) -> None:  # OFF-01
    at(EMPTY, world)
    assert world.commit(5) == 0
    assert world.committed() == 5


@pytest.mark.parametrize(("version", "code"), [
    (2, errors.ILLEGAL_GENERATION), (8, errors.ILLEGAL_GENERATION), (9, errors.GROUP_ID_NOT_FOUND),
])
def test_commit_of_a_generation_of_an_unknown_group(world: World, version: int, code: int) -> None:  # OFF-02
    assert world.commit(generation=0, member_id="m", version=version) == code
    assert world.state.live == {}


@pytest.mark.parametrize("state", [PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE])
def test_commit_from_outside_is_refused_while_members_are_present(world: World, state: str) -> None:  # OFF-03, GAD-16
    at(state, world)
    assert world.commit() == errors.UNKNOWN_MEMBER_ID
    assert world.committed() is None


@pytest.mark.parametrize("state", [PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE])
def test_commit_of_an_unknown_member_or_generation(world: World, state: str) -> None:  # OFF-04
    _, follower = at(state, world)
    assert world.commit(generation=1, member_id="who") == errors.UNKNOWN_MEMBER_ID
    assert world.commit(generation=2, member_id=follower) == errors.ILLEGAL_GENERATION
    assert world.commit(generation=1, member_id=follower, instance="i") == errors.UNKNOWN_MEMBER_ID


def test_member_of_an_empty_group_is_unknown(world: World) -> None:  # OFF-04
    leader, _ = at(EMPTY, world)
    assert world.commit(generation=2, member_id=leader) == errors.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize(("state", "code"), [
    (PREPARING_REBALANCE, 0), (COMPLETING_REBALANCE, errors.REBALANCE_IN_PROGRESS), (STABLE, 0),
])
def test_commit_of_a_member(world: World, state: str, code: int) -> None:  # OFF-05
    _, follower = at(state, world)
    assert world.commit(9, generation=1, member_id=follower) == code
    assert world.committed() == (None if code else 9)


@pytest.mark.parametrize("state", [PREPARING_REBALANCE, STABLE])
def test_commit_counts_as_heartbeat(world: World, state: str) -> None:  # OFF-06
    _, follower = at(state, world)
    world.advance(9_000)
    world.commit(generation=1, member_id=follower)
    world.advance(9_000)
    assert follower in world.group().members


@pytest.mark.parametrize(("metadata", "code"), [
    ("x" * 4096, 0),
    ("x" * 4097, errors.OFFSET_METADATA_TOO_LARGE),
    ("ü" * 4096, 0),
    ("𝄞" * 2048, 0),
    ("𝄞" * 2049, errors.OFFSET_METADATA_TOO_LARGE),
])
def test_metadata_has_a_limit_in_java_characters(world: World, metadata: str, code: int) -> None:  # OFF-08
    assert world.commit(metadata=metadata) == code


def test_one_refused_partition_leaves_the_others(world: World) -> None:  # OFF-08
    several = [Commit("t", 0, 1, metadata="x" * 5000), Commit("t", 1, 2), Commit("u", 0, 3)]
    request = OffsetCommitRequest(group_id="g")
    codes = world.run(lambda state: commits.commit(state, request, 8, several))
    assert codes == [errors.OFFSET_METADATA_TOO_LARGE, 0, 0]
    assert len(world.partition.stored) == 1
    assert (world.committed(), world.committed(partition=1), world.committed("u")) == (None, 2, 3)


@pytest.mark.parametrize(("sent", "kept"), [("", ""), (None, ""), ("grüße", "grüße")])
def test_metadata_is_kept(world: World, sent: str | None, kept: str) -> None:  # OFF-09
    world.commit(metadata=sent, leader_epoch=3)
    value = world.state.offsets.committed("g", "t", 0)
    assert value is not None
    assert (value.metadata, value.leader_epoch) == (kept, 3)  # OFF-10


@pytest.mark.parametrize("offset", [0, 3, -1, -5, 2**63 - 1])
def test_any_offset_is_taken(world: World, offset: int) -> None:  # OFF-11
    world.commit(100)
    assert world.commit(offset) == 0
    assert world.committed() == offset


@pytest.mark.parametrize("member", ["", "m"])
def test_generation_minus_one_of_an_unknown_group_with_or_without_member(world: World, member: str) -> None:  # OFF-01
    assert world.commit(member_id=member) == 0


def test_empty_group_id_may_commit(world: World) -> None:  # GRP-01
    assert world.commit(group="") == 0
    assert world.committed(group="") == 5


def test_acknowledged_commit_survives_a_restart(world: World) -> None:  # OFF-30
    world.commit(5)
    world.commit(6)
    again = world.restart()
    assert (again.committed(), again.group().state) == (6, EMPTY)


@pytest.mark.parametrize(("stored", "heard"), [
    (errors.UNKNOWN_TOPIC_OR_PARTITION, errors.COORDINATOR_NOT_AVAILABLE),
    (errors.NOT_ENOUGH_REPLICAS_AFTER_APPEND, errors.COORDINATOR_NOT_AVAILABLE),
    (errors.NOT_LEADER_OR_FOLLOWER, errors.NOT_COORDINATOR),
    (errors.KAFKA_STORAGE_ERROR, errors.NOT_COORDINATOR),
    (errors.MESSAGE_TOO_LARGE, errors.INVALID_COMMIT_OFFSET_SIZE),
])
def test_commit_that_cannot_be_stored(world: World, stored: int, heard: int) -> None:  # OFF-33
    world.partition.error = KafkaError(stored)
    assert commit_error(world.commit()) == heard
    assert world.committed() is None
    assert world.state.live == {}


# OffsetDelete


def test_deleting_from_an_unknown_group(world: World) -> None:  # GAD-12
    with pytest.raises(KafkaError) as raised:
        delete(world, "t")
    assert raised.value.code == errors.GROUP_ID_NOT_FOUND


def test_deleting_from_an_empty_group(world: World) -> None:  # GAD-12
    world.commit()
    assert delete(world, "t", "never") == [0, 0]
    assert world.committed() is None


def test_deleting_what_members_subscribe_to(world: World) -> None:  # GAD-12
    (member,) = world.stable(1, protocols=subscription("read", "also"))
    world.commit(topic="read", generation=1, member_id=member)
    world.commit(topic="left", generation=1, member_id=member)
    assert delete(world, "read", "left") == [errors.GROUP_SUBSCRIBED_TO_TOPIC, 0]
    assert (world.committed("read"), world.committed("left")) == (5, None)


@pytest.mark.parametrize("blob", [b"", b"\0", b"\0\1", b"\0\1\0\0\0\xff", b"\xff\xff\0\0\0\0", b"\0\0\0\0\0\1\0\1\xff"])
def test_subscription_that_cannot_be_read_may_be_anything(world: World, blob: bytes) -> None:  # GRP-48, GAD-12
    world.stable(1, protocols=(("range", blob),))
    assert delete(world, "t") == [errors.GROUP_SUBSCRIBED_TO_TOPIC]


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_subscriptions_of_all_versions_are_read(world: World, version: int) -> None:  # GRP-48
    world.stable(1, protocols=subscription("read", version=version))
    assert world.group().subscribed_topics == frozenset({"read"})


def test_subscription_of_a_version_to_come_is_read(world: World) -> None:  # GRP-48
    ((name, blob),) = subscription("read")
    world.stable(1, protocols=((name, b"\0\x09" + blob[2:] + b"more"),))
    assert world.group().subscribed_topics == frozenset({"read"})


@pytest.mark.parametrize("state", [PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE])
def test_deleting_from_a_busy_group_of_another_type(world: World, state: str) -> None:  # GAD-13
    at(state, world, kind="connect")
    with pytest.raises(KafkaError) as raised:
        delete(world, "t")
    assert raised.value.code == errors.NON_EMPTY_GROUP


def test_deleting_from_an_empty_group_of_another_type(world: World) -> None:  # GAD-13
    at(EMPTY, world, kind="connect")
    world.commit()
    assert delete(world, "t") == [0]


# DeleteGroups


def test_deleted_group_is_gone_with_its_offsets(world: World) -> None:  # GAD-10
    at(EMPTY, world)
    world.commit()
    world.run(lambda state: retention.delete_group(state, "g"))
    assert (world.state.live, world.state.stored, world.committed()) == ({}, {}, None)
    assert world.restart().state.live == {}


@pytest.mark.parametrize("state", [PREPARING_REBALANCE, COMPLETING_REBALANCE, STABLE])
def test_group_with_members_is_not_deleted(world: World, state: str) -> None:  # GAD-10
    at(state, world)
    with pytest.raises(KafkaError) as raised:
        world.run(lambda state: retention.delete_group(state, "g"))
    assert raised.value.code == errors.NON_EMPTY_GROUP


def test_pending_member_of_a_deleted_group_is_unknown(world: World) -> None:  # GAD-10
    pending = world.member_id()
    world.run(lambda state: retention.delete_group(state, "g"))
    assert world.join(pending).error_code == errors.UNKNOWN_MEMBER_ID
    world.advance(20_000)


# Retention


def test_offsets_of_a_simple_group_expire_after_the_commit(world: World) -> None:  # OFF-28, OFF-29
    world.commit(topic="old")
    world.advance(DAY)
    world.commit(topic="young")
    world.advance(WEEK - DAY - 1)
    assert world.committed("old") == 5
    world.advance(600_000)
    assert (world.committed("old"), world.committed("young")) == (None, 5)
    world.advance(DAY)
    assert (world.committed("young"), world.state.live) == (None, {})


def test_offsets_of_an_empty_group_expire_after_it_became_empty(world: World) -> None:  # OFF-28, OFF-29
    (member,) = world.stable(1)
    world.commit(generation=1, member_id=member)
    for _ in range(8 * 24 * 60 * 7):
        world.advance(9_000)
        if world.heartbeat(member, 1):
            break
    assert world.group().state == STABLE
    world.leave(member)
    world.advance(WEEK - 600_000)
    assert world.committed() == 5
    world.advance(1_200_000)
    assert (world.committed(), world.state.live, world.state.stored) == (None, {}, {})


def test_stable_consumer_group_keeps_what_it_subscribes_to() -> None:  # OFF-28
    world = World(offsets_retention_ms=1_200_000)
    (member,) = world.stable(1, protocols=subscription("read"), session=1_800_000)
    world.commit(topic="read", generation=1, member_id=member)
    world.commit(topic="left", generation=1, member_id=member)
    world.advance(1_199_999)
    assert world.committed("left") == 5
    world.advance(1)
    assert (world.committed("read"), world.committed("left")) == (5, None)
    check_reload(world)


@pytest.mark.parametrize(("kind", "state"), [
    ("connect", STABLE), ("consumer", PREPARING_REBALANCE), ("consumer", COMPLETING_REBALANCE),
])
def test_busy_group_keeps_its_offsets(kind: str, state: str) -> None:  # OFF-28
    world = World(offsets_retention_ms=1_000)
    world.commit()
    at(state, world, kind=kind, session=1_800_000, rebalance=1_800_000)
    world.advance(700_000)
    assert world.committed() == 5
    check_reload(world)


def test_expiry_that_the_client_asked_for(world: World) -> None:  # OFF-12
    world.commit(topic="short", retention=1_000, version=2)
    world.commit(topic="long", retention=10 * DAY, version=4)
    value = world.restart().state.offsets.committed("g", "short", 0)
    assert value is not None
    assert value.expire_timestamp == world.clock.now_ms() + 1_000
    again = world.restart()
    again.advance(600_000)
    assert (again.committed("short"), again.committed("long")) == (None, 5)
    again.advance(9 * DAY)
    assert again.committed("long") == 5
    again.advance(DAY)
    assert again.committed("long") is None
    world.state.offsets = again.state.offsets
    world.state.live, world.state.stored = again.state.live, again.state.stored


def test_empty_group_without_offsets_is_removed(world: World) -> None:  # OFF-29
    at(EMPTY, world)
    world.advance(600_000)
    assert (world.state.live, world.restart().state.live) == ({}, {})


def test_group_with_a_pending_member_is_not_removed(world: World) -> None:  # OFF-29
    world.advance(595_000)
    pending = world.member_id()
    world.advance(6_000)
    assert world.join(pending).is_held


def test_offsets_of_deleted_topics_disappear_from_all_groups(world: World) -> None:  # OFF-27
    for group in ("g", "h"):
        world.commit(topic="gone", group=group)
        world.commit(topic="gone", partition=1, group=group)
        world.commit(topic="kept", group=group)
    world.run(lambda state: retention.forget_topics(state, ["gone", "never"]))
    for group in ("g", "h"):
        assert (world.committed("gone", 0, group), world.committed("gone", 1, group)) == (None, None)
        assert world.committed("kept", 0, group) == 5
