"""A group and the offsets that it has committed, seen and changed by one who is no member of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pykbroker import errors
from pykbroker.commands.client import Cluster, raise_if, soon
from pykbroker.commands.failure import CommandError
from pykbroker.commands.offsets import TopicPartition
from pykbroker.errors import KafkaError
from pykbroker.wire.messages.describe_groups import DescribedGroup, DescribeGroupsRequest
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from pykbroker.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestTopic


def committed_offsets(
    cluster: Cluster, group_id: str, partitions: Iterable[TopicPartition] | None = None
) -> dict[TopicPartition, int]:
    """Return the committed offsets of some partitions, or of all; those that have none are left out."""
    topics: dict[str, list[int]] | None = None
    if partitions is not None:
        topics = defaultdict(list)
        for topic, partition in partitions:
            topics[topic].append(partition)
    wanted = None
    if topics is not None:
        wanted = [OffsetFetchRequestTopic(name=name, partition_indexes=each) for name, each in topics.items()]
    # Version 7 is the last that asks for one group.
    answer = cluster.coordinator(group_id).send(OffsetFetchRequest(group_id=group_id, topics=wanted), at_most=7)
    found: dict[TopicPartition, int] = {}
    try:
        raise_if(answer.error_code)
        for topic in answer.topics:
            for each in topic.partitions:
                raise_if(each.error_code, f"{topic.name}-{each.partition_index}")
                if each.committed_offset >= 0:
                    found[topic.name, each.partition_index] = each.committed_offset
    except KafkaError as error:
        raise CommandError(f"group {group_id}: {error}") from None
    return found


def commit(cluster: Cluster, group_id: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Commit offsets. CommandError if the group has members, which then are the only ones who may."""
    topics: dict[str, list[OffsetCommitRequestPartition]] = defaultdict(list)
    for (topic, partition), offset in offsets.items():
        topics[topic].append(OffsetCommitRequestPartition(partition_index=partition, committed_offset=offset))
    if not topics:
        return
    request = OffsetCommitRequest(
        group_id=group_id,
        topics=[OffsetCommitRequestTopic(name=name, partitions=each) for name, each in topics.items()],
    )
    # Version 9 is the last that names topics.
    for topic in cluster.coordinator(group_id).send(request, at_most=9).topics:
        for each in topic.partitions:
            if each.error_code in (errors.UNKNOWN_MEMBER_ID, errors.ILLEGAL_GENERATION):
                raise CommandError(f"group {group_id} has members: only they can commit. Stop them first")
            if each.error_code:
                problem = KafkaError(each.error_code, f"{topic.name}-{each.partition_index}")
                raise CommandError(f"group {group_id}: {problem}")


def group_of(cluster: Cluster, group_id: str) -> DescribedGroup:
    """Return what the coordinator says of a group; a group that there is not is Dead. CommandError if it refuses."""

    def look() -> DescribedGroup:
        # Version 6 has an error for a group that there is not.
        answer = cluster.coordinator(group_id).send(DescribeGroupsRequest(groups=[group_id]), at_most=5)
        group: DescribedGroup = answer.groups[0]
        raise_if(group.error_code)
        return group

    try:
        return soon(look)
    except KafkaError as error:
        raise CommandError(f"group {group_id}: {error}") from None


def require_no_members(cluster: Cluster, group_id: str) -> None:
    """Raise CommandError if a group has members: nobody else can commit for it then."""
    group = group_of(cluster, group_id)
    if group.group_state not in ("Empty", "Dead"):
        members = ", ".join(sorted({member.client_id for member in group.members}))
        raise CommandError(f"group {group_id} is {group.group_state}: stop its members first ({members})")
