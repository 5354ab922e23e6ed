"""`pykbroker groups` against a broker with groups of real consumers."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer

from pykbroker.testing import Broker
from tests.commands.conftest import Run


@pytest.fixture
def read(kafka: Broker, on: Run) -> Broker:
    """A broker with a topic `t` of two partitions, of which group `g` has read the first."""
    kafka.create_topic("t", 2)
    for partition in (0, 0, 0, 1):
        kafka.topic("t").produce("x", partition=partition)
    assert on("consume", "t", "--partition", 0, "--group", "g", "--count", 1).status == 0
    return kafka


@pytest.fixture
def member(read: Broker) -> Iterator[Consumer]:
    """A member of group `live`, which has all partitions of `t`."""
    consumer = Consumer({
        "bootstrap.servers": read.bootstrap_servers, "group.id": "live", "client.id": "reader",
        "auto.offset.reset": "earliest", "enable.auto.commit": False,
    })  # fmt: skip
    consumer.subscribe(["t"])
    assert consumer.poll(30) is not None
    yield consumer
    consumer.close()


def test_list_has_state_and_protocol(read: Broker, member: Consumer, on: Run) -> None:
    headings, *rows = on("groups").rows
    assert headings == ["GROUP", "STATE", "TYPE", "PROTOCOL"]
    assert rows == [["g", "Empty", "classic", "-"], ["live", "Stable", "classic", "consumer"]]
    assert on("groups", "list").rows == [headings, *rows]
    assert on("groups", "--json").json[0] == {"group": "g", "state": "Empty", "type": "classic", "protocol_type": ""}


def test_list_of_nothing_says_so(on: Run) -> None:
    assert on("groups").out == "no groups\n"


def test_describe_shows_how_far_it_is(read: Broker, on: Run) -> None:
    title, headings, row = on("groups", "describe", "g").rows
    assert title == ["g", "Empty,", "members", "0"]
    assert dict(zip(headings, row, strict=True)) == {
        "TOPIC": "t", "PARTITION": "0", "COMMITTED": "1", "END": "3", "LAG": "2",
        "MEMBER": "-", "CLIENT": "-", "HOST": "-",
    }  # fmt: skip


def test_describe_shows_who_reads_what(read: Broker, member: Consumer, on: Run) -> None:
    (group,) = on("groups", "describe", "live", "--json").json
    assert (group["group"], group["state"], group["assignor"]) == ("live", "Stable", "range")
    assert [each["client"] for each in group["members"]] == ["reader"]
    assert [(p["topic"], p["partition"], p["committed"], p["lag"], p["client"]) for p in group["partitions"]] == [
        ("t", 0, None, None, "reader"), ("t", 1, None, None, "reader"),
    ]  # fmt: skip


def test_describe_of_an_unknown_group_is_one_line(on: Run) -> None:
    assert on("groups", "describe", "nope") == (1, "", "pykbroker: group nope: there is no such group\n")


def test_delete_takes_what_it_can_and_names_the_rest(read: Broker, member: Consumer, on: Run) -> None:
    done = on("groups", "delete", "g", "live", "nope")
    assert (done.status, done.out) == (1, "deleted g\n")
    assert done.err == "pykbroker: group live: NON_EMPTY_GROUP\npykbroker: group nope: GROUP_ID_NOT_FOUND\n"
    assert read.group("g").committed() == {}


def test_reset_is_only_shown_unless_it_is_executed(read: Broker, on: Run) -> None:
    done = on("groups", "reset-offsets", "g", "--to", "end")
    assert done.rows[:2] == [["TOPIC", "PARTITION", "COMMITTED", "NEW"], ["t", "0", "1", "3"]]
    assert done.out.endswith("nothing was changed: add --execute to do it\n")
    assert read.group("g").committed() == {("t", 0): 1}


@pytest.mark.parametrize(
    ("options", "committed"),
    [
        (["--to", "beginning"], {("t", 0): 0}),
        (["--to", "2"], {("t", 0): 2}),
        (["--to", "99"], {("t", 0): 3}),
        (["--to", "-99"], {("t", 0): 0}),
        (["--to", "end", "--topic", "t"], {("t", 0): 3, ("t", 1): 1}),
        (["--to", "-1", "--topic", "t:1"], {("t", 0): 1, ("t", 1): 0}),
    ],
)
def test_reset_moves_what_it_is_told_to(
    read: Broker, on: Run, options: list[str], committed: dict[tuple[str, int], int]
) -> None:
    assert on("groups", "reset-offsets", "g", *options, "--execute").status == 0
    assert read.group("g").committed() == committed


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["live"], "group live is Stable: stop its members first (reader)"),
        (["new"], "group new has committed nothing: say --topic"),
        (["g", "--topic", "t:9"], "topic t has no partition 9"),
        (["g", "--topic", "nope"], "topic nope: UNKNOWN_TOPIC_OR_PARTITION"),
    ],
)
def test_reset_that_cannot_be_is_one_line(
    read: Broker, member: Consumer, on: Run, arguments: list[str], line: str
) -> None:
    done = on("groups", "reset-offsets", *arguments, "--to", "end", "--execute")
    assert done == (1, "", f"pykbroker: {line}\n")


def test_consuming_for_a_group_with_members_is_refused_before_anything_is_printed(
    read: Broker, member: Consumer, on: Run
) -> None:
    done = on("consume", "t", "--group", "live")
    assert done == (1, "", "pykbroker: group live is Stable: stop its members first (reader)\n")
