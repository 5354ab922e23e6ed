"""TOP: CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords."""

from collections.abc import Iterator
from typing import Any

from pykbroker.wire.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from pykbroker.wire.messages.create_topics import CreatableReplicaAssignment, CreatableTopic, CreateTopicsRequest
from pykbroker.wire.messages.delete_records import DeleteRecordsRequest
from pykbroker.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from pykbroker.wire.messages.fetch import FetchRequest
from tests.compat.oracle.asking import (
    NOBODYS_ID,
    await_no_topic,
    await_topic,
    create,
    delete_records,
    fetch_one,
    fetch_request,
    fill,
    id_of,
    list_offset,
    metadata_request,
    new_topic,
    produce,
)
from tests.compat.oracle.asking import batch as a_batch
from tests.compat.oracle.node import Node
from tests.compat.oracle.settings import STRICT
from tests.compat.oracle.statement import statement


def create_all(at: Node, *topics: CreatableTopic, validate_only: bool = False) -> dict[str, int]:
    """Create topics and return the error code of each."""
    answer = at.send(CreateTopicsRequest(topics=list(topics), timeout_ms=10000, validate_only=validate_only))
    return {each.name: each.error_code for each in answer.topics}


@statement("TOP-01", "TOP-02", "TOP-10", api=CreateTopicsRequest)
def creating(at: Node) -> None:
    names = [f"{at.name}-{letter}" for letter in "abc"]
    topics = [new_topic(names[0], 3), new_topic(names[1], -1), new_topic(names[2], configs={"retention.ms": "5000"})]
    topics[1].replication_factor = -1
    assert set(create_all(at, *topics).values()) == {0}
    for name, count in zip(names, (3, 1, 1), strict=True):
        await_topic(at, name, count)
    at.send(metadata_request(names, 12), 12)


@statement("TOP-03", api=CreateTopicsRequest)
def names_that_exist(at: Node) -> None:
    topic = create(at)
    codes = create_all(at, new_topic(topic), new_topic(f"{topic}-b"), new_topic(f"{topic}-c"), new_topic(f"{topic}-c"))
    assert list(dict(sorted(codes.items())).values()) == [36, 0, 42]
    create_all(at, new_topic(topic, 0))


@statement("TOP-04", api=CreateTopicsRequest)
def illegal_names(at: Node) -> None:
    names = ["", ".", "..", "a b", "x" * 250, f"{at.name}.a"]
    codes = create_all(at, *[new_topic(name) for name in names])
    assert codes.pop(names[-1]) == 0
    assert set(codes.values()) == {17}
    await_topic(at, names[-1])
    assert create_all(at, new_topic(f"{at.name}_a")) == {f"{at.name}_a": 17}


@statement("TOP-05", api=CreateTopicsRequest)
def illegal_counts(at: Node) -> None:
    wrong = [new_topic(f"{at.name}-{count}", count) for count in (0, -2)]
    assert set(create_all(at, *wrong).values()) == {37}
    for factor in (0, -2, 2):
        topic = new_topic(f"{at.name}-r{factor}")
        topic.replication_factor = factor
        assert set(create_all(at, topic).values()) == {38}


@statement("TOP-06", "TOP-07", api=CreateTopicsRequest)
def manual_assignments(at: Node) -> None:
    def assigned(suffix: str, *parts: tuple[int, list[int]], count: int = -1, factor: int = -1) -> CreatableTopic:
        assignments = [
            CreatableReplicaAssignment(partition_index=index, broker_ids=brokers) for index, brokers in parts
        ]
        name = f"{at.name}-{suffix}"
        return CreatableTopic(name=name, num_partitions=count, replication_factor=factor, assignments=assignments)

    assert set(create_all(at, assigned("a", (0, [1]), (1, [1]))).values()) == {0}
    assert set(create_all(at, assigned("b", (0, [1]), count=1), assigned("c", (0, [1]), factor=1)).values()) == {42}
    wrong = [
        assigned("d", (0, [1]), (2, [1])),
        assigned("e", (0, [1]), (0, [1])),
        assigned("f", (0, [9])),
        assigned("g", (0, [1, 1])),
        assigned("h", (0, [])),
        assigned("i", (0, [1]), (1, [])),
        assigned("j", (1, [1])),
    ]
    assert set(create_all(at, *wrong).values()) == {39}


