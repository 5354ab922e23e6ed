"""OffsetCommit, OffsetFetch, OffsetDelete as handlers: every version."""

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.apis.group_offsets import offset_commit, offset_delete, offset_fetch
from pykbroker.errors import KafkaError
from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.message import ZERO_UUID
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from pykbroker.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from pykbroker.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from tests.groups.coordinating import TOPIC_ID, Node

UNKNOWN_ID = b"\7" * 16
IDS = {"t": TOPIC_ID, "none": UNKNOWN_ID}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def topic(version: int, name: str) -> dict[str, Any]:
    return {"name": name} if version < 10 else {"topic_id": IDS.get(name, ZERO_UUID)}


def commit(node: Node, version: int, *commits: tuple[str, int, int], group: str = "g", **fields: Any) -> list[int]:
    """Commit (topic, partition, offset)s, each as a topic of its own; return the error codes."""
    topics = [
        OffsetCommitRequestTopic(
            **topic(version, name),
            partitions=[
                OffsetCommitRequestPartition(
                    partition_index=partition, committed_offset=offset, committed_metadata="note",
                    committed_leader_epoch=3 if version >= 6 else -1,
                )
            ],
        )
        for name, partition, offset in commits
    ]
    answer = node.call(offset_commit, version, OffsetCommitRequest(group_id=group, topics=topics, **fields))
    named = [(one.name, one.topic_id) for one in answer.topics]
    assert named == [(one.name, one.topic_id) for one in topics]
    return [partition.error_code for one in answer.topics for partition in one.partitions]


def fetch(node: Node, version: int, *partitions: tuple[str, int], group: str = "g", **fields: Any) -> Any:
    """Fetch (topic, partition)s, or all; return {(topic or its id, partition): (offset, epoch, metadata, error)}."""
    everything = fields.pop("everything", False)
    if version >= 8:
        asked = [
            OffsetFetchRequestTopics(**topic(version, name), partition_indexes=[partition])
            for name, partition in partitions
        ]
        groups = [OffsetFetchRequestGroup(group_id=group, topics=None if everything else asked, **fields)]
        answer = node.call(offset_fetch, version, OffsetFetchRequest(groups=groups)).groups[0]
        assert answer.group_id == group
    else:
        old = [OffsetFetchRequestTopic(name=name, partition_indexes=[partition]) for name, partition in partitions]
        request = OffsetFetchRequest(group_id=group, topics=None if everything else old, **fields)
        answer = node.call(offset_fetch, version, request)
    assert answer.error_code == 0
    return {
        (one.name if version < 10 else one.topic_id, each.partition_index): (
            each.committed_offset, each.committed_leader_epoch, each.metadata, each.error_code,
        )
        for one in answer.topics
        for each in one.partitions
    }


@pytest.mark.parametrize("version", range(2, 11))
def test_commit_in_every_version(node: Node, version: int) -> None:  # OFF-01, OFF-13, OFF-14, OFF-30, OFF-31
    assert commit(node, version, ("t", 0, 5), ("t", 2, 7)) == [0, 0]
    epoch = 3 if version >= 6 else -1
    expected = {("t", 0): (5, epoch, "note", 0), ("t", 2): (7, epoch, "note", 0)}
    assert fetch(node, 9, ("t", 0), ("t", 2)) == expected
    assert fetch(node.restart(), 9, ("t", 0), ("t", 2)) == expected


@pytest.mark.parametrize("version", range(2, 11))
def test_commit_for_what_does_not_exist(node: Node, version: int) -> None:  # OFF-07, OFF-13, OFF-14
    codes = commit(node, version, ("none", 0, 1), ("t", 0, 5), ("t", 3, 6), ("t", -1, 6))
    unknown = errors.UNKNOWN_TOPIC_OR_PARTITION
    assert codes == [errors.UNKNOWN_TOPIC_ID if version >= 10 else unknown, 0, unknown, unknown]
    assert fetch(node, 9, ("t", 0)) == {("t", 0): (5, 3 if version >= 6 else -1, "note", 0)}


def test_error_of_the_group_leaves_those_of_unknown_topics(node: Node) -> None:  # OFF-02, OFF-07
    codes = commit(
        node, 8, ("none", 0, 1), ("t", 0, 5), generation_id_or_member_epoch=4, member_id="m"
    )
    assert codes == [errors.UNKNOWN_TOPIC_OR_PARTITION, errors.ILLEGAL_GENERATION]


