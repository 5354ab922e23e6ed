"""Leaders for partitions that have none: this broker, as it starts, of those that it surely has all of.

Kafka's controller takes the leadership away from a broker that stops in good order, and gives it back when the broker
returns (`ReplicationControlManager.handleBrokerUnfenced`). With one broker nobody could lead meanwhile, so we never
take it away; but a directory that Kafka wrote comes to us like that.
"""

from __future__ import annotations

from typing import Final

from pykbroker.metadata.image import Image, PartitionState
from pykbroker.wire.messages.metadata_records import PartitionChangeRecord

NO_LEADER: Final = -1


def elect(image: Image, node_id: int) -> list[PartitionChangeRecord]:
    """Return the records that make `node_id` the leader where nobody leads and it lacks nothing that others have."""
    return [
        PartitionChangeRecord(
            partition_id=state.index,
            topic_id=topic.id,
            leader=node_id,
            isr=[node_id],
            eligible_leader_replicas=[],
            last_known_elr=[],
        )
        for topic in image.topics.values()
        for state in topic.partitions
        if state.leader == NO_LEADER and is_complete(state, node_id)
    ]


def is_complete(state: PartitionState, node_id: int) -> bool:
    """Tell if a broker surely has everything of a partition that was committed."""
    # Kafka may leave the in-sync set of a stopped broker empty, and remember it elsewhere (KIP-966). Where there is no
    # other replica that does not matter; where there is one, it may have more than we do.
    return state.replicas == [node_id] or node_id in state.isr
