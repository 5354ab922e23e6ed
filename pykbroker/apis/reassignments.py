"""AlterPartitionReassignments (45), ListPartitionReassignments (46): which brokers hold a partition (KIP-455).

AlterPartitionReassignments: v0 KIP-455 · v1 whether the number of replicas may change (KIP-860).
ListPartitionReassignments: v0 KIP-455.
"""

from __future__ import annotations

from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError
from pykbroker.metadata import reassignments
from pykbroker.wire.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
    ReassignablePartitionResponse,
    ReassignableTopicResponse,
)
from pykbroker.wire.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
)


def alter_partition_reassignments(
    ctx: Context, request: AlterPartitionReassignmentsRequest
) -> AlterPartitionReassignmentsResponse:
    """Give partitions other replicas, which with one broker can only be those they have."""
    wanted = [
        (topic.name, [(each.partition_index, each.replicas) for each in topic.partitions]) for topic in request.topics
    ]
    may_change_factor = request.allow_replication_factor_change
    results = ctx.services.controller.decide(
        lambda image: reassignments.alter(image, wanted, may_change_factor=may_change_factor)
    )
    return AlterPartitionReassignmentsResponse(
        allow_replication_factor_change=may_change_factor,
        error_message=None,
        responses=[
            ReassignableTopicResponse(name=name, partitions=[_result(*each) for each in outcomes])
            for name, outcomes in results
        ],
    )


def _result(index: int, error: KafkaError | None) -> ReassignablePartitionResponse:
    if error is None:
        return ReassignablePartitionResponse(partition_index=index, error_message=None)
    return ReassignablePartitionResponse(
        partition_index=index, error_code=error.code, error_message=error.message
    )


def list_partition_reassignments(
    ctx: Context, request: ListPartitionReassignmentsRequest
) -> ListPartitionReassignmentsResponse:
    """List the reassignments under way: none, as each is done when it is answered (CLA-15)."""
    return ListPartitionReassignmentsResponse(error_message=None)
