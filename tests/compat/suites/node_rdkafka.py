"""node-rdkafka's end-to-end tests, which come with its npm package: mocha runs each file against a broker of its own.

    python -m tests.compat.suites.node_rdkafka

The package is the one that the matrix installs. A cell is a test; those of a file that ended before they ran are red.
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from tests.compat.matrix.client import Missing
from tests.compat.matrix.client import run as run_step
from tests.compat.matrix.toolchains.node import CLIENTS
from tests.compat.matrix.witness import Witness
from tests.compat.suites.running import BUILD, Cell, broker, install_directory, log_path, main, relative, run_logged

NAME = "node-rdkafka"
MOCHA = ("mocha@10.8.2",)
TOPICS = ("test", "test2", "test3", "test4", "test5", "test6")
"""What the package's own script creates before its tests."""

FILE_LIMIT_S = 600.0
TEST_LIMIT_MS = 60_000
NOT_YET = {"producer-transaction.spec.js": "transactions"}


def run(kind: str, only: Collection[str]) -> list[Cell]:
    """Run the files that have one of these tests, all when there are none, and return a cell for each test."""
    (client,) = (each for each in CLIENTS if each.name == NAME)
    try:
        package = Path(client.driver(BUILD)[-1]).parent / "node_modules" / NAME
        mocha = _mocha()
    except Missing as missing:
        return [Cell(_row(client.version), "all", "missing", str(missing))]
    cells: list[Cell] = []
    for file in sorted((package / "e2e").glob("*.spec.js")):
        names = _names(mocha, package, file)
        wanted = [name for name in names if not only or name in only]
        if not wanted:
            continue
        if file.name in NOT_YET and kind == "pykbroker":
            cells += [Cell(_row(client.version), name, "not-yet", NOT_YET[file.name]) for name in wanted]
            continue
        found = {cell.column: cell for cell in _file_cells(kind, mocha, package, file, _row(client.version))}
        unseen = Cell(_row(client.version), "", "fail", "did not run", relative(_log(kind, file)))
        cells += [found.get(name, Cell(unseen.row, name, unseen.status, unseen.reason, unseen.log)) for name in wanted]
    return cells


def _row(version: str) -> str:
    return f"{NAME}@{version} e2e"


def _mocha() -> Path:
    directory = install_directory(NAME)
    mocha = directory / "node_modules" / ".bin" / "mocha"
    if not mocha.exists():
        run_step(["npm", "install", "--no-package-lock", "--no-save", "--no-audit", "--no-fund", *MOCHA], directory)
    return mocha


def _names(mocha: Path, package: Path, file: Path) -> list[str]:
    """Return the full titles of a file's tests, in order, without running them."""
    said = run_step([mocha, "--dry-run", "--exit", "--reporter", "json", file], package)
    return [test["fullTitle"] for test in json.loads(said[said.index("{") :])["tests"]]


def _log(kind: str, file: Path) -> Path:
    return log_path(NAME, kind, file.name)


def _file_cells(kind: str, mocha: Path, package: Path, file: Path, row: str) -> Sequence[Cell]:
    log = _log(kind, file)
    report = log.with_suffix(".json")
    report.unlink(missing_ok=True)
    with broker(kind) as running:
        for topic in TOPICS:
            Witness(running.bootstrap).create(topic)
        run_logged(
            [
                mocha, "--exit", "--timeout", str(TEST_LIMIT_MS),
                "--reporter", "json", "--reporter-option", f"output={report}", file,
            ],
            log, FILE_LIMIT_S, package, {"KAFKA_HOST": running.bootstrap},
        )  # fmt: skip
        with log.open("a") as out:
            out.write(f"\n= the broker's log:\n{running.log()[-20_000:]}")
    if not report.exists():
        return []
    told = json.loads(report.read_text())
    skipped = {test["fullTitle"] for test in told["pending"]}
    return [_cell(row, test, skipped, relative(log)) for test in told["tests"]]


def _cell(row: str, test: dict[str, object], skipped: Collection[str], log: str) -> Cell:
    name, error = str(test["fullTitle"]), test["err"]
    seconds = round(float(str(test.get("duration", 0))) / 1000, 1)
    if name in skipped:
        return Cell(row, name, "unsupported", "the suite skips it", log)
    if error:
        message = str(error.get("message", error) if isinstance(error, dict) else error)
        return Cell(row, name, "fail", message.splitlines()[0][:200] if message else "", log, seconds)
    return Cell(row, name, "pass", "", log, seconds)


if __name__ == "__main__":
    main("node_rdkafka", run)
