"""What came out: one cell per row and column, kept in `build/compat/PART.json`, from which the page is made.

Clients, tools, suites and the oracle are such parts. A run of something of a part replaces only its own cells.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

BUILD = Path("build/compat")
"""Everything that is installed and written, below the checkout; git ignores it."""

PASS, FAIL, NOT_YET, UNSUPPORTED = "pass", "fail", "not-yet", "unsupported"
MISSING, TIMEOUT, DIFFERS, LIKE_KAFKA = "missing", "timeout", "differs", "like-kafka"

RED = frozenset({FAIL, TIMEOUT})
"""What must not be: the broker, the client or the scenario is wrong."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one client in one scenario, one tool in one flow, one statement on both brokers."""

    row: str
    column: str
    status: str
    reason: str = ""
    log: str = ""
    """The path of its log, below `build/compat`."""
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        """What it is the result of."""
        return self.row, self.column


def read(part: str, build: Path = BUILD) -> dict[tuple[str, str], Cell]:
    """Return the cells of a part as the last runs left them; none if it has not run."""
    file = build / f"{part}.json"
    if not file.exists():
        return {}
    return {cell.key: cell for cell in (Cell(**each) for each in json.loads(file.read_text()))}


def merge(part: str, cells: Iterable[Cell], known: Collection[tuple[str, str]] = (), build: Path = BUILD) -> None:
    """Write cells over those of earlier runs. With `known`, older cells of anything else are dropped."""
    older = {key: cell for key, cell in read(part, build).items() if not known or key in known}
    merged = {**older, **{cell.key: cell for cell in cells}}
    build.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(merged[key]), ensure_ascii=False) for key in sorted(merged, key=_natural)]
    (build / f"{part}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


def excused(cell: Cell, referee: Cell | None) -> Cell:
    """Return what a red cell is worth, given what Apache Kafka got in the same place; other cells as they are."""
    if cell.status not in RED or referee is None or referee.status == PASS:
        return cell
    reason = f"not with Apache Kafka either: {referee.reason}"
    return replace(cell, status=LIKE_KAFKA, reason=reason, log=referee.log)


def summary(cells: Iterable[Cell]) -> str:
    """Return how many cells have which status, in a line."""
    return ", ".join(f"{count} {status}" for status, count in Counter(cell.status for cell in cells).most_common())


def _natural(key: tuple[str, str]) -> list[str]:
    """Sort numbers inside names as numbers: PROD-9 before PROD-10."""
    return [part.zfill(9) if part.isdigit() else part for name in key for part in re.split(r"(\d+)", name)]
