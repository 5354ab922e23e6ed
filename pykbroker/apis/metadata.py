"""Metadata (3), DescribeCluster (60), DescribeTopicPartitions (75): what there is, as clients see it.

Metadata: v0 an empty list means all topics · v1 null means all, controller, rack, internal topics · v2 cluster id ·
v4 auto creation can be declined · v5 offline replicas · v7 leader epochs · v8 authorized operations (KIP-430) ·
v9 flexible · v10 topic ids (KIP-516) · v11 no cluster operations · v12 topics by id · v13 error at the top (KIP-1102).

DescribeCluster: v0 KIP-700 · v1 controllers as endpoints (KIP-919) · v2 fenced brokers (KIP-1073).

DescribeTopicPartitions: v0 KIP-966, page by page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pykbroker import errors
from pykbroker.apis import authorized
from pykbroker.apis.context import Context
from pykbroker.apis.endpoints import advertised
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import PartitionState, Topic
from pykbroker.metadata.names import INTERNAL_TOPICS, name_problem
from pykbroker.wire.message import ZERO_UUID
from pykbroker.wire.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)
from pykbroker.wire.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponseCursor,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)
from pykbroker.wire.messages.metadata import (
    MetadataRequest,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)

_NOBODY: Final = -1  # a broker that was unregistered is none until its next start
_ENDPOINT_BROKER: Final = 1
_ENDPOINT_CONTROLLER: Final = 2
_TOPIC_IDS_SINCE: Final = 10
_LOOKUP_BY_ID_SINCE: Final = 12
_LISTENER_NOT_FOUND_SINCE: Final = 6


def metadata(ctx: Context, request: MetadataRequest) -> MetadataResponse:
    """Describe topics and brokers; create a missing topic that is named, if client and broker agree to it."""
    services = ctx.services
    node_id, host, port = advertised(services, ctx.session)
    wants_all = request.topics is None or (ctx.version == 0 and not request.topics)
    if request.topics and _is_misformed(ctx.version, request):
        return MetadataResponse(
            topics=[
                MetadataResponseTopic(error_code=errors.INVALID_REQUEST, name=topic.name or "", topic_id=topic.topic_id)
                for topic in request.topics
            ]
        )
    own = services.image.brokers.get(node_id)
    topics = _all_topics(ctx) if wants_all else _named_topics(ctx, request)
    response = MetadataResponse(
        brokers=[MetadataResponseBroker(node_id=node_id, host=host, port=port, rack=own.rack)] if own else [],
        cluster_id=services.image.cluster_id,
        controller_id=node_id if own else _NOBODY,
        topics=list(topics),
    )
    if request.include_cluster_authorized_operations:
        response.cluster_authorized_operations = authorized.CLUSTER
    if request.include_topic_authorized_operations:
        for topic in response.topics:
            if topic.error_code == errors.NONE:
                topic.topic_authorized_operations = authorized.TOPIC
    return response


def _is_misformed(version: int, request: MetadataRequest) -> bool:
    """Tell if topics are given as this version cannot (MD-12)."""
    for topic in request.topics or ():
        if topic.name is None and (version < _LOOKUP_BY_ID_SINCE or topic.topic_id == ZERO_UUID):
            return True
        if topic.topic_id != ZERO_UUID and version < _LOOKUP_BY_ID_SINCE:
            return True
    return False


def _all_topics(ctx: Context) -> Iterator[MetadataResponseTopic]:
    for topic in ctx.services.image.topics.values():
        yield _described(ctx, topic)


def _named_topics(ctx: Context, request: MetadataRequest) -> Iterator[MetadataResponseTopic]:
    """Describe the topics that a request names, once each. One id in the list makes it a list of ids (MD-13)."""
    ctx.session.names_topics = ctx.session.names_topics or bool(request.topics)
    image = ctx.services.image
    ids = dict.fromkeys(topic.topic_id for topic in request.topics or () if topic.topic_id != ZERO_UUID)
    if ids:
        for topic_id in ids:
            found = image.topics_by_id.get(topic_id)
            if found is not None:
                yield _described(ctx, found)
            else:
                yield MetadataResponseTopic(error_code=errors.UNKNOWN_TOPIC_ID, name=None, topic_id=topic_id)
        return
    may_create = request.allow_auto_topic_creation and ctx.services.config.boolean("auto.create.topics.enable")
    for name in dict.fromkeys(topic.name or "" for topic in request.topics or ()):
        found = image.topics.get(name)
        if found is not None:
            yield _described(ctx, found)
        else:
            yield MetadataResponseTopic(
                error_code=_missing(ctx, name, may_create), name=name, is_internal=name in INTERNAL_TOPICS
            )


def _missing(ctx: Context, name: str, may_create: bool) -> int:
    """Return the error for a topic that does not exist, and see to it that it exists next time, if it may.

    It could be described at once. Clients are used to one round of waiting, however, and LEADER_NOT_AVAILABLE is what
    all of them take for "being created": librdkafka and kafka-python report an unknown topic to the application.
    """
    if name_problem(name) is not None:
        return errors.INVALID_TOPIC_EXCEPTION
    if not may_create:
        return errors.UNKNOWN_TOPIC_OR_PARTITION
    error = ctx.services.controller.auto_create(name)
    if error is None or error.code == errors.TOPIC_ALREADY_EXISTS:
        return errors.LEADER_NOT_AVAILABLE
    if error.code == errors.INVALID_REQUEST:  # __cluster_metadata: not for clients
        return errors.UNKNOWN_TOPIC_OR_PARTITION
    return error.code


def _described(ctx: Context, topic: Topic) -> MetadataResponseTopic:
    partitions = []
    for state in topic.partitions:
        error, leader, offline = _health(ctx, topic, state, ctx.version >= _LISTENER_NOT_FOUND_SINCE)
        partitions.append(
            MetadataResponsePartition(
                error_code=error,
                partition_index=state.index,
                leader_id=leader,
                leader_epoch=state.leader_epoch,
                replica_nodes=state.replicas,
                isr_nodes=state.isr,
                offline_replicas=offline,
            )
        )
    return MetadataResponseTopic(
        name=topic.name, topic_id=topic.id, is_internal=topic.is_internal, partitions=partitions
    )


def _health(ctx: Context, topic: Topic, state: PartitionState, may_name_listener: bool) -> tuple[int, int, list[int]]:
    """Return why clients of this listener cannot reach the leader, or NONE (MD-19); the leader; offline replicas.

    The leader is -1 if the log directory that has the partition failed (KIP-112).
    """
    brokers = ctx.services.image.brokers
    if ctx.services.partitions.is_offline(topic, state.index):
        return errors.LEADER_NOT_AVAILABLE, -1, state.replicas
    offline = [node for node in state.replicas if node not in brokers]
    leader = brokers.get(state.leader)
    if leader is None:
        return errors.LEADER_NOT_AVAILABLE, state.leader, offline
    if ctx.session.listener in leader.endpoints:
        return errors.NONE, state.leader, offline
    error = errors.LISTENER_NOT_FOUND if may_name_listener else errors.LEADER_NOT_AVAILABLE
    return error, state.leader, offline


def describe_cluster(ctx: Context, request: DescribeClusterRequest) -> DescribeClusterResponse:
    """Describe the cluster's brokers, as seen from the listener that the request came in by."""
    if request.endpoint_type != _ENDPOINT_BROKER:
        if request.endpoint_type == _ENDPOINT_CONTROLLER:
            raise KafkaError(errors.MISMATCHED_ENDPOINT_TYPE, "This is a broker, not a controller.")
        raise KafkaError(errors.UNSUPPORTED_ENDPOINT_TYPE, f"Unsupported endpoint type {request.endpoint_type}")
    image = ctx.services.image
    node_id, host, port = advertised(ctx.services, ctx.session)
    own = image.brokers.get(node_id)
    response = DescribeClusterResponse(
        cluster_id=image.cluster_id,
        controller_id=node_id if own else _NOBODY,
        brokers=[DescribeClusterBroker(broker_id=node_id, host=host, port=port, rack=own.rack)] if own else [],
    )
    if request.include_cluster_authorized_operations:
        response.cluster_authorized_operations = authorized.CLUSTER
    return response


