"""Measure pykbroker and the floor in alternating rounds, print the table, keep the numbers.

    python bench/run.py [--quick] [--shape small] [--only floor] [--rounds 7]

A full run also writes its part of docs/benchmarks.md, and every run bench/results-requests-<time>.json (not in git).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import report, shapes
from bench.build import compiled
from bench.servers import LOAD_CORE, Running, Server, floor, pykbroker

TABLE = report.Table(shapes.METRICS, floor="floor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit status is 0 also if a target is missed (the table says which)."""
    options = _options(arguments)
    compiled("load")
    servers = [make() for name, make in (("floor", floor), ("pykbroker", pykbroker)) if options.only in (None, name)]
    os.sched_setaffinity(0, {LOAD_CORE})  # what this process does must not disturb the server's core

    results: report.Rounds = {server.name: [] for server in servers}
    if "startup" in options.shape:
        _measure_startup(servers, options.starts, results)
    for shape in shapes.SHAPES:
        if shape.name in options.shape:
            _measure_shape(shape, servers, options.rounds, options.scale, results)
    if "idle" in options.shape:
        _measure_idle(servers, 1 if options.quick else 3, results)

    print(TABLE.plain(results))
    report.keep_raw("requests", results)
    if options.publish:
        report.publish("Requests", _document(results, options.rounds))
    return 0


def _document(results: report.Rounds, rounds: int) -> str:
    return f"""Written by `make bench`.

{TABLE.markdown(results)}

Medians with the least and the most in brackets: {rounds} rounds per load. Every round is a fresh process, and
rounds of the two servers alternate. CPU time is the server process's own, all threads, kernel included. "× floor"
compares, round by round, with a minimal C server that does the same job: what is left of it is mostly the kernel.
MB is 2^20 bytes.

{report.circumstances()}
"""


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [shape.name for shape in shapes.SHAPES] + ["startup", "idle"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="about 20 s: few short rounds, docs/ stays as it is")
    parser.add_argument("--rounds", type=int, help="rounds per shape (default 7, quick 3)")
    parser.add_argument("--shape", action="append", choices=names, help="only this one; may be repeated")
    parser.add_argument("--only", choices=["floor", "pykbroker"], help="measure one server")
    options = parser.parse_args(arguments)
    options.publish = not (options.quick or options.shape or options.only)
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.starts = 4 if options.quick else 10
    options.scale = 0.25 if options.quick else 1.0
    options.shape = options.shape or names
    return options


def _measure_startup(servers: list[Server], starts: int, results: report.Rounds) -> None:
    _progress(f"startup: {starts} processes each")
    for server in servers:
        Running(server).stop()  # compiled modules and the page cache are there from now on
    for _ in range(starts):
        for server in servers:
            with Running(server) as running:
                results[server.name].append({shapes.STARTUP.key: running.startup_ms})


def _measure_shape(shape: shapes.Shape, servers: list[Server], rounds: int, scale: float,
                   results: report.Rounds) -> None:
    _progress(f"{shape.name}: {rounds} rounds")
    for _ in range(rounds):
        for server in servers:
            with Running(server) as running:
                results[server.name].append(shapes.measure_load(shape, running, scale))


def _measure_idle(servers: list[Server], rounds: int, results: report.Rounds) -> None:
    _progress(f"idle: {rounds} rounds")
    for _ in range(rounds):
        with ExitStack() as stack:
            running = [stack.enter_context(Running(server)) for server in servers]
            for server, values in zip(servers, shapes.measure_idle(running), strict=True):
                results[server.name].append(values)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
