"""Offsets of groups: OffsetCommit, OffsetFetch, OffsetDelete.

    OffsetCommit   8   v2-v4 retention_time_ms; v3 throttle time; v6 leader epoch; v7 group_instance_id; v8 flexible;
                       v9 GROUP_ID_NOT_FOUND (KIP-848); v10 topic ids instead of names
    OffsetFetch    9   v2 null topics = all, error at top level; v3 throttle time; v5 leader epoch; v6 flexible;
                       v7 require_stable (KIP-447); v8 several groups (KIP-709); v9 member id and epoch (KIP-848);
                       v10 topic ids instead of names
    OffsetDelete  47   v0, never flexible (GAD-15; KIP-496)

What the operations mean is in `groups.commits`. There are no transactional commits yet: nothing is ever unstable, and
`require_stable` changes nothing (OFF-22).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.apis.replies import reply_of
from pykbroker.errors import KafkaError
from pykbroker.groups import commits
from pykbroker.groups.commits import Commit
from pykbroker.groups.offsets import NOTHING, Offsets
from pykbroker.later import Later
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from pykbroker.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)
from pykbroker.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)

if TYPE_CHECKING:
    from pykbroker.metadata.image import Topic

TOPIC_IDS_SINCE: Final = 10
GROUPS_SINCE: Final = 8
TOP_LEVEL_ERROR_SINCE: Final = 2

NO_OFFSET: Final = -1


def offset_commit(
    ctx: Context, request: OffsetCommitRequest
) -> OffsetCommitResponse | Later[OffsetCommitResponse]:
    """Store offsets. Every partition asked for is answered once, in its place (OFF-13); after a flush if one is due."""
    found: list[Commit] = []
    answers: list[OffsetCommitResponsePartition] = []  # of those in `found`
    topics = []
    for asked in request.topics:
        topic, unknown = _topic_of(ctx, asked)
        partitions = []
        for one in asked.partitions:
            answer = OffsetCommitResponsePartition(partition_index=one.partition_index, error_code=unknown)
            partitions.append(answer)
            if topic is None or not 0 <= one.partition_index < len(topic.partitions):
                continue
            answer.error_code = errors.NONE
            answers.append(answer)
            found.append(
                Commit(
                    topic.name,
                    one.partition_index,
                    one.committed_offset,
                    leader_epoch=one.committed_leader_epoch,
                    metadata=one.committed_metadata,
                    topic_id=topic.id,
                )
            )
        topics.append(OffsetCommitResponseTopic(name=asked.name, topic_id=asked.topic_id, partitions=partitions))

    def answered(codes: Sequence[int]) -> OffsetCommitResponse:
        for answer, code in zip(answers, codes, strict=True):
            answer.error_code = code
        return OffsetCommitResponse(topics=topics)

    if not found:
        return answered([])
    return reply_of(
        lambda: ctx.services.groups.run(
            request.group_id, lambda state: commits.commit(state, request, ctx.version, found)
        ),
        answered,
        lambda error: answered([commits.commit_error(error.code)] * len(found)),
    )


def _topic_of(ctx: Context, asked: OffsetCommitRequestTopic) -> tuple[Topic | None, int]:
    """Return the topic that a request names, and the error of what does not exist in it."""
    image = ctx.services.image
    if ctx.version < TOPIC_IDS_SINCE:
        return image.topics.get(asked.name), errors.UNKNOWN_TOPIC_OR_PARTITION
    topic = image.topics_by_id.get(asked.topic_id)
    return topic, errors.UNKNOWN_TOPIC_ID if topic is None else errors.UNKNOWN_TOPIC_OR_PARTITION


def offset_fetch(ctx: Context, request: OffsetFetchRequest) -> OffsetFetchResponse:
    """Return committed offsets: -1 without an error where there is none, whatever the reason (OFF-17, 18, 25)."""
    if ctx.version >= GROUPS_SINCE:
        return OffsetFetchResponse(groups=[_fetch_group(ctx, group) for group in request.groups])
    topics = None
    if request.topics is not None:
        topics = [
            OffsetFetchRequestTopics(name=topic.name, partition_indexes=topic.partition_indexes)
            for topic in request.topics
        ]
    group = _fetch_group(ctx, OffsetFetchRequestGroup(group_id=request.group_id, topics=topics))
    if ctx.version < TOP_LEVEL_ERROR_SINCE and group.error_code:
        group.topics = [_without_offsets(topic, group.error_code) for topic in topics or ()]  # OFF-20
    return OffsetFetchResponse(
        error_code=group.error_code,
        topics=[OffsetFetchResponseTopic(name=topic.name, partitions=_old(topic)) for topic in group.topics],
    )


def _old(topic: OffsetFetchResponseTopics) -> list[OffsetFetchResponsePartition]:
    return [
        OffsetFetchResponsePartition(
            partition_index=one.partition_index,
            committed_offset=one.committed_offset,
            committed_leader_epoch=one.committed_leader_epoch,
            metadata=one.metadata,
            error_code=one.error_code,
        )
        for one in topic.partitions
    ]


def _fetch_group(ctx: Context, asked: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup:
    try:
        state = ctx.services.groups.state_for(asked.group_id)
    except KafkaError as error:
        return OffsetFetchResponseGroup(group_id=asked.group_id, error_code=error.code)
    offsets = None if state is None else state.offsets
    if asked.topics is None:
        topics = _all_topics(ctx, offsets, asked.group_id)
    else:
        topics = [_fetch_topic(ctx, offsets, asked.group_id, topic) for topic in asked.topics]
    return OffsetFetchResponseGroup(group_id=asked.group_id, topics=topics)


def _all_topics(ctx: Context, offsets: Offsets | None, group_id: str) -> list[OffsetFetchResponseTopics]:
    by_topic = NOTHING if offsets is None else offsets.of_group(group_id)
    answers = []
    for name, partitions in by_topic.items():
        topic = ctx.services.image.topics.get(name)
        if topic is None and ctx.version >= TOPIC_IDS_SINCE:
            continue  # it is going; there is no id to answer with
        asked = OffsetFetchRequestTopics(name=name, partition_indexes=list(partitions))
        if topic is not None:
            asked.topic_id = topic.id
        answers.append(_fetch_topic(ctx, offsets, group_id, asked))
    return answers


def _fetch_topic(
    ctx: Context, offsets: Offsets | None, group_id: str, asked: OffsetFetchRequestTopics
) -> OffsetFetchResponseTopics:
    name = asked.name
    if ctx.version >= TOPIC_IDS_SINCE:
        topic = ctx.services.image.topics_by_id.get(asked.topic_id)
        if topic is None:
            return _without_offsets(asked, errors.UNKNOWN_TOPIC_ID)  # OFF-26
        name = topic.name
    answer = _without_offsets(asked, errors.NONE)
    for one in answer.partitions:
        committed = None if offsets is None else offsets.committed(group_id, name, one.partition_index)
        if committed is not None:
            one.committed_offset = committed.offset
            one.committed_leader_epoch = committed.leader_epoch
            one.metadata = committed.metadata
    return answer


def _without_offsets(asked: OffsetFetchRequestTopics, code: int) -> OffsetFetchResponseTopics:
    return OffsetFetchResponseTopics(
        name=asked.name,
        topic_id=asked.topic_id,
        partitions=[
            OffsetFetchResponsePartitions(partition_index=index, committed_offset=NO_OFFSET, error_code=code)
            for index in asked.partition_indexes
        ],
    )


def offset_delete(
    ctx: Context, request: OffsetDeleteRequest
) -> OffsetDeleteResponse | Later[OffsetDeleteResponse]:
    """Remove committed offsets; with an error of the whole group there are no topics in the answer (GAD-12, 14)."""
    found: list[tuple[str, int]] = []
    answers: list[OffsetDeleteResponsePartition] = []  # of those in `found`
    topics = []
    for asked in request.topics:
        topic = ctx.services.image.topics.get(asked.name)
        partitions = []
        for one in asked.partitions:
            answer = OffsetDeleteResponsePartition(partition_index=one.partition_index)
            partitions.append(answer)
            if topic is None or not 0 <= one.partition_index < len(topic.partitions):
                answer.error_code = errors.UNKNOWN_TOPIC_OR_PARTITION
                continue
            answers.append(answer)
            found.append((asked.name, one.partition_index))
        topics.append(OffsetDeleteResponseTopic(name=asked.name, partitions=partitions))

    def deleted() -> list[int] | Later[list[int]]:
        if ctx.services.groups.state_for(request.group_id) is None:
            raise KafkaError(errors.GROUP_ID_NOT_FOUND)
        return ctx.services.groups.run(
            request.group_id, lambda state: commits.delete(state, request.group_id, found)
        )

    def answered(codes: Sequence[int]) -> OffsetDeleteResponse:
        for answer, code in zip(answers, codes, strict=True):
            answer.error_code = code
        return OffsetDeleteResponse(topics=topics)

    return reply_of(
        deleted, answered, lambda error: OffsetDeleteResponse(error_code=commits.commit_error(error.code))
    )
