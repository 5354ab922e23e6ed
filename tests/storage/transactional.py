"""Transactions, written as a coordinator and its producers would, and read as a client with read_committed reads."""

from __future__ import annotations

from struct import pack

from pykbroker.storage.partition import Partition
from pykbroker.wire.batch import CONTROL, TRANSACTIONAL
from pykbroker.wire.records import batches_in, build_batch, records_of
from tests.fakes import NOW_MS
from tests.storage.builders import a_batch

ABORT, COMMIT = 0, 1


def a_marker(
    producer: int, kind: int, *, epoch: int = 0, coordinator_epoch: int = 0, timestamp: int = NOW_MS
) -> bytearray:
    """The control batch that ends a producer's transaction, in the layout that Kafka gives it."""
    return build_batch(
        [(pack(">hh", 0, kind), pack(">hi", 0, coordinator_epoch))],
        timestamp_ms=timestamp,
        producer_id=producer,
        producer_epoch=epoch,
        attributes=TRANSACTIONAL | CONTROL,
    )


def send(
    partition: Partition, producer: int, sequence: int, count: int = 1, *, epoch: int = 0, value: bytes = b"v",
    timestamp: int = NOW_MS,
) -> int:  # fmt: skip
    """Store a batch of a transaction; its base offset."""
    offset = partition.log_end_offset
    partition.append_own(
        a_batch(
            count, producer=producer, epoch=epoch, sequence=sequence, value=value, timestamp=timestamp,
            attributes=TRANSACTIONAL,
        )
    )  # fmt: skip
    return offset


def end(partition: Partition, producer: int, kind: int, *, epoch: int = 0, coordinator_epoch: int = 0) -> int:
    """Store a marker; its offset."""
    offset = partition.log_end_offset
    partition.append_own(a_marker(producer, kind, epoch=epoch, coordinator_epoch=coordinator_epoch))
    return offset


def aborted(partition: Partition, offset: int = 0, max_bytes: int = 1 << 20) -> list[tuple[int, int]] | None:
    """The aborted transactions that a fetch with read_committed tells."""
    return partition.read(offset, max_bytes, at_least_one=True, committed=True).aborted


def committed(partition: Partition, max_bytes: int = 1 << 20) -> list[int]:
    """The offsets of the records that a client with read_committed gets, from the log's start to where it ends.

    It leaves out what the broker says was aborted: from a transaction's first offset to the abort marker of its
    producer, as a Kafka client does.
    """
    seen: list[int] = []
    offset = partition.log_start_offset
    while True:
        read = partition.read(offset, max_bytes, at_least_one=True, committed=True)
        assert read.aborted is not None
        content = read.records.read()
        waiting = sorted(read.aborted, key=lambda each: each[1])
        leaving_out: set[int] = set()
        start = offset
        for position, batch in batches_in(content):
            while waiting and waiting[0][1] <= batch.last_offset:
                leaving_out.add(waiting.pop(0)[0])
            if batch.is_control:
                [marker] = records_of(content, batch, position)
                if marker.key == pack(">hh", 0, ABORT):
                    leaving_out.discard(batch.producer_id)
            elif not (batch.is_transactional and batch.producer_id in leaving_out):
                seen += [each.offset for each in records_of(content, batch, position) if each.offset >= start]
            offset = batch.next_offset
        if offset == start:
            return seen
