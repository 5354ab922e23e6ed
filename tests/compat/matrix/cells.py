"""What came out: one cell per row and column, kept in `build/compat/PART.json`, from which the page is made.

A run of a part of the matrix replaces only its own cells.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

BUILD = Path("build/compat")
"""Everything that is installed and written, below the checkout; git ignores it."""

PASS, FAIL, NOT_YET, UNSUPPORTED = "pass", "fail", "not-yet", "unsupported"
MISSING, TIMEOUT, DIFFERS, LIKE_KAFKA = "missing", "timeout", "differs", "like-kafka"

RED = frozenset({FAIL, TIMEOUT})
"""What must not be: the broker, the client or the scenario is wrong."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one client did in one scenario, one tool in one flow, one statement on both brokers."""

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


def write(part: str, cells: Iterable[Cell], build: Path = BUILD) -> None:
    """Write all cells of a part."""
    build.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(
        json.dumps(asdict(cell), ensure_ascii=False) for cell in sorted(cells, key=lambda cell: cell.key)
    )
    (build / f"{part}.json").write_text(f"[\n{lines}\n]\n")


def merge(part: str, cells: Iterable[Cell], build: Path = BUILD) -> None:
    """Write cells over those of earlier runs."""
    write(part, {**read(part, build), **{cell.key: cell for cell in cells}}.values(), build)


def counted(cells: Iterable[Cell]) -> Mapping[str, int]:
    """Return how many cells there are of each status."""
    out: dict[str, int] = {}
    for cell in cells:
        out[cell.status] = out.get(cell.status, 0) + 1
    return out
