"""What was measured, cell by cell: collected while the comparison runs, kept as JSON, and summed up for tables.

A cell is a row (the key of a shape, or of one of its phases) and a rival. It has the numbers of every round, or the
reason why there are none: "cannot" (the rival does not offer what the shape needs) or "failed".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.compare.measuring import Numbers, Shape


@dataclass(slots=True)
class Cell:
    """One rival's rounds of one row. `reason` is why there are none."""

    rounds: list[Numbers] = field(default_factory=list)
    kind: str = ""
    reason: str = ""

    def values(self, number: str) -> list[float]:
        """Return one number of all rounds that have it."""
        return [each[number] for each in self.rounds if number in each]

    def middle(self, number: str) -> float | None:
        """Return its median, or None if it was not measured."""
        values = self.values(number)
        return median(values) if values else None


@dataclass(slots=True)
class Row:
    """A shape, or one phase of it, for tables."""

    key: str
    family: str
    label: str
    unit: str


def rows_of(shape: Shape) -> Iterator[tuple[str, Row]]:
    """Yield the name of each phase of a shape with its row; a shape without phases has one, named ""."""
    if not shape.phases:
        yield "", Row(shape.key, shape.family, shape.label, shape.unit)
    for phase, label in shape.phases.items():
        yield phase, Row(f"{shape.key}-{phase}", shape.family, label, shape.unit)


class Results:
    """All cells. `facts` is what else a reader should know: machine, date, versions, what is missing."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = dict(facts)
        self._cells: dict[str, dict[str, Cell]] = {}

    def cell(self, row: str, rival: str) -> Cell:
        """Return a cell, which may be empty."""
        return self._cells.setdefault(row, {}).setdefault(rival, Cell())

    def add(self, row: str, rival: str, numbers: Numbers) -> None:
        """Put one round into a cell."""
        self.cell(row, rival).rounds.append(numbers)

    def explain(self, row: str, rival: str, kind: str, reason: str) -> None:
        """Say why a cell has no numbers, or fewer."""
        cell = self.cell(row, rival)
        cell.kind, cell.reason = kind, reason

    def has(self, row: str) -> bool:
        """Tell whether any rival has numbers in this row."""
        return any(cell.rounds for cell in self._cells.get(row, {}).values())

    def explained(self) -> Iterator[tuple[str, str, Cell]]:
        """Yield the row, the rival and the cell of everything that came to nothing, or to less."""
        for row, cells in self._cells.items():
            for rival, cell in cells.items():
                if cell.kind:
                    yield row, rival, cell

    def ratio(self, row: str, rival: str, other: str, number: str) -> float | None:
        """Return `rival`'s median divided by `other`'s, or None if one of them was not measured."""
        mine, theirs = self.cell(row, rival).middle(number), self.cell(row, other).middle(number)
        return mine / theirs if mine is not None and theirs else None

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        cells = {row: {rival: {"rounds": cell.rounds, "kind": cell.kind, "reason": cell.reason}
                       for rival, cell in cells.items()} for row, cells in self._cells.items()}
        path.write_text(json.dumps({"facts": self.facts, "cells": cells}, indent=1))

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what `save` wrote."""
        content = json.loads(path.read_text())
        results = cls(content["facts"])
        for row, cells in content["cells"].items():
            for rival, cell in cells.items():
                results._cells.setdefault(row, {})[rival] = Cell(cell["rounds"], cell["kind"], cell["reason"])
        return results


def spread(values: Sequence[float], form: Callable[[float], str]) -> str:
    """Return the median with the least and the most, or a dash."""
    if not values:
        return "—"
    if len(values) == 1:
        return form(values[0])
    return f"{form(median(values))} ({form(min(values))}–{form(max(values))})"


def short(value: float) -> str:
    """Return a number with two or three significant digits, and its thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
