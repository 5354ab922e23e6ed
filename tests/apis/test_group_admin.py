"""FindCoordinator, DescribeGroups, ListGroups, DeleteGroups as handlers: every version."""

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.apis import authorized
from pykbroker.apis.group_admin import delete_groups, describe_groups, find_coordinator, list_groups
from pykbroker.errors import KafkaError
from pykbroker.groups.coordinator import OFFSETS_TOPIC
from pykbroker.wire.messages.delete_groups import DeleteGroupsRequest
from pykbroker.wire.messages.describe_groups import DescribeGroupsRequest
from pykbroker.wire.messages.find_coordinator import FindCoordinatorRequest
from pykbroker.wire.messages.list_groups import ListGroupsRequest
from tests.apis.test_group_membership import joined, synced
from tests.apis.test_group_offsets import commit, fetch
from tests.groups.coordinating import Node


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def find(node: Node, version: int, *keys: str, kind: int = 0) -> list[Any]:
    """Return (error, node, host, port) of each key."""
    if version >= 4:
        request = FindCoordinatorRequest(key_type=kind, coordinator_keys=list(keys))
        answer = node.call(find_coordinator, version, request)
        assert [one.key for one in answer.coordinators] == list(keys)
        return [(one.error_code, one.node_id, one.host, one.port) for one in answer.coordinators]
    request = FindCoordinatorRequest(key=keys[0])
    request.key_type = kind
    answer = node.call(find_coordinator, version, request)
    if version >= 1 and not answer.error_code:
        assert answer.error_message == "NONE"  # as Kafka says it, COORD-05
    return [(answer.error_code, answer.node_id, answer.host, answer.port)]


HERE = (0, 1, "localhost", 9092)


@pytest.mark.parametrize("version", range(7))
@pytest.mark.parametrize("group", ["g", "", "never seen"])
def test_this_node_coordinates_every_group(  # COORD-01, COORD-02, COORD-05, COORD-10
    node: Node, version: int, group: str
) -> None:
    assert find(node, version, group) == [HERE]
    assert OFFSETS_TOPIC in node.image.topics


@pytest.mark.parametrize("version", [4, 5, 6])
def test_several_keys_are_answered_in_order(node: Node, version: int) -> None:  # COORD-04
    assert find(node, version, "b", "a", "b") == [HERE] * 3
    assert find(node, version) == []


@pytest.mark.parametrize("version", [1, 3, 4, 6])
def test_this_node_coordinates_every_transaction(node: Node, version: int) -> None:  # COORD-06
    assert find(node, version, "my-txn", kind=1) == [HERE]


@pytest.mark.parametrize(("version", "key", "is_good"), [
    (6, "g:AAAAAAAAAAAAAAAAAAAAAA:0", True),
    (6, "g", False),
    (6, "g:id:x", False),
    (6, ":id:0", False),
    (5, "g:AAAAAAAAAAAAAAAAAAAAAA:0", False),
    (1, "g:AAAAAAAAAAAAAAAAAAAAAA:0", False),
])
def test_share_keys(node: Node, version: int, key: str, is_good: bool) -> None:  # COORD-07
    expected = HERE if is_good else (errors.INVALID_REQUEST, -1, "", -1)
    assert find(node, version, key, kind=2) == [expected]


@pytest.mark.parametrize("version", [1, 3, 4, 6])
@pytest.mark.parametrize("kind", [-1, 3, 99])
def test_unknown_kind_of_key(node: Node, version: int, kind: int) -> None:  # COORD-08
    assert find(node, version, "g", kind=kind) == [(errors.INVALID_REQUEST, -1, "", -1)]


@pytest.mark.parametrize("version", [0, 3, 4])
def test_topic_that_cannot_be_created(node: Node, version: int) -> None:  # COORD-02
    def fail() -> None:
        raise KafkaError(errors.INVALID_REPLICATION_FACTOR)

    node.groups._ensure_topic = fail
    assert find(node, version, "g") == [(errors.COORDINATOR_NOT_AVAILABLE, -1, "", -1)]


# DescribeGroups


def describe(node: Node, version: int, *groups: str, **fields: Any) -> list[Any]:
    answer: list[Any] = node.call(describe_groups, version, DescribeGroupsRequest(groups=list(groups), **fields)).groups
    assert [one.group_id for one in answer] == list(groups)
    return answer


@pytest.mark.parametrize("version", range(7))
def test_describe_a_stable_group(node: Node, version: int) -> None:  # GAD-05, GAD-09
    member_id = joined(node, 9, group_instance_id="i").member_id
    synced(node, 5, member_id, group_instance_id="i")
    (group,) = describe(node, version, "g")
    assert (group.error_code, group.group_state) == (0, "Stable")
    assert (group.protocol_type, group.protocol_data) == ("consumer", "range")
    (member,) = group.members
    assert (member.member_id, member.client_id, member.client_host) == (member_id, "app", "/10.0.0.1")
    assert (member.member_metadata, member.member_assignment) == (b"m", b"mine")
    assert member.group_instance_id == ("i" if version >= 4 else None)


@pytest.mark.parametrize("version", range(7))
def test_describe_a_rebalancing_group(node: Node, version: int) -> None:  # GAD-06
    joined(node, 3)
    (group,) = describe(node, version, "g")
    assert (group.group_state, group.protocol_type, group.protocol_data) == ("CompletingRebalance", "consumer", "")
    assert [(one.member_metadata, one.member_assignment) for one in group.members] == [(b"", b"")]


