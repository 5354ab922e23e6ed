"""Rounds of measurements to tables: for the terminal, for docs/benchmarks.md, and the raw numbers as JSON."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.servers import LOAD_CORE, SERVER_CORE
from bench.shapes import METRICS, Metric

Rounds = dict[str, list[dict[str, float]]]  # server name -> one {metric key: value} per round

HEADINGS = ("shape", "unit", "pykbroker", "floor", "× floor", "target", "met")


def rows(results: Rounds) -> list[tuple[str, ...]]:
    """Return one row of HEADINGS per metric that was measured: medians with (least–most) of the rounds.

    "× floor" is the median of the ratios within a round; above 1 pykbroker costs that many times as much.
    """
    table: list[tuple[str, ...]] = []
    for metric in METRICS:
        ours, theirs = (_values(results, server, metric) for server in ("pykbroker", "floor"))
        if not ours and not theirs:
            continue
        table.append((metric.label, metric.unit, _spread(ours, metric), _spread(theirs, metric),
                      _ratio(ours, theirs, metric), _target(metric), _met(ours, metric)))
    return table


def text_table(results: Rounds) -> str:
    """Return the table for a terminal."""
    lines = [HEADINGS, *rows(results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def markdown(results: Rounds, rounds: int) -> str:
    """Return docs/benchmarks.md: the table, when and where it was measured, and how to read it."""
    table = "\n".join("| " + " | ".join(row) + " |" for row in [HEADINGS, ("---",) * len(HEADINGS), *rows(results)])
    return f"""# Benchmarks

Written by `make bench`; what is measured and how is in `bench/README.md`.

{table}

Medians with the least and the most in brackets: {rounds} rounds per load. Every round is a fresh process, and
rounds of the two servers alternate. CPU time is the server process's own, all threads, kernel included. "× floor"
compares, round by round, with a minimal C server that does the same job: what is left of it is mostly the kernel.
MB is 2^20 bytes.

- Date: {datetime.now(UTC).date().isoformat()}
- Machine: {cpu_model()}, {_cores()}, Linux {platform.release().split("-")[0]}
- Python: {platform.python_implementation()} {platform.python_version()}
"""


def raw(results: Rounds) -> str:
    """Return every round's numbers, with the machine, as JSON."""
    return json.dumps({
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(), "cores": _cores(), "python": platform.python_version(), "rounds": results,
    }, indent=1)


def cpu_model() -> str:
    """Return the processor's name, as far as the kernel tells."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _cores() -> str:
    used = "the server and the load share one" if SERVER_CORE == LOAD_CORE else "one for the server, one for the load"
    return f"{os.cpu_count()} cores ({used})"


def _values(results: Rounds, server: str, metric: Metric) -> list[float]:
    return [values[metric.key] for values in results.get(server, []) if metric.key in values]


def _spread(values: list[float], metric: Metric) -> str:
    if not values:
        return "—"
    least, middle, most = (f"{value:,.{metric.digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} ({least}–{most})"


def _ratio(ours: list[float], theirs: list[float], metric: Metric) -> str:
    if not ours or not theirs or not all(theirs):
        return "—"
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return f"{1 / ratio if metric.higher_is_better else ratio:.1f}"


def _target(metric: Metric) -> str:
    return "—" if metric.target is None else f"{'≥' if metric.higher_is_better else '≤'} {metric.target:,.0f}"


def _met(values: list[float], metric: Metric) -> str:
    if metric.target is None or not values:
        return "—"
    middle = median(values)
    return "yes" if (middle >= metric.target if metric.higher_is_better else middle <= metric.target) else "no"
