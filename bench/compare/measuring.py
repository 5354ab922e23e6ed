"""One measurement: a load runs against a broker process, whose CPU clock and memory are read around it.

Every load is a program of its own on the other core. It warms up, prints "ready", waits for a line, runs, and prints a
line of JSON; then perhaps "ready" again, for a next phase. What it counts as a request is its business; `requests`,
`bytes`, `seconds` and latencies come from it, CPU time and memory from the broker's process.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.servers import LOAD_CORE, Running, on_core
from bench.shapes import MB

PATIENCE_S = 180
CANNOT = 3  # the exit status of a load that the broker lacks something for


@dataclass(frozen=True, slots=True)
class Target:
    """What a load is told: whom to load, with which topic, how much, and how long at most.

    With `long_warmup` the warm-up takes all of its seconds, however many requests that is.
    """

    port: int
    topic: str
    scale: float
    seconds: float
    warmup_seconds: float
    long_warmup: bool = False


Command = Callable[[Target], list[str]]


@dataclass(frozen=True, slots=True)
class Shape:
    """A load to measure: what it is called, the command that runs it, and commands to run before that.

    `unit` is what one request is. `phases` are the labels of the phases of a load that has several, by their names.
    `impossible` says which rivals cannot do it, and why. `rounds` is how many there are at most: 1 where it takes long.
    """

    key: str
    family: str
    label: str
    command: Command
    before: tuple[Command, ...] = ()
    unit: str = "request"
    partitions: int = 4
    phases: Mapping[str, str] = field(default_factory=dict)
    impossible: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 99
    warmup: bool = True
    after_fill: Callable[[Running], None] | None = None


class Trouble(Exception):
    """A measurement that came to nothing. `cannot`: because the broker does not offer what it needs."""

    def __init__(self, reason: str, *, cannot: bool = False) -> None:
        super().__init__(reason)
        self.cannot = cannot


Numbers = dict[str, float]


def measure(shape: Shape, server: Running, target: Target) -> dict[str, Numbers]:
    """Return the numbers of one round of `shape` on `server`, by the names of its phases ("" if it has none)."""
    for command in shape.before:
        _run(command(target))
    if shape.after_fill is not None:
        shape.after_fill(server)
    server.forget_peak()
    found: dict[str, Numbers] = {}
    with subprocess.Popen(shape.command(target), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, preexec_fn=on_core(LOAD_CORE)) as load:
        assert load.stdin is not None and load.stdout is not None and load.stderr is not None
        try:
            while load.stdout.readline() == "ready\n":
                before = server.cpu_ns()
                load.stdin.write("go\n")
                load.stdin.flush()
                line = load.stdout.readline()
                cpu_ns = server.cpu_ns() - before
                if line:
                    report = json.loads(line)
                    found[report.get("phase", "")] = numbers(report, cpu_ns, server.resident_mb(most=True))
            load.stdin.close()
            status = load.wait(PATIENCE_S)
        finally:
            load.kill()
        if status != 0 or not found:
            raise Trouble(_last_line(load.stderr.read()), cannot=status == CANNOT)
    return found


def numbers(report: Mapping[str, Any], cpu_ns: int, peak_mb: float) -> Numbers:
    """Return what is kept of one run of a load: rates, costs per unit and per MB, latencies where there are any."""
    requests, size, seconds = float(report["requests"]), float(report["bytes"]), float(report["seconds"])
    kept: Numbers = {"cpu_us": cpu_ns / 1e3 / requests, "rate": requests / seconds, "peak_mb": peak_mb,
                     "server_busy": cpu_ns / 1e9 / seconds}
    if size:
        kept |= {"cpu_us_per_mb": cpu_ns / 1e3 / (size / MB), "mb_per_s": size / MB / seconds}
    if "load_cpu_seconds" in report:
        kept["load_busy"] = float(report["load_cpu_seconds"]) / seconds
    kept |= {name: float(report[name]) for name in ("p50_us", "p99_us", "p999_us", "max_us") if name in report}
    return kept


def _run(command: Sequence[str]) -> None:
    """Run a load to its end without measuring it."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S,
                              preexec_fn=on_core(LOAD_CORE))
    except subprocess.TimeoutExpired:
        raise Trouble(f"no end within {PATIENCE_S} s") from None
    if done.returncode != 0:
        raise Trouble(_last_line(done.stderr), cannot=done.returncode == CANNOT)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"
