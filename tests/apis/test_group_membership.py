"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup as handlers: every version, every form of an error."""

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.apis.groups import heartbeat, join_group, leave_group, sync_group
from pykbroker.errors import KafkaError
from pykbroker.later import Later
from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from pykbroker.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from pykbroker.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from tests.groups.coordinating import Node, as_sent


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def joined(node: Node, version: int, **fields: Any) -> Any:
    """Join with both steps if the version has them, and return the answer as it is sent."""
    facts: dict[str, Any] = {
        "group_id": "g",
        "session_timeout_ms": 10_000,
        "protocol_type": "consumer",
        "protocols": [JoinGroupRequestProtocol(name="range", metadata=b"m")],
        **fields,
    }
    if version >= 1:
        facts.setdefault("rebalance_timeout_ms", 60_000)
    reply = node.call(join_group, version, JoinGroupRequest(**facts))
    if isinstance(reply, Later):
        node.clock.advance(0)
        return as_sent(reply.result(), version)
    if reply.error_code == errors.MEMBER_ID_REQUIRED and "member_id" not in fields:
        return joined(node, version, member_id=reply.member_id, **fields)
    return reply


def synced(node: Node, version: int, member_id: str, generation: int = 1, **fields: Any) -> Any:
    if version >= 5:
        fields = {"protocol_type": "consumer", "protocol_name": "range", **fields}
    assignments = [SyncGroupRequestAssignment(member_id=member_id, assignment=b"mine")]
    request = SyncGroupRequest(
        group_id="g", generation_id=generation, member_id=member_id, assignments=assignments, **fields
    )
    reply = node.call(sync_group, version, request)
    return as_sent(reply.result(), version) if isinstance(reply, Later) else reply


@pytest.mark.parametrize("version", range(10))
def test_join_in_every_version(node: Node, version: int) -> None:  # GRP-03, GRP-04, GRP-12, GRP-16
    answer = joined(node, version)
    assert (answer.error_code, answer.generation_id, answer.protocol_name) == (0, 1, "range")
    assert answer.leader == answer.member_id
    assert answer.member_id.startswith("app-")
    assert [one.metadata for one in answer.members] == [b"m"]
    assert answer.protocol_type == ("consumer" if version >= 7 else None)


@pytest.mark.parametrize("version", range(10))
def test_join_error_in_every_version(node: Node, version: int) -> None:  # GRP-02, GRP-16
    answer = joined(node, version, session_timeout_ms=1)
    assert answer.error_code == errors.INVALID_SESSION_TIMEOUT
    assert answer.protocol_name == ("" if version < 7 else None)
    assert (answer.generation_id, answer.members) == (-1, [])


@pytest.mark.parametrize("version", [5, 6, 7, 9])
def test_error_that_comes_later_has_no_null_before_v7(node: Node, version: int) -> None:  # GRP-16
    leader = joined(node, 3)
    synced(node, 3, leader.member_id)
    request = JoinGroupRequest(
        group_id="g", session_timeout_ms=10_000, rebalance_timeout_ms=60_000, group_instance_id="i",
        protocol_type="consumer", protocols=[JoinGroupRequestProtocol(name="range")],
    )
    held = node.call(join_group, version, request)
    assert isinstance(held, Later) and not held.done
    node.call(join_group, version, request)
    answer = as_sent(held.result(), version)
    assert (answer.error_code, answer.protocol_name) == (errors.FENCED_INSTANCE_ID, "" if version < 7 else None)


@pytest.mark.parametrize("version", [8, 9])
def test_reason_is_accepted(node: Node, version: int) -> None:  # GRP-45
    assert joined(node, version, reason="because").error_code == 0


@pytest.mark.parametrize("version", range(10))
def test_restarted_static_leader_in_every_version(node: Node, version: int) -> None:  # GRP-37
    if version < 5:
        return
    old = joined(node, version, group_instance_id="i")
    synced(node, 3, old.member_id, group_instance_id="i")
    new = joined(node, version, group_instance_id="i")
    assert (new.error_code, new.generation_id) == (0, 1)
    assert new.skip_assignment == (version >= 9)
    assert new.leader == (new.member_id if version >= 9 else old.member_id)


@pytest.mark.parametrize("version", range(6))
def test_sync_in_every_version(node: Node, version: int) -> None:  # GRP-24
    answer = synced(node, version, joined(node, 3).member_id)
    assert (answer.error_code, answer.assignment) == (0, b"mine")
    assert answer.protocol_type == ("consumer" if version >= 5 else None)


