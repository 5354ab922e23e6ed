"""What cleanings leave of producers and transactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker.env import Env
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from tests.fakes import NOW_MS, FakeClock, fake_env
from tests.storage.builders import kill, open_partition, open_store
from tests.storage.compacting import batches, cleaned, compacted, contents, names, put, roll
from tests.storage.transactional import ABORT, COMMIT, aborted, committed, end, send

DAY_MS = 86400000


@pytest.fixture
def partition(store: Store) -> Partition:
    return open_partition(store, compacted())


def test_the_last_batch_of_a_producer_stays_as_a_header(env: Env, partition: Partition) -> None:
    """STO-22"""
    put(partition, (b"a", b"1"), producer_id=1, producer_epoch=0, base_sequence=0)
    put(partition, (b"a", b"2"), (b"a", b"3"), producer_id=1, producer_epoch=0, base_sequence=1)
    put(partition, (b"a", b"4"))
    roll(partition)
    cleaned(env, partition)
    assert [(batch.base_offset, batch.count) for batch, _ in batches(partition)] == [(1, 0), (3, 1)]
    batch = batches(partition)[0][0]
    assert (batch.producer_id, batch.base_sequence, batch.last_sequence) == (1, 1, 2)


def test_sequences_survive_a_cleaning_and_a_crash(tmp_path: Path) -> None:
    """STO-22, STO-27"""
    env = fake_env()
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    put(partition, (b"a", b"1"), producer_id=1, producer_epoch=0, base_sequence=0)
    put(partition, (b"a", b"2"), producer_id=1, producer_epoch=0, base_sequence=1)
    put(partition, (b"a", b"3"))
    roll(partition)
    cleaned(env, partition)
    kill(store)
    for path in Path(partition.directory).glob("*.snapshot"):
        path.unlink()
    store = open_store(tmp_path / "logs", env)
    partition = open_partition(store, compacted())
    [state] = partition.producers()
    assert (state.producer_id, state.last_sequence, state.last_offset) == (1, 1, 1)
    store.close()


def test_a_producer_that_is_not_known_any_more_leaves_nothing(env: Env, partition: Partition) -> None:
    put(partition, (b"a", b"1"), producer_id=1, producer_epoch=0, base_sequence=0)
    put(partition, (b"a", b"2"))
    roll(partition)
    cleaned(env, partition, producers={})
    assert [batch.base_offset for batch, _ in batches(partition)] == [1]


def test_aborted_data_goes_and_its_marker_follows(env: Env, clock: FakeClock, partition: Partition) -> None:
    """STO-22"""
    send(partition, 1, 0)
    end(partition, 1, ABORT)
    send(partition, 1, 1, 2)
    end(partition, 1, COMMIT)
    put(partition, (b"z", b"1"))
    roll(partition)
    before = committed(partition)
    cleaned(env, partition, producers={})
    assert [batch.base_offset for batch, _ in batches(partition)] == [1, 2, 4, 5]
    assert committed(partition) == before == [2, 3, 5]
    assert aborted(partition) == [(1, 0)]  # its marker is there, because its data has only gone now

    cleaned(env, partition, 0, producers={})
    assert [batch.has_delete_horizon for batch, _ in batches(partition)] == [True, False, False, False]
    assert aborted(partition) == []
    assert not any(name.endswith(".txnindex") for name in names(partition))
    clock.advance(DAY_MS)
    cleaned(env, partition, 0, producers={})
    assert [batch.base_offset for batch, _ in batches(partition)] == [2, 4, 5]
    assert committed(partition) == before


def test_a_commit_marker_goes_after_its_data(env: Env, clock: FakeClock, partition: Partition) -> None:
    """STO-22"""
    send(partition, 1, 0)
    end(partition, 1, COMMIT)
    put(partition, (b"k0", b"2"))
    put(partition, (b"z", b"1"))
    roll(partition)
    cleaned(env, partition, producers={})
    assert [batch.base_offset for batch, _ in batches(partition)] == [1, 2, 3]
    cleaned(env, partition, 0, producers={})
    assert batches(partition)[0][0].base_timestamp == NOW_MS + DAY_MS
    clock.advance(DAY_MS)
    cleaned(env, partition, 0, producers={})
    assert [batch.base_offset for batch, _ in batches(partition)] == [2, 3]


def test_an_aborted_value_hides_no_other(env: Env, partition: Partition) -> None:
    put(partition, (b"k0", b"good"))
    send(partition, 1, 0, value=b"bad")
    end(partition, 1, ABORT)
    put(partition, (b"z", b"1"))
    roll(partition)
    cleaned(env, partition)
    assert (0, b"k0", b"good") in contents(partition)
    assert committed(partition) == [0, 3]


def test_open_transactions_are_not_cleaned(env: Env, partition: Partition) -> None:
    """STO-20"""
    put(partition, (b"a", b"1"))
    put(partition, (b"a", b"2"))
    roll(partition)
    put(partition, (b"b", b"1"))
    send(partition, 1, 0)
    put(partition, (b"b", b"2"))
    roll(partition)
    done = cleaned(env, partition)
    assert done.first_dirty_offset == 2
    assert [offset for offset, _, _ in contents(partition)] == [1, 2, 3, 4]


def test_a_transaction_over_several_segments_is_one(env: Env, partition: Partition) -> None:
    partition.reconfigure(compacted(segment_bytes=150))
    send(partition, 1, 0, value=b"v" * 50)
    roll(partition)
    send(partition, 1, 1, value=b"w" * 50)
    roll(partition)
    end(partition, 1, ABORT)
    send(partition, 1, 2, value=b"x" * 50)
    end(partition, 1, COMMIT)
    roll(partition)
    put(partition, (b"z", b"1"))
    before = committed(partition)
    cleaned(env, partition, producers={})
    assert [batch.base_offset for batch, _ in batches(partition)] == [2, 3, 4, 5]
    assert committed(partition) == before


def test_aborted_data_goes_also_where_the_table_has_no_room(env: Env, partition: Partition) -> None:
    put(partition, (b"a", b"1"), (b"b", b"1"))
    send(partition, 1, 0)
    end(partition, 1, ABORT)
    put(partition, (b"z", b"1"))
    roll(partition)
    cleaned(env, partition, most_keys=1, producers={})
    assert [batch.base_offset for batch, _ in batches(partition)] == [0, 3, 4]
