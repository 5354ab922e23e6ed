"""The order of things: round by round and shape by shape, one rival after the other (A B C A B C ...).

A rival that starts quickly is a new process for every measurement. Apache Kafka takes seconds to start: one JVM lives
for a round (and gets warmer with every shape), another one for the whole run, which gets seconds of each shape's load
before it is measured the first time. While one broker is measured the others stand still (SIGSTOP).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from math import inf
from subprocess import TimeoutExpired

from bench.asking import Asking, until_ready
from bench.compare.measuring import Shape, Target, Trouble, measure
from bench.compare.programs import Missing
from bench.compare.results import Results, rows_of
from bench.compare.rivals import Rival
from bench.servers import TOPIC, Running

PATIENCE_S = 120.0  # for a broker's start
_LIMIT_S = 6.0  # of a run, and of its warm-up
_WARM_UP_S = 4.0  # of the warm JVM, once for each shape


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `say` tells a person how far it is.

    After `deadline` (of the monotonic clock) no shape gets another round; each gets its first.
    """

    rounds: int
    scale: float
    quick: bool
    say: Callable[[str], None]
    deadline: float = inf


def run_shapes(shapes: Sequence[Shape], rivals: Sequence[Rival], plan: Plan, results: Results) -> None:
    """Measure all shapes in all rounds."""
    for shape in shapes:
        for rival in rivals:
            for _, row in rows_of(shape):
                if rival.key in shape.impossible:
                    results.explain(row.key, rival.key, "cannot", shape.impossible[rival.key])
    with ExitStack() as whole_run:
        warm = {rival.key: process for rival in rivals if rival.warm
                if (process := _started(rival, whole_run, results, shapes)) is not None}
        for number in range(plan.rounds):
            wanted = [shape for shape in shapes if number < shape.rounds]
            with ExitStack() as round_:
                lasting = warm | {rival.key: process for rival in rivals if not rival.fresh and not rival.warm
                                  if (process := _started(rival, round_, results, wanted)) is not None}
                for shape in wanted:
                    if number and time.monotonic() > plan.deadline:
                        return
                    plan.say(f"round {number + 1} of {plan.rounds}: {shape.key}")
                    _one_round(shape, number, rivals, lasting, plan, results)


def _one_round(shape: Shape, number: int, rivals: Sequence[Rival], lasting: dict[str, Running], plan: Plan,
               results: Results) -> None:
    for rival in rivals:
        if rival.key in shape.impossible:
            continue
        topic = TOPIC if rival.one_topic else f"{shape.key}-{number}"
        try:
            if rival.fresh:
                with Running(rival.server(shape.partitions)) as process:
                    _measure(shape, rival, process, _target(process, shape, rival, topic, number, plan), results)
            elif rival.key in lasting:
                with awake(lasting[rival.key]) as process:
                    _measure(shape, rival, process, _target(process, shape, rival, topic, number, plan), results)
                    with suppress(OSError, SystemExit), Asking(process.port) as asking:
                        asking.delete_topic(topic)
        except (Trouble, Missing, SystemExit, OSError, TimeoutExpired) as trouble:
            kind = "cannot" if isinstance(trouble, Trouble) and trouble.cannot else "failed"
            plan.say(f"{shape.key} on {rival.key}: {kind}: {trouble}")
            for _, row in rows_of(shape):
                results.explain(row.key, rival.key, kind, str(trouble))


def _measure(shape: Shape, rival: Rival, process: Running, target: Target, results: Results) -> None:
    found = measure(shape, process, target)
    for phase, row in rows_of(shape):
        if phase in found:
            results.add(row.key, rival.key, found[phase])


def _target(process: Running, shape: Shape, rival: Rival, topic: str, number: int, plan: Plan) -> Target:
    long_warmup = rival.warm and number == 0 and not plan.quick and shape.warmup
    limit_s = _WARM_UP_S if long_warmup else _LIMIT_S
    return Target(process.port, topic, plan.scale, _LIMIT_S, limit_s if shape.warmup else 0, long_warmup)


@contextmanager
def awake(process: Running) -> Iterator[Running]:
    """Let a process that stands still run for a while."""
    process.resume()
    try:
        yield process
    finally:
        process.pause()


def _started(rival: Rival, stack: ExitStack, results: Results, shapes: Sequence[Shape]) -> Running | None:
    """Start a broker that is to live for some time, and let it stand still; None, with the reason in the results."""
    try:
        process = stack.enter_context(Running(rival.server(1), patience_s=PATIENCE_S))
        until_ready(process.port)
    except (SystemExit, OSError) as trouble:
        for shape in shapes:
            for _, row in rows_of(shape):
                results.explain(row.key, rival.key, "failed", f"did not start: {trouble}")
        return None
    process.pause()
    return process
