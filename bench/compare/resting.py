"""Without any load: how long a start takes, and what the broker costs while nobody asks for anything."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.asking import until_ready
from bench.compare.results import Results
from bench.compare.rivals import Rival
from bench.compare.running import PATIENCE_S, Plan
from bench.servers import Running

ROW = "resting"
_REST_S, _IDLE_S, _QUICK_IDLE_S = 2.0, 5.0, 1.0


def measure_resting(rivals: Sequence[Rival], plan: Plan, results: Results) -> None:
    """Measure starts and idleness in alternating rounds: a new process on an empty data directory each time."""
    starting = [rival for rival in rivals if not rival.warm]
    idle_s = _QUICK_IDLE_S if plan.quick else _IDLE_S
    for number in range(plan.rounds):
        plan.say(f"round {number + 1} of {plan.rounds}: {ROW}")
        for rival in starting:
            try:
                results.add(ROW, rival.key, _one(rival, idle_s))
            except (SystemExit, OSError) as trouble:
                results.explain(ROW, rival.key, "failed", str(trouble))


def _one(rival: Rival, idle_s: float) -> dict[str, float]:
    with Running(rival.server(1), patience_s=PATIENCE_S) as process:
        first_reply_ms = process.startup_ms
        begun = time.perf_counter() - first_reply_ms / 1e3
        until_ready(process.port)
        ready_ms = (time.perf_counter() - begun) * 1e3
        starting_cpu_ms = process.cpu_ns() / 1e6
        time.sleep(_REST_S)
        resident, before = process.resident_mb(), process.cpu_ns()
        time.sleep(idle_s)
        idle_cpu_ms = (process.cpu_ns() - before) / 1e6 / idle_s
    return {"first_reply_ms": first_reply_ms, "ready_ms": ready_ms, "start_cpu_ms": starting_cpu_ms,
            "idle_mb": resident, "idle_cpu_ms_per_s": idle_cpu_ms}
