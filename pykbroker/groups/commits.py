"""OffsetCommit and OffsetDelete: who may change a group's offsets when, and the records of doing it.

    group                 generation -1, no member      a member's commit
    unknown               makes a simple group          refused: ILLEGAL_GENERATION, GROUP_ID_NOT_FOUND from v9
    Empty                 stored                        UNKNOWN_MEMBER_ID
    PreparingRebalance    UNKNOWN_MEMBER_ID             stored (revoking consumers commit now), extends the session
    CompletingRebalance   UNKNOWN_MEMBER_ID             REBALANCE_IN_PROGRESS
    Stable                UNKNOWN_MEMBER_ID             stored, extends the session

Source: `OffsetMetadataManager`, `ClassicGroup.validateOffsetCommit`, `validateOffsetDelete`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups.classic import COMPLETING_REBALANCE, EMPTY, ClassicGroup
from pykbroker.groups.rebalance import start_session
from pykbroker.groups.records import GroupRecord, OffsetRecord
from pykbroker.groups.state import ShardState, Step
from pykbroker.groups.subscription import CONSUMER
from pykbroker.shard import Outcome
from pykbroker.wire.message import ZERO_UUID
from pykbroker.wire.messages.group_records import OffsetCommitValue
from pykbroker.wire.messages.offset_commit import OffsetCommitRequest

GROUP_ID_NOT_FOUND_SINCE: Final = 9

_COMMIT_ERRORS = {
    errors.UNKNOWN_TOPIC_OR_PARTITION: errors.COORDINATOR_NOT_AVAILABLE,
    errors.NOT_ENOUGH_REPLICAS: errors.COORDINATOR_NOT_AVAILABLE,
    errors.NOT_ENOUGH_REPLICAS_AFTER_APPEND: errors.COORDINATOR_NOT_AVAILABLE,
    errors.REQUEST_TIMED_OUT: errors.COORDINATOR_NOT_AVAILABLE,
    errors.NOT_LEADER_OR_FOLLOWER: errors.NOT_COORDINATOR,
    errors.KAFKA_STORAGE_ERROR: errors.NOT_COORDINATOR,
    errors.MESSAGE_TOO_LARGE: errors.INVALID_COMMIT_OFFSET_SIZE,
    errors.RECORD_LIST_TOO_LARGE: errors.INVALID_COMMIT_OFFSET_SIZE,
    errors.INVALID_FETCH_SIZE: errors.INVALID_COMMIT_OFFSET_SIZE,
}


def commit_error(append_error: int) -> int:
    """Return what clients are told when offsets could not be stored (OFF-33)."""
    return _COMMIT_ERRORS.get(append_error, append_error)


class Commit:
    """One offset to commit."""

    __slots__ = ("leader_epoch", "metadata", "offset", "partition", "topic", "topic_id")

    def __init__(
        self,
        topic: str,
        partition: int,
        offset: int,
        *,
        leader_epoch: int = -1,
        metadata: str | None = None,
        topic_id: bytes = ZERO_UUID,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.leader_epoch = leader_epoch
        self.metadata = metadata
        self.topic_id = topic_id


def commit(
    state: ShardState, request: OffsetCommitRequest, version: int, commits: Sequence[Commit]
) -> Outcome[GroupRecord, list[int]]:
    """Store offsets, in one batch; return an error code for each, in order. Raises KafkaError for the whole group.

    `request` says who commits; its topics were looked up by the caller, and those that exist are `commits`.
    """
    step = Step()
    group_id = request.group_id
    group = state.live.get(group_id)
    if group is not None:
        _check_committer(state, group, request)
    elif request.generation_id_or_member_epoch >= 0:
        # OFF-02
        unknown = errors.GROUP_ID_NOT_FOUND if version >= GROUP_ID_NOT_FOUND_SINCE else errors.ILLEGAL_GENERATION
        raise KafkaError(unknown)
    now_ms = state.clock.now_ms()
    expire_at_ms = -1 if request.retention_time_ms == -1 else now_ms + request.retention_time_ms
    codes = []
    for one in commits:
        if one.metadata is not None and _chars(one.metadata) > state.settings.offset_metadata_max_chars:
            codes.append(errors.OFFSET_METADATA_TOO_LARGE)
            continue
        codes.append(errors.NONE)
        value = OffsetCommitValue(
            offset=one.offset,
            leader_epoch=one.leader_epoch,
            metadata=one.metadata or "",
            commit_timestamp=now_ms,
            expire_timestamp=expire_at_ms,
            topic_id=one.topic_id,
        )
        step.records.append(OffsetRecord(group_id, one.topic, one.partition, value))
    if group is None and step.records:
        step.when_stored(lambda: _make_simple_group(state, group_id))
    return step.outcome(codes)


def delete(
    state: ShardState, group_id: str, partitions: Sequence[tuple[str, int]]
) -> Outcome[GroupRecord, list[int]]:
    """Remove offsets; return an error code for each partition, in order. Raises KafkaError for the whole group."""
    step = Step()
    group = state.live.get(group_id)
    if group is None:
        raise KafkaError(errors.GROUP_ID_NOT_FOUND)
    if group.state != EMPTY and group.protocol_type != CONSUMER:
        raise KafkaError(errors.NON_EMPTY_GROUP)  # GAD-13: nobody can tell what its members read
    codes = []
    for topic, partition in partitions:
        if group.subscribes_to(topic):
            codes.append(errors.GROUP_SUBSCRIBED_TO_TOPIC)
            continue
        codes.append(errors.NONE)
        if state.offsets.committed(group_id, topic, partition) is not None:
            step.records.append(OffsetRecord(group_id, topic, partition, None))
    return step.outcome(codes)


def _check_committer(state: ShardState, group: ClassicGroup, request: OffsetCommitRequest) -> None:
    generation_id = request.generation_id_or_member_epoch
    if generation_id < 0 and group.state == EMPTY:
        return  # an administrator, or a consumer that assigns its partitions itself
    if generation_id < 0 and not request.member_id and request.group_instance_id is None:
        raise KafkaError(errors.UNKNOWN_MEMBER_ID)  # OFF-03, GAD-16: the group is in use
    member = group.check_member(request.member_id, request.group_instance_id)
    if generation_id != group.generation_id:
        raise KafkaError(errors.ILLEGAL_GENERATION)
    if group.state == COMPLETING_REBALANCE:
        raise KafkaError(errors.REBALANCE_IN_PROGRESS)
    start_session(state, group, member)  # OFF-06


def _make_simple_group(state: ShardState, group_id: str) -> None:
    state.get_or_create(group_id)


def _chars(text: str) -> int:
    """Return a length as Java counts it: characters outside the basic plane count twice."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
