"""Takes random steps at both brokers, and compares after each."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.compat.oracle.compare import Comparison
from tests.compat.oracle.generated import administration, data, members
from tests.compat.oracle.generated.world import STEPS, Step, World
from tests.compat.oracle.node import Node
from tests.compat.oracle.pair import Pair
from tests.compat.oracle.runner import write_log
from tests.compat.process import Broker

MODULES = (data, members, administration)
"""Where the steps are."""


@dataclass(slots=True)
class Walked:
    """How far a seed came, and what was wrong then; nothing if `reason` is empty."""

    seed: int
    steps: int
    reason: str


def walk(pair: Pair, seed: int, steps: int, log: Path) -> Walked:
    """Take so many steps from a seed; stop at the first difference."""
    worlds = {broker: World(Node(broker, pair.versions, f"seed-{seed}"), seed) for broker in (pair.ours, pair.kafka)}
    ours, kafkas = worlds[pair.ours], worlds[pair.kafka]
    comparison = Comparison()
    choose = Random(seed)
    reason, number = "", 0
    for number in range(1, steps + 1):
        chosen = administration.create_topic if number == 1 else choose.choices(*_steps())[0]

        def take(broker: Broker, number: int = number, chosen: Step = chosen) -> str:
            worlds[broker].begin(number)
            try:
                chosen(worlds[broker])
            except Exception:
                return traceback.format_exc()
            return ""

        errors = pair.both(take)
        found = comparison.difference(ours.node.record, kafkas.node.record)
        if found or any(errors):
            reason = f"step {number}, {chosen.__name__}: {found or (errors[0] or errors[1]).splitlines()[-1]}"
            break
    write_log(log, [reason], ours.node.record, kafkas.node.record)
    for world in worlds.values():
        world.node.close()
    return Walked(seed, number, reason)


def _steps() -> tuple[list[Step], list[int]]:
    return [step for _, step in STEPS], [weight for weight, _ in STEPS]
