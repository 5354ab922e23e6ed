"""Requests as frames: headers, refusals, and what the dispatcher does when a handler fails."""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.apis.context import Session
from pykbroker.apis.registry import HANDLERS
from pykbroker.errors import Disconnect, KafkaError
from pykbroker.later import Later, resolved
from pykbroker.testing.client import Pending, whole
from pykbroker.wire import catalog
from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.codegen_source import Kind
from pykbroker.wire.frame import Answer
from pykbroker.wire.message import Message
from pykbroker.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from pykbroker.wire.messages.describe_cluster import DescribeClusterRequest
from pykbroker.wire.messages.fetch import FetchResponse
from pykbroker.wire.messages.find_coordinator import FindCoordinatorRequest
from pykbroker.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from pykbroker.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from pykbroker.wire.messages.metadata import MetadataRequest, MetadataResponse
from pykbroker.wire.messages.produce import ProduceResponse
from tests.apis.running import Running, versions
from tests.storage.builders import a_batch
from tests.wire.values import carried, random_message

METADATA, API_VERSIONS, LIST_GROUPS = 3, 18, 16
SERVED = [(key, version) for key in sorted(HANDLERS) for version in versions(key)]


def header(key: int, version: int, correlation_id: int = 7, client_id: bytes | None = b"me") -> bytes:
    """A request header v1; v2 goes on with tags."""
    length = -1 if client_id is None else len(client_id)
    return struct.pack(">hhih", key, version, correlation_id, length) + (client_id or b"")


def answer(running: Running, frame: bytes) -> bytes:
    """Serve a frame and return the answer's, after the check of its size."""
    out = running.broker.handle(Session("PLAINTEXT", "127.0.0.1"), frame)
    assert out is not None
    assert not isinstance(out, Later)
    raw = whole(out)
    assert struct.unpack(">i", raw[:4])[0] == len(raw) - 4
    return raw[4:]


# -- headers


def test_a_request_before_the_flexible_versions_has_no_tags_in_its_header(running: Running) -> None:
    # FRM-03, FRM-05: ids in front, and the body follows the correlation id at once
    raw = answer(running, header(METADATA, 1, correlation_id=0x01020304) + struct.pack(">i", 0))
    assert raw[:4] == b"\1\2\3\4"
    assert decode_message(MetadataResponse, 1, raw[4:]).brokers[0].port == 9092


def test_a_flexible_request_has_a_tag_section_and_so_has_its_answer(running: Running) -> None:
    # FRM-03, FRM-04, FRM-05: the client id stays a classic string
    body = encode_message(MetadataRequest(topics=[]), 12)
    raw = answer(running, header(METADATA, 12, client_id=b"a client with a long name") + b"\0" + body)
    assert raw[4] == 0
    assert decode_message(MetadataResponse, 12, raw[5:]).brokers[0].port == 9092


@pytest.mark.parametrize("length", [0, 1, 2, 255, 32767])
def test_a_client_id_has_any_length(running: Running, length: int) -> None:
    # FRM-03, FRM-04: what comes after it is found
    for version, tags in ((0, b""), (3, b"\0")):
        body = encode_message(ListGroupsRequest(), version)
        raw = answer(running, header(LIST_GROUPS, version, client_id=b"x" * length) + tags + body)
        response = decode_message(ListGroupsResponse, version, raw[4 + len(tags) :])
        assert (response.error_code, response.groups) == (0, [])


def test_a_flexible_request_without_its_tag_section_is_dropped(running: Running) -> None:
    # FRM-03
    with pytest.raises(Disconnect):
        running.broker.handle(Session("PLAINTEXT", "x"), header(METADATA, 12))


@pytest.mark.parametrize("version", versions(API_VERSIONS))
def test_api_versions_is_answered_without_tags_in_the_header(running: Running, version: int) -> None:
    # FRM-06
    tags = b"\0" if version >= 3 else b""
    request = ApiVersionsRequest(client_software_name="test", client_software_version="1")
    raw = answer(running, header(API_VERSIONS, version) + tags + encode_message(request, version))
    assert decode_message(ApiVersionsResponse, version, raw[4:]).error_code == 0


