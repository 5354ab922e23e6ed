"""Writes docs/compatibility.md, and the cells beside it as docs/compatibility.json, from what `build/compat/` has.

    python -m tests.compat.matrix.page

What is red and red with Apache Kafka too (`clients-on-kafka.json`) is the client's own affair, and shown as such. Logs
of red cells are copied beside the page, so that its links work.
"""

import json
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pykbroker import __version__
from tests.compat import cells
from tests.compat.cells import BUILD, Cell
from tests.compat.matrix.scenarios import SCENARIOS

DOCS = Path("docs")
LOGS = "compatibility"
LOG_LINES = 200

SIGNS = {
    cells.PASS: "✓",
    cells.FAIL: "✗",
    cells.TIMEOUT: "✗ time",
    cells.NOT_YET: "not yet",
    cells.UNSUPPORTED: "·",
    cells.MISSING: "?",
    cells.DIFFERS: "≠",
    cells.LIKE_KAFKA: "≈",
}

LEGEND = """\
- ✓ a real client or tool of this version did this against a real pykbroker process, and everything was as it must be
- ✗ it was not; the sign links to the log
- ≈ it fails in the same way with Apache Kafka: the client cannot do it here
- ≠ it differs from Apache Kafka on purpose: `docs/skipped.md` says why
- not yet: pykbroker is not built for it yet; the scenario exists, and runs against Apache Kafka
- · the client library or the tool has no such thing; for the oracle: one broker cannot show it on the wire
- ? it could not be installed or run on this machine
"""

KAFKA = "4.3.1"


def main() -> int:
    """Write the page; return 1 if it has red cells."""
    parts = {file.stem: list(cells.read(file.stem).values()) for file in sorted(BUILD.glob("*.json")) if _is_part(file)}
    referee = {cell.key: cell for cell in parts.pop("clients-on-kafka", [])}
    if "clients" in parts:
        parts["clients"] = [cells.excused(cell, referee.get(cell.key)) for cell in parts["clients"]]
    libraries = json.loads((BUILD / "libraries.json").read_text()) if (BUILD / "libraries.json").exists() else {}
    shutil.rmtree(DOCS / LOGS, ignore_errors=True)
    for part in parts.values():
        for cell in part:
            if cell.status in cells.RED:
                _keep_log(cell)
    text = "\n".join([*_head(parts), *_clients(parts.get("clients", []), libraries), *_tools(parts.get("tools", [])),
                      *_oracle(parts.get("oracle", [])), *_suites(parts)])  # fmt: skip
    (DOCS / "compatibility.md").write_text(text.rstrip() + "\n")
    made = {"date": _today(), "pykbroker": __version__, "kafka": KAFKA, "libraries": libraries}
    (DOCS / "compatibility.json").write_text(_as_json(made, parts))
    red = sum(cell.status in cells.RED for part in parts.values() for cell in part)
    print(f"docs/compatibility.md: {sum(map(len, parts.values()))} cells, {red} red")
    return int(red > 0)


def _is_part(file: Path) -> bool:
    return file.stem != "libraries" and not (file.stem.startswith("suites") and file.stem.endswith("-on-kafka"))


def _head(parts: dict[str, list[Cell]]) -> list[str]:
    rows = []
    for name, part in parts.items():
        count = Counter(cell.status for cell in part)
        rows.append([name, *(str(count[status] or "") for status in SIGNS)])
    return [
        "# Compatibility", "",
        f"Written by `make compat` on {_today()}: pykbroker {__version__} on CPython {platform.python_version()}, "
        f"beside Apache Kafka {KAFKA}. How it works, and how to run a part of it, is in "
        "`tests/compat/matrix/__init__.py`; the cells as data: [compatibility.json](compatibility.json).", "", LEGEND,
        *_table(["", *SIGNS.values()], rows), "",
    ]  # fmt: skip


def _clients(part: Sequence[Cell], libraries: dict[str, dict[str, str]]) -> list[str]:
    out = ["## Clients", ""]
    found = {cell.key: cell for cell in part}
    rows = sorted({cell.row for cell in part})
    for language in sorted({row.partition("/")[0] for row in rows}):
        mine = [row for row in rows if row.startswith(f"{language}/")]
        there = [row for row in mine if any(c.status != cells.MISSING for c in part if c.row == row)]
        out += [f"### {language}", ""]
        if there:
            heads = [row.partition("/")[2].replace("@", " ") for row in there]
            out += _table(["", *heads], [
                [each.name, *(_sign(found.get((row, each.name))) for row in there)] for each in SCENARIOS
            ])  # fmt: skip
            out.append("")
        built = {row: libraries[row]["library"] for row in there if libraries.get(row, {}).get("library")}
        out += [f"- {row.partition('/')[2]} runs on {library}" for row, library in built.items()]
        for row in mine:
            if row not in there:
                reason = next(cell.reason for cell in part if cell.row == row)
                out.append(f"- {row.partition('/')[2]} is not in the table: {reason}")
        out += _remarks((cell for cell in part if cell.row in there), (cells.PASS, cells.UNSUPPORTED), [cells.NOT_YET])
        out.append("")
    out += ["### What the scenarios are", "", *(f"- `{each.name}`: {each.says}" for each in SCENARIOS), ""]
    return out