@pytest.mark.parametrize(("version", "code"), [(8, errors.ILLEGAL_GENERATION), (9, errors.GROUP_ID_NOT_FOUND)])
def test_generation_of_an_unknown_group(node: Node, version: int, code: int) -> None:  # OFF-02
    assert commit(node, version, ("t", 0, 5), generation_id_or_member_epoch=4, member_id="m") == [code]


@pytest.mark.parametrize("version", [2, 4])
def test_retention_time(node: Node, version: int) -> None:  # OFF-12
    commit(node, version, ("t", 0, 5), retention_time_ms=1_000)
    node.clock.advance(600_000)
    assert fetch(node, 9, ("t", 0)) == {("t", 0): (-1, -1, "", 0)}


def test_null_metadata_is_stored_as_empty(node: Node) -> None:  # OFF-09
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=5, committed_metadata=None)
    request = OffsetCommitRequest(
        group_id="g", topics=[OffsetCommitRequestTopic(name="t", partitions=[partition])]
    )
    node.call(offset_commit, 8, request)
    assert fetch(node, 8, ("t", 0)) == {("t", 0): (5, -1, "", 0)}


def test_commit_that_cannot_be_stored(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:  # OFF-33
    def fail(*_: object) -> int:
        raise KafkaError(errors.NOT_ENOUGH_REPLICAS)

    monkeypatch.setattr("pykbroker.storage.partition.Partition.append_own", fail)
    assert commit(node, 9, ("t", 0, 5)) == [errors.COORDINATOR_NOT_AVAILABLE]


@pytest.mark.parametrize("version", range(1, 11))
def test_fetch_in_every_version(node: Node, version: int) -> None:  # OFF-10, OFF-17, OFF-20, OFF-31
    commit(node, 8, ("t", 1, 5))
    name = "t" if version < 10 else TOPIC_ID
    epoch = 3 if version >= 5 else -1
    assert fetch(node, version, ("t", 0), ("t", 1)) == {(name, 0): (-1, -1, "", 0), (name, 1): (5, epoch, "note", 0)}


@pytest.mark.parametrize("version", range(1, 11))
def test_fetch_for_an_unknown_group(node: Node, version: int) -> None:  # OFF-18
    name = "t" if version < 10 else TOPIC_ID
    assert fetch(node, version, ("t", 0), group="none") == {(name, 0): (-1, -1, "", 0)}
    commit(node, 8, ("t", 0, 1))
    assert fetch(node, version, ("t", 0), group="none") == {(name, 0): (-1, -1, "", 0)}
    if version >= 2:
        assert fetch(node, version, group="none", everything=True) == {}


@pytest.mark.parametrize("version", range(2, 11))
def test_fetch_of_everything(node: Node, version: int) -> None:  # OFF-19
    node.add_topic("u", UNKNOWN_ID, 1)
    commit(node, 8, ("t", 1, 5), ("t", 2, 6), ("u", 0, 7))
    epoch = 3 if version >= 5 else -1
    t, u = ("t", "u") if version < 10 else (TOPIC_ID, UNKNOWN_ID)
    assert fetch(node, version, everything=True) == {
        (t, 1): (5, epoch, "note", 0), (t, 2): (6, epoch, "note", 0), (u, 0): (7, epoch, "note", 0),
    }


def test_empty_list_is_not_everything(node: Node) -> None:  # OFF-19
    commit(node, 8, ("t", 1, 5))
    assert fetch(node, 5) == {}


def test_fetch_of_several_groups(node: Node) -> None:  # OFF-20
    commit(node, 8, ("t", 0, 5), group="a")
    commit(node, 8, ("t", 1, 6), group="b")
    groups = [OffsetFetchRequestGroup(group_id=group, topics=None) for group in ("b", "a", "c")]
    answer = node.call(offset_fetch, 8, OffsetFetchRequest(groups=groups))
    found = {
        group.group_id: [each.committed_offset for one in group.topics for each in one.partitions]
        for group in answer.groups
    }
    assert found == {"b": [6], "a": [5], "c": []}


@pytest.mark.parametrize("require_stable", [False, True])
def test_stable_offsets_are_all_there_are(node: Node, require_stable: bool) -> None:  # OFF-22
    commit(node, 8, ("t", 1, 5))
    assert fetch(node, 7, ("t", 1), require_stable=require_stable) == {("t", 1): (5, 3, "note", 0)}


@pytest.mark.parametrize(("member_id", "epoch"), [(None, -1), ("who", 77)])
def test_classic_group_checks_no_member(node: Node, member_id: str | None, epoch: int) -> None:  # OFF-23, OFF-24
    commit(node, 8, ("t", 1, 5))
    assert fetch(node, 9, ("t", 1), member_id=member_id, member_epoch=epoch) == {("t", 1): (5, 3, "note", 0)}


@pytest.mark.parametrize("version", [1, 5, 9])
def test_fetch_for_what_does_not_exist(node: Node, version: int) -> None:  # OFF-25
    assert fetch(node, version, ("none", 0), ("t", 99)) == {
        ("none", 0): (-1, -1, "", 0), ("t", 99): (-1, -1, "", 0),
    }


def test_fetch_for_an_unknown_topic_id(node: Node) -> None:  # OFF-26
    commit(node, 10, ("t", 0, 5))
    assert fetch(node, 10, ("none", 0), ("t", 0)) == {
        (UNKNOWN_ID, 0): (-1, -1, "", errors.UNKNOWN_TOPIC_ID), (TOPIC_ID, 0): (5, 3, "note", 0),
    }


@pytest.mark.parametrize("version", range(1, 11))
def test_error_of_the_group_in_every_version(node: Node, version: int) -> None:  # OFF-20, OFF-33
    commit(node, 8, ("t", 1, 5))
    again = node.restart(load=False)
    seen = []

    def ask() -> None:
        if version >= 8:
            asked = [OffsetFetchRequestTopics(**topic(version, "t"), partition_indexes=[1])]
            request = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=asked)])
        else:
            old = [OffsetFetchRequestTopic(name="t", partition_indexes=[1])]
            request = OffsetFetchRequest(group_id="g", topics=old)
        seen.append(again.call(offset_fetch, version, request))

    again.while_loading("g", ask)
    again.groups.load_existing()
    (answer,) = seen
    loading = errors.COORDINATOR_LOAD_IN_PROGRESS
    if version >= 8:
        assert [(one.error_code, one.topics) for one in answer.groups] == [(loading, [])]
    elif version >= 2:
        assert (answer.error_code, answer.topics) == (loading, [])
    else:
        assert [each.error_code for one in answer.topics for each in one.partitions] == [loading]


