"""ElectLeaders (43): let the preferred replicas lead again, or (unclean) any replica that is alive.

v0 KIP-183, preferred leaders only · v1 unclean elections and an error at the top (KIP-460) · v2 flexible.
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError
from pykbroker.metadata import leadership
from pykbroker.wire.messages.elect_leaders import (
    ElectLeadersRequest,
    ElectLeadersResponse,
    PartitionResult,
    ReplicaElectionResult,
)


def elect_leaders(ctx: Context, request: ElectLeadersRequest) -> ElectLeadersResponse:
    """Elect leaders of the named partitions, or (null) of all; the elected lead when the response is there."""
    election_type = request.election_type
    if election_type not in (leadership.PREFERRED, leadership.UNCLEAN):
        raise KafkaError(errors.INVALID_REQUEST, f"Unknown election type {election_type}")
    wanted = None
    if request.topic_partitions is not None:
        wanted = [(topic.topic, topic.partitions) for topic in request.topic_partitions]
    results = ctx.services.controller.decide(lambda image: leadership.elect(image, election_type, wanted))
    return ElectLeadersResponse(
        replica_election_results=[
            ReplicaElectionResult(topic=name, partition_result=[_result(*each) for each in outcomes])
            for name, outcomes in results
        ]
    )


def _result(index: int, error: KafkaError | None) -> PartitionResult:
    if error is None:
        return PartitionResult(partition_id=index, error_message=None)
    return PartitionResult(partition_id=index, error_code=error.code, error_message=error.message)
