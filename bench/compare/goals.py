"""The goals of the comparison, and whether a run meets them: by how much not, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.compare.growth import CURVES
from bench.compare.resting import ROW as RESTING
from bench.compare.results import Results, Row, rows_of, short
from bench.compare.rivals import KAFKA, KAFKA_WARM, PYKBROKER
from bench.compare.shapes import SHAPES

FIXED_RATES = ("rate-small", "rate-16k")
LARGE_UNIT_BYTES = 1024  # from here on costs per MB say something
_TENTH, _FLAT = 0.1, 1.25
_IDLE_MS_PER_S = 0.1


@dataclass(frozen=True, slots=True)
class Goal:
    """What was to be reached, whether it was, and what there is to say. `met` is None where nothing was measured."""

    text: str
    met: bool | None
    remark: str


def all_rows(results: Results) -> list[Row]:
    """Return the rows that were measured, in the order of the shapes."""
    return [row for shape in SHAPES for _, row in rows_of(shape) if results.has(row.key)]


def goals(results: Results) -> Iterator[Goal]:
    """Yield every goal."""
    rows = [row.key for row in all_rows(results)]
    for other, name in ((KAFKA, "Apache Kafka's"), (KAFKA_WARM, "those of the warm Apache Kafka")):
        yield _no_more(results, rows, other, "cpu_us", f"CPU per request is below {name} on every shape")
        yield _no_more(results, rows, other, "cpu_us_per_mb", f"CPU per MB is below {name} on every shape")
    unpaced = [row for row in rows if row not in FIXED_RATES]
    yield _no_more(results, unpaced, KAFKA_WARM, "rate",
                   "throughput is at least the warm Apache Kafka's (×: its throughput by ours)", inverse=True)
    yield _no_more(results, FIXED_RATES, KAFKA_WARM, "p99_us",
                   "p99 at a fixed rate is no worse than the warm Apache Kafka's")
    for number, what in (("ready_ms", "start-up takes"), ("idle_mb", "idle memory is")):
        ratio = results.ratio(RESTING, PYKBROKER, KAFKA, number)
        yield Goal(f"{what} at most a tenth of Apache Kafka's", None if ratio is None else ratio <= _TENTH,
                   "" if ratio is None else f"{100 * ratio:.1f} %")
    idle = results.cell(RESTING, PYKBROKER).middle("idle_cpu_ms_per_s")
    yield Goal("idle CPU is 0", None if idle is None else idle <= _IDLE_MS_PER_S,
               "" if idle is None else f"{idle:.2f} ms per second")
    for curve in CURVES:
        yield _flat(results, curve.title, [[curve.row(shape, point) for point in curve.points]
                                           for shape in curve.shapes])


def _no_more(results: Results, rows: Sequence[str], other: str, number: str, text: str, *,
             inverse: bool = False) -> Goal:
    """Compare round medians; the remark names where pykbroker is behind, the worst first."""
    ratios = {row: ratio for row in rows if (ratio := results.ratio(row, PYKBROKER, other, number)) is not None}
    if inverse:
        ratios = {row: 1 / ratio for row, ratio in ratios.items()}
    if not ratios:
        return Goal(text, None, "")
    behind = sorted(((ratio, row) for row, ratio in ratios.items() if ratio > 1), reverse=True)
    remark = f"on {len(ratios) - len(behind)} of {len(ratios)} shapes, in the median × {short(median(ratios.values()))}"
    if behind:
        remark += "; not on " + ", ".join(f"{row} (× {short(ratio)})" for ratio, row in behind)
    return Goal(text, not behind, remark)


def _flat(results: Results, title: str, lines: Sequence[Sequence[str]]) -> Goal:
    worst = 0.0
    for rows in lines:
        costs = [cost for row in rows if (cost := results.cell(row, PYKBROKER).middle("cpu_us")) is not None]
        if len(costs) > 1:
            worst = max(worst, costs[-1] / costs[0])
    return Goal(f"a request costs the same however many {title}", worst <= _FLAT if worst else None,
                f"× {short(worst)} from the first point to the last" if worst else "")
