"""Decisions about moving partitions to other brokers (KIP-455). Pure.

With one broker there is nowhere to move to: an assignment equal to the present one is accepted, every other one names
a broker that is not there. A partition of a cluster that had more brokers once can be reduced to those of its in-sync
replicas that are wanted, which is done at once; so no reassignment is ever under way
(`org.apache.kafka.controller.ReplicationControlManager`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import Image, PartitionState
from pykbroker.metadata.topics import check_replicas
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import PartitionChangeRecord

Target = tuple[int, Sequence[int] | None]
"""A partition and its new replicas; None cancels what is under way."""

TopicResult = tuple[str, list[tuple[int, KafkaError | None]]]
"""A topic's name, and what became of its partitions."""


def alter(
    image: Image, wanted: Sequence[tuple[str, Sequence[Target]]], *, may_change_factor: bool
) -> tuple[list[Message], list[TopicResult]]:
    """Decide an AlterPartitionReassignments request: a result for each partition (CLA-12, CLA-13, CLA-14)."""
    records: list[Message] = []
    results: list[TopicResult] = []
    for name, targets in wanted:
        outcomes: list[tuple[int, KafkaError | None]] = []
        for index, replicas in targets:
            error = None
            try:
                records += _reassigned(image, name, index, replicas, may_change_factor)
            except KafkaError as refused:
                error = refused
            outcomes.append((index, error))
        results.append((name, outcomes))
    return records, results


def _reassigned(
    image: Image, name: str, index: int, replicas: Sequence[int] | None, may_change_factor: bool
) -> list[PartitionChangeRecord]:
    topic = image.topics.get(name)
    if topic is None:
        raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, f"Unable to find a topic named {name}.")
    if not 0 <= index < len(topic.partitions):
        raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, f"Unable to find partition {name}:{index}.")
    if replicas is None:
        raise KafkaError(errors.NO_REASSIGNMENT_IN_PROGRESS)
    check_replicas(image, replicas, None)
    state = topic.partitions[index]
    if len(replicas) != len(state.replicas) and not may_change_factor:
        raise KafkaError(
            errors.INVALID_REPLICATION_FACTOR,
            f"The replication factor is changed from {len(state.replicas)} to {len(replicas)}",
        )
    if list(replicas) == state.replicas:
        return []
    return [_moved(topic.id, state, list(replicas))]


def _moved(topic_id: bytes, state: PartitionState, replicas: list[int]) -> PartitionChangeRecord:
    absent = [node for node in replicas if node not in state.isr]
    if absent:
        raise KafkaError(
            errors.INVALID_REPLICA_ASSIGNMENT, f"Broker {absent[0]} is not in sync, and is not there to become it."
        )
    directories = dict(zip(state.replicas, state.directories, strict=False))
    record = PartitionChangeRecord(partition_id=state.index, topic_id=topic_id, replicas=replicas, isr=replicas)
    if state.directories:
        record.directories = [directories[node] for node in replicas]
    if state.leader not in replicas:
        record.leader = replicas[0]
    return record