@statement("TOP-08", api=CreateTopicsRequest)
def illegal_configs(at: Node) -> None:
    wrong = {
        "no.such.key": "1",
        "retention.ms": "soon",
        "segment.bytes": "-5",
        "cleanup.policy": "burn",
        "min.cleanable.dirty.ratio": "2",
        "compression.type": "zip",
        "preallocate": "perhaps",
    }
    for number, (key, value) in enumerate(wrong.items()):
        assert set(create_all(at, new_topic(f"{at.name}-{number}", configs={key: value})).values()) == {40}
    create_all(at, new_topic(f"{at.name}-null", configs={"retention.ms": None}))


@statement("TOP-09", api=CreateTopicsRequest)
def validating_only(at: Node) -> None:
    topic = f"{at.name}-v"
    assert create_all(at, new_topic(topic, 2, {"retention.ms": "5"}), validate_only=True) == {topic: 0}
    assert create_all(at, new_topic(topic, 0), validate_only=True) == {topic: 37}
    assert at.send(metadata_request([topic], 12), 12).topics[0].error_code == 3


@statement("TOP-12", api=CreateTopicsRequest)
def metadata_topic(at: Node) -> None:
    assert create_all(at, new_topic("__cluster_metadata")) == {"__cluster_metadata": 42}


def deletion(at: Node, *names: str) -> DeleteTopicsRequest:
    """Return a request that deletes by name in the scenario's version."""
    if at.version_of(DeleteTopicsRequest) >= 6:
        return DeleteTopicsRequest(topics=[DeleteTopicState(name=name) for name in names], timeout_ms=10000)
    return DeleteTopicsRequest(topic_names=list(names), timeout_ms=10000)