def _tools(part: Sequence[Cell]) -> list[str]:
    if not part:
        return []
    return [
        "## Command-line tools", "",
        f"Each flow runs against pykbroker and against Apache Kafka {KAFKA}; what the tool prints must be the same, "
        "but for ids, times and ports.",
        "", *_by_row(part, "tool"),
    ]  # fmt: skip


def _oracle(part: Sequence[Cell]) -> list[str]:
    if not part:
        return []
    return [
        "## The oracle", "",
        f"The same requests to pykbroker and to Apache Kafka {KAFKA}, the decoded answers compared field by field "
        "(`tests/compat/oracle/`): the statements of a list of 500 that a broker should fulfil, by "
        "their numbers, and random requests from seeds.",
        "", *_by_row(part, "area"),
    ]  # fmt: skip


def _suites(parts: dict[str, list[Cell]]) -> list[str]:
    out: list[str] = []
    for name, part in parts.items():
        if name.startswith("suites"):
            out += [*_by_row(part, "suite")]
    head = [
        "## Suites that others wrote",
        "",
        "Whole, unchanged, against a pykbroker process; a test that fails with Apache Kafka too does not count.",
        "",
    ]
    return [*head, *out] if out else []


def _by_row(part: Sequence[Cell], what: str) -> list[str]:
    """Return a table of counts per row, the green columns, and a remark for each cell that is something else."""
    rows = list(dict.fromkeys(cell.row for cell in part))
    shown = [status for status in SIGNS if any(cell.status == status for cell in part)]
    table = []
    for row in rows:
        count = Counter(cell.status for cell in part if cell.row == row)
        table.append([row, *(str(count[status] or "") for status in shown)])
    out = [*_table([what, *(SIGNS[status] for status in shown)], table), ""]
    for row in rows:
        green = [cell.column for cell in part if cell.row == row and cell.status == cells.PASS]
        if green:
            out.append(f"- {row} ✓: {', '.join(green)}")
    return [*out, *_remarks(part), ""]


def _remarks(
    part: Iterable[Cell], untold: Collection[str] = (cells.PASS,), by_column: Collection[str] = ()
) -> list[str]:
    """Return a line per reason that the sign alone does not tell, with what it is the reason of.

    `untold` statuses are left out; of `by_column` statuses it is the column that has the reason, in whichever row.
    """
    grouped: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in part:
        if cell.status not in untold and cell.reason:
            subject = cell.column if cell.status in by_column else cell.row
            grouped.setdefault((cell.status, subject, cell.reason), []).append(cell)
    out = []
    for (status, subject, reason), found in grouped.items():
        columns = "" if status in by_column else f" {', '.join(dict.fromkeys(cell.column for cell in found))}:"
        out.append(f"- {subject} {SIGNS[status]}:{columns} {_one_line(reason)}")
    return out


def _sign(cell: Cell | None) -> str:
    if cell is None:
        return ""
    sign = SIGNS[cell.status]
    return f"[{sign}]({LOGS}/{Path(cell.log).name})" if cell.status in cells.RED and cell.log else sign


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(each) + " |" for each in (heads, ["---"] * len(heads), *rows)]


def _keep_log(cell: Cell) -> None:
    log = BUILD / cell.log
    if cell.log and log.is_file():
        (DOCS / LOGS).mkdir(exist_ok=True)
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        here = str(Path.cwd())
        (DOCS / LOGS / log.name).write_text("\n".join(lines).replace(here, "") + "\n")


def _as_json(made: dict[str, object], parts: dict[str, list[Cell]]) -> str:
    """Return the page's data, a line per cell, without what changes from run to run."""
    lines = {
        name: ",\n".join(json.dumps(_lasting(cell), ensure_ascii=False) for cell in part)
        for name, part in parts.items()
    }
    body = ",\n".join(f"{json.dumps(name)}: [\n{text}\n]" for name, text in lines.items())
    return f'{{"made": {json.dumps(made, sort_keys=True, indent=1)},\n"parts": {{\n{body}\n}}}}\n'


def _lasting(cell: Cell) -> dict[str, object]:
    return {name: value for name, value in asdict(cell).items() if value and name not in ("log", "seconds")}


def _one_line(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:300]


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


if __name__ == "__main__":
    sys.exit(main())
