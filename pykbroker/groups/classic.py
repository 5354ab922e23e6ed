"""A classic group: its members, its state, and what can be asked of them. No timers, no records, no clock.

    Empty ──► PreparingRebalance ──► CompletingRebalance ──► Stable
      ▲            │      ▲                   │                │
      └────────────┘      └───────────────────┴────────────────┘          any ──► Dead

PreparingRebalance collects JoinGroups, CompletingRebalance waits for the leader's SyncGroup. All of this is soft: what
a restart brings back is the group's last `GroupMetadataValue`, which `ClassicGroup.restored` starts from and
`ClassicGroup.metadata_value` writes. `rebalance` moves a group from state to state.

Source: `org.apache.kafka.coordinator.group.classic.ClassicGroup` and `ClassicGroupMember`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups.subscription import CONSUMER, subscribed_topics
from pykbroker.later import Later
from pykbroker.wire.messages.group_records import GroupMetadataValue, MemberMetadata
from pykbroker.wire.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from pykbroker.wire.messages.sync_group import SyncGroupResponse

EMPTY: Final = "Empty"
PREPARING_REBALANCE: Final = "PreparingRebalance"
COMPLETING_REBALANCE: Final = "CompletingRebalance"
STABLE: Final = "Stable"
DEAD: Final = "Dead"

TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    EMPTY: frozenset({PREPARING_REBALANCE, DEAD}),
    PREPARING_REBALANCE: frozenset({COMPLETING_REBALANCE, EMPTY, DEAD}),
    COMPLETING_REBALANCE: frozenset({STABLE, PREPARING_REBALANCE, DEAD}),
    STABLE: frozenset({PREPARING_REBALANCE, DEAD}),
    DEAD: frozenset(),
}

Protocols = tuple[tuple[str, bytes], ...]
Facts = tuple[Protocols, int, int, str, str]  # protocols, rebalance and session timeout in ms, client id, client host


class Member:
    """One member: what its last JoinGroup said, its assignment, and its requests that are being held."""

    __slots__ = (
        "assignment", "client_host", "client_id", "group_instance_id", "held_join", "held_sync", "is_new", "member_id",
        "protocols", "rebalance_timeout_ms", "session_timeout_ms",
    )

    def __init__(
        self,
        member_id: str,
        group_instance_id: str | None,
        facts: Facts,
        assignment: bytes = b"",
    ) -> None:
        self.member_id = member_id
        self.group_instance_id = group_instance_id
        self.take(facts)
        self.assignment = assignment
        self.held_join: Later[JoinGroupResponse] | None = None
        self.held_sync: Later[SyncGroupResponse] | None = None
        self.is_new = False  # joined for the first time, and not answered yet: it cannot know its id (GRP-31)

    def take(self, facts: Facts) -> None:
        """Take over what a JoinGroup says."""
        (
            self.protocols, self.rebalance_timeout_ms, self.session_timeout_ms, self.client_id, self.client_host
        ) = facts

    @property
    def facts(self) -> Facts:
        """Return what the last JoinGroup said."""
        return (
            self.protocols, self.rebalance_timeout_ms, self.session_timeout_ms, self.client_id, self.client_host
        )

    def metadata(self, protocol_name: str | None) -> bytes:
        """Return the metadata that the member sent for a protocol; empty if it did not list it."""
        return next((metadata for name, metadata in self.protocols if name == protocol_name), b"")


class ClassicGroup:
    """One group's soft state. Owned by the shard; changed by the operations in `joining`, `membership`, `rebalance`."""

    __slots__ = (
        "generation_id", "group_id", "leader", "members", "new_member_added", "pending_members", "pending_sync",
        "previous_state", "protocol_name", "protocol_type", "state", "state_timestamp_ms", "static_members",
        "subscribed_topics",
    )

    def __init__(self, group_id: str, now_ms: int) -> None:
        self.group_id = group_id
        self.state = EMPTY
        self.previous_state = DEAD
        self.state_timestamp_ms = now_ms
        self.generation_id = 0
        self.protocol_type: str | None = None  # None: never had members (a simple group, OFF-01)
        self.protocol_name: str | None = None
        self.leader: str | None = None
        self.members: dict[str, Member] = {}
        self.static_members: dict[str, str] = {}  # group_instance_id -> member_id
        self.pending_members: set[str] = set()  # ids given out with MEMBER_ID_REQUIRED and not seen since (GRP-03)
        self.pending_sync: set[str] = set()  # answered JoinGroup, SyncGroup not here yet (GRP-27)
        self.new_member_added = False  # during the initial delay: extend it (GRP-08)
        self.subscribed_topics: frozenset[str] | None = None

    @classmethod
    def restored(cls, group_id: str, stored: GroupMetadataValue) -> ClassicGroup:
        """Return the group as its last record has it: Stable with its members, or Empty (GRP-42)."""
        group = cls(group_id, stored.current_state_timestamp)
        group.generation_id = stored.generation
        group.protocol_type = stored.protocol_type or None
        group.protocol_name = stored.protocol
        group.leader = stored.leader
        group.state = STABLE if stored.members else EMPTY
        for known in stored.members:
            timeout_ms = known.rebalance_timeout if known.rebalance_timeout >= 0 else known.session_timeout
            protocols: Protocols = ((stored.protocol or "", known.subscription),)
            facts = (protocols, timeout_ms, known.session_timeout, known.client_id, known.client_host)
            member = Member(known.member_id, known.group_instance_id, facts, known.assignment)
            group.add(member, stored.protocol_type)
        group.note_subscriptions()
        return group

    def metadata_value(self, assignments: Mapping[str, bytes]) -> GroupMetadataValue:
        """Return the group's present generation as it is to be stored, with these assignments."""
        return GroupMetadataValue(
            protocol_type=self.protocol_type or "",
            generation=self.generation_id,
            protocol=self.protocol_name,
            leader=self.leader,
            current_state_timestamp=self.state_timestamp_ms,
            members=[
                MemberMetadata(
                    member_id=member.member_id,
                    group_instance_id=member.group_instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    rebalance_timeout=member.rebalance_timeout_ms,
                    session_timeout=member.session_timeout_ms,
                    subscription=member.metadata(self.protocol_name),
                    assignment=assignments.get(member.member_id, b""),
                )
                for member in self.members.values()
            ],
        )

    def move_to(self, state: str, now_ms: int) -> None:
        """Change the state; a step that the table does not have is a bug."""
        assert state in TRANSITIONS[self.state], f"{self.group_id}: {self.state} to {state}"
        self.previous_state, self.state = self.state, state
        self.state_timestamp_ms = now_ms

    # Members

    def check_member(self, member_id: str, group_instance_id: str | None) -> Member:
        """Return the member that a request names, or raise UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID (GRP-39)."""
        if group_instance_id is not None:
            current = self.static_members.get(group_instance_id)
            if current is None:
                raise KafkaError(errors.UNKNOWN_MEMBER_ID)
            if current != member_id:
                raise KafkaError(errors.FENCED_INSTANCE_ID)
        member = self.members.get(member_id)
        if member is None:
            raise KafkaError(errors.UNKNOWN_MEMBER_ID)
        return member

    def add(self, member: Member, protocol_type: str) -> None:
        """Take in a member; the first one leads and decides the protocol type."""
        if not self.members:
            self.protocol_type = protocol_type
        if self.leader is None:
            self.leader = member.member_id
        self.members[member.member_id] = member
        self.pending_members.discard(member.member_id)
        if member.group_instance_id is not None:
            self.static_members[member.group_instance_id] = member.member_id

    def remove(self, member_id: str) -> None:
        """Forget a member or a pending one; if it led, the oldest of the others leads."""
        self.pending_members.discard(member_id)
        self.pending_sync.discard(member_id)
        member = self.members.pop(member_id, None)
        if member is None:
            return
        if member.group_instance_id is not None and self.static_members.get(member.group_instance_id) == member_id:
            del self.static_members[member.group_instance_id]
        if self.leader == member_id:
            self.leader = next(iter(self.members), None)

    def replace_static(self, member: Member, new_member_id: str) -> None:
        """Give a static member a new id; it keeps its place, its assignment, and leads if it did (GRP-36)."""
        old_member_id = member.member_id
        member.member_id = new_member_id
        self.members = {known.member_id: known for known in self.members.values()}
        assert member.group_instance_id is not None, "only static members are replaced"
        self.static_members[member.group_instance_id] = new_member_id
        if self.leader == old_member_id:
            self.leader = new_member_id
        if old_member_id in self.pending_sync:
            self.pending_sync.remove(old_member_id)
            self.pending_sync.add(new_member_id)

    def members_of_generation(self) -> list[JoinGroupResponseMember]:
        """Return what the leader is told about all members, in the order in which they joined (GRP-13)."""
        return [
            JoinGroupResponseMember(
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                metadata=member.metadata(self.protocol_name),
            )
            for member in self.members.values()
        ]

    # The join phase

    @property
    def has_all_members_joined(self) -> bool:
        """Tell if every member's JoinGroup is here and nobody still holds an unused member id (GRP-09)."""
        return not self.pending_members and all(member.held_join for member in self.members.values())

    @property
    def awaiting_join(self) -> int:
        """Return how many JoinGroups are being held."""
        return sum(1 for member in self.members.values() if member.held_join is not None)

    @property
    def rebalance_timeout_ms(self) -> int:
        """Return the longest rebalance timeout of any member."""
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def elect_joined_leader(self) -> bool:
        """Make sure that the leader is a member that joined, keeping the old one if it did (GRP-14); False if none."""
        leader = self.members.get(self.leader or "")
        if leader is not None and leader.held_join is not None:
            return True
        joined = next((member.member_id for member in self.members.values() if member.held_join is not None), None)
        if joined is not None:
            self.leader = joined
        return joined is not None

    def next_generation(self, now_ms: int) -> None:
        """End the join phase: count up, choose the protocol, and wait for assignments, or be Empty (GRP-12)."""
        self.generation_id += 1
        self.pending_sync.clear()
        if self.members:
            self.protocol_name = select_protocol([member.protocols for member in self.members.values()])
            self.move_to(COMPLETING_REBALANCE, now_ms)
        else:
            self.protocol_name = None
            self.move_to(EMPTY, now_ms)
        self.note_subscriptions()

    # Protocols

    def supports(self, protocol_type: str, names: Collection[str]) -> bool:
        """Tell if a member with these protocols can take part (GRP-07)."""
        if not self.members:
            return bool(protocol_type) and bool(names)
        return protocol_type == self.protocol_type and not self.shared_protocols().isdisjoint(names)

    def shared_protocols(self) -> set[str]:
        """Return the names that every member lists."""
        return shared_protocols([member.protocols for member in self.members.values()])

    def note_subscriptions(self) -> None:
        """Work out `subscribed_topics` of the present generation; None where the broker cannot know them."""
        if self.protocol_type != CONSUMER:
            self.subscribed_topics = None
        elif not self.members:
            self.subscribed_topics = frozenset()
        elif self.protocol_name is None:
            self.subscribed_topics = None
        else:
            self.subscribed_topics = subscribed_topics(
                member.metadata(self.protocol_name) for member in self.members.values()
            )

    def subscribes_to(self, topic: str) -> bool:
        """Tell if members may be reading a topic. A consumer group that cannot be understood may read any."""
        if self.subscribed_topics is None:
            return self.protocol_type == CONSUMER
        return topic in self.subscribed_topics


def shared_protocols(lists: Sequence[Protocols]) -> set[str]:
    """Return the protocol names that are in every list."""
    shared: set[str] | None = None
    for protocols in lists:
        names = {name for name, _ in protocols}
        shared = names if shared is None else shared & names
    return shared or set()


def select_protocol(lists: Iterable[Protocols]) -> str:
    """Return the protocol with most votes among those that all list; everyone votes for its first such (GRP-15).

    A tie goes to the one that was voted for first, by the oldest member.
    """
    lists = list(lists)
    candidates = shared_protocols(lists)
    votes: dict[str, int] = {}
    for protocols in lists:
        vote = next(name for name, _ in protocols if name in candidates)
        votes[vote] = votes.get(vote, 0) + 1
    return max(votes, key=votes.__getitem__)
