"""OFF: OffsetCommit and OffsetFetch. GAD: ListGroups, DescribeGroups, DeleteGroups, OffsetDelete."""

from collections.abc import Iterator
from typing import Any

from pykbroker.wire.messages.delete_groups import DeleteGroupsRequest
from pykbroker.wire.messages.describe_groups import DescribeGroupsRequest
from pykbroker.wire.messages.list_groups import ListGroupsRequest
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from pykbroker.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from pykbroker.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from tests.compat.oracle.asking import create, delete
from tests.compat.oracle.groups import (
    Member,
    await_state,
    commit,
    commit_error,
    committed,
    fetch_offsets,
    stable,
    subscribed,
    synced,
)
from tests.compat.oracle.node import Node
from tests.compat.oracle.settings import BUSY
from tests.compat.oracle.statement import statement


def membership(member: Member, **values: Any) -> dict[str, Any]:
    """Return what a commit says about who commits."""
    return {"generation_id_or_member_epoch": member.generation, "member_id": member.id, **values}


@statement("OFF-01", "OFF-11", api=OffsetCommitRequest)
def simple_group(at: Node) -> None:
    topic = create(at)
    for offset in (9, 3, 2**60, -5):
        assert commit_error(at, at.name, topic, offset) == 0
        assert committed(at, at.name, topic).committed_offset == offset
    assert list_groups(at, states_filter=["Empty"])


@statement("OFF-02", api=OffsetCommitRequest)
def generation_in_an_unknown_group(at: Node) -> None:
    topic = create(at)
    expected = 69 if at.version >= 9 else 22
    assert commit_error(at, at.name, topic, generation_id_or_member_epoch=3, member_id="x") == expected


@statement("OFF-03", "OFF-04", "GAD-16", api=OffsetCommitRequest)
def commit_to_a_group_with_members(at: Node) -> None:
    topic = create(at)
    (member,) = stable(at)
    assert commit_error(at, at.name, topic) == 25
    assert commit_error(at, at.name, topic, **membership(member, member_id="stranger")) == 25
    assert commit_error(at, at.name, topic, **membership(member, generation_id_or_member_epoch=7)) == 22
    assert commit_error(at, at.name, topic, **membership(member)) == 0


@statement("OFF-04", api=OffsetCommitRequest, since=7)
def commit_of_a_fenced_member(at: Node) -> None:
    topic = create(at)
    (old,) = stable(at, group_instance_id="one")
    new = Member(at, group_instance_id="one")
    new.join()
    assert commit_error(at, at.name, topic, group_instance_id="one", **membership(old)) == 82
    assert commit_error(at, at.name, topic, group_instance_id="one", **membership(new)) == 0


@statement("OFF-05", api=OffsetCommitRequest)
def commit_during_a_rebalance(at: Node) -> None:
    topic = create(at)
    leader, follower = stable(at, 2)
    waiting = leader.start_join()
    await_state(at, at.name, "PreparingRebalance")
    assert commit_error(at, at.name, topic, 4, **membership(follower)) == 0
    follower.join()
    leader.joined(waiting)
    assert commit_error(at, at.name, topic, 5, **membership(follower)) == 27
    assert committed(at, at.name, topic).committed_offset == 4
    synced([leader, follower])


@statement("OFF-07", "OFF-13", api=OffsetCommitRequest)
def commit_to_unknown_partitions(at: Node) -> None:
    topic = create(at, partitions=2)
    answer = commit(at, at.name, (topic, 0, 5), (topic, 9, 5), ("none", 0, 5), (topic, 1, 6))
    codes = [part.error_code for each in answer.topics for part in each.partitions]
    assert sorted(codes) == ([0, 0, 3, 100] if at.version >= 10 else [0, 0, 3, 3])


@statement("OFF-08", "OFF-09", api=OffsetCommitRequest)
def metadata(at: Node) -> None:
    topic = create(at)
    for text in ("", "ein Text: ä€😀", "x" * 4096, None):
        assert commit(at, at.name, (topic, 0, 1), metadata=text).topics[0].partitions[0].error_code == 0
        assert committed(at, at.name, topic).metadata == (text or "")
    assert commit(at, at.name, (topic, 0, 2), metadata="x" * 4097).topics[0].partitions[0].error_code == 12
    assert committed(at, at.name, topic).committed_offset == 1


@statement("OFF-10", api=OffsetFetchRequest, since=5)
def leader_epoch(at: Node) -> None:
    topic = create(at)
    part = OffsetCommitRequestPartition(partition_index=0, committed_offset=4, committed_leader_epoch=3)
    at.send(OffsetCommitRequest(group_id=at.name, topics=[OffsetCommitRequestTopic(name=topic, partitions=[part])]), 9)
    assert committed(at, at.name, topic).committed_leader_epoch == 3
    commit(at, at.name, (topic, 0, 5))
    assert committed(at, at.name, topic).committed_leader_epoch == -1


