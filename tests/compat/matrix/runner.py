"""Runs cells: a worker has a broker that its cells share, takes one after the other, and says what came out.

The broker's log is watched: a traceback in it makes the cell red, whatever the client thinks. A broker that ended is
replaced, and the cell during which it ended is red.
"""

import queue
import shutil
import subprocess
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.compat import cells
from tests.compat.cells import Cell
from tests.compat.matrix.client import Client, Missing
from tests.compat.matrix.driver import Broken, Driver, Refused, TimeUp, Unsupported
from tests.compat.matrix.scenario import Scenario, World
from tests.compat.process import Broker

FEATURES_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Installed:
    """A client that is there: the command of its driver, and what the driver says of the library."""

    client: Client
    command: list[str]
    can: frozenset[str]
    version: str
    library: str


def install(client: Client, build: Path) -> Installed:
    """Install a client and ask its driver what it is. Missing if it cannot be had here, or its driver does not run."""
    command = client.driver(build)
    driver = Driver(
        command, "-", build / "logs" / f"{_file_name(client)}--features.log", time.monotonic() + FEATURES_LIMIT_S
    )
    try:
        (told,) = (event for event in driver.call("features") if event["event"] == "features")
    except (Broken, Refused, TimeUp, Unsupported, OSError, ValueError) as error:
        raise Missing(f"its driver does not run: {error}") from error
    finally:
        driver.close()
    return Installed(client, command, frozenset(told["can"]), told["version"], told.get("library", ""))


class Worker(threading.Thread):
    """Takes tasks from a queue until it is empty. Owns a broker."""

    def __init__(
        self,
        tasks: "queue.Queue[tuple[Installed, Scenario]]",
        report: Callable[[Cell], None],
        new_broker: type[Broker],
        build: Path,
        *,
        even_unbuilt: bool,
    ) -> None:
        super().__init__(daemon=True)
        self._tasks = tasks
        self._report = report
        self._new_broker = new_broker
        self._kind = new_broker.__name__
        self._build = build
        self._even_unbuilt = even_unbuilt
        self._directory = Path(tempfile.mkdtemp(prefix="pykbroker-compat-"))
        self._broker: Broker | None = None
        self._brokers: list[Broker] = []  # all that were started
        self._count = 0

    def run(self) -> None:
        try:
            while True:
                installed, scenario = self._tasks.get_nowait()
                self._report(self._cell(installed, scenario))
        except queue.Empty:
            pass
        finally:
            for broker in self._brokers:
                if broker.process is not None:
                    broker.stop()
            shutil.rmtree(self._directory, ignore_errors=True)

    def _cell(self, installed: Installed, scenario: Scenario) -> Cell:
        row, column = installed.client.id, scenario.name
        if missing := scenario.missing(installed.can):
            return Cell(row, column, cells.UNSUPPORTED, f"has no {missing.replace('|', ' or ')}")
        if scenario.waits_for and not self._even_unbuilt:
            return Cell(row, column, cells.NOT_YET, scenario.waits_for)
        log = Path("logs") / self._kind / f"{_file_name(installed.client)}--{scenario.name}.log"
        (self._build / log).unlink(missing_ok=True)
        start = time.monotonic()
        status, reason = self._outcome(installed, scenario, self._build / log)
        return Cell(row, column, status, reason, str(log), round(time.monotonic() - start, 1))

    def _outcome(self, installed: Installed, scenario: Scenario, log: Path) -> tuple[str, str]:
        try:
            broker = self._ready()
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            return cells.FAIL, f"the broker did not start: {str(error)[:300]}"
        said = len(broker.log())
        self._count += 1
        world = World(
            broker,
            installed.command,
            log,
            can=installed.can,
            new_broker=self._new_broker,
            name=f"{scenario.name}-{_file_name(installed.client)}-{self._count}-{int(time.time()) % 10**6}",
            directory=self._directory / f"cell{self._count}",
            config=(installed.client.configs or {}).get(scenario.name),
        )
        with world.closing():
            status, reason = _tried(scenario, world)
        if broker.process is None or broker.process.poll() is not None:
            self._broker = None
            status, reason = cells.FAIL, f"the broker ended: {broker.log()[-300:]}"
        logs = broker.log()[said:] + "".join(own.log() for own in world.own)
        if "Traceback" in logs:
            status, reason = cells.FAIL, "the broker logged a traceback"
        with log.open("a") as out:
            out.write(f"\n= {status} {reason}\n= the broker's log:\n{logs[-20_000:]}")
        return status, reason

    def _ready(self) -> Broker:
        if self._broker is None:
            broker = self._new_broker(self._directory / f"shared{self._count}", {})
            self._brokers.append(broker)
            self._broker = broker.start()
        return self._broker


def _tried(scenario: Scenario, world: World) -> tuple[str, str]:
    """Run a scenario and return status and reason."""
    try:
        scenario.run(world)
    except TimeUp as error:
        return cells.TIMEOUT, str(error)
    except Unsupported as error:
        return cells.UNSUPPORTED, f"has no {error}"
    except AssertionError as error:
        return cells.FAIL, str(error)[:400] or f"not so: {traceback.extract_tb(error.__traceback__)[-1].line}"
    except (Refused, Broken) as error:
        return cells.FAIL, str(error)[:400]
    except Exception as error:  # a scenario's own bug makes one cell red, not the run stop
        return cells.FAIL, f"{type(error).__name__}: {str(error)[:400]}"
    return cells.PASS, ""


def run(
    clients: Iterable[Installed],
    scenarios: Sequence[Scenario],
    new_broker: type[Broker],
    build: Path,
    *,
    jobs: int,
    even_unbuilt: bool,
    report: Callable[[Cell], None],
) -> None:
    """Run every client through every scenario, and report each cell when it is there (from any thread)."""
    tasks: queue.Queue[tuple[Installed, Scenario]] = queue.Queue()
    for installed in clients:
        for scenario in scenarios:
            tasks.put((installed, scenario))
    workers = [Worker(tasks, report, new_broker, build, even_unbuilt=even_unbuilt) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _file_name(client: Client) -> str:
    return client.id.replace("/", "-").replace("@", "-")
