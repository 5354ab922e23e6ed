"""What the sparse indexes cost an append: `Partition.append` with Kafka's interval of 4096 bytes, and without entries.

Timestamps ascend from batch to batch, so that every entry of the offset index has one of the time index beside it. A
batch of 16 KB is larger than the interval, and so each of them has entries; of small ones every 41st. "Without the
write" is into a file that only counts bytes. CPU time is of this process, kernel included; the best of three runs.
"""

from __future__ import annotations

import tempfile
import time

from bench.bench_append import CountingFiles
from bench.build import BUILD
from bench.directories import UnsyncedFiles, now_ms
from bench.report import Measured, Rounds, Table
from bench.shapes import Metric
from pykbroker.storage.files import RealFiles
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.store import Store
from pykbroker.wire.records import build_batch
from tests.fakes import FakeClock, fake_env

RUNS = 3
NO_ENTRIES = 2**31 - 1
SHAPES = (("small", "100-byte", 1, 20, 40_000), ("16k", "16 KB", 16, 1000, 4_000))
"""Key and name of the batches, records in each and their size, how many are appended."""
FILES: dict[str, tuple[str, type[RealFiles]]] = {
    "": ("", UnsyncedFiles),
    "_ours": (", without the write", CountingFiles),
}

TABLE = Table(
    tuple(
        Metric(f"append_{key}{suffix}", f"append of {name} batches{how}", "CPU µs", digits=2)
        for key, name, *_ in SHAPES
        for suffix, (how, _) in FILES.items()
    ),
    "no index entries",
    "Appends with and without indexes",
    "`Partition.append`, checks and checksum included: with index.interval.bytes=4096, and with one never reached.",
)


def measure(rounds: int, scale: float) -> Measured:
    """Return the table with `rounds` values for each metric."""
    results: Rounds = {"pykbroker": [], "floor": []}
    for key, _, records, value_bytes, count in SHAPES:
        start_ms, value = now_ms() - count, bytes(value_bytes)
        batches = [
            build_batch([(None, value)] * records, timestamp_ms=start_ms + index)
            for index in range(max(100, int(count * scale)))
        ]
        for _ in range(rounds):
            for suffix, (_, files) in FILES.items():
                for server, interval_bytes in (("pykbroker", LogConfig().index_interval_bytes), ("floor", NO_ENTRIES)):
                    microseconds = min(_append(batches, files(), interval_bytes) for _ in range(RUNS))
                    results[server].append({f"append_{key}{suffix}": microseconds})
    return [(TABLE, results)]


def _append(batches: list[bytearray], files: RealFiles, interval_bytes: int) -> float:
    """Return the microseconds of CPU time that an append takes."""
    clock = FakeClock(now_ms())
    with tempfile.TemporaryDirectory(prefix="append-", dir=BUILD) as directory:
        store = Store(fake_env(clock, files), [directory], node_id=1)
        store.open()
        partition = store.partition("appended", 0, bytes(16), LogConfig(index_interval_bytes=interval_bytes))
        views = [memoryview(bytearray(batch)) for batch in batches]  # an append stamps them
        at_ms = clock.now_ms()
        begun = time.process_time()
        for view in views:
            partition.append(view, at_ms)
        seconds = time.process_time() - begun
        store.close()
    return seconds / len(views) * 1e6
