"""What disappears from a shard: offsets that expired, groups with nothing left, deleted groups, deleted topics.

    group                                   its offsets expire when
    the client gave an expiry (v2-v4)       that time has come
    simple (no protocol type)               `offsets.retention.minutes` after the commit
    Empty                                   the same time after it became Empty
    Stable consumer group                   the same time after the commit, if nobody subscribes to the topic
    any other                               never

Source: `OffsetMetadataManager.cleanupExpiredOffsets`, `ClassicGroup.offsetExpirationCondition`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups.classic import DEAD, EMPTY, STABLE, ClassicGroup
from pykbroker.groups.rebalance import expel, forget
from pykbroker.groups.records import GroupRecord, MetadataRecord, OffsetRecord
from pykbroker.groups.state import ShardState, Step
from pykbroker.groups.subscription import CONSUMER
from pykbroker.shard import Outcome
from pykbroker.wire.messages.group_records import OffsetCommitValue

CHECK_KEY: Final = "retention"


def schedule_check(state: ShardState) -> None:
    """Look for expired offsets after `offsets.retention.check.interval.ms`, and again and again."""
    state.schedule(CHECK_KEY, state.settings.retention_check_interval_ms, lambda: _check(state))


def expire(state: ShardState) -> Outcome[GroupRecord, None]:
    """Remove offsets that expired, and Empty groups that have none left (OFF-28, OFF-29)."""
    step = Step()
    emptied = []
    for group in state.live.values():
        expired, has_more = _expired(state, group)
        step.records.extend(expired)
        if not has_more and group.state == EMPTY and not group.pending_members:
            emptied.append(group)
            step.records.extend(_removal(state, group))
    step.when_stored(lambda: _drop(state, emptied))
    return step.outcome(None)


def delete_group(state: ShardState, group_id: str) -> Outcome[GroupRecord, None]:
    """Remove an Empty group with its offsets (GAD-10). Raises KafkaError."""
    step = Step()
    group = state.live.get(group_id)
    if group is None:
        raise KafkaError(errors.GROUP_ID_NOT_FOUND)
    if group.state != EMPTY:
        raise KafkaError(errors.NON_EMPTY_GROUP)
    step.records.extend(state.offsets.removals(group_id))
    step.records.extend(_removal(state, group))
    step.when_stored(lambda: _drop(state, [group]))
    return step.outcome(None)


def dissolve_group(state: ShardState, group_id: str) -> Outcome[GroupRecord, None]:
    """Remove a group with its offsets, whatever it is doing; its members hear UNKNOWN_MEMBER_ID.

    No API of Kafka's does that. It is for tests that must not find what the last one left.
    """
    step = Step()
    group = state.live[group_id]
    for member in list(group.members.values()):
        expel(state, group, member, errors.UNKNOWN_MEMBER_ID, step)
    state.cancel(("join", group_id))
    state.cancel(("sync", group_id))
    step.records.extend(state.offsets.removals(group_id))
    step.records.extend(_removal(state, group))
    step.when_stored(lambda: _drop(state, [group]))
    return step.outcome(None)


def forget_topics(state: ShardState, topics: Collection[str]) -> Outcome[GroupRecord, None]:
    """Remove what any group committed for topics that are gone (OFF-27)."""
    step = Step()
    step.records.extend(state.offsets.removals_of_topics(topics))
    return step.outcome(None)


def _check(state: ShardState) -> Outcome[GroupRecord, None]:
    schedule_check(state)
    return expire(state)


def _expired(state: ShardState, group: ClassicGroup) -> tuple[list[OffsetRecord], bool]:
    """Return the removals that are due, and whether offsets are left."""
    removals: list[OffsetRecord] = []
    has_more = False
    for topic, partitions in state.offsets.of_group(group.group_id).items():
        for partition, committed in partitions.items():
            if _is_expired(state, group, topic, committed):
                removals.append(OffsetRecord(group.group_id, topic, partition, None))
            else:
                has_more = True
    return removals, has_more


def _is_expired(state: ShardState, group: ClassicGroup, topic: str, committed: OffsetCommitValue) -> bool:
    now_ms = state.clock.now_ms()
    since_ms = committed.commit_timestamp
    if group.protocol_type is not None:
        if group.state == EMPTY:
            if group.state_timestamp_ms >= 0:  # records from before Kafka 2.1 do not have it
                since_ms = group.state_timestamp_ms
        elif group.state != STABLE or group.protocol_type != CONSUMER or group.subscribes_to(topic):
            return False
    if committed.expire_timestamp >= 0:
        return now_ms >= committed.expire_timestamp
    return now_ms - since_ms >= state.settings.offsets_retention_ms


def _removal(state: ShardState, group: ClassicGroup) -> list[GroupRecord]:
    return [MetadataRecord(group.group_id, None)] if group.group_id in state.stored else []


def _drop(state: ShardState, groups: Collection[ClassicGroup]) -> None:
    for group in groups:
        for member_id in sorted(group.pending_members):
            forget(state, group, member_id)
        group.move_to(DEAD, state.clock.now_ms())
        state.live.pop(group.group_id, None)