@statement("OFF-14", "OFF-26", api=OffsetCommitRequest, since=10)
def commit_by_topic_id(at: Node) -> None:
    topic = create(at)
    assert commit_error(at, at.name, topic) == 0
    assert commit_error(at, at.name, "none") == 100
    answer = fetch_offsets(at, at.name, [(topic, [0]), ("none", [0])])
    assert sorted(part.error_code for each in answer.topics for part in each.partitions) == [0, 100]


@statement("OFF-17", "OFF-18", "OFF-19", "OFF-25", api=OffsetFetchRequest)
def nothing_committed(at: Node) -> None:
    topic = create(at, partitions=2)
    assert committed(at, f"{at.name}-none", topic).committed_offset == -1
    if at.version >= 2:
        assert fetch_offsets(at, f"{at.name}-none", None).topics == []
    commit(at, at.name, (topic, 0, 3))
    answer = fetch_offsets(at, at.name, [(topic, [0, 1, 17])])
    assert sorted(part.committed_offset for part in answer.topics[0].partitions) == [-1, -1, 3]
    if at.version < 10:
        assert committed(at, at.name, f"{topic}-none").error_code == 0
    assert fetch_offsets(at, at.name, []).topics == []
    if at.version >= 2:
        assert len(fetch_offsets(at, at.name, None).topics[0].partitions) == 1


@statement("OFF-20", "OFF-22", api=OffsetFetchRequest)
def several_groups(at: Node) -> None:
    topic = create(at)
    commit(at, at.name, (topic, 0, 3))
    fetch_offsets(at, at.name, [(topic, [0])], require_stable=at.version >= 7)
    if at.version >= 8:
        groups = [OffsetFetchRequestGroup(group_id=name, topics=None) for name in (at.name, "unheard-of", "")]
        assert len(at.send(OffsetFetchRequest(groups=groups)).groups) == 3


@statement("OFF-23", "OFF-24", api=OffsetFetchRequest)
def no_check_of_members_in_a_classic_group(at: Node) -> None:
    topic = create(at)
    stable(at)
    assert fetch_offsets(at, at.name, [(topic, [0])]).topics
    if at.version >= 9:
        assert fetch_offsets(at, at.name, [(topic, [0])], member_id="stranger", member_epoch=7).error_code == 0


@statement("OFF-27", api=OffsetFetchRequest, until=9)
def offsets_of_a_deleted_topic(at: Node) -> None:
    topic = create(at)
    commit(at, at.name, (topic, 0, 3))
    delete(at, topic)
    gone = OffsetFetchRequestGroup(group_id=at.name, topics=None)
    at.until(lambda: not at.ask(OffsetFetchRequest(groups=[gone]), 9).groups[0].topics, "the offsets are gone")
    assert committed(at, at.name, topic).committed_offset == -1


@statement("OFF-30", api=OffsetFetchRequest, restarts=True)
def offsets_survive_a_restart(at: Node) -> Iterator[None]:
    topic = create(at)
    commit(at, at.name, (topic, 0, 3), metadata="note")
    yield
    assert committed(at, at.name, topic).committed_offset == 3


@statement("OFF-12", api=OffsetCommitRequest, until=4, settings=BUSY)
def retention_of_one_offset(at: Node) -> None:
    topic = create(at)
    assert commit_error(at, at.name, topic, 3, retention_time_ms=600) == 0
    assert commit_error(at, f"{at.name}-b", topic, 4) == 0
    gone = OffsetFetchRequestGroup(group_id=at.name, topics=None)
    at.until(lambda: not at.ask(OffsetFetchRequest(groups=[gone]), 9).groups[0].topics, "the offset has expired")
    assert committed(at, at.name, topic).committed_offset == -1
    assert committed(at, f"{at.name}-b", topic).committed_offset == 4


@statement("OFF-31", api=OffsetFetchRequest)
def commit_is_seen_on_every_connection(at: Node) -> None:
    topic = create(at)
    commit(at, at.name, (topic, 0, 3))
    at.reconnect()
    assert committed(at, at.name, topic).committed_offset == 3


# -- GAD


def list_groups(at: Node, **filters: Any) -> list[Any]:
    """List groups and record those of this scenario only: other scenarios' groups come and go."""
    answer = at.ask(ListGroupsRequest(**filters))
    found = sorted(
        [each.group_id, each.protocol_type, each.group_state, each.group_type]
        for each in answer.groups
        if each.group_id.startswith(at.name)
    )
    at.note(f"ListGroups {filters}", [answer.error_code, found])
    return found


@statement("GAD-01", api=ListGroupsRequest)
def listing(at: Node) -> None:
    topic = create(at)
    stable(at)
    commit(at, f"{at.name}-simple", (topic, 0, 1))
    assert [each[1] for each in list_groups(at)] == ["consumer", ""]


