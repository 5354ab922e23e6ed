"""Idempotent producers: duplicates, order, epochs, expiry, and what is left of them after a stop or a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykbroker.errors import INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.producers import Producers
from pykbroker.storage.store import Store
from pykbroker.wire.batch import Batch, peek
from tests.fakes import NOW_MS, FakeClock, fake_env
from tests.storage.builders import a_batch, append, kill, open_partition, open_store

DAY_MS = 86400000
LAST = 2147483647


def send(
    partition: Partition, sequence: int, count: int = 1, *, epoch: int = 0, producer: int = 7, now_ms: int = NOW_MS
) -> int:
    """Append a batch of a producer; the base offset it is answered with."""
    return append(partition, a_batch(count, producer=producer, epoch=epoch, sequence=sequence), now_ms)


def refused(partition: Partition, sequence: int, count: int = 1, *, epoch: int = 0, now_ms: int = NOW_MS) -> int:
    """Append a batch that is refused; the error code."""
    end = partition.log_end_offset
    with pytest.raises(KafkaError) as caught:
        send(partition, sequence, count, epoch=epoch, now_ms=now_ms)
    assert partition.log_end_offset == end
    return caught.value.code


@pytest.mark.parametrize("sequence", [0, 1, 99, LAST])
def test_unknown_producer_may_start_anywhere(partition: Partition, sequence: int) -> None:
    # PROD-38, PROD-47
    assert send(partition, sequence) == 0


def test_next_sequence_is_accepted_and_others_are_not(partition: Partition) -> None:
    # PROD-39
    send(partition, 0, 3)
    assert refused(partition, 4) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert refused(partition, 2) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert refused(partition, 0, 2) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert send(partition, 3) == 3


def test_producers_do_not_mind_each_other(partition: Partition) -> None:
    # PROD-39
    assert [send(partition, 0, producer=1), send(partition, 5, producer=2), send(partition, 1, producer=1)] == [0, 1, 2]


def test_sequences_wrap_to_zero(partition: Partition) -> None:
    # PROD-40: between batches, and inside one
    send(partition, LAST - 1, 2)
    assert send(partition, 0) == 2
    other = 8
    send(partition, LAST - 1, 4, producer=other)
    assert send(partition, 2, producer=other) == 7
    assert send(partition, LAST - 1, 4, producer=other) == 3


def test_any_of_the_last_five_is_a_duplicate(partition: Partition) -> None:
    # PROD-41
    stored = [send(partition, sequence, 2) for sequence in range(0, 10, 2)]
    for sequence, base_offset in zip(range(0, 10, 2), stored, strict=True):
        answer = partition.append(memoryview(a_batch(2, producer=7, sequence=sequence)), NOW_MS)
        assert (answer.base_offset, answer.duplicate) == (base_offset, True)
    assert partition.log_end_offset == 10


def test_duplicate_is_answered_with_its_own_timestamp(store: Store) -> None:
    # PROD-41
    partition = open_partition(store, LogConfig(message_timestamp_type="LogAppendTime"))
    send(partition, 0, now_ms=NOW_MS)
    answer = partition.append(memoryview(a_batch(producer=7)), NOW_MS + 500)
    assert (answer.log_append_time, answer.duplicate) == (NOW_MS, True)


def test_retry_of_the_sixth_last_is_out_of_order(partition: Partition) -> None:
    # PROD-42
    for sequence in range(6):
        send(partition, sequence)
    assert refused(partition, 0) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert send(partition, 1) == 1


def test_higher_epoch_starts_at_zero(partition: Partition) -> None:
    # PROD-43
    send(partition, 0)
    assert refused(partition, 1, epoch=1) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert send(partition, 0, epoch=1) == 1
    assert send(partition, 1, epoch=1) == 2


def test_batches_of_the_old_epoch_are_forgotten(partition: Partition) -> None:
    # PROD-43: sequence 0 of the new epoch is no duplicate of that of the old
    send(partition, 0)
    assert send(partition, 0, epoch=1) == 1
    assert send(partition, 0, epoch=1) == 1


def test_lower_epoch_is_fenced(partition: Partition) -> None:
    # PROD-44
    send(partition, 0, epoch=3)
    assert refused(partition, 0, epoch=2) == INVALID_PRODUCER_EPOCH
    assert refused(partition, 1, epoch=2) == INVALID_PRODUCER_EPOCH


def test_deleting_records_keeps_sequences(partition: Partition) -> None:
    # PROD-45
    send(partition, 0)
    partition.delete_records(1)
    assert refused(partition, 2) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert send(partition, 1) == 1


def test_silent_producer_expires(partition: Partition) -> None:
    # PROD-46
    send(partition, 0)
    assert refused(partition, 5, now_ms=NOW_MS + DAY_MS - 1) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert send(partition, 5, now_ms=NOW_MS + DAY_MS) == 1
    assert refused(partition, 7, now_ms=NOW_MS + DAY_MS) == OUT_OF_ORDER_SEQUENCE_NUMBER


def test_expired_epoch_fences_nobody(partition: Partition) -> None:
    # PROD-46
    send(partition, 0, epoch=3)
    assert send(partition, 9, epoch=1, now_ms=NOW_MS + DAY_MS) == 1


def test_expiry_is_a_setting(tmp_path: Path) -> None:
    # PROD-46
    store = open_store(tmp_path, expiration_ms=10)
    partition = open_partition(store)
    send(partition, 0)
    assert send(partition, 5, now_ms=NOW_MS + 10) == 1
    store.close()


def test_described_producers(partition: Partition, clock: FakeClock) -> None:
    send(partition, 4, 3, producer=7, epoch=2)
    send(partition, 0, producer=8)
    found = {each.producer_id: each for each in partition.producers()}
    assert (found[7].epoch, found[7].last_sequence, found[7].last_offset, found[7].timestamp) == (2, 6, 2, NOW_MS)
    assert (found[7].coordinator_epoch, found[7].txn_first_offset) == (-1, -1)
    assert found[8].last_offset == 3
    clock.advance(DAY_MS)
    assert partition.producers() == []


def test_a_refused_batch_leaves_no_trace(partition: Partition) -> None:
    bad = a_batch(producer=7)
    bad[-1] ^= 1
    with pytest.raises(KafkaError):
        append(partition, bad)
    assert partition.producers() == []


def test_table_does_not_grow_with_producers_that_are_gone() -> None:
    producers = Producers(expiration_ms=100)
    for number in range(10_000):
        batch = peek(a_batch(producer=number))
        assert producers.check(batch, number) is None
        producers.stored(batch, number, number)
    assert len(producers) < 500


# -- Stops and crashes


def test_duplicates_are_known_after_a_restart(partition: Partition, reopened: Callable[[], Partition]) -> None:
    # PROD-41, STO-27, STO-08
    send(partition, 0, 2)
    send(partition, 2, 3)
    again = reopened()
    assert send(again, 2, 3) == 2
    assert refused(again, 9) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert refused(again, 5, epoch=-1) == INVALID_PRODUCER_EPOCH
    assert send(again, 5) == 5


def test_a_restart_without_appends_keeps_the_snapshot(partition: Partition, reopened: Callable[[], Partition]) -> None:
    send(partition, 0, 2)
    reopened()
    assert send(reopened(), 0, 2) == 0


def test_batches_without_a_producer_after_the_snapshot(
    partition: Partition, reopened: Callable[[], Partition]
) -> None:
    send(partition, 0)
    again = reopened()
    append(again, a_batch(5))
    assert send(again, 0) == 0
    assert send(reopened(), 0) == 0


def test_duplicates_are_known_after_a_kill(tmp_path: Path) -> None:
    # PROD-41, STO-24, STO-28: all five again, because the log itself is read
    config = LogConfig(segment_bytes=400)
    store = open_store(tmp_path)
    partition = open_partition(store, config)
    stored = [send(partition, sequence, 2) for sequence in range(0, 20, 2)]
    assert len(partition.log.segments) > 2
    kill(store)
    again = open_partition(open_store(tmp_path), config)
    assert [send(again, sequence, 2) for sequence in range(18, 20, 2)] == stored[9:]
    assert refused(again, 0, 2) == OUT_OF_ORDER_SEQUENCE_NUMBER
    assert send(again, 20) == 20


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "version"])
def test_damaged_snapshot_is_ignored(tmp_path: Path, damage: str) -> None:
    # STO-08
    store = open_store(tmp_path)
    partition = open_partition(store)
    send(partition, 0, 2)
    store.close()
    [snapshot] = (tmp_path / "t-0").glob("*.snapshot")
    content = bytearray(snapshot.read_bytes())
    if damage == "remove":
        snapshot.unlink()
    else:
        if damage == "flip":
            content[20] ^= 1
        elif damage == "version":
            content[1] = 9
        snapshot.write_bytes(content[:10] if damage == "cut" else content)
    again = open_partition(open_store(tmp_path))
    assert send(again, 0, 2) == 0
    assert refused(again, 3) == OUT_OF_ORDER_SEQUENCE_NUMBER


def test_expired_producers_are_gone_after_a_restart(tmp_path: Path) -> None:
    # PROD-46
    clock = FakeClock()
    store = open_store(tmp_path, fake_env(clock))
    send(open_partition(store), 0)
    store.close()
    clock.advance(DAY_MS)
    again = open_partition(open_store(tmp_path, fake_env(clock)))
    assert send(again, 9, now_ms=clock.now_ms()) == 1


def test_two_snapshots_are_kept(tmp_path: Path) -> None:
    # STO-08: one for each roll and one for the stop, named by the next offset
    store = open_store(tmp_path)
    partition = open_partition(store, LogConfig(segment_bytes=300))
    for sequence in range(20):
        send(partition, sequence)
    last_base = partition.log.bases[-1]
    assert last_base > 10
    store.close()
    assert sorted(path.name for path in (tmp_path / "t-0").glob("*.snapshot")) == [
        f"{last_base:020d}.snapshot",
        f"{20:020d}.snapshot",
    ]


def test_snapshot_layout() -> None:
    # STO-08
    producers = Producers(DAY_MS)
    producers.stored(peek(a_batch(3, producer=258, epoch=5, sequence=LAST)), 1000, NOW_MS)
    content = producers.snapshot(NOW_MS)
    assert content[:2] == b"\x00\x01"
    assert content[6:] == b"".join(
        [
            (1).to_bytes(4, "big"),
            (258).to_bytes(8, "big"),
            (5).to_bytes(2, "big"),
            (1).to_bytes(4, "big"),  # last sequence
            (1002).to_bytes(8, "big"),  # last offset
            (2).to_bytes(4, "big"),  # offset delta
            NOW_MS.to_bytes(8, "big"),
            b"\xff" * 4,  # coordinator epoch
            b"\xff" * 8,  # first offset of an open transaction
        ]
    )
    loaded = Producers(DAY_MS)
    assert loaded.load(content, NOW_MS)
    [stored] = loaded.known(NOW_MS)[0].batches
    assert (stored.base_sequence, stored.last_sequence, stored.base_offset, stored.last_offset) == (LAST, 1, 1000, 1002)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 6), st.integers(1, 3)), max_size=60))
def test_snapshot_and_replay_agree(sent: list[tuple[int, int, int, int]]) -> None:
    """A snapshot, loaded, judges the next batch as the table itself does, except that it forgot older duplicates."""
    live = Producers(DAY_MS)
    offset = 0
    for producer, epoch, sequence, count in sent:
        batch = peek(a_batch(count, producer=producer, epoch=epoch, sequence=sequence))
        loaded = Producers(DAY_MS)
        assert loaded.load(live.snapshot(NOW_MS), NOW_MS)
        ours, theirs = verdict(live, batch), verdict(loaded, batch)
        assert ours == theirs or (theirs == OUT_OF_ORDER_SEQUENCE_NUMBER and ours in range(offset))
        if ours is None:
            live.stored(batch, offset, NOW_MS)
            offset += count


def verdict(producers: Producers, batch: Batch) -> int | None:
    try:
        stored = producers.check(batch, NOW_MS)
    except KafkaError as error:
        return error.code
    return None if stored is None else stored.base_offset
