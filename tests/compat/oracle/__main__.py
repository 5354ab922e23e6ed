"""The command line: `python -m tests.compat.oracle`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.compat import cells
from tests.compat.cells import Cell
from tests.compat.oracle.generated.walk import walk
from tests.compat.oracle.pair import Pair
from tests.compat.oracle.report import LOGS, cell_of_seed, cells_not_shown, cells_of
from tests.compat.oracle.runner import play_all
from tests.compat.oracle.statement import load
from tests.kafka_jars import reason_to_skip


def main() -> int:
    """Run what the command line asks for; return 1 if there is a difference that nothing explains."""
    parser = argparse.ArgumentParser(prog="python -m tests.compat.oracle", description=__doc__)
    parser.add_argument("--ids", default="", help="only these statements: GRP-07,PROD-39")
    parser.add_argument("--areas", default="", help="only these areas: GRP,PROD")
    parser.add_argument("--seed", type=int, help="only random steps, from this seed")
    parser.add_argument("--seeds", type=int, default=3, help="so many seeds, one after the other")
    parser.add_argument("--steps", type=int, default=200, help="so many random steps from each")
    chosen = parser.parse_args()
    if why := reason_to_skip():
        print(why, file=sys.stderr)
        return 2
    done: list[Cell] = []
    with tempfile.TemporaryDirectory(prefix="oracle-") as directory:
        if chosen.seed is None:
            done += _play(chosen, Path(directory))
        if chosen.seed is not None or not (chosen.ids or chosen.areas):
            done += _walk(chosen, Path(directory) / "walk")
    cells.merge("oracle", done)
    wrong = [cell for cell in done if cell.status == cells.FAIL]
    print(f"{len(done)} cells, {len(wrong)} with a difference")
    return 1 if wrong else 0


def _walk(chosen: argparse.Namespace, directory: Path) -> list[Cell]:
    """Take random steps; return the cell of each seed."""
    done = []
    first = 1 if chosen.seed is None else chosen.seed
    with Pair(directory) as pair:
        for seed in range(first, first + chosen.seeds):
            started = time.monotonic()
            walked = walk(pair, seed, chosen.steps, LOGS / f"seed-{seed}.log")
            done.append(cell_of_seed(walked, time.monotonic() - started))
            print(f"seed {seed}: {walked.reason or f'{walked.steps} steps'}", flush=True)
    return done


def _play(chosen: argparse.Namespace, directory: Path) -> list[Cell]:
    """Play scenarios; return the cells of their statements."""
    ids, areas = set(filter(None, chosen.ids.split(","))), set(filter(None, chosen.areas.split(",")))

    def is_chosen(name: str) -> bool:
        return not (ids or areas) or name in ids or name.partition("-")[0] in areas

    scenarios = [each for each in load() if any(map(is_chosen, each.ids))]
    cells.merge("oracle", cells_not_shown())
    return [cell for cell in cells_of(play_all(scenarios, directory, LOGS)) if is_chosen(cell.column)]


if __name__ == "__main__":
    sys.exit(main())
