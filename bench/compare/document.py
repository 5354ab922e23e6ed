"""The part "Side by side" of docs/benchmarks.md: goals, tables, plots, and where it was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench import report
from bench.compare import plots
from bench.compare.goals import FIXED_RATES, LARGE_UNIT_BYTES, all_rows, goals
from bench.compare.growth import CURVES, Curve
from bench.compare.resting import ROW as RESTING
from bench.compare.results import Cell, Results, Row, short, spread
from bench.compare.rivals import FLOOR, KAFKA, KAFKA_WARM, KFAKE, PYKBROKER, RIVALS
from bench.compare.shapes import FAMILIES
from bench.shapes import MB

TITLE = "Side by side"
_COLUMNS = (PYKBROKER, KAFKA, KAFKA_WARM, KFAKE, FLOOR)
_LABELS = {rival.key: rival.label for rival in RIVALS}
_BUSY = 0.9
_RESTING = (
    ("first_reply_ms", "process start to the first ApiVersions reply", "ms"),
    ("ready_ms", "process start to taking every request", "ms"),
    ("start_cpu_ms", "CPU of the start", "ms"),
    ("idle_mb", "resident memory when idle", "MB"),
    ("idle_cpu_ms_per_s", "CPU when idle", "ms per s"),
)

Cells = Callable[[Cell], str]


def plain(results: Results) -> str:
    """Return the costs for a terminal: CPU per request, and how many times Kafka's that is; the worst first."""
    lines = []
    for row in all_rows(results):
        costs = [f"{_middle(results, row, rival, 'cpu_us'):>11}" for rival in _COLUMNS]
        ratios = [f"{_ratio(results, row, other, 'cpu_us'):>8}" for other in (KAFKA, KAFKA_WARM)]
        worst = max(results.ratio(row.key, PYKBROKER, other, "cpu_us") or 0 for other in (KAFKA, KAFKA_WARM))
        lines.append((-worst, f"{row.key:20} {row.unit:9} {' '.join([*costs, *ratios])}"))
    names = [f"{rival:>11}" for rival in _COLUMNS] + [f"{name:>8}" for name in ("× kafka", "× warm")]
    heading = f"{'CPU µs':20} {'per':9} {' '.join(names)}"
    return "\n".join([heading, *(line for _, line in sorted(lines)), "", *_troubles(results)])


def publish(results: Results) -> None:
    """Draw the plots, and put the part into the document."""
    drawn = plots.draw(results, report.DOCUMENT.parent / "benchmarks")
    report.publish(TITLE, markdown(results, drawn))


def markdown(results: Results, drawn: Sequence[str] = ()) -> str:
    """Return the part. `drawn` are the names of the plots that there are."""

    def plot(name: str, text: str) -> list[str]:
        return [f"![{text}](benchmarks/{name}.png)"] if name in drawn else []

    rows = all_rows(results)
    large = [row for row in rows if _unit_bytes(results.cell(row.key, PYKBROKER)) >= LARGE_UNIT_BYTES]
    parts = [
        "Written by `make bench-compare`. All brokers have one core, the load the other; how is in `bench/README.md`.",
        _goals(results),
        "### CPU per request",
        "Microseconds of the broker's CPU time, all threads, kernel included; the column \"per\" says what of.",
        *plot("cpu", "CPU per request of each broker, relative to a warm Apache Kafka"),
        *_by_family(results, rows, lambda cell: spread(cell.values("cpu_us"), short), "cpu_us"),
        "### CPU per MB",
        "Microseconds of CPU per 2^20 bytes of batches.",
        *_by_family(results, large, lambda cell: spread(cell.values("cpu_us_per_mb"), short), "cpu_us_per_mb"),
        "### Throughput",
        "Per second, with one core for the broker. An asterisk: the load's own core was busy for more than nine tenths"
        " of the time, so that the broker could do more.",
        *plot("throughput", "Throughput of each broker, relative to a warm Apache Kafka"),
        *_by_family(results, [row for row in rows if row.key not in FIXED_RATES], _rate, "rate"),
        "### Latency",
        "Median / p99 / p99.9 in ms: with as many requests in flight as the shape has, or at its fixed rate.",
        *plot("latency", "Latencies at a fixed rate"),
        *_by_family(results, [row for row in rows if results.cell(row.key, PYKBROKER).values("p50_us")], _latency,
                    "p99_us"),
        "### Memory",
        "The most that was resident during a run, in MB. Apache Kafka's process has lived through other shapes before.",
        *_by_family(results, rows, lambda cell: spread(cell.values("peak_mb"), short), "peak_mb"),
        "### Start and rest",
        *plot("resting", "Start-up time and idle memory"),
        _resting(results),
        "### Growth",
        "CPU µs per request, when the broker has more and more that the request has nothing to do with.",
        *plot("growth", "CPU per request against what else is in the broker"),
        *(_growth(results, curve) for curve in CURVES),
        "### What could not be measured",
        "\n".join(_troubles(results)) or "Nothing.",
        "### Where and when",
        _circumstances(results),
    ]
    return "\n\n".join(part for part in parts if part)


