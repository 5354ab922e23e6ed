"""Decisions about who leads a partition, as clients ask for them: elections, and brokers to be forgotten. Pure.

A leader must be alive and have all that was committed; the preferred one is the first of the replicas. An unclean
election takes any replica that is alive, and what others had beyond it is lost
(`org.apache.kafka.controller.ReplicationControlManager`, `PartitionChangeBuilder`). What is elected without being
asked for, as a broker starts, is in `elections.py`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.elections import NO_LEADER, is_complete
from pykbroker.metadata.image import Image, PartitionState, Topic
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import PartitionChangeRecord, UnregisterBrokerRecord

PREFERRED: Final = 0
UNCLEAN: Final = 1

_RECOVERING: Final = 1

PartitionResult = tuple[int, KafkaError | None]
TopicResult = tuple[str, list[PartitionResult]]
"""A topic's name, and what became of its partitions."""


def elect(
    image: Image, election_type: int, wanted: Sequence[tuple[str, Sequence[int]]] | None
) -> tuple[list[Message], list[TopicResult]]:
    """Decide an ElectLeaders request: a result for each partition (CLA-10, CLA-11).

    None stands for all partitions; those of them that need no election are left out of the results.
    """
    everything = wanted is None
    if wanted is None:
        wanted = [(topic.name, range(len(topic.partitions))) for topic in image.topics.values()]
    alive = _alive(image)
    records: list[Message] = []
    results: list[TopicResult] = []
    for name, indexes in wanted:
        outcomes: list[PartitionResult] = []
        for index in indexes:
            error = None
            try:
                records.append(_election(image, name, index, election_type, alive))
            except KafkaError as refused:
                error = refused
            if not (everything and error is not None and error.code == errors.ELECTION_NOT_NEEDED):
                outcomes.append((index, error))
        results.append((name, outcomes))
    return records, results


def _election(image: Image, name: str, index: int, election_type: int, alive: Set[int]) -> PartitionChangeRecord:
    topic = image.topics.get(name)
    if topic is None:
        raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, f"No such topic as {name}")
    if not 0 <= index < len(topic.partitions):
        raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, f"No such partition as {name}-{index}")
    state = topic.partitions[index]
    if state.leader == state.replicas[0] or (election_type == UNCLEAN and state.leader != NO_LEADER):
        raise KafkaError(errors.ELECTION_NOT_NEEDED, "Leader election not needed for topic partition.")
    # A leader that is good enough stays, unless the preferred one is, too.
    candidates = (state.replicas[0], state.leader, *state.replicas)
    leader = next((node for node in candidates if node in alive and is_complete(state, node)), NO_LEADER)
    if leader == NO_LEADER and election_type == UNCLEAN:
        leader = next((node for node in state.replicas if node in alive), NO_LEADER)
    if leader not in (state.leader, NO_LEADER):
        return _led_by(leader, topic, state)
    if election_type == PREFERRED:
        raise KafkaError(errors.PREFERRED_LEADER_NOT_AVAILABLE, "The preferred leader was not available.")
    raise KafkaError(errors.ELIGIBLE_LEADERS_NOT_AVAILABLE, "Eligible topic partition leaders are not available.")


def _led_by(leader: int, topic: Topic, state: PartitionState) -> PartitionChangeRecord:
    record = PartitionChangeRecord(partition_id=state.index, topic_id=topic.id, leader=leader)
    if leader not in state.isr:
        record.isr = [leader]
        if not is_complete(state, leader):
            record.leader_recovery_state = _RECOVERING
    return record


def unregister(image: Image, node: int) -> tuple[list[Message], None]:
    """Decide an UnregisterBroker request: the broker leads nothing any more, and is forgotten.

    Raises BROKER_ID_NOT_REGISTERED. A broker that is alive, too, is out until its next start, as in KRaft.
    """
    broker = image.brokers.get(node)
    if broker is None:
        raise KafkaError(errors.BROKER_ID_NOT_REGISTERED, f"Broker ID {node} is not currently registered")
    alive = _alive(image) - {node}
    records: list[Message] = [
        _without(node, topic, state, alive)
        for topic in image.topics.values()
        for state in topic.partitions
        if node == state.leader or (node in state.isr and len(state.isr) > 1)
    ]
    records.append(UnregisterBrokerRecord(broker_id=node, broker_epoch=broker.epoch))
    return records, None


def _without(node: int, topic: Topic, state: PartitionState, alive: Set[int]) -> PartitionChangeRecord:
    """Take a broker out of the in-sync replicas, unless it is the last of them, and elect another leader for it."""
    record = PartitionChangeRecord(partition_id=state.index, topic_id=topic.id)
    isr = [each for each in state.isr if each != node]
    if isr and isr != state.isr:
        record.isr = isr
    if state.leader == node:
        record.leader = next((each for each in state.replicas if each in isr and each in alive), NO_LEADER)
    return record


def _alive(image: Image) -> frozenset[int]:
    return frozenset(node for node, broker in image.brokers.items() if not broker.fenced)
