"""Measure pykbroker beside Apache Kafka, kfake and the C floor; write "Side by side" in docs/benchmarks.md.

    python -m bench.compare [--quick] [--shapes small,rtt] [--rivals pykbroker,kafka] [--rounds 3] [--scale 1]

A full run takes about 25 minutes. Every run leaves its rounds in bench/results-compare-<time>.json (not in git); only a
full one writes the document and its plots. `--from FILE` writes these from such a file, without measuring.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.build import HERE, compiled
from bench.compare import document, growth, resting
from bench.compare.facts import facts
from bench.compare.results import Results
from bench.compare.rivals import RIVALS, missing
from bench.compare.running import Plan, run_shapes
from bench.compare.shapes import SHAPES
from bench.servers import LOAD_CORE

_EXTRAS = ("resting", "growth")  # what is measured beside the shapes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit status is 0 also where a goal is missed (the document says so)."""
    options = _options(arguments)
    if options.source:
        results = Results.load(options.source)
    else:
        results = _measure(options)
        path = HERE / f"results-compare-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        results.save(path)
        _say(f"rounds in {path}")
    print(document.plain(results))
    if options.publish:
        document.publish(results)
    return 0


def _measure(options: argparse.Namespace) -> Results:
    begun = time.monotonic()
    compiled("load")
    compiled("tail")
    absent = missing(options.rivals)
    for key, reason in absent.items():
        _say(f"{key} is missing: {reason}")
    rivals = [rival for rival in options.rivals if rival.key not in absent]
    os.sched_setaffinity(0, {LOAD_CORE})  # what this process does must not disturb the server's core
    plan = Plan(options.rounds, options.scale, options.quick, _say, begun + 60 * options.minutes)
    results = Results(facts(absent))
    if "resting" in options.shapes:
        resting.measure_resting(rivals, plan, results)
    if "growth" in options.shapes:
        growth.measure_growth(rivals, plan, results)
    run_shapes([shape for shape in SHAPES if shape.key in options.shapes], rivals, plan, results)
    results.facts["minutes"] = round((time.monotonic() - begun) / 60, 1)
    results.facts["rounds"], results.facts["scale"] = options.rounds, options.scale
    results.facts["load_after"] = os.getloadavg()[0]
    return results


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names, keys = [*_EXTRAS, *(shape.key for shape in SHAPES)], [rival.key for rival in RIVALS]
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="about 3 minutes: one round, a tenth of everything")
    parser.add_argument("--shapes", type=_some_of(names), help=f"only these, separated by commas: {', '.join(names)}")
    parser.add_argument("--rivals", type=_some_of(keys), help=f"only these: {', '.join(keys)}")
    parser.add_argument("--rounds", type=int, help="rounds of each shape (default 3, quick 1)")
    parser.add_argument("--minutes", type=float, default=25,
                        help="begin no second or third round of a shape after so many (default 25)")
    parser.add_argument("--scale", type=float, help="how much of everything, 1 for all of it (default 1, quick 0.1)")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="write the document from these rounds")
    options = parser.parse_args(arguments)
    options.publish = bool(options.source) or not (options.quick or options.shapes or options.rivals or options.scale)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.scale = options.scale or (0.1 if options.quick else 1.0)
    options.shapes = options.shapes or names
    wanted: list[str] = options.rivals or keys
    options.rivals = [rival for rival in RIVALS if rival.key in wanted]
    return options


def _some_of(known: Sequence[str]) -> object:
    def parse(text: str) -> list[str]:
        wanted = text.split(",")
        for name in wanted:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no such: {name}")
        return wanted

    return parse


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
