"""`python -m tests.compat.tools`: run every flow of every tool on both brokers."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.compat import cells
from tests.compat.cells import Cell
from tests.compat.tools.catalogue import TOOLS
from tests.compat.tools.model import Flow, Tool
from tests.compat.tools.programs import Missing, command_of
from tests.compat.tools.runner import Benches
from tests.compat.tools.telling import cell_of
from tests.kafka_jars import reason_to_skip


def main() -> int:
    """Run what was asked for; 1 when a flow fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.compat.tools", description=__doc__)
    parser.add_argument("--tools", help="only these, by name, separated by commas")
    parser.add_argument("--flows", help="only flows whose name contains one of these words, separated by commas")
    options = parser.parse_args()
    names = options.tools.split(",") if options.tools else [tool.name for tool in TOOLS]
    if unknown := set(names) - {tool.name for tool in TOOLS}:
        parser.error(f"no such tool: {', '.join(sorted(unknown))}")
    words = options.flows.split(",") if options.flows else [""]
    chosen = [
        (tool, [flow for flow in tool.flows if any(word in flow.name for word in words)])
        for tool in TOOLS
        if tool.name in names
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that brokers are stopped
    everything = [(tool.name, flow.name) for tool in TOOLS for flow in tool.flows]
    done = []
    for cell in _cells(chosen):
        done.append(cell)
        cells.merge("tools", [cell], everything)  # after each: a run that is cut short has not been for nothing
        print(f"{cell.row:24} {cell.column:40} {cell.status:8} {cell.seconds:5.1f} s  {cell.reason}", flush=True)
    print(f"\n{cells.summary(done)}")
    return int(any(cell.status in cells.RED for cell in done))


def _cells(chosen: Sequence[tuple[Tool, Sequence[Flow]]]) -> Iterator[Cell]:
    if why := reason_to_skip():
        yield from (Cell(tool.name, flow.name, "missing", why) for tool, flows in chosen for flow in flows)
        return
    with TemporaryDirectory(prefix="compat-tools-") as directory, Benches(Path(directory)) as benches:
        for tool, flow in _in_turn(chosen):
            yield _cell(benches, tool, flow)


def _in_turn(chosen: Sequence[tuple[Tool, Sequence[Flow]]]) -> list[tuple[Tool, Flow]]:
    """Return all flows; those of what is not built yet last, because they leave internal topics behind on Kafka."""
    return sorted(((tool, flow) for tool, flows in chosen for flow in flows), key=lambda each: bool(each[1].not_yet))


def _cell(benches: Benches, tool: Tool, flow: Flow) -> Cell:
    if not tool.is_java:
        try:
            command_of(tool.program)
        except Missing as why:
            return Cell(tool.name, flow.name, "missing", str(why))
    verdict, ours, kafkas = benches.verdict(tool, flow)
    return cell_of(tool.name, flow.name, verdict, ours, kafkas)


if __name__ == "__main__":
    sys.exit(main())