def test_a_rebalancing_member_is_shown_with_what_it_had(node: Node) -> None:  # GAD-06
    member = joined(node, 3)
    synced(node, 3, member.member_id)
    joined(node, 3, member_id=member.member_id)
    (group,) = describe(node, 6, "g")
    assert group.group_state == "CompletingRebalance"
    assert [(one.member_metadata, one.member_assignment) for one in group.members] == [(b"", b"mine")]


@pytest.mark.parametrize("version", range(7))
@pytest.mark.parametrize("group_id", ["none", ""])
def test_describe_an_unknown_group(node: Node, version: int, group_id: str) -> None:  # GAD-07, GAD-08, GRP-01
    for _ in range(2):
        (group,) = describe(node, version, group_id)
        assert (group.group_state, group.members, group.protocol_type) == ("Dead", [], "")
        assert group.error_code == (errors.GROUP_ID_NOT_FOUND if version >= 6 else 0)
        assert bool(group.error_message) == (version >= 6)
        commit(node, 8, ("t", 0, 1), group="other")


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_authorized_operations(node: Node, version: int) -> None:  # GAD-09
    commit(node, 8, ("t", 0, 1))
    asked = [describe(node, version, "g", include_authorized_operations=yes)[0] for yes in (False, True)]
    assert [one.authorized_operations for one in asked] == [authorized.NOT_ASKED, 3400]


def test_authorized_operations_of_each_type() -> None:
    # As `Utils.to32BitField(AclEntry.supportedOperations(type))` of Apache Kafka 4.3 gives them.
    assert (authorized.TOPIC, authorized.GROUP, authorized.CLUSTER) == (3576, 3400, 8096)


# ListGroups


def listed(node: Node, version: int, **filters: list[str]) -> list[tuple[str, str, str, str]]:
    answer = node.call(list_groups, version, ListGroupsRequest(**filters))
    assert answer.error_code == 0
    return sorted((one.group_id, one.protocol_type, one.group_state, one.group_type) for one in answer.groups)


@pytest.mark.parametrize("version", range(6))
def test_list_groups(node: Node, version: int) -> None:  # GAD-01, GAD-03
    assert listed(node, version) == []
    joined(node, 3)
    commit(node, 8, ("t", 0, 1), group="simple")
    state = (lambda name: name) if version >= 4 else (lambda _: "")
    kind = "classic" if version >= 5 else ""
    assert listed(node, version) == [
        ("g", "consumer", state("CompletingRebalance"), kind), ("simple", "", state("Empty"), kind),
    ]


@pytest.mark.parametrize(("filters", "found"), [
    ({"states_filter": []}, ["g", "simple"]),
    ({"states_filter": ["Empty"]}, ["simple"]),
    ({"states_filter": ["eMPTY", "Stable"]}, ["simple"]),
    ({"states_filter": ["completingrebalance"]}, ["g"]),
    ({"states_filter": ["whatever"]}, []),
    ({"types_filter": ["Classic"]}, ["g", "simple"]),
    ({"types_filter": ["consumer"]}, []),
    ({"types_filter": ["whatever"]}, []),
    ({"types_filter": ["consumer", "classic"], "states_filter": ["Empty"]}, ["simple"]),
])
def test_list_groups_with_filters(node: Node, filters: dict[str, list[str]], found: list[str]) -> None:  # GAD-02
    joined(node, 3)
    commit(node, 8, ("t", 0, 1), group="simple")
    assert [one[0] for one in listed(node, 5, **filters)] == found


def test_groups_of_all_shards_are_listed_after_a_restart(node: Node) -> None:  # GAD-01
    names = sorted(f"group-{at}" for at in range(20))
    for name in names:
        commit(node, 8, ("t", 0, 1), group=name)
    assert [one[0] for one in listed(node.restart(), 5)] == names


def test_list_groups_while_loading(node: Node) -> None:
    commit(node, 8, ("t", 0, 1))
    again = node.restart(load=False)
    seen: list[int] = []

    def ask() -> None:
        seen.append(again.call(list_groups, 5, ListGroupsRequest()).error_code)
        seen.append(describe(again, 6, "g")[0].error_code)
        seen.append(again.call(delete_groups, 2, DeleteGroupsRequest(groups_names=["g"])).results[0].error_code)

    again.while_loading("g", ask)
    again.groups.load_existing()
    assert seen == [errors.COORDINATOR_LOAD_IN_PROGRESS] * 3


# DeleteGroups


@pytest.mark.parametrize("version", range(4))
def test_delete_groups(node: Node, version: int) -> None:  # GAD-10, GAD-11
    joined(node, 3)
    commit(node, 8, ("t", 0, 1), group="old")
    request = DeleteGroupsRequest(groups_names=["old", "g", "none", "old", ""])
    answer = node.call(delete_groups, version, request)
    assert [(one.group_id, one.error_code) for one in answer.results] == [
        ("old", 0),
        ("g", errors.NON_EMPTY_GROUP),
        ("none", errors.GROUP_ID_NOT_FOUND),
        ("", errors.GROUP_ID_NOT_FOUND),
    ]
    again = node.restart()
    assert fetch(again, 9, everything=True, group="old") == {}
    assert "old" not in [one[0] for one in listed(again, 5)]


@pytest.mark.parametrize("version", range(4))
def test_delete_groups_of_a_fresh_broker(node: Node, version: int) -> None:  # GAD-10
    answer = node.call(delete_groups, version, DeleteGroupsRequest(groups_names=["none"]))
    assert [one.error_code for one in answer.results] == [errors.GROUP_ID_NOT_FOUND]
    assert OFFSETS_TOPIC not in node.image.topics