@pytest.mark.parametrize("correlation_id", [0, 7, 7, -1, 2**31 - 1, -(2**31)])
def test_any_correlation_id_comes_back(running: Running, correlation_id: int) -> None:
    # FRM-07
    raw = answer(running, header(LIST_GROUPS, 0, correlation_id))
    assert struct.unpack(">i", raw[:4])[0] == correlation_id


def test_the_parked_answer_has_its_requests_correlation_id(topic: Running) -> None:
    # FRM-07
    def park(correlation_id: int) -> Later[Answer | None]:
        request = topic.fetch_request([("t", 0, 0)], 4, max_wait_ms=100)
        frame = header(1, 4, correlation_id) + encode_message(request, 4)
        out = topic.broker.handle(Session("PLAINTEXT", "x"), frame)
        assert isinstance(out, Later)
        return out

    first, second = park(11), park(12)
    topic.clock.advance(100)
    answers = [each.result() for each in (second, first)]
    assert [whole(each)[4:8] for each in answers if each is not None] == [b"\0\0\0\x0c", b"\0\0\0\x0b"]


def test_unknown_tags_are_skipped(running: Running) -> None:
    # FRM-16: in the header, in the body, and more of them than fit into one byte
    body = encode_message(MetadataRequest(topics=[]), 12)[:-1]
    tag = b"\x05\x02ab"
    many = b"\x82\x01" + b"".join(struct.pack(">BBB", 0x80 | number, 1, 0) for number in range(130 - 128, 128))
    many += b"".join(bytes([0x80 | number - 128, 2, 0]) for number in range(128, 132))
    for tags in (b"\x01" + tag, b"\x02" + tag + b"\x7f\x00", many):
        raw = answer(running, header(METADATA, 12) + tags + body + tags)
        assert decode_message(MetadataResponse, 12, raw[5:]).brokers


def test_an_answer_leaves_out_tagged_fields_with_their_defaults(topic: Running) -> None:
    # FRM-17, PROD-37: after the last partition: its tags, the topic's, throttle time, the response's tags
    frame = topic.client.frame(topic.produce_request({("t", 0): a_batch()}, 12), 12)
    raw = answer(topic, frame)
    assert raw.endswith(b"\0" * 7)
    partition = struct.pack(">ihqqq", 0, 0, 0, -1, 0) + b"\x01" + b"\x00" + b"\x00"  # no errors, null message, no tags
    assert raw.endswith(b"\x02" + b"\x02t" + b"\x02" + partition + b"\0" + b"\0\0\0\0" + b"\0")


def test_lengths_of_a_flexible_version_are_one_more_and_null_is_zero(topic: Running) -> None:
    # FRM-18: all topics are null, no topics is 1; then a topic without an id, and one by its 16 raw bytes
    def body(topics: bytes) -> bytes:
        return header(METADATA, 12) + b"\0" + topics + b"\0\0" + b"\0"

    def names(raw: bytes) -> list[str | None]:
        return [each.name for each in decode_message(MetadataResponse, 12, raw[5:]).topics]

    assert names(answer(topic, body(b"\x00"))) == ["t"]
    assert names(answer(topic, body(b"\x01"))) == []
    assert names(answer(topic, body(b"\x02" + bytes(16) + b"\x02t" + b"\0"))) == ["t"]
    assert names(answer(topic, body(b"\x02" + topic.topic_id() + b"\x00" + b"\0"))) == ["t"]


def test_a_client_without_an_id_is_the_one_with_an_empty_id(running: Running) -> None:
    # FRM-19: the id is what member ids begin with
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=10_000,
        rebalance_timeout_ms=10_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range")],
    )

    def joined(client_id: bytes | None) -> str:
        raw = answer(running, header(11, 4, client_id=client_id) + encode_message(request, 4))
        response = decode_message(JoinGroupResponse, 4, raw[4:])
        assert response.error_code == errors.MEMBER_ID_REQUIRED
        return response.member_id

    assert joined(b"me").startswith("me-")
    assert joined(b"").startswith("-")
    assert joined(None).startswith("-")