# OffsetDelete


def delete(node: Node, *partitions: tuple[str, int], group: str = "g") -> Any:
    topics = [
        OffsetDeleteRequestTopic(name=name, partitions=[OffsetDeleteRequestPartition(partition_index=index)])
        for name, index in partitions
    ]
    return node.call(offset_delete, 0, OffsetDeleteRequest(group_id=group, topics=topics))


def test_delete_offsets(node: Node) -> None:  # GAD-12, GAD-14
    commit(node, 8, ("t", 0, 5), ("t", 1, 6))
    answer = delete(node, ("t", 0), ("t", 2), ("none", 0), ("t", 3))
    unknown = errors.UNKNOWN_TOPIC_OR_PARTITION
    assert answer.error_code == 0
    assert [(one.name, each.partition_index, each.error_code) for one in answer.topics for each in one.partitions] == [
        ("t", 0, 0), ("t", 2, 0), ("none", 0, unknown), ("t", 3, unknown),
    ]
    assert fetch(node, 9, ("t", 0), ("t", 1)) == {("t", 0): (-1, -1, "", 0), ("t", 1): (6, 3, "note", 0)}


@pytest.mark.parametrize("is_first", [True, False])
def test_delete_offsets_of_an_unknown_group(node: Node, is_first: bool) -> None:  # GAD-12, GAD-14
    if not is_first:
        commit(node, 8, ("t", 0, 5), group="other")
    answer = delete(node, ("t", 0))
    assert (answer.error_code, answer.topics) == (errors.GROUP_ID_NOT_FOUND, [])


def test_offset_delete_is_not_flexible() -> None:  # GAD-15
    request = OffsetDeleteRequest(group_id="g")
    assert encode_message(request, 0) == b"\0\1g" b"\0\0\0\0"
    assert decode_message(OffsetDeleteRequest, 0, b"\0\1g" b"\0\0\0\0") == request
