"""The requests that most scenarios make, in the version that the node's scenario is about. Waiting is not recorded."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pykbroker.wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from pykbroker.wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from pykbroker.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from pykbroker.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from pykbroker.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic
from pykbroker.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from pykbroker.wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from pykbroker.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from pykbroker.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from pykbroker.wire.records import Header, Record, batch_of, build_batch
from tests.compat.oracle.connection import Connection
from tests.compat.oracle.node import Node

NOW_MS = int(time.time() * 1000)
"""The time of all records: the same for both brokers, and too young to be deleted by retention."""

NOBODYS_ID = b"nobody has this!"
PRODUCE_BY_ID = FETCH_BY_ID = 13
TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


# -- topics


def new_topic(name: str, partitions: int = 1, configs: Mapping[str, str | None] | None = None) -> CreatableTopic:
    """Return a topic to be created on one broker."""
    entries = [CreatableTopicConfig(name=key, value=value) for key, value in (configs or {}).items()]
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=1, configs=entries)


def create(at: Node, suffix: str = "", partitions: int = 1, **configs: str) -> str:
    """Create a topic named after the scenario, `cleanup_policy="compact"` sets cleanup.policy; return its name."""
    name = at.name + suffix
    named = {key.replace("_", "."): value for key, value in configs.items()}
    answer = at.send(CreateTopicsRequest(topics=[new_topic(name, partitions, named)], timeout_ms=10000)).topics[0]
    assert not answer.error_code, answer
    await_topic(at, name, partitions)
    return name


def await_topic(at: Node, name: str, partitions: int = 1) -> None:
    """Return when a topic can be used; remember its id."""

    def usable() -> bool:
        wanted = [ListOffsetsPartition(partition_index=index, timestamp=-1) for index in range(partitions)]
        answer = at.ask(ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=name, partitions=wanted)]), 5)
        return not any(each.error_code for each in answer.topics[0].partitions)

    at.until(usable, f"{name} can be used")
    at.topic_ids[name] = at.ask(metadata_request([name], 12), 12).topics[0].topic_id


def delete(at: Node, name: str) -> None:
    """Delete a topic, and wait until it is gone."""
    answer = at.send(DeleteTopicsRequest(topics=[DeleteTopicState(name=name)], timeout_ms=10000), 6)
    assert not answer.responses[0].error_code, answer
    await_no_topic(at, name)


def await_no_topic(at: Node, name: str) -> None:
    """Return when a topic is gone from metadata, and everything before it has taken effect."""
    at.until(lambda: at.ask(metadata_request([name], 12), 12).topics[0].error_code == 3, f"{name} is gone")
    settle(at)


def metadata_request(names: Iterable[str] | None, version: int, create: bool = False) -> MetadataRequest:
    """Return a request for topics by name."""
    topics = None if names is None else [MetadataRequestTopic(name=name) for name in names]
    return MetadataRequest(topics=topics, allow_auto_topic_creation=create or version < 4)


def alter(at: Node, kind: int, name: str, *changes: tuple[str, int, str | None], validate_only: bool = False) -> Any:
    """Alter configs incrementally, wait until that has taken effect, and return the resource's answer."""
    configs = [AlterableConfig(name=key, config_operation=how, value=value) for key, how, value in changes]
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    answer = at.send(IncrementalAlterConfigsRequest(resources=[resource], validate_only=validate_only))
    if not answer.responses[0].error_code:
        settle(at)
    return answer.responses[0]


def settle(at: Node) -> None:
    """Return when what the controller has answered is in effect: Kafka's broker follows its log at leisure.

    It publishes one change after the other, so a change that can be seen says that those before it are done. Two of
    them, as the first may have been published together with what is waited for.
    """
    for _ in range(2):
        at.settled += 1
        count = at.settled
        change = AlterableConfig(name="interval.ms", config_operation=SET, value=str(count))
        resource = AlterConfigsResource(
            resource_type=CLIENT_METRICS, resource_name=f"settle-{at.name}", configs=[change]
        )
        at.ask(IncrementalAlterConfigsRequest(resources=[resource]))
        wanted = DescribeConfigsResource(
            resource_type=CLIENT_METRICS, resource_name=f"settle-{at.name}", configuration_keys=None
        )

        def seen(wanted: DescribeConfigsResource = wanted, count: int = count) -> bool:
            found = at.ask(DescribeConfigsRequest(resources=[wanted]))
            return any(each.value == str(count) for each in found.results[0].configs)

        at.until(seen, "metadata has settled")


def delete_records(at: Node, topic: str, offset: int, index: int = 0) -> Any:
    """Delete records below an offset; return the partition's answer."""
    wanted = DeleteRecordsPartition(partition_index=index, offset=offset)
    topics = [DeleteRecordsTopic(name=topic, partitions=[wanted])]
    return at.send(DeleteRecordsRequest(topics=topics, timeout_ms=10000)).topics[0].partitions[0]


# -- produce