# -- requests that end the connection


UNSERVED = [key for key in (-1, *range(100), 32767) if key not in HANDLERS]


@pytest.mark.parametrize("key", UNSERVED)
def test_an_unknown_api_ends_the_connection(running: Running, key: int) -> None:
    # FRM-12
    with pytest.raises(Disconnect):
        running.broker.handle(Session("PLAINTEXT", "x"), header(key, 0))


@pytest.mark.parametrize("key", sorted(set(HANDLERS) - {API_VERSIONS}))
def test_a_version_that_is_not_served_ends_the_connection(running: Running, key: int) -> None:
    # FRM-13: no body says UNSUPPORTED_VERSION
    served = versions(key)
    body = encode_message(catalog.APIS[key].request()(), served[-1])
    for version in (-1, served[0] - 1, served[-1] + 1, 32767):
        for tags in (b"", b"\0"):
            with pytest.raises(Disconnect):
                running.broker.handle(Session("PLAINTEXT", "x"), header(key, version) + tags + body)


@pytest.mark.parametrize("version", [versions(API_VERSIONS)[-1] + 1, 99, 32767, -1])
def test_a_newer_api_versions_learns_our_range_in_the_oldest_form(running: Running, version: int) -> None:
    # FRM-14: the body is not looked at
    raw = answer(running, header(API_VERSIONS, version) + b"\xff not a body")
    response = decode_message(ApiVersionsResponse, 0, raw[4:])
    assert response.error_code == errors.UNSUPPORTED_VERSION
    served = versions(API_VERSIONS)
    assert [(each.api_key, each.min_version, each.max_version) for each in response.api_keys] == [
        (API_VERSIONS, served[0], served[-1])
    ]


MALFORMED = {
    "nothing": b"",
    "half a header": header(METADATA, 1)[:9],
    "a client id that is longer than the frame": struct.pack(">hhih", METADATA, 0, 1, 100) + b"\0\0\0\0",
    "a client id that is no text": header(LIST_GROUPS, 0, client_id=b"\xff\xfe"),
    "no body": header(METADATA, 1),
    "a null name": header(METADATA, 1) + struct.pack(">ih", 1, -1),
    "a null list": header(8, 2) + struct.pack(">h1sih", 1, b"g", 1, 0) + struct.pack(">qi", 0, -1),
    "a negative count": header(METADATA, 1) + struct.pack(">i", -2),
    "a count beyond the end": header(METADATA, 1) + struct.pack(">i", 2**31 - 1),
    "a name beyond the end": header(METADATA, 1) + struct.pack(">ih", 1, 32767) + b"t",
    "a name that is no text": header(METADATA, 1) + struct.pack(">ih2s", 1, 2, b"\xc3\x28"),
    "tags beyond the end": header(METADATA, 12) + b"\x05",
    "an endless varint": header(METADATA, 12) + b"\0" + b"\xff" * 20,
    "an id cut short": header(METADATA, 12) + b"\0\x02" + bytes(7),
}


@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_ends_the_connection(running: Running, frame: bytes) -> None:
    # FRM-15
    with pytest.raises(Disconnect):
        running.broker.handle(Session("PLAINTEXT", "x"), frame)


@pytest.mark.parametrize(("key", "version"), [(key, version) for key, version in SERVED if key != 0])
def test_a_request_cut_anywhere_ends_the_connection(
    running: Running, caplog: pytest.LogCaptureFixture, key: int, version: int
) -> None:
    # FRM-15: or it still is a request, where the list that was cut off had been the end
    random = Random(key * 100 + version)
    request = random_message(catalog.APIS[key].request(), version, random)
    frame = running.client.frame(request, version)
    dropped = 0
    for end in random.sample(range(len(frame)), min(len(frame), 12)):
        try:
            running.broker.handle(Session("PLAINTEXT", "x"), frame[:end])
        except Disconnect:
            dropped += 1
    assert dropped == min(len(frame), 12)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