@statement("GAD-02", "GAD-03", api=ListGroupsRequest, since=4)
def listing_with_filters(at: Node) -> None:
    topic = create(at)
    stable(at)
    commit(at, f"{at.name}-simple", (topic, 0, 1))
    assert [each[2] for each in list_groups(at, states_filter=["stable"])] == ["Stable"]
    assert [each[2] for each in list_groups(at, states_filter=["Empty", "Dead"])] == ["Empty"]
    assert list_groups(at, states_filter=["Nonsense"]) == []
    if at.version >= 5:
        assert len(list_groups(at, types_filter=["CLASSIC"])) == 2
        assert list_groups(at, types_filter=["consumer"]) == []


@statement("GAD-05", "GAD-06", "GAD-09", api=DescribeGroupsRequest)
def describing(at: Node) -> None:
    leader, follower = stable(at, 2)
    (group,) = at.send(DescribeGroupsRequest(groups=[at.name], include_authorized_operations=at.version >= 3)).groups
    assert (group.group_state, group.protocol_data, len(group.members)) == ("Stable", "range", 2)
    assert group.members[0].client_host.startswith("/")
    waiting = leader.start_join()
    await_state(at, at.name, "PreparingRebalance")
    (group,) = at.send(DescribeGroupsRequest(groups=[at.name])).groups
    assert (group.protocol_data, bytes(group.members[0].member_metadata)) == ("", b"")
    follower.join()
    leader.joined(waiting)
    at.send(DescribeGroupsRequest(groups=[at.name]))
    synced([leader, follower])
    follower.leave()
    leader.leave()
    (group,) = at.send(DescribeGroupsRequest(groups=[at.name])).groups
    assert (group.group_state, group.members) == ("Empty", [])


@statement("GAD-05", "GAD-09", api=DescribeGroupsRequest, since=4)
def describing_a_static_member(at: Node) -> None:
    stable(at, group_instance_id="one")
    (group,) = at.send(DescribeGroupsRequest(groups=[at.name])).groups
    assert group.members[0].group_instance_id == "one"


@statement("GAD-07", api=DescribeGroupsRequest)
def describing_an_unknown_group(at: Node) -> None:
    unknown, empty = at.send(DescribeGroupsRequest(groups=[f"{at.name}-none", ""])).groups
    assert (unknown.group_state, unknown.error_code) == ("Dead", 69 if at.version >= 6 else 0)
    assert empty.group_state in ("Dead", "")


@statement("GAD-10", "GAD-11", api=DeleteGroupsRequest)
def deleting(at: Node) -> None:
    topic = create(at)
    (member,) = stable(at)
    commit(at, f"{at.name}-simple", (topic, 0, 1))
    names = [at.name, f"{at.name}-simple", f"{at.name}-none", "", f"{at.name}-simple"]
    answer = at.send(DeleteGroupsRequest(groups_names=names))
    codes = {each.group_id: each.error_code for each in answer.results}
    assert codes[at.name] == 68
    assert codes[f"{at.name}-simple"] == 0
    assert codes[f"{at.name}-none"] == 69
    assert committed(at, f"{at.name}-simple", topic).committed_offset == -1
    commit(at, at.name, (topic, 0, 2), **membership(member))
    member.leave()
    assert at.send(DeleteGroupsRequest(groups_names=[at.name])).results[0].error_code == 0
    assert list_groups(at) == []


def delete_offsets(at: Node, group: str, *parts: tuple[str, int]) -> Any:
    """Delete committed offsets."""
    topics = [
        OffsetDeleteRequestTopic(
            name=topic,
            partitions=[
                OffsetDeleteRequestPartition(partition_index=index) for other, index in parts if other == topic
            ],
        )
        for topic in dict.fromkeys(topic for topic, _ in parts)
    ]
    return at.send(OffsetDeleteRequest(group_id=group, topics=topics))


@statement("GAD-12", "GAD-14", "GAD-15")
def deleting_offsets(at: Node) -> None:
    topic, other = create(at, partitions=2), create(at, "-b")
    (member,) = stable(at, protocols=subscribed(topic))
    commit(at, at.name, (topic, 0, 2), (other, 0, 3), **membership(member))
    answer = delete_offsets(at, at.name, (topic, 0), (other, 0), (f"{topic}-none", 0), (other, 7))
    codes = sorted(part.error_code for each in answer.topics for part in each.partitions)
    assert codes == [0, 3, 3, 86]
    assert committed(at, at.name, other).committed_offset == -1
    member.leave()
    assert delete_offsets(at, at.name, (topic, 0)).topics[0].partitions[0].error_code == 0
    assert delete_offsets(at, at.name, (topic, 1)).topics[0].partitions[0].error_code == 0
    assert delete_offsets(at, f"{at.name}-none", (topic, 0)).error_code == 69


@statement("GAD-13")
def deleting_offsets_of_others_than_consumers(at: Node) -> None:
    topic = create(at)
    stable(at, protocol_type="connect")
    assert delete_offsets(at, at.name, (topic, 0)).error_code == 68
