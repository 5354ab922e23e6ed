"""What the suites that others wrote have in common: a fresh broker, a place to install, logs, cells, a command line.

A suite is a function that runs tests against one kind of broker and returns a `Cell` for each:

    def run(kind: str, only: Collection[str]) -> list[Cell]: ...

    if __name__ == "__main__":
        main("java", run)

`kind` is `pykbroker` or `kafka`; `only` are the columns wanted, all when it is empty. `main` runs it against pykbroker,
then what did not pass against Apache Kafka: what fails there too says nothing about pykbroker, and its cell becomes
`like-kafka`. The cells are in `build/compat/suites-NAME.json`, with `--broker kafka` in `suites-NAME-on-kafka.json`.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.compat import cells
from tests.compat.cells import Cell
from tests.compat.process import Broker, KafkaBroker
from tests.kafka_jars import reason_to_skip

BUILD = cells.BUILD.absolute()

KINDS = {"pykbroker": Broker, "kafka": KafkaBroker}

PATIENT = {"broker.session.timeout.ms": "18000", "broker.heartbeat.interval.ms": "1000"}
"""For Kafka: no suite kills its broker, and a busy machine must not make the controller think that it is gone."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: `status` is None when it was stopped after its time limit."""

    status: int | None
    output: str
    seconds: float


Suite = Callable[[str, Collection[str]], list[Cell]]


def install_directory(name: str) -> Path:
    """Return where a suite keeps what it installs; made if need be, and never emptied."""
    directory = BUILD / "suites" / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def log_path(name: str, kind: str, test: str) -> Path:
    """Return the file for what one test of suite `name` says against a kind of broker; what it had is gone."""
    path = BUILD / "logs" / "suites" / name / kind / (re.sub(r"[^\w.=-]+", "-", test) + ".log")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def relative(log: Path) -> str:
    """Return a log's path as cells have it."""
    return str(log.relative_to(BUILD))


@contextmanager
def broker(kind: str, overrides: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """Yield a running broker of this kind, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="compat-") as directory:
        settings = {**(PATIENT if kind == "kafka" else {}), **(overrides or {})}
        running = KINDS[kind](Path(directory), settings).start()
        try:
            yield running
        finally:
            running.stop()


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    limit_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run a program and return what it said, which is appended to `log`. `env` is added to this process's environment.

    After `limit_s`, it is killed with all its children.
    """
    started = time.monotonic()
    with log.open("ab") as out:
        start = out.tell()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    output = log.read_bytes()[start:].decode(errors="replace")
    return Ended(status, output, time.monotonic() - started)


def main(name: str, run: Suite) -> None:
    """The command line of a suite: run it, keep its cells, and say them; status 1 if one is red."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.compat.suites.{name}")
    parser.add_argument("--broker", choices=[*KINDS, "both"], default="both", help="default: %(default)s")
    parser.add_argument("only", nargs="*", metavar="TEST", help="run these alone, and keep the other cells as they are")
    options = parser.parse_args()
    if options.broker == "kafka" and (reason := reason_to_skip()):
        parser.error(reason)
    found = judged(run, options.only) if options.broker == "both" else run(options.broker, options.only)
    for cell in found:
        print(f"{cell.status:12} {cell.row} {cell.column} {cell.seconds:.1f} s {cell.reason} {cell.log}".rstrip())
    part = f"suites-{name}" + ("-on-kafka" if options.broker == "kafka" else "")
    cells.merge(part, found, () if options.only else {cell.key for cell in found})
    sys.exit(any(cell.status in cells.RED for cell in found))


def judged(run: Suite, only: Collection[str] = ()) -> list[Cell]:
    """Run a suite against pykbroker, and what did not pass against Apache Kafka, whose failures excuse pykbroker's."""
    found = run("pykbroker", only)
    doubtful = {cell.column for cell in found if cell.status in cells.RED}
    if not doubtful or reason_to_skip():
        return found
    referee = {cell.key: cell for cell in run("kafka", doubtful)}
    return [cells.excused(cell, referee.get(cell.key)) for cell in found]


