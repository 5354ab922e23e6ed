"""Time `Partition.append` and `Partition.read` for an ordinary small batch, without the write and without the checksum.

    python bench/bench_append.py [--calls 200000] [--profile]

`append` is timed with a file that only counts bytes, and what `verify` costs is subtracted: what is left is ours. The
whole, with a real file in a temporary directory, stands beside it. Each number is the best of several runs, in
microseconds per call. Compare them within one run only.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pykbroker.env import Bytes
from pykbroker.storage.files import RealFile, RealFiles
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.wire.batch import peek, verify
from pykbroker.wire.records import build_batch
from tests.fakes import NOW_MS, fake_env

RUNS = 5
CONFIG = LogConfig(segment_bytes=2**31 - 1)


class CountingFile(RealFile):
    """Takes bytes and drops them."""

    __slots__ = ()

    def append(self, content: Bytes) -> None:
        """Count what would be written."""
        self.size += len(content)


class CountingFiles(RealFiles):
    """Real files that swallow appends."""

    def open(self, path: str) -> RealFile:
        """Open a file that takes no bytes."""
        return CountingFile(path)


def best(call: Callable[[], object], calls: int) -> float:
    """Return the microseconds that one call takes in the quickest run."""
    times = []
    for _ in range(RUNS):
        start = perf_counter()
        for _ in range(calls):
            call()
        times.append(perf_counter() - start)
    return min(times) / calls * 1e6


def partition_in(directory: str, files: RealFiles) -> Partition:
    """Return a new partition."""
    store = Store(fake_env(files=files), [directory], node_id=1)
    store.open()
    return store.partition("orders", 0, bytes(16), CONFIG)


class Idempotent:
    """A producer that counts its sequence up, so that every batch is the next one."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._batches = [
            memoryview(build_batch([(b"k", b"v" * 20)], timestamp_ms=NOW_MS, producer_id=7, producer_epoch=0,
                                   base_sequence=sequence))
            for sequence in range(2**10)
        ]  # fmt: skip
        self._sequence = 0

    def append(self) -> None:
        """Append the next batch; after the last, go on as a new epoch would."""
        if self._sequence == len(self._batches):
            self._sequence = 0
            self._partition._known_producers(NOW_MS)._states.clear()
        self._partition.append(self._batches[self._sequence], NOW_MS)
        self._sequence += 1


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=100_000)
    arguments.add_argument("--profile", action="store_true")
    options = arguments.parse_args()
    view = memoryview(bytes(build_batch([(b"k", b"v" * 20)], timestamp_ms=NOW_MS)))
    header = peek(view)
    checksum = best(lambda: verify(view, header), options.calls)
    print(f"verify {len(view)} bytes                          {checksum:6.2f} µs")
    with tempfile.TemporaryDirectory() as directory:
        counting = partition_in(directory + "/counting", CountingFiles())
        if options.profile:
            import cProfile

            cProfile.runctx(
                "for _ in range(options.calls): counting.append(view, NOW_MS)",
                globals() | {"options": options, "counting": counting, "view": view},
                {},
                sort="tottime",
            )
            return
        ours = best(lambda: counting.append(view, NOW_MS), options.calls) - checksum
        print(f"append, without write and verify         {ours:6.2f} µs   (target: 4)")
        producer = Idempotent(partition_in(directory + "/idempotent", CountingFiles()))
        ours = best(producer.append, options.calls) - checksum
        print(f"the same, with an idempotent producer    {ours:6.2f} µs")
        real = partition_in(directory + "/real", RealFiles())
        whole = best(lambda: real.append(view, NOW_MS), options.calls)
        print(f"append to a real file, all of it         {whole:6.2f} µs")
        end = real.log_end_offset

        def tail() -> None:
            real.read(end, 1 << 20, at_least_one=True, committed=False)

        print(f"read at the end: nothing there           {best(tail, options.calls):6.2f} µs")
        real.read(end - 1, 1 << 20, at_least_one=True, committed=False)
        real.append(view, NOW_MS)
        print(f"read what was appended since the last    {best(tail, options.calls):6.2f} µs")
        middle = end // 2

        def anywhere() -> None:
            real.read(middle, 1 << 16, at_least_one=True, committed=False)

        print(f"read 64 KB from the middle               {best(anywhere, options.calls // 10):6.2f} µs")


if __name__ == "__main__":
    main()
