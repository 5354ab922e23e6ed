"""`pykbroker produce TOPIC`: a record for each line of standard input.

What one read gives is sent at once, a batch for each partition: a pipe full of lines makes large batches, and a line
that is typed is there when Enter is pressed. A key goes where Kafka's Java client sends it; records without a key go
to one partition per batch, one after the other.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Final

from pykbroker.commands.arguments import Parser, add_shared, index, parse, unescaped
from pykbroker.commands.client import Cluster, Connection, raise_if
from pykbroker.commands.failure import CommandError
from pykbroker.commands.textual import LineReader, Wanted, wanted_in_json
from pykbroker.errors import KafkaError
from pykbroker.testing.partitioner import partition_for_key
from pykbroker.wire.compression import NAMES
from pykbroker.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from pykbroker.wire.records import Record, batch_of

READ_BYTES: Final = 1 << 20
BATCH_BYTES: Final = 512 * 1024
"""Of keys and values in one batch: half of what a broker takes by default, because headers and such come on top."""

TIMEOUT_MS: Final = 30000
_ALL_REPLICAS: Final = -1


def run(arguments: Sequence[str]) -> int:
    """Write all of standard input; return the exit status."""
    options = parse(parser(), arguments)
    read: Callable[[bytes], Wanted] = wanted_in_json
    if not options.json:
        read = LineReader(options.key_separator, options.headers, options.null_marker)
    with Cluster(options.bootstrap) as cluster:
        writer = Writer(cluster, options.topic, NAMES.index(options.codec), options.partition)
        numbers = count(1)
        for lines in lines_in(sys.stdin.fileno()):
            writer.write(_wanted(read, lines, numbers))
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    top = Parser(
        prog="pykbroker produce",
        description="Write a record for each line of standard input. The topic is created if need be.",
        examples=[
            ("one record", "echo hello | pykbroker produce greetings"),
            ("with keys", "printf 'a:1\\nb:2\\n' | pykbroker produce counts --key-separator :"),
            ("with headers", "printf 'trace:7\\thello\\n' | pykbroker produce greetings --headers"),
            ("JSON", """echo '{"key": "a", "value": {"n": 1}}' | pykbroker produce counts --json"""),
            ("a topic's content into another one", "pykbroker consume a --json | pykbroker produce b --json"),
            ("a tombstone", "echo a:NULL | pykbroker produce prices --key-separator : --null-marker NULL"),
        ],
    )
    top.add_argument("topic", metavar="TOPIC")
    add_shared(top, json="each line is a JSON object with value, and maybe key, headers, partition, timestamp")
    top.add_argument("--key-separator", type=unescaped, metavar="TEXT", help="what is between key and value: \\t")
    top.add_argument("--headers", action="store_true", help="each line begins with NAME:CONTENT,... and a tab")
    top.add_argument("--null-marker", metavar="TEXT", help="a key, value or header that is TEXT is null")
    top.add_argument("--partition", type=index, metavar="N", help="write to this partition, whatever the key")
    top.add_argument("--codec", choices=NAMES, default="none", help="compress batches (default: none)")
    return top


def lines_in(descriptor: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file, without their ends: as many at once as there are, at least one."""
    rest = b""
    while part := os.read(descriptor, READ_BYTES):
        *lines, rest = (rest + part).split(b"\n") if b"\n" in part else [rest + part]
        if lines:
            yield lines
    if rest:
        yield [rest]


def _wanted(read: Callable[[bytes], Wanted], lines: Iterable[bytes], numbers: Iterator[int]) -> Iterator[Wanted]:
    for line, number in zip(lines, numbers, strict=False):
        try:
            yield read(line)
        except ValueError as error:
            raise CommandError(f"line {number} {error}") from None


class Writer:
    """Writes records to one topic, and waits until all replicas have them."""

    def __init__(self, cluster: Cluster, topic: str, codec: int = 0, partition: int | None = None) -> None:
        """Find the topic, or make it. CommandError if that fails, or it has no such partition."""
        self._topic = topic
        self._codec = codec
        self._partition = partition
        known = cluster.topic(topic, create=True)
        self._leaders = cluster.leaders([known])
        self._partitions = len(known.partitions)
        self._turn = 0
        if partition is not None:
            self._check(partition)

    def _check(self, partition: int) -> None:
        if partition >= self._partitions:
            raise CommandError(f"topic {self._topic} has only the partitions 0 to {self._partitions - 1}")

    def write(self, wanted: Iterable[Wanted]) -> None:
        """Write records, in batches that a broker takes. CommandError if one is refused."""
        now_ms = time.time_ns() // 1_000_000
        pending: dict[int, list[Record]] = defaultdict(list)
        sizes: dict[int, int] = defaultdict(int)
        try:
            for each in wanted:
                partition = self._partition_of(each)
                size = len(each.key or b"") + len(each.value or b"")
                if pending[partition] and sizes[partition] + size > BATCH_BYTES:
                    self._send(partition, pending.pop(partition))
                    sizes[partition] = 0
                    self._turn += 1
                records = pending[partition]
                timestamp = now_ms if each.timestamp is None else each.timestamp
                records.append(Record(len(records), timestamp, each.key, each.value, each.headers))
                sizes[partition] += size
        finally:
            # What was read before a line that is wrong is written.
            for partition, records in pending.items():
                self._send(partition, records)
            self._turn += 1

    def _partition_of(self, wanted: Wanted) -> int:
        if self._partition is not None:
            return self._partition
        if wanted.partition is not None:
            self._check(wanted.partition)
            return wanted.partition
        if wanted.key is not None:
            return partition_for_key(wanted.key, self._partitions)
        return self._turn % self._partitions

    def _send(self, partition: int, records: Sequence[Record]) -> None:
        batch = batch_of(records, codec=self._codec)
        part = PartitionProduceData(index=partition, records=memoryview(batch))
        request = ProduceRequest(
            acks=_ALL_REPLICAS,
            timeout_ms=TIMEOUT_MS,
            topic_data=[TopicProduceData(name=self._topic, partition_data=[part])],
        )
        connection: Connection = self._leaders[self._topic, partition]
        # Version 12 is the last that names the topic.
        answer = connection.send(request, at_most=12).responses[0].partition_responses[0]
        try:
            raise_if(answer.error_code, answer.error_message)
        except KafkaError as error:
            raise CommandError(f"{self._topic}-{partition}: {error}") from None
