"""Damage every file of a log directory, and open it: it must start, and give the longest valid prefix.

    python fuzz/fuzz_recovery.py --count 100000 [--seed 1]

A case builds nothing: it takes a directory that a store left (stopped, or killed), cuts, flips, overwrites, deletes or
adds at random, opens it, and compares with what `tests/storage/plain_log.py` says must be left. Then it appends, stops,
starts again, compacts, is killed, and reads everything. A case may take a gigabyte and a minute, and never does. It is
repeated by its number: `--seed N --count 1`. The normal test run does some hundred of these
(`tests/storage/test_recovery_fuzz.py`).
"""

import argparse
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fuzz.log_directories import damaged, layouts
from fuzz.recovery_check import check

MOST_BYTES = 1 << 30
MOST_SECONDS = 60


def run(count: int, seed: int, before_each: Callable[[], object] = lambda: None) -> dict[str, int]:
    """Run cases `seed` to `seed + count - 1`; return how many ended in which way. Raises for the first that fails."""
    pristine = layouts()
    ends: dict[str, int] = {}
    for number in range(seed, seed + count):
        before_each()
        layout, tree, what = damaged(pristine, number)
        try:
            end = check(layout, tree)
        except Exception as error:
            raise AssertionError(f"case {number} ({layout.name}: {'; '.join(what)}): {error!r}") from error
        ends[end] = ends.get(end, 0) + 1
    return ends


def _too_long(*_: object) -> None:
    raise TimeoutError(f"not done after {MOST_SECONDS} seconds")


def main() -> None:
    """Run as many as asked, and say what happened."""
    parser = argparse.ArgumentParser(description="Damage log directories, and open them.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    signal.signal(signal.SIGALRM, _too_long)
    ends = run(arguments.count, arguments.seed, lambda: signal.alarm(MOST_SECONDS))
    print(f"{arguments.count} damaged directories:", ", ".join(f"{ends[end]} {end}" for end in sorted(ends)))


if __name__ == "__main__":
    main()