# -- acks=0


def test_a_produce_without_acks_is_not_answered_and_the_next_request_is(topic: Running) -> None:
    # FRM-10
    for version in versions(0):
        assert topic.send_produce({("t", 0): a_batch()}, version, acks=0) is None
    assert topic.fetch_one().high_watermark == len(versions(0))


@pytest.mark.parametrize("version", versions(0))
def test_a_produce_without_acks_that_fails_ends_the_connection(topic: Running, version: int) -> None:
    # FRM-11: what could be stored is stored
    with pytest.raises(Disconnect):
        topic.send_produce({("t", 0): a_batch(), ("missing", 0): a_batch(), ("t", 1): a_batch()}, version, acks=0)
    assert [topic.partition("t", index).log_end_offset for index in (0, 1)] == [1, 1]


# -- parked requests


def test_a_parked_fetch_whose_client_is_gone_disturbs_nobody(topic: Running) -> None:
    # FRM-22: nobody holds the answer any more; an append and the timer come all the same
    topic.fetch(("t", 0, 0), max_wait_ms=100, client=topic.another_client())
    other = topic.fetch(("t", 0, 0), max_wait_ms=200, client=topic.another_client())
    assert topic.produce(a_batch()).base_offset == 0
    topic.clock.advance(0)
    assert other.done
    assert not topic.broker.services.fetch_waits
    topic.clock.advance(1000)
    assert topic.produce(a_batch()).base_offset == 1


