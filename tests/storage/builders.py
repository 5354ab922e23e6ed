"""Small things that storage tests are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pykbroker.env import Env
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.wire.batch import Batch
from pykbroker.wire.records import Record, batch_of, batches_in, build_batch, records_in
from tests.fakes import NOW_MS, fake_env

TOPIC_ID = bytes(range(1, 17))


def a_batch(
    count: int = 1,
    *,
    timestamp: int = NOW_MS,
    producer: int = -1,
    epoch: int = 0,
    sequence: int = 0,
    value: bytes = b"v",
    codec: int = 0,
    attributes: int = 0,
) -> bytearray:
    """A batch as a client sends it; with sequences if there is a `producer`."""
    return build_batch(
        [(b"k%d" % index, value) for index in range(count)],
        timestamp_ms=timestamp,
        producer_id=producer,
        producer_epoch=epoch if producer >= 0 else -1,
        base_sequence=sequence if producer >= 0 else -1,
        codec=codec,
        attributes=attributes,
    )


def timed_batch(*timestamps: int, codec: int = 0) -> bytearray:
    """A batch with one record for each timestamp."""
    return batch_of([Record(index, time, b"k", b"v") for index, time in enumerate(timestamps)], codec=codec)


def append(partition: Partition, batch: bytes | bytearray, now_ms: int = NOW_MS) -> int:
    """Append what a client sent, from a read-only view, and return its base offset."""
    return partition.append(memoryview(bytes(batch)), now_ms).base_offset


def open_store(path: Path | Sequence[Path], env: Env | None = None, expiration_ms: int = 86400000) -> Store:
    """An open store; closing it, or not, is the test's business."""
    paths = [path] if isinstance(path, Path) else path
    store = Store(env or fake_env(), [str(each) for each in paths], node_id=1, producer_id_expiration_ms=expiration_ms)
    store.open()
    return store


def open_partition(store: Store, config: LogConfig | None = None, index: int = 0, epoch: int = 0) -> Partition:
    """Partition `t-0` unless told otherwise."""
    return store.partition("t", index, TOPIC_ID, config or LogConfig(), epoch)


def kill(store: Store) -> None:
    """End a store as the end of its process would: nothing is written any more, locks are gone."""
    for directory in store.directories:
        directory.release()
    store._is_open = False


def fetch(partition: Partition, offset: int, max_bytes: int = 1 << 20, *, at_least_one: bool = True) -> bytes:
    """The bytes that a fetch from `offset` gives."""
    return partition.read(offset, max_bytes, at_least_one=at_least_one, committed=False).records.read()


def headers(content: bytes) -> list[Batch]:
    """The headers of the whole batches in `content`."""
    return [batch for _, batch in batches_in(content)]


def offsets(content: bytes) -> list[int]:
    """The base offsets of the whole batches in `content`."""
    return [batch.base_offset for batch in headers(content)]


def records(partition: Partition, start: int | None = None) -> list[Record]:
    """All records of a partition."""
    return list(records_in(partition.batches(start)))
