"""Runs the tests against one broker, and makes a cell of each."""

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from tests.compat import cells
from tests.compat.cells import Cell
from tests.compat.matrix.client import Missing
from tests.compat.process import Broker
from tests.compat.suites.java import trogdor, verifiable
from tests.compat.suites.java.ground import Ground, Hung, Test, jars
from tests.compat.suites.running import broker, log_path, main, relative

TESTS = [*trogdor.TESTS, *verifiable.TESTS]
JOBS = 3
"""Tests at once: some do little but wait."""


def run(kind: str, only: Collection[str]) -> list[Cell]:
    """Run the tests of the columns wanted against one broker; what it is not built for yet, against Kafka only."""
    wanted = [test for test in TESTS if not only or test.column in only]
    try:
        jars()
    except Missing as missing:
        return [Cell(test.row, test.column, cells.MISSING, str(missing)) for test in wanted]
    with broker(kind) as running, ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(lambda test: _cell(test, kind, running), wanted))


def _cell(test: Test, kind: str, running: Broker) -> Cell:
    if test.waits_for and kind == "pykbroker":
        return Cell(test.row, test.column, cells.NOT_YET, test.waits_for)
    log = log_path("java", kind, f"{test.row}--{test.column}")
    ground = Ground(f"{test.row}-{test.column}".replace("=", ""), running.bootstrap, jars(), log)
    said, start = len(running.log()), time.monotonic()
    status, reason = cells.PASS, ""
    try:
        test.run(ground)
    except Hung as hung:
        status, reason = cells.TIMEOUT, str(hung)
    except AssertionError as seen:
        status, reason = cells.FAIL, str(seen)[:400]
    except Exception as error:  # a test's own bug makes one cell red, not the run stop
        status, reason = cells.FAIL, f"{type(error).__name__}: {str(error)[:400]}"
    if "Traceback" in running.log()[said:]:
        status, reason = cells.FAIL, "the broker logged a traceback"
    with log.open("a") as out:
        out.write(f"\n= {status} {reason}\n= the broker's log:\n{running.log()[said:][-20_000:]}")
    return Cell(test.row, test.column, status, reason, relative(log), round(time.monotonic() - start, 1))


main("java", run)
