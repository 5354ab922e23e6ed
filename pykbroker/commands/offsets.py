"""Where partitions begin and end, and where a time is in them: ListOffsets for all of them at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pykbroker.commands.client import Connection
from pykbroker.errors import KafkaError
from pykbroker.wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic

LATEST: Final = -1
EARLIEST: Final = -2

TopicPartition = tuple[str, int]


def offsets_at(leaders: Mapping[TopicPartition, Connection], timestamp_ms: int) -> dict[TopicPartition, int]:
    """Return, for each partition, the offset of LATEST, EARLIEST, or the first record not older than a time.

    Where all are older it is -1. Raises KafkaError for the first partition that cannot tell.
    """
    found: dict[TopicPartition, int] = {}
    for connection, partitions in by_leader(leaders).items():
        topics: dict[str, list[ListOffsetsPartition]] = defaultdict(list)
        for topic, index in partitions:
            topics[topic].append(ListOffsetsPartition(partition_index=index, timestamp=timestamp_ms))
        request = ListOffsetsRequest(
            replica_id=-1, topics=[ListOffsetsTopic(name=name, partitions=each) for name, each in topics.items()]
        )
        for answer in connection.send(request).topics:
            for each in answer.partitions:
                if each.error_code:
                    raise KafkaError(each.error_code, f"{answer.name}-{each.partition_index}")
                found[answer.name, each.partition_index] = each.offset
    return found


def by_leader(leaders: Mapping[TopicPartition, Connection]) -> dict[Connection, list[TopicPartition]]:
    """Return which partitions each leader has."""
    partitions: dict[Connection, list[TopicPartition]] = defaultdict(list)
    for key, connection in leaders.items():
        partitions[connection].append(key)
    return partitions


class Place:
    """Where to begin in a partition: what `--from` and `--to` say."""

    def __init__(self, text: str) -> None:
        """Take `beginning`, `end`, an offset, -N for the last N, @MS or an ISO time. ValueError for anything else."""
        self.offset: int | None = None
        self.last: int | None = None
        self.timestamp_ms: int | None = None
        digits = text.removeprefix("-").removeprefix("@")
        if text in _NAMES:
            self.timestamp_ms = _NAMES[text]
        elif text.startswith("@") and digits.isdecimal():
            self.timestamp_ms = int(digits)
        elif text.startswith("-") and digits.isdecimal():
            self.last = int(digits)
        elif text.isdecimal():
            self.offset = int(text)
        else:
            self.timestamp_ms = int(datetime.fromisoformat(text).timestamp() * 1000)

    def offsets(self, leaders: Mapping[TopicPartition, Connection]) -> dict[TopicPartition, int]:
        """Return the offset that it is in each partition: between the partition's first and its end."""
        starts, ends = offsets_at(leaders, EARLIEST), offsets_at(leaders, LATEST)
        if self.timestamp_ms == EARLIEST:
            return starts
        if self.timestamp_ms == LATEST:
            return ends
        if self.timestamp_ms is not None:
            found = offsets_at(leaders, self.timestamp_ms)
            return {key: offset if offset >= 0 else ends[key] for key, offset in found.items()}
        wanted = {key: end - self.last if self.last is not None else self.offset or 0 for key, end in ends.items()}
        return {key: min(max(offset, starts[key]), ends[key]) for key, offset in wanted.items()}


_NAMES: Final = {"beginning": EARLIEST, "earliest": EARLIEST, "end": LATEST, "latest": LATEST}

PLACES: Final = "beginning, end, an offset, -N for the last N of each partition, @MILLISECONDS, or 2026-01-31T15:00"


def place(text: str) -> Place:
    """Return a place; ArgumentTypeError, for a parser, if it is none."""
    from argparse import ArgumentTypeError

    try:
        return Place(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not {PLACES}") from None
