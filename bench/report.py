"""Rounds of measurements to tables: for the terminal, for docs/benchmarks.md, and the raw numbers as JSON.

docs/benchmarks.md has a part for each tool that measures, under a heading of its own; a tool replaces only its part.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.build import HERE
from bench.servers import LOAD_CORE, SERVER_CORE
from bench.shapes import Metric

Rounds = dict[str, list[dict[str, float]]]  # "pykbroker" or "floor" -> one {metric key: value} per measurement

Measured = list[tuple["Table", Rounds]]

DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
LIBRARIES = ("crc32c", "zstandard")


@dataclass(frozen=True, slots=True)
class Table:
    """What a table shows: its metrics, and what the column says that they are compared with; "" for nothing.

    Above 1 in the column "×", pykbroker costs that many times as much: the median of the ratios within a round. `title`
    and `text` are the heading above it and the paragraphs below it, where a part of the document has several.
    """

    metrics: Sequence[Metric]
    floor: str = ""
    title: str = ""
    text: str = ""

    @property
    def headings(self) -> tuple[str, ...]:
        """The names of its columns."""
        compared = (self.floor, f"× {self.floor}" if self.floor == "floor" else "×") if self.floor else ()
        return ("shape", "unit", "pykbroker", *compared, "target", "met")

    def rows(self, results: Rounds) -> list[tuple[str, ...]]:
        """Return one row per metric that was measured: medians with (least–most) of the rounds."""
        rows: list[tuple[str, ...]] = []
        for metric in self.metrics:
            ours, theirs = (_values(results, server, metric) for server in ("pykbroker", "floor"))
            if not ours and not theirs:
                continue
            compared = (_spread(theirs, metric), _ratio(ours, theirs, metric)) if self.floor else ()
            verdict = (_target(metric), _met(ours, metric))
            rows.append((metric.label, metric.unit, _spread(ours, metric), *compared, *verdict))
        return rows

    def plain(self, results: Rounds) -> str:
        """Return the table for a terminal."""
        lines = [self.headings, *self.rows(results)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def markdown(self, results: Rounds) -> str:
        """Return the table for a document, with its title and text."""
        lines = [self.headings, ("---",) * len(self.headings), *self.rows(results)]
        table = "\n".join("| " + " | ".join(row) + " |" for row in lines)
        return "\n\n".join(filter(None, [f"### {self.title}" if self.title else "", table, self.text]))


def publish(title: str, body: str) -> None:
    """Put `body` into docs/benchmarks.md, in the place of what this tool wrote there before."""
    DOCUMENT.write_text(with_part(DOCUMENT.read_text(), title, body))


def with_part(document: str, title: str, body: str) -> str:
    """Return a document whose part under the heading `## title`, up to the next such heading, is `body`."""
    parts = re.split(r"^(?=## )", document, flags=re.MULTILINE)
    part = f"## {title}\n\n{body}"
    at = [index for index, each in enumerate(parts) if each.startswith(f"## {title}\n")] or [len(parts)]
    parts[at[0] : at[0] + 1] = [part]
    return "\n".join(each.strip("\n") + "\n" for each in parts)


def circumstances() -> str:
    """Return when and where something was measured, as a list for a document."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return "\n".join([
        f"- Date: {datetime.now(UTC).date().isoformat()}",
        f"- Machine: {cpu_model()}, {_cores()}, Linux {platform.release().split('-')[0]}",
        f"- Python: {platform.python_implementation()} {platform.python_version()}, {libraries}",
    ])


def keep_raw(tool: str, results: Rounds) -> None:
    """Leave every round's numbers, with the machine, in bench/results-<tool>-<time>.json (not in git)."""
    content = json.dumps({
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(), "cores": _cores(), "python": platform.python_version(), "rounds": results,
    }, indent=1)
    (HERE / f"results-{tool}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json").write_text(content)


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
