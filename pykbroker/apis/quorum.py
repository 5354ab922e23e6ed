"""DescribeQuorum (55), AddRaftVoter (80), RemoveRaftVoter (81): the quorum of controllers, which is this node alone.

DescribeQuorum: v0 KIP-595 · v1 times of the last fetch (KIP-836) · v2 directory ids, nodes, messages (KIP-853).
AddRaftVoter: v0 KIP-853 · v1 may be answered before the voter has caught up (KIP-1186).  RemoveRaftVoter: v0 KIP-853.

The quorum is a fixed one, as Kafka's is with `controller.quorum.voters`: it has no directory ids, and its voters cannot
be changed (`kraft.version` is 0).
"""

from __future__ import annotations

from typing import Final

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError
from pykbroker.metadata.names import CLUSTER_METADATA_TOPIC
from pykbroker.wire.message import ZERO_UUID
from pykbroker.wire.messages.add_raft_voter import AddRaftVoterRequest, AddRaftVoterResponse
from pykbroker.wire.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    DescribeQuorumResponsePartitionData,
    DescribeQuorumResponseTopicData,
    Listener,
    Node,
    ReplicaState,
)
from pykbroker.wire.messages.remove_raft_voter import RemoveRaftVoterRequest, RemoveRaftVoterResponse

_DEFAULT_LISTENER: Final = "CONTROLLER"


def describe_quorum(ctx: Context, request: DescribeQuorumRequest) -> DescribeQuorumResponse:
    """Describe how far the metadata log is; any other partition, or more than that one, is unknown (CLA-16)."""
    asked = [(topic.topic_name, [each.partition_index for each in topic.partitions]) for topic in request.topics]
    if asked == [(CLUSTER_METADATA_TOPIC, [0])]:
        topic = DescribeQuorumResponseTopicData(topic_name=CLUSTER_METADATA_TOPIC, partitions=[_metadata_log(ctx)])
        return DescribeQuorumResponse(topics=[topic], nodes=[_this_node(ctx)])
    return DescribeQuorumResponse(
        topics=[
            DescribeQuorumResponseTopicData(topic_name=name, partitions=[_unknown(index) for index in indexes])
            for name, indexes in asked
        ]
    )


def _metadata_log(ctx: Context) -> DescribeQuorumResponsePartitionData:
    node_id, log = ctx.services.config.node_id, ctx.services.controller.partition
    now_ms = ctx.services.env.clock.now_ms()  # the leader has always just fetched, and is never behind
    return DescribeQuorumResponsePartitionData(
        leader_id=node_id,
        leader_epoch=log.leader_epoch,
        high_watermark=log.high_watermark,
        current_voters=[
            ReplicaState(
                replica_id=node_id,
                log_end_offset=log.log_end_offset,
                last_fetch_timestamp=now_ms,
                last_caught_up_timestamp=now_ms,
            )
        ],
    )


def _this_node(ctx: Context) -> Node:
    """Return where the controller is reached: by the listeners of clients, as it has none of its own."""
    config = ctx.services.config
    return Node(
        node_id=config.node_id,
        listeners=[Listener(name=each.name, host=each.host, port=each.port) for each in config.advertised_listeners],
    )


def _unknown(index: int) -> DescribeQuorumResponsePartitionData:
    return DescribeQuorumResponsePartitionData(
        partition_index=index,
        error_code=errors.UNKNOWN_TOPIC_OR_PARTITION,
        error_message="This server does not host this topic-partition.",
    )


def add_raft_voter(ctx: Context, request: AddRaftVoterRequest) -> AddRaftVoterResponse:
    """Refuse another voter: the quorum is a fixed one."""
    _check_voter(ctx, request.cluster_id, request.voter_id, request.voter_directory_id)
    named = ctx.services.config.strings("controller.listener.names")
    wanted = named[0] if named else _DEFAULT_LISTENER
    if wanted not in {each.name for each in request.listeners}:
        raise KafkaError(errors.INVALID_REQUEST, f"The voter has no endpoint for the listener {wanted}")
    raise KafkaError(errors.UNSUPPORTED_VERSION, _fixed("adding"))


def remove_raft_voter(ctx: Context, request: RemoveRaftVoterRequest) -> RemoveRaftVoterResponse:
    """Refuse to remove a voter: the quorum is a fixed one."""
    _check_voter(ctx, request.cluster_id, request.voter_id, request.voter_directory_id)
    raise KafkaError(errors.UNSUPPORTED_VERSION, _fixed("removing"))


def _check_voter(ctx: Context, cluster_id: str | None, voter_id: int, directory_id: bytes) -> None:
    own = ctx.services.image.cluster_id
    if cluster_id is not None and cluster_id != own:
        raise KafkaError(errors.INCONSISTENT_CLUSTER_ID, f'The cluster id is "{own}", not "{cluster_id}"')
    if voter_id < 0 or directory_id == ZERO_UUID:
        raise KafkaError(errors.INVALID_REQUEST, "The voter needs an id and the id of a directory")


def _fixed(what: str) -> str:
    return f"Cluster doesn't support {what} voter because the kraft.version feature is 0"
