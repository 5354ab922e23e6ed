"""`python -m tests.compat.matrix`: run clients through scenarios, and keep the cells in build/compat/clients.json."""

import json
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from tests.compat import cells
from tests.compat.cells import BUILD, Cell
from tests.compat.matrix import regressions
from tests.compat.matrix.client import Missing
from tests.compat.matrix.clients import all_clients
from tests.compat.matrix.runner import Installed, install, run
from tests.compat.matrix.scenarios import SCENARIOS
from tests.compat.process import Broker, KafkaBroker
from tests.kafka_jars import reason_to_skip


def main(arguments: Sequence[str]) -> int:
    """Return 0 if no cell is red, and with --regressions if none is red that was green on the page."""
    parser = ArgumentParser(prog="python -m tests.compat.matrix", description=__doc__)
    parser.add_argument("--clients", default="", help="prefixes of ids like go/franz-go@1.19.5, with commas")
    parser.add_argument("--scenarios", default="", help="prefixes of names, with commas")
    parser.add_argument("--core", action="store_true", help="only what CI runs each time: core clients and scenarios")
    parser.add_argument("--broker", choices=("pykbroker", "kafka"), default="pykbroker")
    parser.add_argument("--unbuilt", action="store_true", help="run also what pykbroker is not built for yet")
    parser.add_argument("--jobs", type=int, default=2, help="cells at once, each worker with a broker of its own")
    parser.add_argument("--regressions", action="store_true", help="fail only for cells that are green on the page")
    parser.add_argument("--list", action="store_true", help="print clients and scenarios, run nothing")
    options = parser.parse_args(arguments)
    if options.broker == "kafka" and (why := reason_to_skip()):
        print(f"--broker kafka {why}", file=sys.stderr)
        return 2
    clients = [each for each in all_clients() if _chosen(each.id, options.clients) and (each.core or not options.core)]
    scenarios = [
        each for each in SCENARIOS if _chosen(each.name, options.scenarios) and (each.core or not options.core)
    ]
    if options.list:
        print(*(client.id for client in clients), "", *(each.name for each in scenarios), sep="\n")
        return 0
    part = "clients" if options.broker == "pykbroker" else "clients-on-kafka"
    done: list[Cell] = []
    lock = threading.Lock()

    def report(cell: Cell) -> None:
        with lock:
            done.append(cell)
            if cell.status != cells.UNSUPPORTED:
                print(
                    f"{cell.status:12} {cell.row:40} {cell.column:30} {cell.seconds:5.1f} s  {cell.reason[:300]}",
                    flush=True,
                )

    installed: list[Installed] = []
    for client in clients:
        try:
            installed.append(install(client, BUILD.absolute()))
        except Missing as missing:
            print(f"{cells.MISSING:12} {client.id:40} {missing}", flush=True)
            done += [Cell(client.id, each.name, cells.MISSING, str(missing)) for each in scenarios]
    _remember(installed)
    run(
        installed, scenarios, Broker if options.broker == "pykbroker" else KafkaBroker, BUILD.absolute(),
        jobs=options.jobs, even_unbuilt=options.unbuilt or options.broker == "kafka", report=report,
    )  # fmt: skip
    known = {(client.id, each.name) for client in all_clients() for each in SCENARIOS}
    cells.merge(part, done, known)
    print(cells.summary(done))
    if options.regressions:
        return regressions.told("clients", done)
    return int(any(cell.status in cells.RED for cell in done))


def _chosen(name: str, prefixes: str) -> bool:
    return any(name.startswith(prefix) for prefix in prefixes.split(","))


def _remember(installed: Sequence[Installed], build: Path = BUILD) -> None:
    """Keep what the drivers say of their libraries, for the page."""
    file = build / "libraries.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    known |= {each.client.id: {"version": each.version, "library": each.library} for each in installed}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