def describe_topic_partitions(
    ctx: Context, request: DescribeTopicPartitionsRequest
) -> DescribeTopicPartitionsResponse:
    """Describe partitions in order of topic names, up to a limit; the cursor says where the next page begins."""
    image, cursor = ctx.services.image, request.cursor
    names = sorted({topic.name for topic in request.topics} or image.topics)
    first_index = 0
    if cursor is not None:
        if cursor.partition_index < 0:
            raise KafkaError(errors.INVALID_REQUEST, f"The cursor has the partition {cursor.partition_index}.")
        if request.topics and cursor.topic_name not in names:
            raise KafkaError(errors.INVALID_REQUEST, f"The cursor's topic {cursor.topic_name} is not in the list.")
        names = [name for name in names if name >= cursor.topic_name]
        if names and names[0] == cursor.topic_name:
            first_index = cursor.partition_index
    largest = ctx.services.config.integer("max.request.partition.size.limit")
    left = max(1, min(request.response_partition_limit, largest))
    response = DescribeTopicPartitionsResponse()
    for name in names:
        if left == 0:
            response.next_cursor = DescribeTopicPartitionsResponseCursor(topic_name=name)
            break
        topic = image.topics.get(name)
        if topic is None:
            response.topics.append(_missing_page(name))
            continue
        page = topic.partitions[first_index : first_index + left]
        response.topics.append(_page(ctx, topic, page))
        left -= len(page)
        if first_index + len(page) < len(topic.partitions):
            response.next_cursor = DescribeTopicPartitionsResponseCursor(
                topic_name=name, partition_index=first_index + len(page)
            )
            break
        first_index = 0
    return response


def _missing_page(name: str) -> DescribeTopicPartitionsResponseTopic:
    problem = name_problem(name)
    return DescribeTopicPartitionsResponseTopic(
        error_code=errors.UNKNOWN_TOPIC_OR_PARTITION if problem is None else errors.INVALID_TOPIC_EXCEPTION,
        name=name,
        is_internal=name in INTERNAL_TOPICS,
        topic_authorized_operations=authorized.TOPIC,
    )


def _page(ctx: Context, topic: Topic, states: list[PartitionState]) -> DescribeTopicPartitionsResponseTopic:
    partitions = []
    for state in states:
        error, leader, offline = _health(ctx, topic, state, True)
        partitions.append(
            DescribeTopicPartitionsResponsePartition(
                error_code=error,
                partition_index=state.index,
                leader_id=leader,
                leader_epoch=state.leader_epoch,
                replica_nodes=state.replicas,
                isr_nodes=state.isr,
                eligible_leader_replicas=[],
                last_known_elr=[],
                offline_replicas=offline,
            )
        )
    return DescribeTopicPartitionsResponseTopic(
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.is_internal,
        partitions=partitions,
        topic_authorized_operations=authorized.TOPIC,
    )
