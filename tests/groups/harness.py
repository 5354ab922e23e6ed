"""One group shard in simulated time, on a partition kept in memory. Requests go in, `Asked` come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups import commits, membership
from pykbroker.groups.classic import EMPTY, STABLE, ClassicGroup
from pykbroker.groups.joining import Joining, join
from pykbroker.groups.records import GroupRecord
from pykbroker.groups.shard import GroupShard
from pykbroker.groups.state import GroupSettings, ShardState
from pykbroker.later import Later
from pykbroker.shard import ShardRunner
from pykbroker.wire.batch import peek
from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from pykbroker.wire.messages.leave_group import MemberIdentity
from pykbroker.wire.messages.offset_commit import OffsetCommitRequest
from pykbroker.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse
from tests.fakes import FakeClock, SeededRandom

RANGE = (("range", b"topics"),)


class MemoryPartition:
    """As much of a partition as a shard needs. Set `error` to make appends fail."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.log_end_offset = 0
        self.error: KafkaError | None = None

    def append_own(self, batch: bytearray) -> None:
        if self.error is not None:
            raise self.error
        self.stored.append(bytes(batch))
        self.log_end_offset += peek(batch).count

    def batches(self, start: int | None = None) -> Iterator[bytes]:
        yield from self.stored


class Asked:
    """A request's answer: there already, or to come. Fields of the answer can be read from it once it is there."""

    def __init__(self, reply: Any) -> None:
        self.later: Later[Any] = reply if isinstance(reply, Later) else Later()
        if not isinstance(reply, Later):
            self.later.resolve(reply)

    @property
    def is_held(self) -> bool:
        return not self.later.done

    @property
    def answer(self) -> Any:
        return self.later.result()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.answer, name)


