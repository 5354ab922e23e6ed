"""rust-rdkafka's integration tests, which come with its crate, compiled and run test by test.

    python -m tests.compat.suites.rust

The crate's source is the one that cargo fetched for the matrix's driver, with whose objects it is compiled. A cell is a
test. rskafka's tests are not run: they compile a second librdkafka and start a Java machine inside the test to compare
with, for a client whose every call the matrix makes.
"""

import json
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from tests.compat.matrix.client import Missing
from tests.compat.matrix.client import run as run_step
from tests.compat.matrix.toolchains.rust import CLIENTS, environment
from tests.compat.suites.running import BUILD, Cell, broker, install_directory, log_path, main, relative, run_logged

NAME = "rdkafka"
TEST_LIMIT_S = 120.0
SETTINGS = {"node.id": "0", "num.partitions": "3", "group.initial.rebalance.delay.ms": "0",
            "log.retention.ms": "-1"}
"""The tests count on what the crate's own broker has."""
ELSEWHERE = ("test_topic_partition_list",)
"""Files whose tests speak to no broker."""
TOO_SOON = {
    "test_low_producers::test_base_producer_timeout": "it counts on a new topic to take more than 100 ms, so that its "
    "messages expire; here they arrive (docs/skipped.md)",
}
NOT_YET = {"test_transactions": "transactions"}


def run(kind: str, only: Collection[str]) -> list[Cell]:
    """Run these tests, all when there are none, and return a cell for each."""
    (client,) = (each for each in CLIENTS if each.name == NAME)
    row = f"{NAME}@{client.version} tests"
    try:
        client.driver(BUILD)
        programs = list(_programs(client.version))
    except Missing as missing:
        return [Cell(row, "all", "missing", str(missing))]
    cells: list[Cell] = []
    with broker(kind, SETTINGS) as running:
        for file, program in programs:
            for test in _tests(program):
                column = f"{file}::{test}"
                if only and column not in only:
                    continue
                if file in NOT_YET and kind == "pykbroker":
                    cells.append(Cell(row, column, "not-yet", NOT_YET[file]))
                else:
                    cells.append(_tried(kind, row, column, [program, "--exact", test], running.bootstrap))
    return cells


def _programs(version: str) -> Iterator[tuple[str, Path]]:
    """Compile the tests; yield each file's name and its program."""
    source = install_directory("rust") / f"{NAME}-{version}"
    if not source.exists():
        driver = BUILD / "rust" / f"{NAME}-{version}" / NAME
        told = json.loads(run_step(["cargo", "metadata", "--format-version", "1"], driver))
        (found,) = (package["manifest_path"] for package in told["packages"] if package["name"] == NAME)
        # Without its lock file the crate takes what the driver has been compiled with.
        shutil.copytree(Path(found).parent, source, ignore=shutil.ignore_patterns("Cargo.lock"))
    command = ["cargo", "test", "--no-run", "--tests", "--quiet", "--features", "ssl,zstd", "--message-format", "json"]
    for line in run_step(command, source, environment(version)).splitlines():
        built = json.loads(line)
        if built.get("executable") and built["target"]["kind"] == ["test"] and built["target"]["name"] not in ELSEWHERE:
            yield built["target"]["name"], Path(built["executable"])


def _tests(program: Path) -> list[str]:
    listed = run_step([program, "--list", "--format", "terse"]).splitlines()
    return [line.removesuffix(": test") for line in listed if line.endswith(": test")]


def _tried(kind: str, row: str, column: str, command: list[str | Path], bootstrap: str) -> Cell:
    log = log_path("rust", kind, column)
    env = {"KAFKA_HOST": bootstrap, "KAFKA_VERSION": "4.3.1"}
    ended = run_logged([*command, "--nocapture"], log, TEST_LIMIT_S, env=env)
    seconds = round(ended.seconds, 1)
    if ended.status is None:
        return Cell(row, column, "timeout", f"not within {TEST_LIMIT_S:.0f} s", relative(log), seconds)
    if "1 passed" in ended.output and ended.status == 0:
        return Cell(row, column, "pass", "", relative(log), seconds)
    if "1 ignored" in ended.output:
        return Cell(row, column, "unsupported", "the suite skips it", relative(log), seconds)
    if kind == "pykbroker" and column in TOO_SOON:
        return Cell(row, column, "differs", TOO_SOON[column], relative(log), seconds)
    said = [line for line in ended.output.splitlines() if "panicked" in line] or ["no panic"]
    return Cell(row, column, "fail", said[-1][:200], relative(log), seconds)


if __name__ == "__main__":
    main("rust", run)
