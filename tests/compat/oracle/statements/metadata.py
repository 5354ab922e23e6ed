"""MD: Metadata. Also what DescribeCluster and DescribeTopicPartitions say of the same (CLA-01 to CLA-06)."""

from typing import Any

from pykbroker.wire.messages.describe_cluster import DescribeClusterRequest
from pykbroker.wire.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    TopicRequest,
)
from pykbroker.wire.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequestCursor as Cursor,
)
from pykbroker.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from tests.compat.oracle.asking import NOBODYS_ID, await_topic, create, delete, fill, id_of, metadata_request
from tests.compat.oracle.node import Node
from tests.compat.oracle.settings import STRICT
from tests.compat.oracle.statement import statement
from tests.compat.oracle.statements.topics import grow


def ask_metadata(at: Node, *names: str, create: bool = False) -> Any:
    """Ask for topics by name."""
    return at.send(metadata_request(names, at.version_of(MetadataRequest), create))


@statement("MD-01", "MD-02", "MD-23", "MD-24", "MD-22", api=MetadataRequest, since=1)
def brokers_only(at: Node) -> None:
    answer = ask_metadata(at)
    assert (answer.topics, len(answer.brokers)) == ([], 1)
    assert answer.controller_id == 1


def all_topics(at: Node) -> list[str]:
    """Ask for all topics; record those of this scenario, for others come and go."""
    answer = at.ask(MetadataRequest(topics=None if at.version else []))
    names = sorted(topic.name for topic in answer.topics if topic.name.startswith((at.name, "__consumer")))
    at.note("all topics", [[name, next(t.is_internal for t in answer.topics if t.name == name)] for name in names])
    return names


@statement("MD-01", "MD-07", "MD-14", api=MetadataRequest)
def everything(at: Node) -> None:
    topic = create(at)
    assert all_topics(at) == ["__consumer_offsets", topic]


@statement("MD-02", "MD-03", "MD-10", api=MetadataRequest)
def one_topic(at: Node) -> None:
    topic = create(at, partitions=3)
    found = ask_metadata(at, topic).topics[0]
    assert len(found.partitions) == 3
    assert {part.leader_id for part in found.partitions} == {1}


@statement("MD-04", api=MetadataRequest, since=4)
def unknown_topic(at: Node) -> None:
    topic = ask_metadata(at, f"{at.name}-none").topics[0]
    assert (topic.error_code, topic.partitions) == (3, [])
    assert ask_metadata(at, f"{at.name}-none").topics[0].error_code == 3


@statement("MD-05", "MD-06", "MD-09", api=MetadataRequest)
def auto_creation(at: Node) -> None:
    name = f"{at.name}-auto"
    first = at.ask(metadata_request([name], at.version, create=True)).topics[0]
    at.note("the first answer", first.error_code in (0, 3, 5))
    await_topic(at, name)
    assert ask_metadata(at, name).topics[0].error_code == 0


@statement("MD-04", api=MetadataRequest, settings=STRICT)
def auto_creation_is_off(at: Node) -> None:
    assert ask_metadata(at, f"{at.name}-none", create=True).topics[0].error_code == 3
    assert ask_metadata(at, f"{at.name}-none", create=True).topics[0].error_code == 3


@statement("MD-08", api=MetadataRequest)
def illegal_names(at: Node) -> None:
    topic = create(at)
    answer = ask_metadata(at, topic, "", ".", "..", "a b", "ä", "x" * 250, create=True)
    codes = {each.name: each.error_code for each in answer.topics}
    assert codes.pop(topic) == 0
    assert set(codes.values()) == {17}


@statement("MD-10", "TOP-14", api=MetadataRequest, since=10)
def topic_ids(at: Node) -> None:
    topic = create(at)
    first = ask_metadata(at, topic).topics[0].topic_id
    assert ask_metadata(at, topic).topics[0].topic_id == first
    delete(at, topic)
    create(at)
    assert ask_metadata(at, topic).topics[0].topic_id != first


@statement("MD-11", "MD-13", api=MetadataRequest, since=12)
def by_topic_id(at: Node) -> None:
    topic = create(at)
    wanted = [
        MetadataRequestTopic(topic_id=id_of(at, topic), name=None),
        MetadataRequestTopic(topic_id=NOBODYS_ID, name=None),
    ]
    answer = at.send(MetadataRequest(topics=wanted, allow_auto_topic_creation=False))
    assert sorted(each.error_code for each in answer.topics) == [0, 100]
    mixed = [MetadataRequestTopic(topic_id=id_of(at, topic), name=None), MetadataRequestTopic(name=f"{topic}-b")]
    at.send(MetadataRequest(topics=mixed, allow_auto_topic_creation=False))


