"""`pykbroker consume TOPIC`: the records of a topic on standard output, up to its present end or for ever.

With a group, reading begins where the group was, and what has been printed is committed; but this is no member: it gets
all partitions, and the group must not have members (`consumer.assign` in Kafka's clients).
"""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pykbroker import errors
from pykbroker.commands.arguments import Parser, add_shared, count, index, parse, unescaped
from pykbroker.commands.client import Cluster, Connection
from pykbroker.commands.committed import commit, committed_offsets, require_no_members
from pykbroker.commands.failure import CommandError
from pykbroker.commands.offsets import LATEST, PLACES, TopicPartition, by_leader, offsets_at, place
from pykbroker.commands.output import write_out
from pykbroker.commands.textual import Write, formatted, json_line
from pykbroker.errors import KafkaError, name_of
from pykbroker.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, PartitionData
from pykbroker.wire.records import Record, batches_in, records_of

MAX_BYTES: Final = 16 * 1024 * 1024
PARTITION_BYTES: Final = 1024 * 1024
WAIT_MS: Final = 500


def run(arguments: Sequence[str]) -> int:
    """Print records until there are no more, or enough, or Ctrl-C; return the exit status."""
    options = parse(parser(), arguments)
    try:
        with Cluster(options.bootstrap) as cluster:
            _consume(cluster, options)
    except KeyboardInterrupt:
        pass  # the way to end --follow
    return 0


def _consume(cluster: Cluster, options: Namespace) -> None:
    topic = cluster.topic(options.topic)
    leaders = cluster.leaders([topic])
    if options.partition:
        leaders = {key: leader for key, leader in leaders.items() if key[1] in options.partition}
        if len(leaders) < len(set(options.partition)):
            raise CommandError(f"topic {options.topic} has only the partitions 0 to {len(topic.partitions) - 1}")
    starts = getattr(options, "from").offsets(leaders)
    if options.group is not None:
        require_no_members(cluster, options.group)
        starts.update(committed_offsets(cluster, options.group, leaders))
    write: Write = json_line if options.json else options.format
    left = sys.maxsize if options.count is None else options.count
    for round_ in Reader(leaders, starts, None if options.follow else offsets_at(leaders, LATEST)):
        printed = {}
        for key, records, next_offset in round_:
            shown = records[:left]
            left -= len(shown)
            write_out(b"".join([write(*key, record) for record in shown]))
            printed[key] = next_offset if len(shown) == len(records) else shown[-1].offset + 1
            if not left:
                break
        if options.group is not None:
            commit(cluster, options.group, printed)
        if not left:
            break


def parser() -> Parser:
    """Return the parser of this command."""
    top = Parser(
        prog="pykbroker consume",
        description="Print the values of a topic's records, a line each, from the beginning to the present end.",
        examples=[
            ("all there is", "pykbroker consume greetings"),
            ("what comes from now on, until Ctrl-C", "pykbroker consume greetings --from end --follow"),
            ("the last ten of each partition, with keys", "pykbroker consume counts --from -10 --format '%k: %s\\n'"),
            ("since a point in time", "pykbroker consume counts --from 2026-01-31T15:00"),
            ("all of a record, for a program", "pykbroker consume counts --json"),
            ("what a group has not seen, and commit it", "pykbroker consume counts --group billing"),
        ],
    )
    top.add_argument("topic", metavar="TOPIC")
    add_shared(top, json="print a JSON object a line")
    top.add_argument("--from", type=place, default="beginning", metavar="PLACE", help=PLACES.replace("%", "%%"))
    top.add_argument("--count", "-n", type=count, metavar="N", help="stop after so many records")
    top.add_argument("--follow", "-f", action="store_true", help="go on with what comes, until Ctrl-C")
    top.add_argument("--partition", type=index, action="append", metavar="N", help="only this one; several times")
    top.add_argument("--group", metavar="GROUP", help="begin where this group was, and commit what was printed")
    top.add_argument(
        "--format",
        type=_template,
        default="%s\\n",
        metavar="TEXT",
        help="what to print of a record: %%k key, %%s value, %%h headers, %%t topic, %%p partition, %%o offset, "
        "%%T timestamp, %%K and %%S sizes of key and value, \\n, \\t (default: %%s\\n)",
    )
    return top


def _template(text: str) -> Write:
    try:
        return formatted(unescaped(text))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


Round = Iterator[tuple[TopicPartition, list[Record], int]]
"""What one request gives: for each batch its partition, its records, and the offset behind it."""


class Reader:
    """Reads the records of partitions, in order within each. Owns the positions."""

    def __init__(
        self,
        leaders: Mapping[TopicPartition, Connection],
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int] | None,
    ) -> None:
        """Take where to begin and, unless it goes on for ever, where to end, exclusive."""
        self._leaders = leaders
        self._positions = {key: starts[key] for key in leaders}
        self._ends = ends

    def __iter__(self) -> Iterator[Round]:
        """Yield what each request gives, as long as there is something left. CommandError if a broker refuses."""
        while left := self._left():
            for connection, keys in by_leader(left).items():
                yield self._round(connection, keys)

    def _round(self, connection: Connection, keys: Iterable[TopicPartition]) -> Round:
        for key, answer in self._fetched(connection, keys):
            yield from self._batches(key, answer)

    def _left(self) -> dict[TopicPartition, Connection]:
        """Return the partitions in which there is more to read."""
        ends = self._ends
        if ends is None:
            return dict(self._leaders)
        return {key: leader for key, leader in self._leaders.items() if self._positions[key] < ends[key]}

    def _fetched(
        self, connection: Connection, keys: Iterable[TopicPartition]
    ) -> Iterator[tuple[TopicPartition, PartitionData]]:
        topics: dict[str, list[FetchPartition]] = {}
        for topic, partition in keys:
            topics.setdefault(topic, []).append(
                FetchPartition(
                    partition=partition,
                    fetch_offset=self._positions[topic, partition],
                    partition_max_bytes=PARTITION_BYTES,
                )
            )
        request = FetchRequest(
            max_wait_ms=WAIT_MS,
            min_bytes=1,
            max_bytes=MAX_BYTES,
            topics=[FetchTopic(topic=name, partitions=each) for name, each in topics.items()],
        )
        answer = connection.send(request, at_most=12)  # the last version that names topics
        if answer.error_code:
            raise CommandError(f"{connection.address} answers Fetch with {name_of(answer.error_code)}")
        for each in answer.responses:
            for partition in each.partitions:
                yield (each.topic, partition.partition_index), partition

    def _batches(self, key: TopicPartition, answer: PartitionData) -> Round:
        if answer.error_code == errors.OFFSET_OUT_OF_RANGE and answer.log_start_offset > self._positions[key]:
            self._positions[key] = answer.log_start_offset  # retention was here first
            return
        if answer.error_code:
            raise CommandError(f"{key[0]}-{key[1]}: {name_of(answer.error_code)}")
        content = answer.records or b""
        end = sys.maxsize if self._ends is None else self._ends[key]
        for position, batch in batches_in(content):
            start = self._positions[key]
            if batch.next_offset <= start:
                continue
            records: list[Record] = []
            if not batch.is_control:
                try:
                    records = [each for each in records_of(content, batch, position) if start <= each.offset < end]
                except KafkaError as error:
                    raise CommandError(f"{key[0]}-{key[1]} at offset {batch.base_offset}: {error}") from None
            self._positions[key] = batch.next_offset
            if records:
                yield key, records, min(batch.next_offset, end)
