"""Measure what the storage costs: recovery, start-up, memory, appends, compaction, retention.

    python bench/storage.py [--quick] [--part compaction] [--rounds 5] [--scale 0.1]

A full run takes about half an hour, and 4 GB below bench/build; it also writes its part of docs/benchmarks.md. All but
quick ones leave their rounds in bench/results-storage-<time>.json (not in git).
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import (
    report,
    storage_append,
    storage_compaction,
    storage_recovery,
    storage_retention,
    storage_startup,
)
from bench.build import BUILD, compiled

QUICK_SCALE, QUICK_ROUNDS = 0.01, 1
ROUNDS = 3

PARTS: dict[str, Callable[[int, float], report.Measured]] = {
    "recovery": storage_recovery.measure,
    "startup": storage_startup.measure,
    "append": storage_append.measure,
    "compaction": storage_compaction.measure,
    "retention": storage_retention.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit status is 0 also if a target is missed (the tables say which)."""
    options = _options(arguments)
    compiled("load")
    BUILD.mkdir(exist_ok=True)
    logging.getLogger("pykbroker").setLevel(logging.ERROR)  # that a log was not closed cleanly is no news here
    load_before = os.getloadavg()
    measured: report.Measured = []
    for name in options.part:
        print(f"{name}: {options.rounds} rounds", file=sys.stderr, flush=True)
        measured += PARTS[name](options.rounds, options.scale)
    for table, results in measured:
        print(f"\n{table.title}\n\n{table.plain(results)}")
    if not options.quick:
        report.keep_raw("storage", _merged(measured))
    if options.publish:
        report.publish("Storage", _document(measured, options.rounds, load_before, os.getloadavg()))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="seconds: one round of a hundredth of everything")
    parser.add_argument("--rounds", type=int, help=f"rounds of each measurement (default {ROUNDS}, quick 1)")
    parser.add_argument("--scale", type=float, help="how much of everything, 1 for all of it (default 1, quick 0.01)")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this one; may be repeated")
    options = parser.parse_args(arguments)
    options.publish = not (options.quick or options.scale or options.part)
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    options.scale = options.scale or (QUICK_SCALE if options.quick else 1.0)
    options.part = options.part or list(PARTS)
    return options


def _merged(measured: report.Measured) -> report.Rounds:
    """Return all rounds; tables that were measured together share theirs."""
    different = {id(results): results for _, results in measured}.values()
    return {server: [values for results in different for values in results.get(server, [])]
            for server in ("pykbroker", "floor")}


def _document(measured: report.Measured, rounds: int, before: Sequence[float], after: Sequence[float]) -> str:
    tables = "\n\n".join(table.markdown(results) for table, results in measured)
    return f"""Written by `make bench-storage`.

{tables}

Medians with the least and the most in brackets: {rounds} rounds. The column "×" has the median of the ratios within a
round; above 1 pykbroker costs that many times as much, or takes that many times as long. MB is 2^20 bytes, KB 1024.

{report.circumstances()}
- Load average of the machine: {before[0]:.1f} before, {after[0]:.1f} after (1 minute)
"""


if __name__ == "__main__":
    raise SystemExit(main())
