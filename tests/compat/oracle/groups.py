"""Members of classic groups, each with a connection of its own, and what a group is like meanwhile."""

from collections.abc import Sequence
from typing import Any

from pykbroker.wire.messages.describe_groups import DescribeGroupsRequest
from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from pykbroker.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from pykbroker.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from pykbroker.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from tests.compat.oracle.asking import id_of
from tests.compat.oracle.node import Node, Waiting

ASSIGNMENT = b"\0\0\0\0\0\0\0\0\0\0"
SUBSCRIPTION = b"\0\0\0\0\0\0\xff\xff\xff\xff"
"""A consumer's subscription, version 0, to no topic."""

MEMBER_ID_REQUIRED = 79
COMMIT_BY_ID = FETCH_BY_ID = 10


class Member:
    """One member of a group: its connection, its id and generation, as it was told."""

    def __init__(self, at: Node, group: str = "", **values: Any) -> None:
        at.members += 1
        self.at = at
        self.group = group or at.name
        self.connection = at.connect(f"member{at.members}")
        self.id = ""
        self.generation = -1
        self.leader = ""
        self.protocol: str | None = None
        self.ids: list[str] = []
        self.values: dict[str, Any] = {
            "session_timeout_ms": 20000,
            "rebalance_timeout_ms": 20000,
            "protocol_type": "consumer",
            "protocols": protocols("range"),
            **values,
        }

    @property
    def instance(self) -> str | None:
        """The group.instance.id; a static member has one."""
        return self.values.get("group_instance_id")

    def send_join(self, **values: Any) -> Waiting:
        """Send a JoinGroup, and nothing else."""
        request = JoinGroupRequest(group_id=self.group, member_id=self.id, **(self.values | values))
        return self.at.start(request, on=self.connection)

    def start_join(self, **values: Any) -> Waiting:
        """Send a JoinGroup that has an id already, or gets one first if it must."""
        if not self.id and self.instance is None and self.at.version_of(JoinGroupRequest) >= 4:
            required = self.send_join(**values).answer()
            assert required.error_code == MEMBER_ID_REQUIRED, required
            self.id = required.member_id
        return self.send_join(**values)

    def joined(self, waiting: Waiting) -> Any:
        """Take the answer to a join, and remember what it says."""
        answer = waiting.answer()
        if not answer.error_code:
            self.id, self.generation, self.leader = answer.member_id, answer.generation_id, answer.leader
            self.protocol = answer.protocol_name
            self.ids = [each.member_id for each in answer.members]
        return answer

    def join(self, **values: Any) -> Any:
        """Join, and return the answer."""
        return self.joined(self.start_join(**values))

    def start_sync(self, assignments: Sequence[tuple[str, bytes]] = (), **values: Any) -> Waiting:
        """Send a SyncGroup."""
        request = SyncGroupRequest(
            **{
                "group_id": self.group,
                "generation_id": self.generation,
                "member_id": self.id,
                "group_instance_id": self.instance,
                "protocol_type": self.values["protocol_type"],
                "protocol_name": self.protocol,
                "assignments": [SyncGroupRequestAssignment(member_id=to, assignment=what) for to, what in assignments],
                **values,
            }
        )
        return self.at.start(request, on=self.connection)

    def sync(self, assignments: Sequence[tuple[str, bytes]] = (), **values: Any) -> Any:
        """Sync, and return the answer."""
        return self.start_sync(assignments, **values).answer()

    def heartbeat(self, **values: Any) -> int:
        """Return the error code of a heartbeat."""
        given = {
            "group_id": self.group,
            "generation_id": self.generation,
            "member_id": self.id,
            "group_instance_id": self.instance,
            **values,
        }
        code: int = self.at.send(HeartbeatRequest(**given), on=self.connection).error_code
        return code

    def leave(self) -> Any:
        """Leave, and return the answer."""
        return leave(self.at, self.group, (self.id, self.instance))


def protocols(*names: str, metadata: bytes = SUBSCRIPTION) -> list[JoinGroupRequestProtocol]:
    """Return protocols in this order, all with the same metadata."""
    return [JoinGroupRequestProtocol(name=name, metadata=metadata) for name in names]


def subscribed(*topics: str) -> list[JoinGroupRequestProtocol]:
    """Return the protocol `range` with a subscription to topics."""
    names = b"".join(len(topic).to_bytes(2, "big") + topic.encode() for topic in topics)
    return protocols("range", metadata=b"\0\0" + len(topics).to_bytes(4, "big") + names + b"\xff\xff\xff\xff")


