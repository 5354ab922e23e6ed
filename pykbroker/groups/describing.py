"""What administrators see of the groups of one shard: ListGroups and DescribeGroups. Reads only.

Source: `GroupMetadataManager.listGroups`, `describeGroups`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pykbroker.groups.classic import DEAD, STABLE, ClassicGroup
from pykbroker.groups.state import ShardState
from pykbroker.wire.messages.describe_groups import DescribedGroup, DescribedGroupMember
from pykbroker.wire.messages.list_groups import ListedGroup

CLASSIC = "classic"


def listed(state: ShardState, states: Collection[str], types: Collection[str]) -> Iterator[ListedGroup]:
    """Give the groups in any of these states and of any of these types, in lower case; empty means all (GAD-02)."""
    if types and CLASSIC not in types:
        return
    for group in state.live.values():
        if not states or group.state.lower() in states:
            yield ListedGroup(
                group_id=group.group_id,
                protocol_type=group.protocol_type or "",
                group_state=group.state,
                group_type=CLASSIC,
            )


def described(state: ShardState, group_id: str) -> DescribedGroup | None:
    """Return a group with its members, or None if there is no such group (GAD-05, GAD-06).

    While a group is not stable, its members are shown with the assignment that they had, and without metadata.
    """
    group = state.live.get(group_id)
    if group is None:
        return None
    is_stable = group.state == STABLE
    return DescribedGroup(
        group_id=group_id,
        group_state=group.state,
        protocol_type=group.protocol_type or "",
        protocol_data=(group.protocol_name or "") if is_stable else "",
        members=_members(group, is_stable),
    )


def dead(group_id: str) -> DescribedGroup:
    """Return how a group that does not exist is described (GAD-07)."""
    return DescribedGroup(group_id=group_id, group_state=DEAD)


def _members(group: ClassicGroup, is_stable: bool) -> list[DescribedGroupMember]:
    return [
        DescribedGroupMember(
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            client_id=member.client_id,
            client_host=member.client_host,
            member_metadata=member.metadata(group.protocol_name) if is_stable else b"",
            member_assignment=member.assignment,
        )
        for member in group.members.values()
    ]
