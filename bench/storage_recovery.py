"""Recovery: how many MB of logs a second are checked at a start after a crash, with one and two threads.

`Store.recover` is called as the broker calls it, on logs in the page cache, by threads as the broker has them. It reads
every batch, verifies its checksum and makes the indexes anew. The floor reads the same bytes by the megabyte and
computes one CRC-32C, with as many threads.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.build import BUILD
from bench.directories import UnsyncedFiles, a_batch, append, now_ms
from bench.report import Measured, Rounds, Table
from bench.shapes import MB, Metric
from pykbroker.env import Env
from pykbroker.server.loop import LoopWorkers
from pykbroker.storage.files import RealFiles
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.store import Store, Wanted
from pykbroker.wire.checksum import crc32c
from tests.fakes import FakeClock, SeededRandom, fake_env

THREADS = (1, 2)
LOGS = 4
SHAPES = (("small", "100-byte", 100, 1, 8), ("16k", "16 KB", 16 * 1024, 16, 256), ("1m", "1 MB", MB, 1024, 256))
"""Key, name, and size of the batches; records in each; MB in each log."""

_TOPIC, _TOPIC_ID, _CONFIG = "recovered", bytes(range(16)), LogConfig()


def _metrics() -> Iterator[Metric]:
    for key, name, _, _, _ in SHAPES:
        for threads in THREADS:
            what = f"recovery, {name} batches, {threads} thread{'s' if threads > 1 else ''}"
            yield Metric(f"{key}_{threads}", what, "MB/s", None, True, 0)
        if key == "small":
            yield Metric("small_batches", "the same with 1 thread, counted in batches", "1,000/s", None, True, 0)


TABLE = Table(tuple(_metrics()), "read + CRC", "Recovery after a crash", """\
4 logs of one segment each, in the page cache; with 2 threads, two logs at once on both cores. A check of small batches
is Python's work, which holds the interpreter's lock; of large ones it is the checksum, which lets go of it.""")


def measure(rounds: int, scale: float) -> Measured:
    """Return the table with `rounds` values for each metric; `scale` is the size of the logs, 1 for all of it."""
    results: Rounds = {"pykbroker": [], "floor": []}
    for key, _, batch_bytes, records, megabytes in SHAPES:
        with tempfile.TemporaryDirectory(prefix="recovery-", dir=BUILD) as directory:
            batch = a_batch(batch_bytes, records)
            batches = max(1, int(megabytes * scale * MB / len(batch)))
            _fill(directory, batch, batches)
            logs = sorted(Path(directory).glob("*/*.log"))
            size_mb = sum(log.stat().st_size for log in logs) / MB
            for _ in range(rounds):
                for threads in THREADS:
                    results["floor"].append({f"{key}_{threads}": size_mb / _read(logs, threads)})
                    seconds = _recover(directory, threads, batches * records)
                    results["pykbroker"].append({f"{key}_{threads}": size_mb / seconds})
                    if key == "small" and threads == 1:
                        results["pykbroker"].append({"small_batches": LOGS * batches / seconds / 1000})
    return [(TABLE, results)]


def _fill(directory: str, batch: bytearray, batches: int) -> None:
    with _opened(directory, fake_env(FakeClock(now_ms()), UnsyncedFiles())) as store:
        for index in range(LOGS):
            partition = store.partition(_TOPIC, index, _TOPIC_ID, _CONFIG)
            for _ in range(batches):
                append(partition, batch)


@contextmanager
def _opened(directory: str, env: Env) -> Iterator[Store]:
    """Open a store, and leave it as a crash does."""
    store = Store(env, [directory], node_id=1)
    store.open()
    try:
        yield store
    finally:
        for each in store.directories:
            each.release()


def _recover(directory: str, threads: int, records: int) -> float:
    """Return the seconds that it takes to recover all logs."""
    loop = asyncio.new_event_loop()
    env = Env(FakeClock(now_ms()), RealFiles(), LoopWorkers(loop), SeededRandom())
    with _opened(directory, env) as store:
        wanted = [Wanted(_TOPIC, index, _TOPIC_ID, _CONFIG) for index in range(LOGS)]
        begun = time.perf_counter()
        store.recover(wanted, threads)
        seconds = time.perf_counter() - begun
        ends = [partition.log_end_offset for partition in store.partitions()]
    loop.close()
    if ends != [records] * LOGS:
        raise SystemExit(f"bench: recovery found logs that end at {ends}, and not at {records}")
    return seconds


def _read(logs: Sequence[Path], threads: int) -> float:
    """Return the seconds that it takes to read some files, and compute the checksum of what they hold."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_checksum, logs))
    return time.perf_counter() - begun


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(MB):
            checksum = crc32c(block, checksum)
    return checksum