def test_an_answer_that_cannot_be_written_ends_its_own_connection_only(
    topic: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # FRM-23: the append that wakes a fetch is not disturbed by what becomes of the fetch
    from pykbroker.apis import fetch

    parked = topic.fetch(("t", 0, 0), max_wait_ms=100, client=topic.another_client())
    unwritable = FetchResponse(responses=None)  # type: ignore[arg-type]
    monkeypatch.setattr(fetch.Reader, "response", lambda self: unwritable)
    assert topic.produce(a_batch()).base_offset == 0
    topic.clock.advance(0)
    with pytest.raises(Disconnect):
        _ = parked.response


def test_an_answer_may_be_none_later_too(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    # FRM-10
    monkeypatch.setattr("pykbroker.apis.group_admin.list_groups", lambda ctx, request: resolved(None))
    pending = running.client.send(ListGroupsRequest(), 0)
    assert isinstance(pending, Pending)
    assert pending.response is None


# -- a handler that fails


def broken(running: Running, monkeypatch: pytest.MonkeyPatch, key: int, error: Exception) -> None:
    """Let the handler of an API raise."""

    def raising(*_: object) -> object:
        raise error

    module, function = HANDLERS[key][:2]
    monkeypatch.setattr(f"pykbroker.apis.{module}.{function}", raising)


def error_codes(message: Message) -> list[int]:
    """Every `error_code` in a message, at any depth."""
    found = []
    for name in message.__slots__:
        value = getattr(message, name)
        if name == "error_code":
            found.append(value)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Message):
                found += error_codes(item)
    return found


def filled(cls: type[Message], version: int) -> Any:
    """A message with one item in every list, at any depth, and no nulls."""
    found = cls()
    for field in carried(cls, version):
        kind = Kind(field.annotation)
        if kind.struct is not None:
            setattr(found, field.name, filled(kind.struct, version))
        elif kind.element is not None and kind.element.struct is not None:
            setattr(found, field.name, [filled(kind.element.struct, version)])
        elif kind.element is not None:
            setattr(found, field.name, ["x" if kind.element.name == "str" else 0])
        elif kind.fixed is None and getattr(found, field.name) is None:
            setattr(found, field.name, {"str": "x", "bytes": b""}.get(kind.name, memoryview(b"")))
    return found


@pytest.mark.parametrize(("key", "version"), [each for each in SERVED if each[0] not in (0, API_VERSIONS)])
def test_an_exception_in_a_handler_is_an_unknown_server_error(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, key: int, version: int
) -> None:
    # FRM-23: in the request's own schema, and logged with its traceback; or the connection ends, if there is no room
    broken(running, monkeypatch, key, ValueError("a bug of ours"))
    try:
        response = running.client.send(filled(catalog.APIS[key].request(), version), version)
    except Disconnect:
        assert (key, version) in NO_ROOM
    else:
        assert (key, version) not in NO_ROOM
        codes = error_codes(response)
        assert codes
        assert set(codes) <= {errors.UNKNOWN_SERVER_ERROR, 0}
        assert errors.UNKNOWN_SERVER_ERROR in codes
    assert "a bug of ours" in caplog.text
    assert "Traceback" in caplog.text


NO_ROOM = {(35, 1), (35, 2)}
"""DescribeLogDirs has no error code before version 3."""


def test_an_error_raised_by_a_handler_is_answered_as_it_is(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # FRM-23: a KafkaError is no bug, and not logged
    broken(running, monkeypatch, LIST_GROUPS, KafkaError(errors.COORDINATOR_LOAD_IN_PROGRESS))
    assert running.client.send(ListGroupsRequest(), 5).error_code == errors.COORDINATOR_LOAD_IN_PROGRESS
    assert not caplog.records


def test_an_exception_in_produce_and_fetch_names_every_partition(
    topic: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # FRM-23, PROD-31, FET-05
    broken(topic, monkeypatch, 0, RuntimeError())
    broken(topic, monkeypatch, 1, RuntimeError())
    produced = topic.send_produce({("t", 0): a_batch(), ("t", 1): a_batch()}, 12)
    assert isinstance(produced, ProduceResponse)
    assert [
        (part.index, part.error_code, part.base_offset, part.log_append_time_ms)
        for part in produced.responses[0].partition_responses
    ] == [(0, -1, -1, -1), (1, -1, -1, -1)]
    fetched = topic.fetch(("t", 0, 0), ("t", 1, 0))
    assert [
        (part.partition_index, part.error_code, part.high_watermark, bytes(part.records))
        for each in fetched.responses
        for part in each.partitions
    ] == [(0, -1, -1, b""), (1, -1, -1, b"")]


def test_an_exception_in_a_produce_without_acks_ends_the_connection(
    topic: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # FRM-11, FRM-10: an answer would be taken for the next request's
    broken(topic, monkeypatch, 0, RuntimeError())
    with pytest.raises(Disconnect):
        topic.send_produce({("t", 0): a_batch()}, 12, acks=0)


def test_an_exception_after_parking_is_answered_too(topic: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    # FRM-23
    from pykbroker.apis import fetch

    parked = topic.fetch(("t", 0, 0), max_wait_ms=100, client=topic.another_client())
    assert isinstance(parked, Pending)

    def failing(self: object) -> object:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(fetch.Reader, "response", failing)
    topic.clock.advance(100)
    assert parked.response.error_code == errors.UNKNOWN_SERVER_ERROR


# -- listeners


def test_every_listener_is_told_its_own_address(tmp_path: Path) -> None:
    # FRM-24
    running = Running(
        tmp_path,
        {
            "listeners": "PLAINTEXT://127.0.0.1:9092,SECOND://127.0.0.1:9093",
            "advertised.listeners": "PLAINTEXT://first.example:19092,SECOND://second.example:29093",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT",
        },
    )
    for listener, expected in (
        ("PLAINTEXT", ("first.example", 19092)),
        ("SECOND", ("second.example", 29093)),
    ):
        client = running.another_client(listener=listener)
        for version in versions(METADATA):
            brokers = client.send(MetadataRequest(topics=None if version else []), version).brokers
            assert [(each.host, each.port) for each in brokers] == [expected]
        for version in versions(10):
            found = client.send(FindCoordinatorRequest(key="g", coordinator_keys=["g"]), version)
            nodes = found.coordinators if version >= 4 else [found]
            assert [(each.host, each.port) for each in nodes] == [expected]
        for version in versions(60):
            cluster = client.send(DescribeClusterRequest(), version)
            assert [(each.host, each.port) for each in cluster.brokers] == [expected]
    running.stop()
