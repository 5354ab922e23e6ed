"""What is counted and measured, and how Prometheus wants it written. No I/O, no clock.

    Timings    how often, how long in all, and quantiles of the last minutes
    Family     one metric: its name, its kind, what it means
    Page       families and their samples, on their way to the text format 0.0.4

The text is described at https://prometheus.io/docs/instrumenting/exposition_formats/: all samples of a family stand
together, behind its HELP and TYPE lines; a family without samples is left out. Counters that cost nothing but an
addition are plain attributes of whoever counts (`apis/traffic.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, nan
from typing import Final, NamedTuple

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
SUMMARY: Final = "summary"

QUANTILES: Final = (0.5, 0.75, 0.95, 0.98, 0.99, 0.999)
"""Those of Kafka's histograms (`com.yammer.metrics.core.Histogram` over JMX)."""

WINDOW_SECONDS: Final = 150.0
_PIECE_LINES: Final = 1000
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_HELP_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})


class Family(NamedTuple):
    """One metric: what it is called, COUNTER, GAUGE or SUMMARY, and what it tells, in a line."""

    name: str
    kind: str
    help: str


class Timings:
    """How often something happened and how long it took; quantiles of the last two and a half to five minutes.

    Times are counted in slots: one for each microsecond up to 32, then 16 for each doubling, so that a quantile is off
    by 3 % at most. Two windows take turns, the older one is forgotten as a whole.
    """

    __slots__ = ("_ends", "_newer", "_older", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self._ends = WINDOW_SECONDS

    def add(self, seconds: float, now: float) -> None:
        """Count one that took so long. `now` is in seconds, of a clock that does not go back. Hot path."""
        self.count += 1
        self.seconds += seconds
        if now >= self._ends:
            self._turn(now)
        microseconds = int(seconds * 1e6)
        octave = microseconds.bit_length() - 5
        slot = microseconds if octave <= 0 else (octave << 4) + (microseconds >> octave)
        slots = self._newer
        slots[slot] = slots.get(slot, 0) + 1

    def quantiles(self, now: float) -> list[float]:
        """Return the `QUANTILES`, in seconds; NaN as long as nothing has happened for minutes."""
        if now >= self._ends:
            self._turn(now)
        slots = dict(self._older)
        for slot, count in self._newer.items():
            slots[slot] = slots.get(slot, 0) + count
        total = sum(slots.values())
        if not total:
            return [nan] * len(QUANTILES)
        found: list[float] = []
        seen = 0
        for slot in sorted(slots):
            seen += slots[slot]
            while len(found) < len(QUANTILES) and seen >= ceil(QUANTILES[len(found)] * total):
                found.append(_middle(slot))
        return found

    def _turn(self, now: float) -> None:
        self._older = self._newer if now < self._ends + WINDOW_SECONDS else {}
        self._newer = {}
        self._ends = now + WINDOW_SECONDS


def _middle(slot: int) -> float:
    """Return the time, in seconds, in the middle of a slot."""
    if slot < 32:
        return slot / 1e6
    octave = (slot >> 4) - 1
    return ((slot - (octave << 4) << octave) + (1 << octave >> 1)) / 1e6


def labels(**values: str) -> str:
    """Return a sample's labels as they are written, with the braces; nothing for none."""
    if not values:
        return ""
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in values.items()) + "}"


def escaped(value: str) -> str:
    """Return a label's value as it stands between its quotes."""
    return value.translate(_ESCAPES)


class Page:
    """Samples of some families, in the order of these. Which families there are is said once; others are an error."""

    __slots__ = ("_families", "_lines")

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families
        self._lines: dict[str, list[str]] = {family.name: [] for family in families}

    def add(self, name: str, value: float, **label_values: str) -> None:
        """Add a sample of a counter or a gauge."""
        self._lines[name].append(f"{name}{labels(**label_values)} {_number(value)}\n")

    def lines(self, name: str) -> list[str]:
        """Return the list of a family's lines, for who adds many; each with its end of line."""
        return self._lines[name]

    def add_timings(self, name: str, timings: Timings, now: float, **label_values: str) -> None:
        """Add the samples of a summary, in milliseconds as Kafka has them."""
        lines = self._lines[name]
        for quantile, seconds in zip(QUANTILES, timings.quantiles(now), strict=True):
            text = f"{quantile:.2f}" if quantile < 0.999 else f"{quantile:.3f}"  # as the exporter makes them: 0.50
            lines.append(f"{name}{labels(**label_values, quantile=text)} {_number(seconds * 1000)}\n")
        lines.append(f"{name}_sum{labels(**label_values)} {_number(timings.seconds * 1000)}\n")
        lines.append(f"{name}_count{labels(**label_values)} {timings.count}\n")

    def pieces(self) -> Iterator[bytes]:
        """Yield the page, family by family, a large one in several pieces."""
        for name, kind, meaning in self._families:
            lines = self._lines[name]
            head = f"# HELP {name} {meaning.translate(_HELP_ESCAPES)}\n# TYPE {name} {kind}\n"
            for at in range(0, len(lines), _PIECE_LINES):
                yield (head + "".join(lines[at : at + _PIECE_LINES])).encode()
                head = ""


def _number(value: float) -> str:
    """Return a value as it is written; whole numbers without a point."""
    if isinstance(value, int):
        return str(value)
    if value != value:
        return "NaN"
    return str(int(value)) if value.is_integer() else repr(round(value, 6))