class World:
    """A shard and its surroundings."""

    def __init__(
        self, partition: MemoryPartition | None = None, clock: FakeClock | None = None, **settings: int
    ) -> None:
        self.settings = {"initial_rebalance_delay_ms": 0, **settings}
        self.clock = clock or FakeClock()
        self.partition = partition or MemoryPartition()
        self.random = SeededRandom()
        self.shard = GroupShard(GroupSettings(**self.settings), self.clock, self.random)
        stored: Any = self.partition
        self.runner: ShardRunner[GroupRecord] = ShardRunner(self.shard, stored, self.clock)
        self.shard.use_timers(self.runner)
        self.runner.load()
        self.asked: list[Asked] = []

    @property
    def state(self) -> ShardState:
        return self.shard.state

    def group(self, group_id: str = "g") -> ClassicGroup:
        return self.state.live[group_id]

    def restart(self) -> World:
        """Stop, and give the shard that a new process makes of the same log."""
        self.runner.close()
        return World(self.partition, self.clock, **self.settings)

    def run(self, operation: Callable[[ShardState], Any]) -> Any:
        return self.runner.submit(lambda: operation(self.state))

    def advance(self, ms: int) -> None:
        self.clock.advance(ms)

    def join(
        self,
        member_id: str = "",
        *,
        group: str = "g",
        instance: str | None = None,
        protocols: tuple[tuple[str, bytes], ...] = RANGE,
        kind: str = "consumer",
        session: int = 10_000,
        rebalance: int = 60_000,
        version: int = 9,
        client: str = "client",
    ) -> Asked:
        request = JoinGroupRequest(
            group_id=group,
            session_timeout_ms=session,
            rebalance_timeout_ms=rebalance if version else -1,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=kind,
            protocols=[JoinGroupRequestProtocol(name=name, metadata=metadata) for name, metadata in protocols],
        )
        return self._note(self.run(lambda state: join(state, Joining(request, version, client, "/10.0.0.1"))))

    def sync(
        self,
        member_id: str,
        generation: int,
        assignments: dict[str, bytes] | None = None,
        *,
        group: str = "g",
        instance: str | None = None,
        kind: str | None = None,
        protocol: str | None = None,
    ) -> Asked:
        request = SyncGroupRequest(
            group_id=group,
            generation_id=generation,
            member_id=member_id,
            group_instance_id=instance,
            protocol_type=kind,
            protocol_name=protocol,
            assignments=[
                SyncGroupRequestAssignment(member_id=one, assignment=blob) for one, blob in (assignments or {}).items()
            ],
        )
        try:
            return self._note(self.run(lambda state: membership.sync(state, request)))
        except KafkaError as error:
            return Asked(SyncGroupResponse(error_code=error.code))

    def heartbeat(self, member_id: str, generation: int, *, group: str = "g", instance: str | None = None) -> int:
        request = HeartbeatRequest(
            group_id=group, generation_id=generation, member_id=member_id, group_instance_id=instance
        )
        return self.code_of(lambda state: membership.heartbeat(state, request))

    def leave(self, *members: str | tuple[str, str], group: str = "g") -> list[int]:
        """Leave with member ids, or pairs of member id and instance id."""
        leaving = []
        for one in members:
            member_id, instance = (one, None) if isinstance(one, str) else one
            leaving.append(MemberIdentity(member_id=member_id, group_instance_id=instance))
        return [answer.error_code for answer in self.run(lambda state: membership.leave(state, group, leaving))]

    def commit(
        self,
        offset: int = 5,
        *,
        topic: str = "t",
        partition: int = 0,
        group: str = "g",
        generation: int = -1,
        member_id: str = "",
        instance: str | None = None,
        metadata: str | None = "",
        leader_epoch: int = -1,
        retention: int = -1,
        version: int = 9,
    ) -> int:
        """Commit one offset, and return the error code that the client sees."""
        request = OffsetCommitRequest(
            group_id=group,
            generation_id_or_member_epoch=generation,
            member_id=member_id,
            group_instance_id=instance,
            retention_time_ms=retention,
        )
        one = commits.Commit(topic, partition, offset, leader_epoch=leader_epoch, metadata=metadata)
        return self.code_of(lambda state: commits.commit(state, request, version, [one]))

    def committed(self, topic: str = "t", partition: int = 0, group: str = "g") -> int | None:
        value = self.state.offsets.committed(group, topic, partition)
        return None if value is None else value.offset

    def code_of(self, operation: Callable[[ShardState], Any]) -> int:
        """Return the error code of an operation that gives one, or a list with one, or raises it."""
        try:
            reply = self.run(operation)
        except KafkaError as error:
            return error.code
        code: int = reply[0] if isinstance(reply, list) else reply
        return code

    def _note(self, reply: Any) -> Asked:
        asked = Asked(reply)
        self.asked.append(asked)
        return asked

    # Whole stories

    def member_id(self, **facts: Any) -> str:
        """Go through the first of the two joins of a dynamic member."""
        first = self.join(**facts)
        assert first.error_code == errors.MEMBER_ID_REQUIRED
        member_id: str = first.member_id
        return member_id

    def completing(self, count: int, **facts: Any) -> list[str]:
        """Bring a new group to CompletingRebalance; the first of the ids leads."""
        joins = [self.join(version=3, **facts) for _ in range(count)]
        self.advance(0)
        return [asked.member_id for asked in joins]

    def stable(self, count: int, **facts: Any) -> list[str]:
        """Bring a new group to Stable, with each member's number as its assignment; the first of the ids leads."""
        members = self.completing(count, **facts)
        self.finish(members)
        return members

    def finish(self, members: list[str], group: str = "g") -> None:
        """Sync all of these; one of them leads."""
        generation = self.group(group).generation_id
        assignments = {member: b"%d" % at for at, member in enumerate(members)}
        asked = [self.sync(member, generation, assignments, group=group) for member in members]
        assert [one.error_code for one in asked] == [0] * len(members)
        assert self.group(group).state == STABLE


def check_reload(world: World) -> None:
    """A second shard that replays the same log has the same hard state, and the same groups that are at rest."""
    world.partition.error = None
    again = World(world.partition, FakeClock(), **world.settings)
    assert again.state.stored == world.state.stored
    assert again.state.offsets == world.state.offsets
    for group_id, group in world.state.live.items():
        if group.state in (STABLE, EMPTY) and group_id in world.state.stored:
            assert at_rest(again.group(group_id)) == at_rest(group)


def at_rest(group: ClassicGroup) -> Any:
    """Return what must survive a restart of a group that is not rebalancing."""
    return (
        group.state, group.generation_id, group.protocol_type, group.protocol_name, group.leader,
        group.static_members, group.subscribed_topics,
        [
            (one.member_id, one.group_instance_id, one.metadata(group.protocol_name), one.assignment)
            for one in group.members.values()
        ],
    )
