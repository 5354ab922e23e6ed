"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

Cell = str | int | None


def print_table(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print rows below headings in columns: numbers to the right, `-` for what is not there."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *texts, strict=True)]
    to_right = [all(isinstance(cell, int | None) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in [list(headings), *texts]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right or [False] * len(row), strict=True)
        ]
        lines.append("  ".join(cells).rstrip() + "\n")
    write_out("".join(lines).encode())


def print_json(value: object) -> None:
    """Print a value as JSON, for people to read, too."""
    write_out(f"{json.dumps(value, indent=2, ensure_ascii=False)}\n".encode())


def write_out(content: bytes) -> None:
    """Write all of it to standard output, now. With PYTHONUNBUFFERED, one write may take only a part."""
    sys.stdout.flush()  # what was printed goes first
    rest = memoryview(content)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


def _text(cell: Cell) -> str:
    if cell is None or cell == "":
        return "-"
    return str(cell)
