"""CreateTopics (19), DeleteTopics (20), DeleteRecords (21), CreatePartitions (37): topics come, grow and go.

CreateTopics: v2 throttle time · v4 defaults as -1 (KIP-464) · v5 flexible, what was created (KIP-525) · v6 quotas
(KIP-599) · v7 topic ids (KIP-516).  DeleteTopics: v4 flexible · v5 error messages · v6 by id (KIP-516).
CreatePartitions: v0 KIP-195 · v2 flexible · v3 quotas.  DeleteRecords: v0 KIP-107 · v2 flexible.
"""

from __future__ import annotations

from typing import Final

from pykbroker import errors
from pykbroker.apis.config_entries import topic_entries
from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError
from pykbroker.metadata.names import INTERNAL_TOPICS
from pykbroker.metadata.topics import Growth, NewTopic, TopicResult
from pykbroker.wire.message import ZERO_UUID
from pykbroker.wire.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopicResult,
)
from pykbroker.wire.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from pykbroker.wire.messages.delete_records import (
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)
from pykbroker.wire.messages.delete_topics import DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse

_SAYS_WHAT_WAS_CREATED_SINCE: Final = 5
_BY_ID_SINCE: Final = 6
_DELETION_DISABLED_SINCE: Final = 3


def create_topics(ctx: Context, request: CreateTopicsRequest) -> CreateTopicsResponse:
    """Create topics; those without an error can be used as soon as the response is there."""
    results = ctx.services.controller.create_topics([_wanted(t) for t in request.topics], request.validate_only)
    entries: dict[frozenset[tuple[str, str]], list[CreatableTopicConfigs]] = {}
    return CreateTopicsResponse(topics=[_created(ctx, result, entries) for result in results])


def _wanted(topic: CreatableTopic) -> NewTopic:
    return NewTopic(
        topic.name,
        topic.num_partitions,
        topic.replication_factor,
        [(assignment.partition_index, assignment.broker_ids) for assignment in topic.assignments],
        {entry.name: entry.value for entry in topic.configs},
    )


def _created(
    ctx: Context, result: TopicResult, entries: dict[frozenset[tuple[str, str]], list[CreatableTopicConfigs]]
) -> CreatableTopicResult:
    """Return the answer about one topic. `entries` by the topics' own configs: most are the same, and dear to find."""
    assert result.name is not None, "topics are created by name"
    if result.error is not None:
        return CreatableTopicResult(
            name=result.name, error_code=result.error.code, error_message=result.error.message
        )
    created = CreatableTopicResult(
        name=result.name,
        topic_id=result.id,
        error_message=None,
        num_partitions=result.num_partitions,
        replication_factor=result.replication_factor,
    )
    if ctx.version >= _SAYS_WHAT_WAS_CREATED_SINCE:
        own = frozenset(result.configs.items())
        if own not in entries:
            entries[own] = [
                CreatableTopicConfigs(
                    name=entry.name,
                    value=entry.value,
                    read_only=entry.is_read_only,
                    config_source=entry.source,
                    is_sensitive=entry.is_sensitive,
                )
                for entry in topic_entries(ctx.services, result.configs)
            ]
        created.configs = entries[own]
    return created


def delete_topics(ctx: Context, request: DeleteTopicsRequest) -> DeleteTopicsResponse:
    """Delete topics by name, or from v6 by id, with everything in them."""
    if not ctx.services.config.boolean("delete.topic.enable"):
        if ctx.version >= _DELETION_DISABLED_SINCE:
            raise KafkaError(errors.TOPIC_DELETION_DISABLED)
        raise KafkaError(errors.INVALID_REQUEST, "Topic deletion is disabled.")
    if ctx.version >= _BY_ID_SINCE:
        wanted = [(topic.name, topic.topic_id) for topic in request.topics]
    else:
        wanted = [(name, ZERO_UUID) for name in request.topic_names]
    return DeleteTopicsResponse(
        responses=[
            DeletableTopicResult(
                name=result.name,
                topic_id=result.id,
                error_code=errors.NONE if result.error is None else result.error.code,
                error_message=None if result.error is None else result.error.message,
            )
            for result in ctx.services.controller.delete_topics(wanted)
        ]
    )


def create_partitions(ctx: Context, request: CreatePartitionsRequest) -> CreatePartitionsResponse:
    """Give topics more partitions: `count` is the new total. Every topic has its result, also a good one (TOP-18)."""
    wanted = [
        Growth(
            topic.name,
            topic.count,
            None if topic.assignments is None else [each.broker_ids for each in topic.assignments],
        )
        for topic in request.topics
    ]
    return CreatePartitionsResponse(
        results=[
            CreatePartitionsTopicResult(
                name=result.name or "",
                error_code=errors.NONE if result.error is None else result.error.code,
                error_message=None if result.error is None else result.error.message,
            )
            for result in ctx.services.controller.create_partitions(wanted, request.validate_only)
        ]
    )


def delete_records(ctx: Context, request: DeleteRecordsRequest) -> DeleteRecordsResponse:
    """Move the start of logs up; what is below cannot be read any more."""
    return DeleteRecordsResponse(
        topics=[
            DeleteRecordsTopicResult(
                name=topic.name,
                partitions=[
                    _records_deleted(ctx, topic.name, each.partition_index, each.offset) for each in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )


def _records_deleted(ctx: Context, topic: str, index: int, offset: int) -> DeleteRecordsPartitionResult:
    try:
        partition = ctx.services.partitions.get(topic, index)
        if topic in INTERNAL_TOPICS:
            raise KafkaError(errors.INVALID_TOPIC_EXCEPTION)
        low_watermark = partition.delete_records(offset)
    except KafkaError as error:
        return DeleteRecordsPartitionResult(partition_index=index, low_watermark=-1, error_code=error.code)
    return DeleteRecordsPartitionResult(partition_index=index, low_watermark=low_watermark)
