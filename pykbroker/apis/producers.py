"""InitProducerId (22) and DescribeProducers (61): the identities of idempotent producers, and who used them where.

InitProducerId: v0 KIP-98 · v1 throttle before answer · v2 flexible · v3 producer id and epoch of the caller (KIP-360) ·
v4 PRODUCER_FENCED · v5 TRANSACTION_ABORTABLE (KIP-890) · v6 two-phase commit (KIP-939), not stable in Kafka yet.

DescribeProducers: v0 KIP-664.
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError
from pykbroker.metadata.names import name_problem
from pykbroker.wire.messages.describe_producers import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    PartitionResponse,
    ProducerState,
    TopicResponse,
)
from pykbroker.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse


def init_producer_id(ctx: Context, request: InitProducerIdRequest) -> InitProducerIdResponse:
    """Give an idempotent producer an id that nobody had before, with epoch 0; refuse transactional ones.

    An id and epoch that the caller has already (v3) do not matter without a transactional id: it gets a new id, as
    from Kafka's `TransactionCoordinator.handleInitProducerId`.
    """
    if (request.producer_id == -1) != (request.producer_epoch == -1):
        return InitProducerIdResponse(error_code=errors.INVALID_REQUEST, producer_epoch=-1)
    if request.transactional_id == "":
        return InitProducerIdResponse(error_code=errors.INVALID_REQUEST, producer_epoch=-1)
    if request.transactional_id is not None:
        # There are no transactions yet. This is the error that every client gives to its application at once and for
        # good: Java, librdkafka, kafka-python and aiokafka have a fatal case for it. Errors that librdkafka does not
        # expect here, such as INVALID_REQUEST or UNSUPPORTED_VERSION, it takes for passing ones, and tries again until
        # init_transactions times out.
        code = errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        return InitProducerIdResponse(error_code=code, producer_epoch=-1)
    try:
        producer_id = ctx.services.controller.allocate_producer_id()
    except KafkaError:
        # The metadata log cannot be written at present: an error after which all clients try again.
        return InitProducerIdResponse(error_code=errors.COORDINATOR_LOAD_IN_PROGRESS, producer_epoch=-1)
    return InitProducerIdResponse(producer_id=producer_id, producer_epoch=0)


def describe_producers(ctx: Context, request: DescribeProducersRequest) -> DescribeProducersResponse:
    """List the producers that each partition remembers."""
    return DescribeProducersResponse(
        topics=[
            TopicResponse(
                name=topic.name, partitions=[_producers(ctx, topic.name, index) for index in topic.partition_indexes]
            )
            for topic in request.topics
        ]
    )


def _producers(ctx: Context, topic: str, index: int) -> PartitionResponse:
    problem = name_problem(topic)
    if problem is not None:
        code = errors.INVALID_TOPIC_EXCEPTION
        return PartitionResponse(partition_index=index, error_code=code, error_message=problem)
    try:
        states = ctx.services.partitions.get(topic, index).producers()
    except KafkaError as error:
        return PartitionResponse(partition_index=index, error_code=error.code, error_message=error.message)
    return PartitionResponse(
        partition_index=index,
        active_producers=[
            ProducerState(
                producer_id=state.producer_id,
                producer_epoch=state.epoch,
                last_sequence=state.last_sequence,
                last_timestamp=state.timestamp,
                coordinator_epoch=state.coordinator_epoch,
                current_txn_start_offset=state.txn_first_offset,
            )
            for state in states
        ],
    )