@statement("MD-12", api=MetadataRequest, since=10, until=11)
def ids_too_early(at: Node) -> None:
    topic = create(at)
    wanted = [MetadataRequestTopic(topic_id=id_of(at, topic), name=None)]
    assert at.send(MetadataRequest(topics=wanted, allow_auto_topic_creation=False)).topics[0].error_code == 42
    wanted = [MetadataRequestTopic(topic_id=id_of(at, topic), name=topic)]
    assert at.send(MetadataRequest(topics=wanted, allow_auto_topic_creation=False)).topics[0].error_code == 42


@statement("MD-15", "MD-16", api=MetadataRequest, since=8)
def authorized_operations(at: Node) -> None:
    topic = create(at)
    wanted = [MetadataRequestTopic(name=topic)]
    for asked in (False, True):
        answer = at.send(
            MetadataRequest(
                topics=wanted,
                allow_auto_topic_creation=False,
                include_topic_authorized_operations=asked,
                **{"include_cluster_authorized_operations": asked} if at.version <= 10 else {},
            )
        )
        assert (answer.topics[0].topic_authorized_operations == -2147483648) is not asked


@statement("MD-17", api=MetadataRequest)
def name_twice(at: Node) -> None:
    topic = create(at)
    assert len(ask_metadata(at, topic, topic).topics) == 1


@statement("MD-18", api=MetadataRequest, since=4)
def changes_are_visible(at: Node) -> None:
    topic = create(at)
    assert not grow(at, topic, 4).error_code
    await_topic(at, topic, 4)
    assert len(ask_metadata(at, topic).topics[0].partitions) == 4
    delete(at, topic)
    assert ask_metadata(at, topic, create=False).topics[0].error_code in (3, 5)


# -- CLA-01 to CLA-06


@statement("CLA-01", api=DescribeClusterRequest)
def describe_cluster(at: Node) -> None:
    for asked in (False, True):
        answer = at.send(DescribeClusterRequest(include_cluster_authorized_operations=asked))
        assert (answer.error_code, len(answer.brokers)) == (0, 1)


@statement("CLA-02", api=DescribeClusterRequest, since=1)
def endpoint_types(at: Node) -> None:
    assert at.send(DescribeClusterRequest(endpoint_type=2)).error_code == 114
    assert at.send(DescribeClusterRequest(endpoint_type=7)).error_code == 115
    if at.version >= 2:
        assert at.send(DescribeClusterRequest(include_fenced_brokers=True)).error_code == 0


def describe(at: Node, *names: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> Any:
    """Send a DescribeTopicPartitions."""
    after = None if cursor is None else Cursor(topic_name=cursor[0], partition_index=cursor[1])
    topics = [TopicRequest(name=name) for name in names]
    return at.send(DescribeTopicPartitionsRequest(topics=topics, response_partition_limit=limit, cursor=after))


@statement("CLA-03", "CLA-04", "CLA-06", "CLA-07")
def topic_partitions_in_pages(at: Node) -> None:
    one, two = create(at, "-a", 3), create(at, "-b", 2)
    fill(at, one, b"a")
    assert describe(at, two, one).next_cursor is None
    first = describe(at, one, two, limit=2)
    assert (first.next_cursor.topic_name, first.next_cursor.partition_index) == (one, 2)
    second = describe(at, one, two, limit=1, cursor=(one, 2))
    assert (second.next_cursor.topic_name, second.next_cursor.partition_index) == (two, 0)
    assert describe(at, one, two, limit=5, cursor=(two, 0)).next_cursor is None
    describe(at, one, limit=0)
    describe(at, one, two, cursor=(one, 9))


@statement("CLA-05")
def cursor_errors(at: Node) -> None:
    topic = create(at)
    assert describe(at, f"{topic}-none").topics[0].error_code == 3
    describe(at, topic, f"{topic}-none", topic)
    describe(at, "a b")
    for cursor in (Cursor(topic_name=topic, partition_index=-1), Cursor(topic_name=f"{topic}-none", partition_index=0)):
        at.closes(DescribeTopicPartitionsRequest(topics=[TopicRequest(name=topic)], cursor=cursor))
