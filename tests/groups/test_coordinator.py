"""Which shard has a group, and when shards are loaded."""

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups import commits
from pykbroker.groups.coordinator import OFFSETS_TOPIC, abs_of_java_hash, partition_for
from pykbroker.groups.state import ShardState
from pykbroker.shard import Outcome
from pykbroker.wire.messages.offset_commit import OffsetCommitRequest
from tests.groups.coordinating import Node


def commit(node: Node, group_id: str, offset: int = 5, topic: str = "t") -> None:
    def operation(state: ShardState) -> Outcome[object, list[int]]:
        request = OffsetCommitRequest(group_id=group_id)
        return commits.commit(state, request, 9, [commits.Commit(topic, 0, offset)])  # type: ignore[return-value]

    assert node.groups.run(group_id, operation) == [0]  # type: ignore[arg-type]


def committed(node: Node, group_id: str, topic: str = "t") -> int | None:
    state = node.groups.state_for(group_id)
    value = None if state is None else state.offsets.committed(group_id, topic, 0)
    return None if value is None else value.offset


@pytest.mark.parametrize(("group_id", "code", "partition"), [
    ("my-group", 1906497762, 12),
    ("", 0, 0),
    ("a", 97, 47),
    ("polygenelubricants", 0, 0),  # hashes to the one int whose absolute value is no int
    ("grüppe-𝄞", 1039948669, 19),
])
def test_partition_of_a_group_is_the_one_java_computes(group_id: str, code: int, partition: int) -> None:  # COORD-01
    assert (abs_of_java_hash(group_id), partition_for(group_id, 50)) == (code, partition)


def test_nothing_is_created_by_reading(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert (node.groups.state_for("g"), node.groups.shards()) == (None, [])
    assert OFFSETS_TOPIC not in node.image.topics


def test_topic_is_created_when_first_needed(tmp_path: Path) -> None:  # COORD-02
    node = Node(tmp_path)
    commit(node, "g")
    assert OFFSETS_TOPIC in node.image.topics
    assert len(node.groups.shards()) == 1


def test_restart_loads_what_has_records(tmp_path: Path) -> None:  # GRP-42, OFF-30
    node = Node(tmp_path)
    commit(node, "a", 1)
    commit(node, "b", 2)
    again = node.restart()
    assert len(again.groups.shards()) == 2
    assert (committed(again, "a"), committed(again, "b"), committed(again, "c")) == (1, 2, None)


def test_deleted_topics_are_forgotten_in_all_shards(tmp_path: Path) -> None:  # OFF-27
    node = Node(tmp_path)
    for group_id in "abc":
        commit(node, group_id, topic="gone")
        commit(node, group_id, topic="kept")
    node.groups.topics_deleted(["gone"])
    for each in (node, node.restart()):
        assert [committed(each, group_id, "gone") for group_id in "abc"] == [None] * 3
        assert [committed(each, group_id, "kept") for group_id in "abc"] == [5] * 3


def test_deleted_offsets_topic_takes_the_groups_along(tmp_path: Path) -> None:
    node = Node(tmp_path)
    commit(node, "g")
    topic = node.image.topics.pop(OFFSETS_TOPIC)
    node.partitions.drop([topic])
    node.groups.topics_deleted([OFFSETS_TOPIC])
    assert (node.groups.shards(), committed(node, "g")) == ([], None)
    commit(node, "g", 6)
    assert committed(node, "g") == 6


def test_shard_that_is_being_loaded_says_so(tmp_path: Path) -> None:  # GRP-43, OFF-33
    first = Node(tmp_path)
    commit(first, "g")
    node = first.restart(load=False)
    seen: list[int] = []

    def ask() -> None:
        for question in (lambda: node.groups.state_for("g"), node.groups.shards):
            with pytest.raises(KafkaError) as raised:
                question()
            seen.append(raised.value.code)

    node.while_loading("g", ask)
    node.groups.load_existing()
    assert seen == [errors.COORDINATOR_LOAD_IN_PROGRESS] * 2
    assert committed(node, "g") == 5


def test_damaged_shard_does_not_keep_the_broker_from_starting(tmp_path: Path) -> None:
    first = Node(tmp_path)
    commit(first, "a")
    commit(first, "b")
    node = first.restart(load=False)

    def fail() -> None:
        raise KafkaError(errors.KAFKA_STORAGE_ERROR)

    node.while_loading("a", fail)
    node.groups.load_existing()
    assert committed(node, "b") == 5
    with pytest.raises(KafkaError):
        node.groups.state_for("a")
