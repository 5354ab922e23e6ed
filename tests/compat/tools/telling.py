"""The cell and the log of a flow."""

import re
from pathlib import Path

from tests.compat import cells
from tests.compat.cells import Cell
from tests.compat.tools.judge import Outcome, Verdict

BUILD = cells.BUILD.absolute()
REASON_LENGTH = 200


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
