"""A cell that is green on the committed page must stay green."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.compat import cells
from tests.compat.cells import Cell

PAGE = Path("docs/compatibility.json")


def told(part: str, done: Iterable[Cell], page: Path = PAGE) -> int:
    """Print the red cells that the page has green; return the exit status, 1 if there are some.

    What is missing on this machine, or not on the page yet, is no regression.
    """
    green: set[tuple[str, str]] = set()
    if page.exists():
        found = json.loads(page.read_text())["parts"].get(part, [])
        green = {(each["row"], each["column"]) for each in found if each["status"] == cells.PASS}
    worse = [cell for cell in done if cell.status in cells.RED and cell.key in green]
    for cell in worse:
        print(f"was green: {cell.row} {cell.column}: {cell.reason}; {cell.log}", file=sys.stderr)
    return int(bool(worse))