def leave(at: Node, group: str, *members: tuple[str, str | None]) -> Any:
    """Let members leave; versions below 3 know one only."""
    identities = [MemberIdentity(member_id=name, group_instance_id=instance) for name, instance in members]
    by_list = at.version_of(LeaveGroupRequest) >= 3
    request = LeaveGroupRequest(
        group_id=group, **({"members": identities} if by_list else {"member_id": members[0][0]})
    )
    return at.send(request)


def stable(at: Node, count: int = 1, *, group: str = "", **values: Any) -> list[Member]:
    """Return the members of a new group that is stable, the leader first."""
    members: list[Member] = []
    for _ in range(count):
        member = Member(at, group, **values)
        waiting = member.start_join()
        held = []
        if members:
            await_state(at, member.group, "PreparingRebalance", len(members) + 1)
            held = [(each, each.start_join()) for each in members]
        members.append(member)
        for each, answer in [*held, (member, waiting)]:
            assert not each.joined(answer).error_code
        synced(members)
    return members


def synced(members: list[Member]) -> list[Any]:
    """Let members sync that have all joined, the leader last; return their answers."""
    leader = next(each for each in members if each.id == each.leader)
    waiting = [each.start_sync() for each in members if each is not leader]
    assignments = [(each.id, ASSIGNMENT + b"%d" % number) for number, each in enumerate(members)]
    answers = [leader.sync(assignments), *(each.answer() for each in waiting)]
    assert not any(each.error_code for each in answers), answers
    return answers


def state_of(at: Node, group: str) -> tuple[str, int]:
    """Return a group's state and how many members it has; not recorded."""
    found = at.ask(DescribeGroupsRequest(groups=[group]), 5).groups[0]
    return found.group_state, len(found.members)


def await_state(at: Node, group: str, state: str, members: int | None = None) -> None:
    """Return when a group is in a state, with so many members if a number is given."""

    def reached() -> bool:
        found, count = state_of(at, group)
        return found == state and members in (None, count)

    at.until(reached, f"{group} is {state} with {members} members")


def commit(at: Node, group: str, *offsets: tuple[str, int, int], metadata: str | None = "", **values: Any) -> Any:
    """Commit (topic, partition, offset); return the whole answer."""
    by_id = at.version_of(OffsetCommitRequest) >= COMMIT_BY_ID
    topics = [
        OffsetCommitRequestTopic(
            **{"topic_id": id_of(at, topic)} if by_id else {"name": topic},
            partitions=[
                OffsetCommitRequestPartition(
                    partition_index=index, committed_offset=offset, committed_metadata=metadata
                )
                for other, index, offset in offsets
                if other == topic
            ],
        )
        for topic in dict.fromkeys(topic for topic, _, _ in offsets)
    ]
    return at.send(OffsetCommitRequest(group_id=group, topics=topics, **values))


def commit_error(at: Node, group: str, topic: str, offset: int = 1, **values: Any) -> int:
    """Commit one offset; return its error code."""
    code: int = commit(at, group, (topic, 0, offset), **values).topics[0].partitions[0].error_code
    return code


def fetch_offsets(
    at: Node,
    group: str,
    topics: Sequence[tuple[str, Sequence[int]]] | None,
    require_stable: bool = False,
    **values: Any,
) -> Any:
    """Fetch committed offsets, of all topics if None; return the group's part of the answer."""
    version = at.version_of(OffsetFetchRequest)
    if version < 8:
        plain = (
            None
            if topics is None
            else [OffsetFetchRequestTopic(name=name, partition_indexes=list(of)) for name, of in topics]
        )
        return at.send(OffsetFetchRequest(group_id=group, topics=plain, require_stable=require_stable))
    named = [
        OffsetFetchRequestTopics(
            **{"topic_id": id_of(at, name)} if version >= FETCH_BY_ID else {"name": name}, partition_indexes=list(of)
        )
        for name, of in topics or ()
    ]
    wanted = OffsetFetchRequestGroup(group_id=group, topics=None if topics is None else named, **values)
    return at.send(OffsetFetchRequest(groups=[wanted], require_stable=require_stable)).groups[0]


def committed(at: Node, group: str, topic: str, index: int = 0) -> Any:
    """Return the offset committed for one partition."""
    return fetch_offsets(at, group, [(topic, [index])]).topics[0].partitions[0]