@pytest.mark.parametrize("missing", [{"protocol_type": None}, {"protocol_name": None}])
def test_sync_must_name_the_protocol_from_v5(node: Node, missing: dict[str, Any]) -> None:  # GRP-23
    member_id = joined(node, 3).member_id
    assert synced(node, 5, member_id, **missing).error_code == errors.INCONSISTENT_GROUP_PROTOCOL


@pytest.mark.parametrize("version", range(5))
def test_heartbeat_in_every_version(node: Node, version: int) -> None:  # GRP-28
    member_id = joined(node, 3).member_id
    right = HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)
    assert node.call(heartbeat, version, right).error_code == 0
    wrong = HeartbeatRequest(group_id="g", generation_id=2, member_id=member_id)
    assert node.call(heartbeat, version, wrong).error_code == errors.ILLEGAL_GENERATION


@pytest.mark.parametrize("version", range(6))
def test_leave_in_every_version(node: Node, version: int) -> None:  # GRP-32
    member_id = joined(node, 3).member_id
    synced(node, 3, member_id)
    for expected in (0, errors.UNKNOWN_MEMBER_ID):
        if version < 3:
            answer = node.call(leave_group, version, LeaveGroupRequest(group_id="g", member_id=member_id))
            assert (answer.error_code, answer.members) == (expected, [])
        else:
            leaving = [MemberIdentity(member_id=member_id, reason="done" if version >= 5 else None)]  # GRP-45
            answer = node.call(leave_group, version, LeaveGroupRequest(group_id="g", members=leaving))
            assert (answer.error_code, [one.error_code for one in answer.members]) == (0, [expected])
            assert [one.member_id for one in answer.members] == [member_id]


@pytest.mark.parametrize("version", [0, 2, 3, 5])
def test_leave_without_group_id(node: Node, version: int) -> None:  # GRP-01, GRP-32
    assert node.call(leave_group, version, LeaveGroupRequest()).error_code == errors.INVALID_GROUP_ID


def test_empty_group_id(node: Node) -> None:  # GRP-01
    assert joined(node, 9, group_id="").error_code == errors.INVALID_GROUP_ID
    assert node.call(heartbeat, 4, HeartbeatRequest()).error_code == errors.INVALID_GROUP_ID
    request = SyncGroupRequest(protocol_type="consumer", protocol_name="range")
    assert node.call(sync_group, 5, request).error_code == errors.INVALID_GROUP_ID


def test_member_and_assignment_survive_a_restart(node: Node) -> None:  # GRP-42
    member_id = joined(node, 9).member_id
    synced(node, 5, member_id)
    again = node.restart()
    request = HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)
    assert again.call(heartbeat, 4, request).error_code == 0
    assert synced(again, 5, member_id).assignment == b"mine"
    again.clock.advance(10_000)
    assert again.call(heartbeat, 4, request).error_code == errors.UNKNOWN_MEMBER_ID


def test_while_the_shard_is_loading(node: Node) -> None:  # GRP-43
    member_id = joined(node, 9).member_id
    synced(node, 5, member_id)
    again = node.restart(load=False)
    seen: list[int] = []

    def ask() -> None:
        beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)
        leave = LeaveGroupRequest(group_id="g", member_id=member_id)
        seen.append(again.call(heartbeat, 4, beat).error_code)
        seen.append(joined(again, 9, member_id=member_id).error_code)
        seen.append(synced(again, 5, member_id).error_code)
        seen.append(again.call(leave_group, 0, leave).error_code)

    again.while_loading("g", ask)
    again.groups.load_existing()
    assert seen == [0, *[errors.COORDINATOR_LOAD_IN_PROGRESS] * 3]


@pytest.mark.parametrize("version", [0, 3])
def test_stopping_answers_what_is_held(node: Node, version: int) -> None:  # GRP-16, GRP-47
    synced(node, 3, joined(node, 3).member_id)
    request = JoinGroupRequest(
        group_id="g", session_timeout_ms=10_000, protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range")],
    )
    held = node.call(join_group, version, request)
    assert isinstance(held, Later) and not held.done
    node.groups.release_parked()
    answer = as_sent(held.result(), version)
    assert (answer.error_code, answer.protocol_name) == (errors.NOT_COORDINATOR, "")


def test_generation_that_cannot_be_stored(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:  # GRP-44
    member_id = joined(node, 9).member_id

    def fail(*_: object) -> int:
        raise KafkaError(errors.KAFKA_STORAGE_ERROR)

    monkeypatch.setattr("pykbroker.storage.partition.Partition.append_own", fail)
    assert synced(node, 5, member_id).error_code == errors.NOT_COORDINATOR