def batch(
    *values: bytes | None,
    key: bytes | None = b"k",
    at_ms: int = NOW_MS,
    producer: int = -1,
    epoch: int = 0,
    sequence: int = 0,
    codec: int = 0,
    attributes: int = 0,
    headers: Sequence[Header] = (),
) -> bytearray:
    """Return a batch with one record for each value; with sequences if there is a producer."""
    pairs = [(key, value) for value in values or (b"v",)]
    return build_batch(
        pairs,
        timestamp_ms=at_ms,
        producer_id=producer,
        producer_epoch=epoch if producer >= 0 else -1,
        base_sequence=sequence if producer >= 0 else -1,
        codec=codec,
        attributes=attributes,
        headers=[headers] * len(pairs) if headers else (),
    )


def timed(*timestamps: int, codec: int = 0) -> bytearray:
    """Return a batch with one record for each timestamp."""
    return batch_of([Record(n, at_ms, b"k", b"v%d" % n) for n, at_ms in enumerate(timestamps)], codec=codec)


def produce_request(
    at: Node,
    parts: Iterable[tuple[str, int, bytes | bytearray | None]],
    version: int,
    acks: int = -1,
    transactional_id: str | None = None,
) -> ProduceRequest:
    """Return a request with (topic, partition, records) in this order, topics named as the version does it."""
    topics: list[TopicProduceData] = []
    last = None
    for topic, index, records in parts:
        if topic != last:
            named: dict[str, Any] = {"name": topic} if version < PRODUCE_BY_ID else {"topic_id": id_of(at, topic)}
            topics.append(TopicProduceData(**named, partition_data=[]))
            last = topic
        content = None if records is None else memoryview(bytes(records))
        topics[-1].partition_data.append(PartitionProduceData(index=index, records=content))
    return ProduceRequest(transactional_id=transactional_id, acks=acks, timeout_ms=5000, topic_data=topics)


def produce_many(
    at: Node, *parts: tuple[str, int, bytes | bytearray | None], acks: int = -1, transactional_id: str | None = None
) -> Any:
    """Produce to several partitions; return the whole answer."""
    return at.send(produce_request(at, parts, at.version_of(ProduceRequest), acks, transactional_id))


def produce(at: Node, topic: str, records: bytes | bytearray | None, index: int = 0, acks: int = -1) -> Any:
    """Produce to one partition; return its part of the answer."""
    return produce_many(at, (topic, index, records), acks=acks).responses[0].partition_responses[0]


def fill(at: Node, topic: str, *values: bytes, index: int = 0) -> None:
    """Produce one batch for each value; they must be taken."""
    for value in values:
        answer = produce(at, topic, batch(value), index)
        assert not answer.error_code, answer


def id_of(at: Node, topic: str) -> bytes:
    """Return a topic's id; of one that does not exist, an id that nobody has."""
    return at.topic_ids.get(topic, NOBODYS_ID)


# -- fetch


def fetch_request(
    at: Node,
    wanted: Iterable[tuple[str, int, int]],
    version: int,
    *,
    forget: Iterable[tuple[str, int]] = (),
    partition_max_bytes: int = 1 << 20,
    leader_epoch: int = -1,
    last_fetched_epoch: int = -1,
    max_wait_ms: int = 0,
    min_bytes: int = 1,
    **values: Any,
) -> FetchRequest:
    """Return a request for (topic, partition, offset), topics named as the version does it."""

    def named(topic: str) -> dict[str, Any]:
        return {"topic": topic} if version < FETCH_BY_ID else {"topic_id": id_of(at, topic)}

    topics: list[FetchTopic] = []
    last = None
    for topic, index, offset in wanted:
        if topic != last:
            topics.append(FetchTopic(**named(topic), partitions=[]))
            last = topic
        topics[-1].partitions.append(
            FetchPartition(
                partition=index,
                fetch_offset=offset,
                partition_max_bytes=partition_max_bytes,
                current_leader_epoch=leader_epoch,
                last_fetched_epoch=last_fetched_epoch,
            )
        )
    forgotten = [ForgottenTopic(**named(topic), partitions=[index]) for topic, index in forget]
    return FetchRequest(
        max_wait_ms=max_wait_ms, min_bytes=min_bytes, topics=topics, forgotten_topics_data=forgotten, **values
    )


def fetch(at: Node, *wanted: tuple[str, int, int], on: Connection | None = None, **values: Any) -> Any:
    """Fetch from several partitions; return the whole answer."""
    return at.send(fetch_request(at, wanted, at.version_of(FetchRequest), **values), on=on)


def fetch_one(at: Node, topic: str, offset: int = 0, index: int = 0, **values: Any) -> Any:
    """Fetch from one partition; return its part of the answer."""
    return fetch(at, (topic, index, offset), **values).responses[0].partitions[0]


def list_offset(
    at: Node, topic: str, timestamp: int, index: int = 0, isolation: int = 0, leader_epoch: int = -1
) -> Any:
    """Look up one offset; return the partition's answer."""
    wanted = ListOffsetsPartition(partition_index=index, timestamp=timestamp, current_leader_epoch=leader_epoch)
    topics = [ListOffsetsTopic(name=topic, partitions=[wanted])]
    request = ListOffsetsRequest(replica_id=-1, isolation_level=isolation, topics=topics, timeout_ms=5000)
    return at.send(request).topics[0].partitions[0]
