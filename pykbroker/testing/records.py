"""`Record`: a record as a test sees it; `Reader`: the records of a topic, as a consumer gets them that reads committed.

What transactions aborted is left out, and so are the markers in which they ended (KIP-98).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pykbroker.apis.context import Services
from pykbroker.storage.partition import Partition
from pykbroker.testing.hosting import Host
from pykbroker.wire.records import Header, batches_in, records_of
from pykbroker.wire.records import Record as StoredRecord

_READ_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic. `timestamp` is in milliseconds since 1970; a null `key` or `value` is None."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    @property
    def text(self) -> str:
        """The value as UTF-8; a null one is empty."""
        return (self.value or b"").decode()

    def json(self) -> Any:  # what `json.loads` returns
        """Return the value, read as JSON."""
        import json

        return json.loads(self.value or b"")


@dataclass(slots=True)
class _Chunk:
    """What was read of one partition: whole batches, of which records before `start` do not count."""

    partition: int
    start: int
    content: bytes
    aborted: Sequence[tuple[int, int]]


class Reader:
    """Reads a topic from its beginning, every record once. Owns the position in each partition."""

    def __init__(self, host: Host, topic: str) -> None:
        self._host = host
        self._topic = topic
        self._topic_id = b""
        self._positions: dict[int, int] = {}

    def unread(self) -> list[Record]:
        """Return what came since the last call, by partition and offset; nothing as long as there is no such topic.

        A topic that was deleted and made again is read from its beginning.
        """
        return [
            Record(
                self._topic, chunk.partition, stored.offset, stored.timestamp, stored.key, stored.value, stored.headers
            )
            for chunk in self._host.call(self._chunks)
            for stored in committed_records(chunk.content, chunk.aborted)
            if stored.offset >= chunk.start
        ]

    def _chunks(self, services: Services) -> list[_Chunk]:
        topic = services.image.topics.get(self._topic)
        if topic is None:
            return []
        if topic.id != self._topic_id:
            self._topic_id, self._positions = topic.id, {}
        return [
            chunk
            for state in topic.partitions
            for chunk in self._chunks_of(services.partitions.get(self._topic, state.index))
        ]

    def _chunks_of(self, partition: Partition) -> Iterator[_Chunk]:
        start = max(self._positions.get(partition.index, 0), partition.log_start_offset)
        while start < partition.last_stable_offset:
            found = partition.read(start, _READ_BYTES, at_least_one=True, committed=True)
            content = found.records.read()
            if not content:
                break
            yield _Chunk(partition.index, start, content, found.aborted or ())
            for _, batch in batches_in(content):
                start = batch.next_offset
        self._positions[partition.index] = start


def committed_records(content: bytes, aborted: Sequence[tuple[int, int]]) -> Iterator[StoredRecord]:
    """Yield the records of whole batches, but not those of aborted transactions: (producer id, first offset) each.

    As `org.apache.kafka.clients.consumer.internals.CompletedFetch` does: from that offset on, the producer's
    transactional batches do not count, until the control batch that ends the transaction.
    """
    pending = sorted(aborted, key=lambda transaction: transaction[1])
    aborting: set[int] = set()
    for position, batch in batches_in(content):
        while pending and pending[0][1] <= batch.last_offset:
            aborting.add(pending.pop(0)[0])
        if batch.is_control:
            aborting.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in aborting):
            yield from records_of(content, batch, position)
