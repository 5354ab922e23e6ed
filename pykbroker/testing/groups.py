"""`Group`: a consumer group of a broker in a test: who is in it, how far it is, and waiting for either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pykbroker import errors
from pykbroker.apis.context import Services
from pykbroker.errors import KafkaError
from pykbroker.groups import describing
from pykbroker.groups.classic import DEAD, STABLE
from pykbroker.metadata.names import GROUP_METADATA_TOPIC
from pykbroker.storage.partition import Partition
from pykbroker.testing.hosting import WITHIN, Host, blocked_loop_hint, in_thread
from pykbroker.wire.codegen import decode_message
from pykbroker.wire.messages.consumer_protocol import ConsumerProtocolAssignment
from pykbroker.wire.messages.describe_groups import DescribedGroup, DescribedGroupMember

TopicPartition = tuple[str, int]

_VERSION_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Member:
    """One member, and the partitions that it was assigned: (topic, number) each, in order."""

    member_id: str
    client_id: str
    client_host: str
    group_instance_id: str | None
    partitions: tuple[TopicPartition, ...]


class Group:
    """A consumer group by its id, whether it exists or not. `str(group)` is the id."""

    def __init__(self, host: Host, group_id: str) -> None:
        self._host = host
        self.id = group_id

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"Group({self.id!r})"

    @property
    def state(self) -> str:
        """`Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, or `Dead`: there is no such group."""
        return self._host.call(self._described).group_state

    def members(self) -> list[Member]:
        """Return the members, oldest first. What they are assigned is known in a stable group only."""
        return [_member(found) for found in self._host.call(self._described).members]

    def committed(self) -> dict[TopicPartition, int]:
        """Return the committed offsets, that is where members would go on, by (topic, partition)."""
        return self._host.call(self._committed)

    def lag(self, topic: str | None = None) -> int:
        """Return how many offsets lie between what was committed and the end, over all partitions of the group.

        These are the ones with a commit and the ones assigned to members; or, given a topic, all of its partitions.
        One without a commit counts from its beginning. KafkaError (GROUP_ID_NOT_FOUND) for a group that does not
        exist, so that a lag of 0 always means that somebody has read everything.
        """
        lags = self._host.call(lambda services: self._lags(services, topic))
        if lags is None:
            raise KafkaError(errors.GROUP_ID_NOT_FOUND, f"there is no group {self.id}")
        return sum(lags.values())

    def wait_stable(self, members: int | None = None, within: float = WITHIN) -> list[Member]:
        """Return the members once the group is stable, with exactly so many members if a number is given.

        AssertionError, with the state that the group is in, if it is not within so many seconds.
        """
        __tracebackhide__ = True

        def look() -> list[Member] | None:
            group = self._host.call(self._described)
            if group.group_state == STABLE and members in (None, len(group.members)):
                return [_member(found) for found in group.members]
            return None

        found = self._host.wait(self._watched, look, within)
        if found is None:
            wanted = "" if members is None else f" with {members} members"
            raise AssertionError(f"not stable{wanted} within {within:g} s: {self._shown()}")
        return found

    def wait_caught_up(self, topic: str | None = None, within: float = WITHIN) -> None:
        """Return once the group has committed everything in its partitions, or in all partitions of a topic.

        A group without any partition has not caught up. AssertionError, with the lag of each partition, if it does not
        come to that within so many seconds.
        """
        __tracebackhide__ = True

        def look() -> bool | None:
            lags = self._host.call(lambda services: self._lags(services, topic))
            return True if lags and not any(lags.values()) else None

        if self._host.wait(self._watched, look, within) is None:
            lags = self._host.call(lambda services: self._lags(services, topic)) or {}
            behind = "".join(f"\n  {name}-{index}: {lag} behind" for (name, index), lag in sorted(lags.items()))
            raise AssertionError(f"not caught up within {within:g} s: {self._shown()}{behind}")

    await_stable = in_thread(wait_stable)
    await_caught_up = in_thread(wait_caught_up)

    # What runs on the loop's thread

    def _watched(self, services: Services) -> Iterator[Partition]:
        yield services.controller.partition  # topics may come, and `__consumer_offsets` is one
        if GROUP_METADATA_TOPIC in services.image.topics:
            yield services.groups.shard_for(self.id).runner.partition

    def _described(self, services: Services) -> DescribedGroup:
        state = services.groups.state_for(self.id)
        group = None if state is None else describing.described(state, self.id)
        return describing.dead(self.id) if group is None else group

    def _committed(self, services: Services) -> dict[TopicPartition, int]:
        state = services.groups.state_for(self.id)
        if state is None:
            return {}
        return {
            (topic, index): value.offset
            for topic, partitions in state.offsets.of_group(self.id).items()
            for index, value in partitions.items()
        }

    def _lags(self, services: Services, topic: str | None) -> dict[TopicPartition, int] | None:
        """Return the lag of each partition that counts; None if there is no such group."""
        group = self._described(services)
        if group.group_state == DEAD:
            return None
        committed = self._committed(services)
        if topic is not None:
            found = services.image.topics.get(topic)
            keys = {(topic, state.index) for state in found.partitions} if found is not None else set()
        else:
            keys = set(committed).union(*(_assigned(member) for member in group.members))
        lags = {}
        for name, index in keys:
            try:
                partition = services.partitions.get(name, index)
            except KafkaError:
                continue  # deleted, though somebody still has it assigned
            lags[name, index] = partition.high_watermark - committed.get((name, index), partition.log_start_offset)
        return lags

    def _shown(self) -> str:
        """Return what the group is like, for a failure."""
        group = self._host.call(self._described)
        if group.group_state == DEAD:
            return f"there is no group {self.id}{blocked_loop_hint()}"
        members = "".join(f"\n  {_line(_member(found))}" for found in group.members) or "\n  nobody is in it"
        return f"group {self.id} is {group.group_state}{members}{blocked_loop_hint()}"


def _assigned(member: DescribedGroupMember) -> tuple[TopicPartition, ...]:
    """Return a member's partitions, in order; none in a group that has nothing assigned, or does not consume."""
    if len(member.member_assignment) <= _VERSION_BYTES:
        return ()
    try:
        assignment = decode_message(ConsumerProtocolAssignment, 0, member.member_assignment[_VERSION_BYTES:])
    except errors.Malformed:
        return ()
    return tuple(sorted((each.topic, index) for each in assignment.assigned_partitions for index in each.partitions))


def _member(found: DescribedGroupMember) -> Member:
    return Member(
        found.member_id, found.client_id, found.client_host, found.group_instance_id, _assigned(found)
    )


def _line(member: Member) -> str:
    partitions = ", ".join(f"{topic}-{index}" for topic, index in member.partitions) or "nothing assigned"
    return f"{member.client_id} at {member.client_host}: {partitions}"
