"""The plots of the comparison, as PNG files. They need matplotlib, the optional dependency `bench`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.compare.goals import FIXED_RATES, all_rows
from bench.compare.growth import CURVES
from bench.compare.resting import ROW as RESTING
from bench.compare.results import Results
from bench.compare.rivals import FLOOR, KAFKA, KAFKA_WARM, KFAKE, PYKBROKER, RIVALS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {PYKBROKER: "#d1495b", KAFKA: "#30638e", KAFKA_WARM: "#7fb3d5", KFAKE: "#3caea3", FLOOR: "#9a9a9a"}
_LABELS = {rival.key: rival.label for rival in RIVALS}
_MEASURE = KAFKA_WARM  # what bars are relative to
_BARS = (PYKBROKER, KAFKA, KFAKE, FLOOR)
_QUANTILES = (("p50_us", "median"), ("p99_us", "p99"), ("p999_us", "p99.9"))
_DPI = 110


def draw(results: Results, directory: Path) -> list[str]:
    """Draw what was measured into `directory`, and return the names of the plots; none without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return []
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"
    directory.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[Results], Figure | None]] = {
        "cpu": lambda results: _relative(results, "cpu_us", "CPU per request ÷ warm Apache Kafka's (left is better)"),
        "throughput": lambda results: _relative(results, "rate", "Throughput ÷ warm Apache Kafka's (right is better)"),
        "latency": _latency, "resting": _resting, "growth": _growth,
    }
    drawn = []
    for name, drawing in drawings.items():
        figure = drawing(results)
        if figure is not None:
            figure.savefig(directory / f"{name}.png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
            drawn.append(name)
    return drawn


def _new(columns: int, width: float, height: float) -> tuple[Figure, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(True, alpha=0.25)
        each.set_axisbelow(True)
    return figure, list(axes)


def _relative(results: Results, number: str, title: str) -> Figure | None:
    """Horizontal bars on a logarithmic axis: each broker's median over the warm Apache Kafka's, shape by shape."""
    rows = [row for row in all_rows(results) if results.ratio(row.key, PYKBROKER, _MEASURE, number) is not None]
    if number == "rate":
        rows = [row for row in rows if row.key not in FIXED_RATES]
    if not rows:
        return None
    figure, (axes,) = _new(1, 9, 2.0 + 0.42 * len(rows))
    height = 0.8 / len(_BARS)
    for place, rival in enumerate(_BARS):
        ratios = [results.ratio(row.key, rival, _MEASURE, number) for row in rows]
        points = [(index, ratio) for index, ratio in enumerate(ratios) if ratio]
        axes.barh([index + (place - 1.5) * height for index, _ in points], [ratio - 1 for _, ratio in points], height,
                  left=1, color=_COLOURS[rival], label=_LABELS[rival])
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.axvline(1, color=_COLOURS[_MEASURE], linewidth=1.5, label=_LABELS[_MEASURE])
    axes.set_yticks(range(len(rows)), [row.key for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(title)
    figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    return figure


def _latency(results: Results) -> Figure | None:
    shapes = [row for row in all_rows(results) if row.key in (*FIXED_RATES, "tail")]
    if not shapes:
        return None
    figure, panels = _new(len(shapes), 4.2 * len(shapes), 3.4)
    for axes, row in zip(panels, shapes, strict=True):
        for rival, colour in _COLOURS.items():
            values = [results.cell(row.key, rival).middle(number) for number, _ in _QUANTILES]
            shown = [value / 1000 for value in values if value is not None]
            if len(shown) == len(_QUANTILES):
                axes.plot([name for _, name in _QUANTILES], shown, "o-", color=colour, label=_LABELS[rival])
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_title(row.label, fontsize=9)
        axes.set_ylabel("ms")
    panels[0].legend(fontsize=8, frameon=False)
    return figure


def _resting(results: Results) -> Figure | None:
    if not results.has(RESTING):
        return None
    figure, panels = _new(2, 8.5, 2.6)
    for axes, number, title in zip(panels, ("ready_ms", "idle_mb"),
                                   ("start to taking requests, ms", "resident when idle, MB"), strict=True):
        values = {rival: value for rival in (PYKBROKER, KAFKA, KFAKE, FLOOR)
                  if (value := results.cell(RESTING, rival).middle(number)) is not None}
        bars = axes.barh([_LABELS[rival] for rival in values], list(values.values()),
                         color=[_COLOURS[rival] for rival in values])
        axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
        axes.set_xscale("log")
        axes.invert_yaxis()
        axes.set_title(title, fontsize=9)
    return figure


def _growth(results: Results) -> Figure | None:
    curves = [curve for curve in CURVES if any(results.has(curve.row(curve.shapes[0], at)) for at in curve.points)]
    if not curves:
        return None
    figure, panels = _new(len(curves), 4.2 * len(curves), 3.4)
    for axes, curve in zip(panels, curves, strict=True):
        for shape, style in zip(curve.shapes, ("o-", "s--"), strict=False):
            for rival, colour in _COLOURS.items():
                points = [(at, cost) for at in curve.points
                          if (cost := results.cell(curve.row(shape, at), rival).middle("cpu_us")) is not None]
                if points:
                    axes.plot(*zip(*points, strict=True), style, color=colour, label=f"{_LABELS[rival]}, {shape}")
        axes.set_xscale("log")
        axes.set_xticks(curve.points, [f"{at:,g}" for at in curve.points])
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"{curve.axis}: {curve.title}")
        axes.set_ylabel("CPU µs per request")
        axes.legend(fontsize=7, frameon=False)
    return figure
