"""Read a log that was opened after some damage, in every way that there is, and compare with plain code."""

from __future__ import annotations

from contextlib import suppress

from fuzz.log_directories import LEADER_EPOCHS, Layout, Tree, partition_files
from pykbroker.errors import KafkaError
from pykbroker.storage.partition import Partition
from pykbroker.wire.records import records_in
from tests.fakes import NOW_MS
from tests.storage.plain_log import PlainBatch, all_batches, committed_offsets, sound_batches
from tests.storage.transactional import committed

EPOCHS = "leader-epoch-checkpoint"


def read_everything(layout: Layout, before: Tree, kept: Tree, partition: Partition) -> None:
    """Read it all: nothing but a KafkaError may come, and not even that where all batches are sound.

    `before` are the files of the partition as they were found, `kept` the `.log` files as they are now.
    """
    batches = all_batches(kept)
    if batches is None:
        read_what_can_be_read(partition)
        return
    visible = [batch for batch in batches if batch.last_offset >= partition.log_start_offset]
    raw = b"".join(batch.raw for batch in visible)
    assert b"".join(bytes(view) for view in partition.batches()) == raw, "not all batches are there"
    for size in (1, 700):
        assert fetched(partition, partition.log_start_offset, size) == raw, f"not all comes, {size} bytes at a time"
    if not _is_a_time_index_shorter(layout, before):
        _times_are_right(visible, partition)
    if set(batches) <= set(layout.batches) and _is_gapless(batches, partition.log_end_offset):
        _producers_are_right(visible, partition)
        if before.get(EPOCHS) in (layout.tree[f"t-0/{EPOCHS}"], None, b""):
            _epochs_are_right(batches, partition)
        if batches[:1] == layout.batches[:1] and _are_as_they_were(".txnindex", layout, before):
            expected = [offset for offset in committed_offsets(batches) if offset >= partition.log_start_offset]
            assert committed(partition) == expected, "read_committed gets other records"


def read_what_can_be_read(partition: Partition) -> None:
    """Read a log with damaged batches: a KafkaError may come, and nothing else."""
    for offset in range(partition.log_start_offset, min(partition.log_end_offset, partition.log_start_offset + 150), 7):
        with suppress(KafkaError):
            partition.read(offset, 500, at_least_one=True, committed=True).records.read()
    for timestamp in (0, NOW_MS - 100_000, NOW_MS - 98_950, NOW_MS, 2**62):
        with suppress(KafkaError):
            partition.offset_for_time(timestamp, False)
    with suppress(KafkaError):
        partition.offset_of_max_timestamp()
    with suppress(KafkaError):
        for _ in records_in(partition.batches()):
            pass
    partition.producers()
    for epoch in range(LEADER_EPOCHS[-1] + 2):
        partition.end_offset_for_epoch(epoch)


def fetched(partition: Partition, start: int, max_bytes: int) -> bytes:
    """Read a log from `start` to its end, as a consumer does."""
    out = b""
    while start < partition.log_end_offset:
        content = partition.read(start, max_bytes, at_least_one=True, committed=False).records.read()
        batches = sound_batches(content, 0, 0)
        if not batches:  # right where the last segments are missing; else the caller misses them
            break
        out += b"".join(batch.raw for batch in batches)
        start = batches[-1].last_offset + 1
    return out


def _are_as_they_were(suffix: str, layout: Layout, before: Tree) -> bool:
    whole = partition_files(layout.tree)
    return all(whole.get(name) == before.get(name) for name in whole.keys() | before.keys() if name.endswith(suffix))


def _is_a_time_index_shorter(layout: Layout, before: Tree) -> bool:
    """Whether one was cut, or zeroed, from some entry on: who could know that there were more?"""
    for name, whole in partition_files(layout.tree).items():
        found = before.get(name, whole)
        left = -(-len(found.rstrip(b"\0")) // 12) * 12
        if name.endswith(".timeindex") and 0 < left < len(whole) and found[:left] == whole[:left]:
            return True
    return False


def _is_gapless(batches: list[PlainBatch], end: int) -> bool:
    begins = [*(batch.base_offset for batch in batches[1:]), end]
    return all(batch.last_offset + 1 == begin for batch, begin in zip(batches, begins, strict=False))


def _times_are_right(batches: list[PlainBatch], partition: Partition) -> None:
    """All records of a batch have the batch's timestamp."""
    start = partition.log_start_offset
    stable = partition.last_stable_offset

    def expected(batch: PlainBatch | None) -> tuple[int, int, int] | None:
        return batch and (max(batch.base_offset, start), batch.max_timestamp, batch.epoch)

    for wanted in sorted({batch.max_timestamp + more for batch in batches[::3] for more in (0, 1)}):
        found = partition.offset_for_time(wanted, False)
        assert found == expected(next((each for each in batches if each.max_timestamp >= wanted), None)), wanted
    largest = max(batches, key=lambda batch: batch.max_timestamp, default=None)
    assert partition.offset_of_max_timestamp() == expected(largest)
    assert stable <= partition.log_end_offset


def _producers_are_right(batches: list[PlainBatch], partition: Partition) -> None:
    """Each producer's last batch is known: its repetition is not stored again."""
    end = partition.log_end_offset
    for producer in (7, 8):
        last = max((batch for batch in batches if batch.producer_id == producer), default=None)
        if last is not None:
            appended = partition.append(sent_again(last.raw), NOW_MS)
            assert (appended.duplicate, appended.base_offset) == (True, last.base_offset), producer
    assert partition.log_end_offset == end


def sent_again(stored: bytes) -> memoryview:
    """Return a stored batch as its producer sends it again."""
    return memoryview(bytearray(8) + stored[8:])


def _epochs_are_right(batches: list[PlainBatch], partition: Partition) -> None:
    for epoch in {batch.epoch for batch in batches if batch.last_offset >= partition.log_start_offset}:
        later = [batch.base_offset for batch in batches if batch.epoch > epoch]
        found = partition.end_offset_for_epoch(epoch)
        assert found == (epoch, min(later, default=partition.log_end_offset)), (epoch, found)
