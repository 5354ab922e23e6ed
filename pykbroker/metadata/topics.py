"""Decisions about topics: create, delete, grow. Pure: from the image and a request to records and results.

One request is one decision: results item by item, and the records of those that succeed, stored together
(`org.apache.kafka.controller.ReplicationControlManager`). Items do not disturb each other (TOP-03).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import TOPIC, Image
from pykbroker.metadata.names import CLUSTER_METADATA_TOPIC, folded, name_problem
from pykbroker.wire.message import ZERO_UUID, Message
from pykbroker.wire.messages.metadata_records import ConfigRecord, PartitionRecord, RemoveTopicRecord, TopicRecord

MAX_PARTITIONS_PER_REQUEST: Final = 10_000  # as Kafka's controller has it: one request is one batch of its log
DEFAULT: Final = -1

K = TypeVar("K")
Records = list[Message]
CheckConfigs = Callable[[Mapping[str, str | None]], dict[str, str]]


class NewTopic:
    """A topic that someone wants. -1 asks for a default; `assignments` are replicas by partition, or empty."""

    __slots__ = ("assignments", "configs", "name", "num_partitions", "replication_factor")

    def __init__(
        self,
        name: str,
        num_partitions: int = DEFAULT,
        replication_factor: int = DEFAULT,
        assignments: Sequence[tuple[int, Sequence[int]]] = (),
        configs: Mapping[str, str | None] | None = None,
    ) -> None:
        self.name = name
        self.num_partitions = num_partitions
        self.replication_factor = replication_factor
        self.assignments = assignments
        self.configs = configs or {}


class TopicResult:
    """What became of one topic. On failure the counts are -1 and the id is zero."""

    __slots__ = ("configs", "error", "id", "name", "num_partitions", "replication_factor")

    def __init__(
        self,
        name: str | None,
        error: KafkaError | None = None,
        topic_id: bytes = ZERO_UUID,
        num_partitions: int = -1,
        replication_factor: int = -1,
        configs: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.error = error
        self.id = topic_id
        self.num_partitions = num_partitions
        self.replication_factor = replication_factor
        self.configs = configs or {}


class Placement:
    """Where partitions may go, and how many a topic gets that does not say."""

    __slots__ = ("default_partitions", "default_replicas", "directory", "new_id")

    def __init__(
        self, default_partitions: int, default_replicas: int, directory: bytes, new_id: Callable[[], bytes]
    ) -> None:
        self.default_partitions = default_partitions
        self.default_replicas = default_replicas
        self.directory = directory
        self.new_id = new_id


def create(
    image: Image, wanted: Sequence[NewTopic], placement: Placement, check_configs: CheckConfigs
) -> tuple[Records, list[TopicResult]]:
    """Decide a CreateTopics request. Results are in order of request, a repeated name once and last (TOP-03).

    `check_configs` returns the entries to store, or raises KafkaError(INVALID_CONFIG).
    """
    counts = _counted(topic.name for topic in wanted)
    records: Records = []
    results: list[TopicResult] = []
    new_names: dict[str, str] = {}
    left = MAX_PARTITIONS_PER_REQUEST
    for topic in wanted:
        if counts[topic.name] > 1:
            continue
        try:
            _check_name(image, topic.name, new_names)
            replicas = _replicas(image, topic, placement, left)
            configs = check_configs(topic.configs)
        except KafkaError as error:
            results.append(TopicResult(topic.name, error))
            continue
        left -= len(replicas)
        new_names[folded(topic.name)] = topic.name
        topic_id = placement.new_id()
        records.append(TopicRecord(name=topic.name, topic_id=topic_id))
        records += [_config(topic.name, key, value) for key, value in configs.items()]
        records += [_partition(topic_id, index, nodes, placement) for index, nodes in enumerate(replicas)]
        results.append(TopicResult(topic.name, None, topic_id, len(replicas), len(replicas[0]), configs))
    repeated = KafkaError(errors.INVALID_REQUEST, "Duplicate topic name.")
    results += [TopicResult(name, repeated) for name, count in counts.items() if count > 1]
    return records, results


def delete(image: Image, wanted: Sequence[tuple[str | None, bytes]]) -> tuple[Records, list[TopicResult]]:
    """Decide a DeleteTopics request of (name, id) pairs, one of which is to be given (TOP-15)."""
    found = [_find(image, name, topic_id) for name, topic_id in wanted]
    keys = [topic_id if name is None else name for name, topic_id, _ in found]
    counts = _counted(key for key in keys if key != ZERO_UUID)
    results: list[TopicResult] = []
    for key, (name, topic_id, error) in zip(keys, found, strict=True):
        count = counts.get(key, 1)
        if count > 1:
            counts[key] = 0  # the others are answered with this one
            repeated = KafkaError(errors.INVALID_REQUEST, "Duplicate topic.")
            results.append(TopicResult(name, repeated, ZERO_UUID if name is not None else topic_id))
        elif count == 1:
            results.append(TopicResult(name, error, topic_id))
    return [RemoveTopicRecord(topic_id=result.id) for result in results if result.error is None], results


def _find(image: Image, name: str | None, topic_id: bytes) -> tuple[str | None, bytes, KafkaError | None]:
    """Complete a (name, id) pair, of which one is to be given; or say what is wrong with it."""
    if name is not None and topic_id != ZERO_UUID:
        both = KafkaError(errors.INVALID_REQUEST, "You may not specify both topic name and topic id.")
        return name, topic_id, both
    if name is not None:
        topic = image.topics.get(name)
        if topic is None:
            return name, ZERO_UUID, KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, "There is no topic of this name.")
        return name, topic.id, None
    if topic_id == ZERO_UUID:
        return None, ZERO_UUID, KafkaError(errors.INVALID_REQUEST, "Neither topic name nor id were specified.")
    topic = image.topics_by_id.get(topic_id)
    if topic is None:
        return None, topic_id, KafkaError(errors.UNKNOWN_TOPIC_ID, "There is no topic with this id.")
    return topic.name, topic_id, None


class Growth:
    """More partitions for a topic: the new total, and the replicas of each added one, or None."""

    __slots__ = ("assignments", "count", "name")

    def __init__(self, name: str, count: int, assignments: Sequence[Sequence[int]] | None = None) -> None:
        self.name = name
        self.count = count
        self.assignments = assignments


def grow(image: Image, wanted: Sequence[Growth], placement: Placement) -> tuple[Records, list[TopicResult]]:
    """Decide a CreatePartitions request: one result for every name (TOP-18)."""
    counts = _counted(growth.name for growth in wanted)
    records: Records = []
    results: list[TopicResult] = []
    left = MAX_PARTITIONS_PER_REQUEST
    for growth in wanted:
        if counts[growth.name] > 1:
            continue
        try:
            added = _grown(image, growth, placement, left)
        except KafkaError as error:
            results.append(TopicResult(growth.name, error))
            continue
        left -= len(added)
        records += added
        results.append(TopicResult(growth.name, None, image.topics[growth.name].id, growth.count))
    repeated = KafkaError(errors.INVALID_REQUEST, "Duplicate topic name.")
    results += [TopicResult(name, repeated) for name, count in counts.items() if count > 1]
    return records, results


def _grown(image: Image, growth: Growth, placement: Placement, left: int) -> Records:
    topic = image.topics.get(growth.name)
    if topic is None:
        raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, "There is no topic of this name.")
    present = len(topic.partitions)
    if growth.count == present:
        raise KafkaError(errors.INVALID_PARTITIONS, f"Topic already has {present} partition(s).")
    if growth.count < present:
        raise KafkaError(
            errors.INVALID_PARTITIONS,
            f"The topic {topic.name} currently has {present} partition(s); {growth.count} would not be an increase.",
        )
    added = growth.count - present
    factor = len(topic.partitions[0].replicas)
    _check_size(added, left)
    if growth.assignments is None:
        replicas = _spread(image, present, added, factor)
    else:
        replicas = [list(nodes) for nodes in growth.assignments]
        if len(replicas) != added:
            raise KafkaError(
                errors.INVALID_REPLICA_ASSIGNMENT,
                f"{added} partition(s) are to be added, but {len(replicas)} assignment(s) were specified.",
            )
        for nodes in replicas:
            check_replicas(image, nodes, factor)
    return [_partition(topic.id, present + i, nodes, placement) for i, nodes in enumerate(replicas)]


def _counted(keys: Iterable[K]) -> dict[K, int]:
    counts: dict[K, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return counts


def _check_name(image: Image, name: str, new_names: Mapping[str, str]) -> None:
    problem = name_problem(name)
    if problem is not None:
        raise KafkaError(errors.INVALID_TOPIC_EXCEPTION, problem)
    if name == CLUSTER_METADATA_TOPIC:
        raise KafkaError(errors.INVALID_REQUEST, f"Creation of internal topic {name} is prohibited.")
    if name in image.topics:
        raise KafkaError(errors.TOPIC_ALREADY_EXISTS, f"Topic '{name}' already exists.")
    alike = image.topic_like(name) or new_names.get(folded(name))
    if alike is not None:
        raise KafkaError(errors.INVALID_TOPIC_EXCEPTION, f"Topic '{name}' collides with existing topic: {alike}")


def _replicas(image: Image, topic: NewTopic, placement: Placement, left: int) -> list[list[int]]:
    """Return the replicas of every partition of a new topic."""
    if topic.assignments:
        _check_size(len(topic.assignments), left)
        return _assigned(image, topic)
    if topic.num_partitions != DEFAULT and topic.num_partitions < 1:
        raise KafkaError(errors.INVALID_PARTITIONS, "The number of partitions is to be positive, or -1 for a default.")
    if topic.replication_factor != DEFAULT and topic.replication_factor < 1:
        raise KafkaError(
            errors.INVALID_REPLICATION_FACTOR, "The replication factor is to be positive, or -1 for a default."
        )
    count = placement.default_partitions if topic.num_partitions == DEFAULT else topic.num_partitions
    factor = placement.default_replicas if topic.replication_factor == DEFAULT else topic.replication_factor
    _check_size(count, left)
    return _spread(image, 0, count, factor)


def _assigned(image: Image, topic: NewTopic) -> list[list[int]]:
    if topic.replication_factor != DEFAULT:
        raise KafkaError(errors.INVALID_REQUEST, "With an assignment, the replication factor is to be -1.")
    if topic.num_partitions != DEFAULT:
        raise KafkaError(errors.INVALID_REQUEST, "With an assignment, the number of partitions is to be -1.")
    by_index: dict[int, list[int]] = {}
    factor: int | None = None
    for index, nodes in topic.assignments:
        if index in by_index:
            raise KafkaError(errors.INVALID_REPLICA_ASSIGNMENT, f"Partition {index} is assigned more than once.")
        check_replicas(image, nodes, factor)
        factor = len(nodes)
        by_index[index] = list(nodes)
    if any(index not in by_index for index in range(len(by_index))):
        raise KafkaError(errors.INVALID_REPLICA_ASSIGNMENT, "Partitions are to be numbered from 0 without gaps.")
    return [by_index[index] for index in range(len(by_index))]


def check_replicas(image: Image, nodes: Sequence[int], factor: int | None) -> None:
    """Raise INVALID_REPLICA_ASSIGNMENT unless `nodes` are registered brokers, once each, and `factor` of them."""
    if not nodes:
        raise KafkaError(errors.INVALID_REPLICA_ASSIGNMENT, "The assignment includes an empty replica list.")
    for node in nodes:
        if node not in image.brokers:
            raise KafkaError(
                errors.INVALID_REPLICA_ASSIGNMENT,
                f"The assignment includes broker {node}, but no such broker is registered.",
            )
    if len(set(nodes)) != len(nodes):
        raise KafkaError(errors.INVALID_REPLICA_ASSIGNMENT, "The assignment includes a broker more than once.")
    if factor is not None and len(nodes) != factor:
        raise KafkaError(
            errors.INVALID_REPLICA_ASSIGNMENT, f"A partition has {len(nodes)} replica(s), and others have {factor}."
        )


def _spread(image: Image, first: int, count: int, factor: int) -> list[list[int]]:
    """Place partitions on the live brokers in turn."""
    nodes = sorted(node for node, broker in image.brokers.items() if not broker.fenced)
    if factor > len(nodes):
        raise KafkaError(
            errors.INVALID_REPLICATION_FACTOR,
            f"Replication factor {factor} cannot be reached with {len(nodes)} broker(s).",
        )
    return [[nodes[(index + i) % len(nodes)] for i in range(factor)] for index in range(first, first + count)]


def _check_size(count: int, left: int) -> None:
    if count > left:
        raise KafkaError(
            errors.POLICY_VIOLATION, f"A request may not create more than {MAX_PARTITIONS_PER_REQUEST} partitions."
        )


def _config(name: str, key: str, value: str) -> ConfigRecord:
    return ConfigRecord(resource_type=TOPIC, resource_name=name, name=key, value=value)


def _partition(topic_id: bytes, index: int, nodes: list[int], placement: Placement) -> PartitionRecord:
    return PartitionRecord(
        partition_id=index,
        topic_id=topic_id,
        replicas=nodes,
        isr=nodes,
        leader=nodes[0],
        leader_epoch=0,
        partition_epoch=0,
        directories=[placement.directory] * len(nodes),
    )
