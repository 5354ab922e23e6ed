"""Steps on groups. After each of them a group is stable or empty, so that its outcome is determined."""

from typing import Any

from pykbroker.wire.messages.delete_groups import DeleteGroupsRequest
from pykbroker.wire.messages.describe_groups import DescribeGroupsRequest
from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from pykbroker.wire.messages.join_group import JoinGroupRequest
from pykbroker.wire.messages.leave_group import LeaveGroupRequest
from pykbroker.wire.messages.offset_commit import OffsetCommitRequest
from pykbroker.wire.messages.offset_fetch import OffsetFetchRequest
from pykbroker.wire.messages.sync_group import SyncGroupRequest
from tests.compat.oracle.generated.world import MEMBERS_AT_MOST, World, step
from tests.compat.oracle.groups import Member, await_state, commit, fetch_offsets, synced
from tests.compat.oracle.statements.offsets import delete_offsets

WRONG: list[dict[str, Any]] = [{}, {}, {"generation_id": 99}, {"member_id": "stranger"}]
"""What a request says that is not so; mostly nothing."""
TIMEOUTS = {"session_timeout_ms": 300000, "rebalance_timeout_ms": 300000}


def group(world: World) -> str:
    """Return one of two groups."""
    return f"{world.node.name}-group-{world.random.randint(1, 2)}"


def rejoin(world: World, members: list[Member], new: Member | None = None) -> None:
    """Let all members join and sync, with a new one if there is one; who joins first is determined."""
    waiting = []
    joining = [new, *members] if new else members
    for count, member in enumerate(joining):
        waiting.append((member, member.start_join()))
        if count < len(joining) - 1:
            await_state(world.node, member.group, "PreparingRebalance", len(joining))
    for member, answer in reversed(waiting):
        member.joined(answer)
    synced(members + ([new] if new else []))


@step(5)
def join(world: World) -> None:
    world.show(JoinGroupRequest, low=4)
    name = group(world)
    members = world.groups.setdefault(name, [])
    if len(members) >= MEMBERS_AT_MOST:
        return
    instance = None if world.node.version < 5 or world.chance(60) else f"instance-{world.node.members}"
    new = Member(world.node, name, **TIMEOUTS, **({"group_instance_id": instance} if instance else {}))
    rejoin(world, members, new)
    members.append(new)


@step(4)
def leave(world: World) -> None:
    world.show(LeaveGroupRequest, low=3)
    members = world.groups.get(group(world), [])
    if not members:
        return
    leaves = world.random.choice(members)
    if leaves.id == leaves.leader and len(members) > 2:
        return  # who leads next, is a matter of chance
    members.remove(leaves)
    leaves.leave()
    if members:
        members[0].heartbeat()
        rejoin(world, members)


@step(4)
def follower_rejoins(world: World) -> None:
    world.show(JoinGroupRequest, low=5)
    members = world.groups.get(group(world), [])
    followers = [member for member in members if member.id != member.leader]
    if followers:
        world.random.choice(followers).join()


@step(6)
def heartbeat(world: World) -> None:
    world.show(HeartbeatRequest)
    members = world.groups.get(group(world), [])
    if members:
        member = world.random.choice(members)
        wrong = world.random.choice(WRONG)
        member.heartbeat(**wrong)


@step(3)
def sync_again(world: World) -> None:
    world.show(SyncGroupRequest, low=3)
    members = world.groups.get(group(world), [])
    if members:
        wrong = world.random.choice(WRONG)
        world.random.choice(members).sync(**wrong)


@step(8)
def commit_offsets(world: World) -> None:
    world.show(OffsetCommitRequest)
    name, topic = group(world), world.topic()
    members = world.groups.get(name, [])
    who = {}
    if members and world.chance(80):
        member = world.random.choice(members)
        who = {"generation_id_or_member_epoch": member.generation, "member_id": member.id}
        if world.node.version >= 7:
            who["group_instance_id"] = member.instance
    elif world.chance(20):
        who = {"generation_id_or_member_epoch": 4, "member_id": "stranger"}
    offset = world.random.randrange(100)
    commit(
        world.node, name, (topic, world.partition(topic), offset), metadata=world.random.choice(["", "m", None]), **who
    )


@step(8)
def fetch_committed(world: World) -> None:
    version = world.show(OffsetFetchRequest)
    topic = world.topic()
    everything = version >= 2 and world.chance(40)
    fetch_offsets(world.node, group(world), None if everything else [(topic, [world.partition(topic), 0])][:1])


@step(2)
def delete_committed(world: World) -> None:
    topic = world.topic()
    delete_offsets(world.node, group(world), (topic, world.partition(topic)))


@step(4)
def describe(world: World) -> None:
    world.show(DescribeGroupsRequest)
    world.node.send(DescribeGroupsRequest(groups=[group(world), f"{world.node.name}-none"]))


@step(2)
def delete_group(world: World) -> None:
    world.show(DeleteGroupsRequest)
    world.node.send(DeleteGroupsRequest(groups_names=[group(world)]))
