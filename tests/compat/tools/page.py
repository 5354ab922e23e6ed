"""The results: `build/compat/tools.json`, a log for each cell that is not a plain pass, and a summary on stdout."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.compat.tools.judge import Outcome, Verdict

BUILD = Path(__file__).resolve().parents[3] / "build" / "compat"
REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """One result, as docs/compatibility.md is made of it."""

    row: str
    column: str
    status: str
    reason: str = ""
    log: str = ""
    seconds: float = 0.0


def cell_of(tool: str, flow: str, verdict: Verdict, ours: Outcome, kafkas: Outcome) -> Cell:
    """Return a flow's cell, after its log is written."""
    log = Path("logs", "tools", tool, re.sub(r"\W+", "-", flow).strip("-") + ".txt")
    path = BUILD / log
    path.parent.mkdir(parents=True, exist_ok=True)
    stacks = "".join(f"\n# stuck in {said.command}\n{said.hung}" for said in (*ours.said, *kafkas.said) if said.hung)
    path.write_text(
        f"{verdict.status}: {verdict.reason}\n\n# difference\n{verdict.difference}\n{stacks}"
        f"\n# Apache Kafka\n{kafkas.transcript()}\n# pykbroker\n{ours.transcript()}"
    )
    reason = " ".join(verdict.reason.split())[:REASON_LENGTH]
    return Cell(tool, flow, verdict.status, reason, str(log), round(ours.seconds, 1))


def write(cells: Iterable[Cell], columns: Collection[tuple[str, str]]) -> Path:
    """Write the JSON: new results over older ones of the same cells; only `columns` of rows that there still are."""
    path = BUILD / "tools.json"
    older = json.loads(path.read_text()) if path.exists() else []
    all_cells = {(cell["row"], cell["column"]): cell for cell in older}
    all_cells |= {(cell.row, cell.column): asdict(cell) for cell in cells}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([all_cells[key] for key in columns if key in all_cells], indent=1) + "\n")
    return path


def summary(cells: Iterable[Cell]) -> str:
    """Return how many cells have which status, in a line."""
    counts = Counter(cell.status for cell in cells)
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())
