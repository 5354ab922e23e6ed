"""`pykbroker produce`: what lines become, in which partition, and what is refused."""

import os
import subprocess
import sys

import pytest

from pykbroker.commands.produce import BATCH_BYTES, lines_in
from pykbroker.testing import Broker
from tests.commands.conftest import Run


def contents(kafka: Broker, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    return [(record.key, record.value) for record in kafka.topic(topic).records()]


def test_every_line_is_a_record_also_an_empty_one_and_one_without_its_end(kafka: Broker, on: Run) -> None:
    assert on("produce", "t", stdin=b"a\n\nb c") == (0, "", "")
    assert contents(kafka, "t") == [(None, b"a"), (None, b""), (None, b"b c")]


def test_nothing_is_written_for_nothing(kafka: Broker, on: Run) -> None:
    assert on("produce", "t").status == 0
    assert kafka.topic("t").count() == 0


def test_key_ends_at_the_first_separator(kafka: Broker, on: Run) -> None:
    assert on("produce", "t", "--key-separator", "\\t", stdin=b"a\tb\tc\n\td\n").status == 0
    assert contents(kafka, "t") == [(b"a", b"b\tc"), (b"", b"d")]


def test_headers_stand_in_front_of_the_key(kafka: Broker, on: Run) -> None:
    line = b"x:1,y:a:b,z:NULL\tk=v\n\tk=w\n"
    assert on("produce", "t", "--headers", "--key-separator", "=", "--null-marker", "NULL", stdin=line).status == 0
    first, second = kafka.topic("t").records()
    assert first.headers == (("x", b"1"), ("y", b"a:b"), ("z", None))
    assert (first.key, first.value, second.headers) == (b"k", b"v", ())


def test_null_marker_is_a_tombstone(kafka: Broker, on: Run) -> None:
    assert on("produce", "t", "--key-separator", ":", "--null-marker", "-", stdin=b"a:-\n-:b\n").status == 0
    assert contents(kafka, "t") == [(b"a", None), (None, b"b")]


def test_json_says_all_of_a_record(kafka: Broker, on: Run) -> None:
    kafka.create_topic("t", 3)
    lines = b"""{"key": "k", "value": {"n": 1}, "headers": {"h": "\xc3\xa9"}, "partition": 2, "timestamp": 7}
                {"value": null, "partition": 1, "topic": "other", "offset": 9}
                {"value": {"base64": "/w=="}, "partition": 1, "headers": [["h", null], ["h", "2"]]}"""
    assert on("produce", "t", "--json", stdin=lines) == (0, "", "")
    tombstone, binary, record = kafka.topic("t").records()
    assert (record.partition, record.timestamp, record.key, record.value) == (2, 7, b"k", b'{"n":1}')
    assert record.headers == (("h", "é".encode()),)
    assert (tombstone.key, tombstone.value) == (None, None)
    assert (binary.value, binary.headers) == (b"\xff", (("h", None), ("h", b"2")))


def test_keys_go_where_the_java_client_sends_them(kafka: Broker, on: Run) -> None:
    kafka.create_topic("t", 5)
    assert on("produce", "t", "--key-separator", ":", stdin=b"".join(b"key-%d:x\n" % n for n in range(20))).status == 0
    found = {record.key: record.partition for record in kafka.topic("t").records()}
    kafka.create_topic("expected", 5)
    stored = [kafka.topic("expected").produce("x", key=f"key-{n}") for n in range(20)]
    assert found == {record.key: record.partition for record in stored}


def test_partition_wins_over_the_key(kafka: Broker, on: Run) -> None:
    kafka.create_topic("t", 5)
    assert on("produce", "t", "--key-separator", ":", "--partition", 4, stdin=b"a:1\nb:2\n").status == 0
    assert {record.partition for record in kafka.topic("t").records()} == {4}


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_large_input_is_cut_into_batches_that_a_broker_takes(kafka: Broker, on: Run, codec: str) -> None:
    lines = [os.urandom(2000).hex().encode() for _ in range(3 * BATCH_BYTES // 4000)]
    assert on("produce", "t", "--codec", codec, stdin=b"\n".join(lines)) == (0, "", "")
    assert [record.value for record in kafka.topic("t").records()] == lines


@pytest.mark.parametrize(
    ("options", "stdin", "line"),
    [
        (["--key-separator", ":"], b"a:1\nb\n", "line 2 has no key separator"),
        (["--headers"], b"a:1\n", "line 1 has no tab behind the headers"),
        (["--headers"], b"a\tx\n", "line 1 has the header 'a', which is not NAME:CONTENT"),
        (["--json"], b"{}\n", 'line 1 is not a JSON object with a "value"'),
        (["--json"], b"[\n", "line 1 is not JSON: Expecting value at column 2"),
        (["--json"], b"\xff\n", "line 1 is not UTF-8"),
        (["--json"], b'{"value": 1, "kye": 2}\n', 'line 1 has "kye", which is not a part of a record'),
        (["--json"], b'{"value": 1, "partition": -1}\n', 'line 1 has a "partition" that is not a number of at least 0'),
        (["--json"], b'{"value": 1, "partition": 7}\n', "topic t has only the partitions 0 to 0"),
        (["--json"], b'{"value": {"base64": "?"}}\n', "line 1 has something in base64 that is not"),
        (["--json"], b'{"value": 1, "headers": 1}\n', 'line 1 has "headers" that are neither an object nor a list'),
        (["--partition", 1], b"", "topic t has only the partitions 0 to 0"),
    ],
)
def test_line_that_is_wrong_ends_it_and_is_named(
    kafka: Broker, on: Run, options: list[object], stdin: bytes, line: str
) -> None:
    assert on("produce", "t", *options, stdin=stdin) == (1, "", f"pykbroker: {line}\n")


def test_what_stands_before_a_wrong_line_is_written(kafka: Broker, on: Run) -> None:
    assert on("produce", "t", "--key-separator", ":", stdin=b"a:1\nb\nc:3\n").status == 1
    assert contents(kafka, "t") == [(b"a", b"1")]


def test_record_that_is_too_large_is_refused_with_its_partition(kafka: Broker, on: Run) -> None:
    kafka.create_topic("t", max_message_bytes=100)
    done = on("produce", "t", stdin=b"x" * 200)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("pykbroker: t-0: MESSAGE_TOO_LARGE")


def test_illegal_topic_is_refused(on: Run) -> None:
    done = on("produce", "a b", stdin=b"x\n")
    assert (done.status, done.err) == (1, "pykbroker: topic a b: INVALID_TOPIC_EXCEPTION\n")


def test_line_that_is_typed_is_there_at_once(kafka: Broker) -> None:
    command = [sys.executable, "-m", "pykbroker", "produce", "t", "--bootstrap", kafka.bootstrap_servers]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for line in ("first", "second"):
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            kafka.topic("t").expect(value=line, within=30)
        process.stdin.close()
    assert process.returncode == 0


def test_lines_come_as_the_file_has_them() -> None:
    read, write = os.pipe()
    lines = lines_in(read)
    os.write(write, b"a\nb\nhalf")
    assert next(lines) == [b"a", b"b"]
    os.write(write, b" a line\n")
    assert next(lines) == [b"half a line"]
    os.write(write, b"rest")
    os.close(write)
    assert list(lines) == [[b"rest"]]
    os.close(read)
