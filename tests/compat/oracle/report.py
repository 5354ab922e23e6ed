"""build/compat/oracle.json: a cell for each statement, and one for each seed of random steps."""

from collections.abc import Iterable

from tests.compat.cells import BUILD, FAIL, PASS, Cell
from tests.compat.oracle.generated.walk import Walked
from tests.compat.oracle.not_shown import not_shown
from tests.compat.oracle.runner import Played

LOGS = BUILD / "logs" / "oracle"

AREAS = {
    "FRM": ("Framing, headers, connections", 24),
    "API": ("ApiVersions, features", 16),
    "MD": ("Metadata", 24),
    "PROD": ("Produce and append", 60),
    "FET": ("Fetch", 45),
    "LOFF": ("ListOffsets", 15),
    "OFLE": ("OffsetForLeaderEpoch", 6),
    "COORD": ("FindCoordinator", 10),
    "GRP": ("Classic group membership", 48),
    "OFF": ("OffsetCommit, OffsetFetch", 33),
    "GAD": ("Group administration", 17),
    "TOP": ("Topics, partitions, DeleteRecords", 26),
    "CONF": ("Configs", 26),
    "CLA": ("Cluster, partition, telemetry admin", 22),
    "TXN": ("Producer ids, transactions", 37),
    "CGP": ("Consumer group protocol", 22),
    "SHR": ("Share groups", 10),
    "SEC": ("SASL, SCRAM, ACL", 19),
    "QUO": ("Quotas", 5),
    "STO": ("Storage", 28),
    "INT": ("Internal topics", 7),
}
"""The areas of the conformance list: what each is about, and how many statements it has."""


def row_of(statement: str) -> str:
    """Return the row of a statement: its area, as the page names it."""
    area = statement.partition("-")[0]
    return f"{area} {AREAS[area][0]}"


def cells_of(results: Iterable[Played]) -> list[Cell]:
    """Return a cell for each statement that was played; all versions and scenarios of it must be right."""
    by_id: dict[str, list[Played]] = {}
    for played in results:
        for name in played.scenario.ids:
            by_id.setdefault(name, []).append(played)
    cells = []
    for name, parts in by_id.items():
        worst = next((each for each in parts if each.reason), parts[0])
        log = LOGS.relative_to(BUILD) / f"{worst.scenario.name(worst.version)}.log"
        cells.append(
            Cell(
                row_of(name),
                name,
                FAIL if worst.reason else PASS,
                worst.reason,
                str(log),
                round(sum(each.seconds for each in parts), 2),
            )
        )
    return cells


def cells_not_shown() -> list[Cell]:
    """Return a cell for each statement that no scenario shows, with the reason."""
    return [Cell(row_of(name), name, status, reason) for name, status, reason in not_shown()]


def cell_of_seed(walked: Walked, seconds: float) -> Cell:
    """Return the cell of one seed."""
    return Cell(
        "generated",
        f"seed {walked.seed}",
        FAIL if walked.reason else PASS,
        walked.reason or f"{walked.steps} steps",
        str((LOGS / f"seed-{walked.seed}.log").relative_to(BUILD)),
        round(seconds, 2),
    )
