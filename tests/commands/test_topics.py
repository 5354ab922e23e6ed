"""`pykbroker topics` against a broker."""

import pytest

from pykbroker.testing import Broker
from tests.commands.conftest import Run


def test_list_has_partitions_and_records_but_not_the_brokers_own_topics(kafka: Broker, on: Run) -> None:
    kafka.create_topic("b", 3)
    assert on("produce", "a", stdin=b"1\n2\n").status == 0
    assert on("consume", "a", "--group", "g").status == 0
    table = [["TOPIC", "PARTITIONS", "RECORDS"], ["a", "1", "2"], ["b", "3", "0"]]
    assert on("topics").rows == on("topics", "list").rows == table
    assert [row[0] for row in on("topics", "--internal").rows] == ["TOPIC", "__consumer_offsets", "a", "b"]


def test_list_in_json(kafka: Broker, on: Run) -> None:
    kafka.create_topic("b", 3)
    assert on("topics", "--json").json == [{"topic": "b", "partitions": 3, "records": 0}]


def test_list_of_nothing_says_so(on: Run) -> None:
    assert on("topics").out == "no topics\n"
    assert on("topics", "--json").json == []


def test_create_makes_a_topic_as_it_was_asked_for(kafka: Broker, on: Run) -> None:
    options = ("--partitions", 2, "--config", "cleanup.policy=compact", "--config", "retention.ms=5")
    assert on("topics", "create", "prices", *options) == (0, "created prices\n", "")
    (topic,) = on("topics", "describe", "prices", "--json").json
    assert topic["topic"] == "prices"
    assert topic["configs"] == {"cleanup.policy": "compact", "retention.ms": "5"}
    assert [each["partition"] for each in topic["partitions"]] == [0, 1]


def test_describe_shows_configs_and_offsets(kafka: Broker, on: Run) -> None:
    kafka.create_topic("t", retention_ms=5)
    kafka.topic("t").produce("1")
    kafka.topic("t").produce("2")
    title, config, headings, row = on("topics", "describe", "t").rows
    assert (title[:2], config) == (["t", "id"], ["retention.ms=5"])
    assert dict(zip(headings, row, strict=True)) == {
        "PARTITION": "0", "LEADER": "1", "REPLICAS": "1", "ISR": "1", "START": "0", "END": "2", "RECORDS": "2",
    }  # fmt: skip


def test_options_may_stand_before_the_action(kafka: Broker, run: Run) -> None:
    kafka.create_topic("t")
    done = run("topics", "--bootstrap", kafka.bootstrap_servers, "--json", "describe", "t")
    assert [each["topic"] for each in done.json] == ["t"]


def test_delete_takes_what_it_can_and_names_the_rest(kafka: Broker, on: Run) -> None:
    kafka.create_topic("t")
    done = on("topics", "delete", "t", "nope")
    assert (done.status, done.out) == (1, "deleted t\n")
    assert done.err == "pykbroker: topic nope: UNKNOWN_TOPIC_OR_PARTITION: There is no topic of this name.\n"
    assert kafka.topics() == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("describe", "nope"), "topic nope: UNKNOWN_TOPIC_OR_PARTITION"),
        (("create", "t"), "topic t: TOPIC_ALREADY_EXISTS: "),
        (("create", "u", "--config", "no.such=1"), "topic u: INVALID_CONFIG: no.such: is not a topic config"),
        (("create", "u", "--replication-factor", 2), "topic u: INVALID_REPLICATION_FACTOR: "),
    ],
)
def test_refusal_is_one_line(kafka: Broker, on: Run, arguments: tuple[object, ...], line: str) -> None:
    kafka.create_topic("t")
    done = on("topics", *arguments)
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith(f"pykbroker: {line}")