def _goals(results: Results) -> str:
    verdicts = {True: "yes", False: "no", None: "not measured"}
    return _table(("goal", "met", ""), [(goal.text, verdicts[goal.met], goal.remark) for goal in goals(results)])


def _by_family(results: Results, rows: Sequence[Row], cell_text: Cells, number: str) -> Iterator[str]:
    columns = [rival for rival in _COLUMNS if rival in results.facts["versions"]]
    for family, title in FAMILIES.items():
        mine = [row for row in rows if row.family == family]
        if not mine:
            continue
        headings = (title, "per", *(_LABELS[rival] for rival in columns), "× Kafka", "× warm")
        yield _table(headings, [
            (row.label, row.unit, *(_text(results.cell(row.key, rival), cell_text) for rival in columns),
             *(_ratio(results, row, other, number) for other in (KAFKA, KAFKA_WARM)))
            for row in mine
        ])


def _text(cell: Cell, cell_text: Cells) -> str:
    return cell_text(cell) if cell.rounds else cell.kind or "—"


def _ratio(results: Results, row: Row, other: str, number: str) -> str:
    ratio = results.ratio(row.key, PYKBROKER, other, number)
    return "—" if ratio is None else short(ratio)


def _rate(cell: Cell) -> str:
    busy = cell.middle("load_busy")
    return spread(cell.values("rate"), short) + ("*" if busy is not None and busy > _BUSY else "")


def _latency(cell: Cell) -> str:
    middles = [cell.middle(number) for number in ("p50_us", "p99_us", "p999_us")]
    return " / ".join("—" if each is None else short(each / 1000) for each in middles)


def _unit_bytes(cell: Cell) -> float:
    per_request, per_mb = cell.middle("cpu_us"), cell.middle("cpu_us_per_mb")
    return per_request / per_mb * MB if per_request and per_mb else 0


def _middle(results: Results, row: Row, rival: str, number: str) -> str:
    cell = results.cell(row.key, rival)
    value = cell.middle(number)
    return short(value) if value is not None else cell.kind or "—"


def _resting(results: Results) -> str:
    columns = [rival for rival in _COLUMNS if rival != KAFKA_WARM and rival in results.facts["versions"]]
    lines = []
    for number, label, unit in _RESTING:
        ratio = results.ratio(RESTING, PYKBROKER, KAFKA, number)
        lines.append((label, unit, *(spread(results.cell(RESTING, rival).values(number), short) for rival in columns),
                      "—" if ratio is None else short(ratio)))
    return _table(("", "unit", *(_LABELS[rival] for rival in columns), "× Kafka"), lines)


def _growth(results: Results, curve: Curve) -> str:
    lines = []
    for shape in curve.shapes:
        for rival in _COLUMNS:
            cells = [results.cell(curve.row(shape, point), rival) for point in curve.points]
            if any(cell.rounds for cell in cells):
                lines.append((shape, _LABELS[rival], *(spread(cell.values("cpu_us"), short) for cell in cells)))
    headings = ("", curve.title, *(f"{point:,g} {curve.axis}" for point in curve.points))
    return _table(headings, lines) if lines else ""


def _troubles(results: Results) -> list[str]:
    found = [f"- {_LABELS[rival]} as a whole: {reason}" for rival, reason in results.facts["missing"].items()]
    found += [f"- {row}, {_LABELS[rival]}: {cell.kind}: {cell.reason}" for row, rival, cell in results.explained()]
    return found


def _circumstances(results: Results) -> str:
    facts = results.facts
    versions = ", ".join(f"{_LABELS[rival]} {version}" for rival, version in facts["versions"].items())
    return "\n".join([
        f"- Date: {facts['date'][:10]}, {facts['minutes']:.0f} minutes, {facts['rounds']} rounds at most,"
        f" scale {facts['scale']:g}",
        f"- Machine: {facts['machine']}",
        f"- Versions: {versions}",
        f"- {facts['python']}, {facts['go']}, {facts['java']}; "
        + ", ".join(f"{name} {version}" for name, version in facts["libraries"].items()),
        f"- Load average of the machine: {facts['load_before']:.1f} before, {facts['load_after']:.1f} after (1 minute)",
    ])


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, ["---"] * len(headings), *lines])