@statement("TOP-14", "TOP-15", "TOP-17", api=DeleteTopicsRequest)
def deleting(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    answer = at.send(deletion(at, topic, f"{topic}-none"))
    assert {each.name: each.error_code for each in answer.responses} == {topic: 0, f"{topic}-none": 3}
    await_no_topic(at, topic)
    assert produce(at, topic, a_batch()).error_code == 100
    assert at.send(fetch_request(at, [(topic, 0, 0)], 12), 12).responses[0].partitions[0].error_code == 3
    create(at)
    assert produce(at, topic, a_batch()).base_offset == 0
    duplicate = at.send(deletion(at, topic, topic))
    assert {each.error_code for each in duplicate.responses} == {42}


@statement("TOP-15", api=DeleteTopicsRequest, since=6)
def deleting_by_id(at: Node) -> None:
    topic, other = create(at), create(at, "-b")
    wanted = [DeleteTopicState(name=None, topic_id=id_of(at, topic)), DeleteTopicState(name=None, topic_id=NOBODYS_ID)]
    answer = at.send(DeleteTopicsRequest(topics=wanted, timeout_ms=10000))
    assert sorted(each.error_code for each in answer.responses) == [0, 100]
    for both in (DeleteTopicState(name=other, topic_id=id_of(at, other)), DeleteTopicState(name=None)):
        assert at.send(DeleteTopicsRequest(topics=[both], timeout_ms=10000)).responses[0].error_code == 42


@statement("TOP-16", api=DeleteTopicsRequest, settings=STRICT)
def deletion_is_off(at: Node) -> None:
    topic = create(at)
    assert at.send(deletion(at, topic)).responses[0].error_code == (73 if at.version >= 3 else 42)


def grow(
    at: Node, topic: str, count: int, assignments: list[list[int]] | None = None, validate_only: bool = False
) -> Any:
    """Ask for more partitions; return the topic's answer."""
    given = None if assignments is None else [CreatePartitionsAssignment(broker_ids=brokers) for brokers in assignments]
    wanted = CreatePartitionsTopic(name=topic, count=count, assignments=given)
    request = CreatePartitionsRequest(topics=[wanted], timeout_ms=10000, validate_only=validate_only)
    return at.send(request).results[0]


@statement("TOP-18", api=CreatePartitionsRequest)
def more_partitions(at: Node) -> None:
    topic = create(at)
    assert (grow(at, topic, 3).error_code, grow(at, topic, 3).name) == (0, topic)
    await_topic(at, topic, 3)
    assert produce(at, topic, a_batch(), index=2).error_code == 0


@statement("TOP-19", "TOP-20", api=CreatePartitionsRequest)
def partitions_that_cannot_be(at: Node) -> None:
    topic = create(at, partitions=2)
    for count in (2, 1, 0, -1):
        assert grow(at, topic, count).error_code == 37
    assert grow(at, f"{topic}-none", 4).error_code == 3
    wanted = [CreatePartitionsTopic(name=topic, count=4, assignments=None) for _ in range(2)]
    assert at.send(CreatePartitionsRequest(topics=wanted, timeout_ms=10000)).results[0].error_code == 42
    assert grow(at, topic, 4, [[1]]).error_code == 39
    assert grow(at, topic, 3, [[1, 1]]).error_code == 39
    assert grow(at, topic, 3, [[9]]).error_code == 39
    assert grow(at, topic, 3, validate_only=True).error_code == 0
    assert len(at.send(metadata_request([topic], 12), 12).topics[0].partitions) == 2
    assert grow(at, topic, 3, [[1]]).error_code == 0


@statement("TOP-21", "TOP-22", "TOP-23", "TOP-26", api=DeleteRecordsRequest)
def deleting_records(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a", b"b", b"c", b"d")
    assert delete_records(at, topic, 2).low_watermark == 2
    assert fetch_one(at, topic, 1).error_code == 1
    assert list_offset(at, topic, -2).offset == 2
    assert delete_records(at, topic, 1).low_watermark == 2
    for wrong in (5, -2):
        answer = delete_records(at, topic, wrong)
        assert (answer.error_code, answer.low_watermark) == (1, -1)
    assert delete_records(at, topic, -1).low_watermark == 4
    assert produce(at, topic, a_batch()).base_offset == 4


@statement("TOP-24", api=DeleteRecordsRequest)
def records_that_cannot_be_deleted(at: Node) -> None:
    topic = create(at, cleanup_policy="compact")
    fill(at, topic, b"a")
    assert delete_records(at, topic, 1).error_code == 44
    assert delete_records(at, f"{topic}-none", 1).error_code == 3
    assert delete_records(at, "__consumer_offsets", 1).error_code == 17
    both = create(at, "-both", cleanup_policy="compact,delete")
    fill(at, both, b"a")
    assert delete_records(at, both, 1).error_code == 0


@statement(
    "TOP-25",
    "STO-27",
    "CONF-26",
    api=FetchRequest,
    restarts=True,
    may_differ={
        f"{path}.leader_epoch": "Kafka elects a leader anew when its only broker comes back"
        for path in (
            "Metadata.topics.partitions",
            "Fetch.responses.partitions.records",
            "ListOffsets.topics.partitions",
        )
    },
)
def topics_survive_a_restart(at: Node) -> Iterator[None]:
    topic = create(at, retention_ms="500000000")
    fill(at, topic, b"a", b"b", b"c")
    produce(at, topic, a_batch(b"d", producer=70, sequence=4))
    delete_records(at, topic, 2)
    yield
    at.send(metadata_request([topic], 12), 12)
    assert list_offset(at, topic, -2).offset == 2
    fetch_one(at, topic, 2)
    assert produce(at, topic, a_batch(b"d", producer=70, sequence=4)).base_offset == 3
    assert produce(at, topic, a_batch(b"e", producer=70, sequence=6)).error_code == 45
    assert produce(at, topic, a_batch(b"e", producer=70, sequence=5)).base_offset == 4
