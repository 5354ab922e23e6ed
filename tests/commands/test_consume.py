"""`pykbroker consume`: where it begins and ends, what it prints, what it commits."""

import json
import signal
import subprocess
import sys

import pytest

from pykbroker.testing import Broker
from tests.commands.conftest import Run


@pytest.fixture
def numbers(kafka: Broker) -> Broker:
    """A broker with a topic `t` of two partitions: 0 to 4 in the first, a and b in the second."""
    kafka.create_topic("t", 2)
    for n in range(5):
        kafka.topic("t").produce(str(n), partition=0, timestamp=1000 * (n + 1))
    for value in "ab":
        kafka.topic("t").produce(value, partition=1, timestamp=9000)
    return kafka


def lines(text: str) -> list[str]:
    return sorted(text.splitlines())


def test_all_there_is_comes_and_then_it_ends(numbers: Broker, on: Run) -> None:
    done = on("consume", "t")
    assert (done.status, done.err) == (0, "")
    assert lines(done.out) == ["0", "1", "2", "3", "4", "a", "b"]
    assert [line for line in done.out.splitlines() if line.isdecimal()] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("place", "printed"),
    [
        ("beginning", "01234ab"), ("end", ""), ("3", "34"), ("-2", "34ab"), ("99", ""), ("@3000", "234ab"),
        ("@9001", ""), ("1970-01-01T00:00:04+00:00", "34ab"),
    ],
)  # fmt: skip
def test_it_begins_where_it_should(numbers: Broker, on: Run, place: str, printed: str) -> None:
    done = on("consume", "t", "--from", place)
    assert (done.status, done.err) == (0, "")
    assert lines(done.out) == list(printed)


def test_partition_and_count_limit_it(numbers: Broker, on: Run) -> None:
    assert on("consume", "t", "--partition", 1).out == "a\nb\n"
    assert on("consume", "t", "--partition", 0, "--count", 2).out == "0\n1\n"


def test_batch_that_holds_the_beginning_is_printed_from_there(kafka: Broker, on: Run) -> None:
    assert on("produce", "t", stdin=b"0\n1\n2\n3\n").status == 0
    assert on("consume", "t", "--from", 2).out == "2\n3\n"


def test_format_has_the_letters_of_kcat(kafka: Broker, on: Run) -> None:
    kafka.topic("t").produce("value", key="k", headers={"h": "x"}, timestamp=7)
    kafka.topic("t").produce(None, timestamp=8)
    done = on("consume", "t", "--format", "%t-%p@%o %T %k=%s %K/%S %h 100%%\\n")
    assert done.out == "t-0@0 7 k=value 1/5 h=x 100%\nt-0@1 8 = -1/-1  100%\n"


def test_json_can_be_written_again_and_is_the_same(kafka: Broker, on: Run) -> None:
    kafka.topic("a").produce("v", key="k", headers={"h": "x"}, timestamp=7)
    kafka.topic("a").produce(None, key=b"\xff", timestamp=8)
    first = on("consume", "a", "--json").out
    assert on("produce", "b", "--json", stdin=first.encode()).status == 0
    second = on("consume", "b", "--json").out
    assert [json.loads(line) | {"topic": "a"} for line in second.splitlines()] == [
        {"topic": "a", "partition": 0, "offset": 0, "timestamp": 7, "key": "k", "value": "v", "headers": [["h", "x"]]},
        {"topic": "a", "partition": 0, "offset": 1, "timestamp": 8, "key": {"base64": "/w=="}, "value": None,
         "headers": []},
    ]  # fmt: skip
    assert second == first.replace('"topic": "a"', '"topic": "b"')


def test_group_goes_on_where_it_was(numbers: Broker, on: Run) -> None:
    def consumed(*options: object) -> str:
        return on("consume", "t", "--partition", 0, "--group", "g", *options).out

    assert consumed("--count", 2) == "0\n1\n"
    assert numbers.group("g").committed() == {("t", 0): 2}
    assert consumed() == "2\n3\n4\n"
    assert consumed() == ""
    assert numbers.group("g").committed() == {("t", 0): 5}


def test_group_without_offsets_begins_where_it_is_told(numbers: Broker, on: Run) -> None:
    assert on("consume", "t", "--partition", 0, "--group", "g", "--from", "-1").out == "4\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nope"], "topic nope: UNKNOWN_TOPIC_OR_PARTITION"),
        (["t", "--partition", 0, "--partition", 2], "topic t has only the partitions 0 to 1"),
    ],
)
def test_what_is_not_there_is_named(numbers: Broker, on: Run, arguments: list[object], line: str) -> None:
    assert on("consume", *arguments) == (1, "", f"pykbroker: {line}\n")
    assert "nope" not in numbers.topics()


def start(kafka: Broker, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pykbroker", "consume", *options, "--bootstrap", kafka.bootstrap_servers]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_following_prints_what_comes_until_it_is_interrupted(numbers: Broker) -> None:
    with start(numbers, "t", "--follow", "--partition", "0", "--from", "4", "--group", "g") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "4\n"
        for value in ("5", "6"):
            numbers.topic("t").produce(value, partition=0)
            assert process.stdout.readline() == f"{value}\n"
        numbers.group("g").wait_caught_up(within=30)
        process.send_signal(signal.SIGINT)
        assert process.communicate() == ("", "")
    assert process.returncode == 0


def test_reader_that_has_seen_enough_ends_it_quietly(kafka: Broker, on: Run) -> None:
    assert on("produce", "t", stdin=b"0123456789" * 10 + b"\n" * 100_000).status == 0
    with start(kafka, "t", "--follow") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
