"""What is measured: the metrics with their targets, and one function per round that measures them on a fresh server.

Every round of a load shape starts a process, warms it up, and reads its CPU clock around the requests alone; what the
load itself costs and how long it waits does not count. The targets are those of the project's design.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from bench.build import BUILD, compiled
from bench.servers import LOAD_CORE, PARTITIONS, TOPIC, Running, on_core

MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. `target` is an upper bound, or a lower one if `higher_is_better`; None: no promise."""

    key: str
    label: str
    unit: str
    target: float | None = None
    higher_is_better: bool = False
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """A load: arguments for `load`, how many requests a round takes, and the metrics to draw from them.

    `fill` is a load that puts records into the topic first; `bytes_written` is how large the topic grows in a round.
    """

    arguments: tuple[str, ...]
    requests: int
    metrics: tuple[Metric, ...]
    bytes_written: int
    fill: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The key of its first metric."""
        return self.metrics[0].key


BATCH_16K = ("produce", "--batch-bytes", str(16 * 1024), "--records", "16")
FETCH_FILE_MB = 64

SHAPES = (
    Shape(("produce", "--connections", "4", "--depth", "5", "--batch-bytes", "100"), 60_000, (
        Metric("small", "produce, 100-byte batches, 4 connections × 5 in flight", "CPU µs/request", 12),
    ), 100 * 60_000),
    Shape(("rtt", "--batch-bytes", "100"), 8_000, (
        Metric("rtt", "produce, 100-byte batches, one request at a time", "CPU µs/request", 48),
        Metric("rtt_p50", "the same, median round trip", "µs", 100, digits=0),
    ), 100 * 8_000),
    Shape((*BATCH_16K, "--connections", "4", "--depth", "5"), 16_000, (
        Metric("16k", "produce, 16 KB batches, 4 connections × 5 in flight", "CPU µs/request", 24),
    ), 16_000 * 16 * 1024),
    Shape(("produce", "--batch-bytes", str(MB), "--records", "1024", "--connections", "1", "--depth", "2"), 250, (
        Metric("1m", "produce, 1 MB batches, 1 connection × 2 in flight", "MB per CPU second", 2000, True, 0),
    ), 250 * MB),
    Shape(("fetch", "--max-bytes", str(MB), "--connections", "4"), 1_500, (
        Metric("fetch", "fetch of 1 MB (16 KB batches), 4 connections", "MB per CPU second", 2000, True, 0),
    ), PARTITIONS * FETCH_FILE_MB * MB, fill=(*BATCH_16K, "--requests", str(PARTITIONS * FETCH_FILE_MB * 64))),
)

STARTUP = Metric("startup", "process start to first ApiVersions reply", "ms", 100)
IDLE_MEMORY = Metric("idle_memory", "resident memory after 1 s idle", "MB", 30)
IDLE_CPU = Metric("idle_cpu", "CPU time when idle", "ms per 3 s", digits=2)
METRICS = (*(metric for shape in SHAPES for metric in shape.metrics), STARTUP, IDLE_MEMORY, IDLE_CPU)


def measure_load(shape: Shape, server: Running, scale: float) -> dict[str, float]:
    """Return one round's value for each metric of `shape`, with `scale` times its number of requests."""
    requests = max(100, int(shape.requests * scale))
    _recycle_pages(2 * int(shape.bytes_written * (1 if shape.fill else scale)))
    if shape.fill:
        subprocess.run(_command(server, shape.fill), check=True, stdout=subprocess.DEVNULL,
                       preexec_fn=on_core(LOAD_CORE))
    command = _command(server, (*shape.arguments, "--requests", str(requests), "--warmup", str(requests // 10)))
    with subprocess.Popen([*command, "--gate"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          preexec_fn=on_core(LOAD_CORE)) as load:
        assert load.stdin is not None and load.stdout is not None
        if load.stdout.readline() != "ready\n":
            raise SystemExit(f"bench: the load failed on {server.server.name} ({shape.name})")
        before = server.cpu_ns()
        load.stdin.write("go\n")
        load.stdin.flush()
        line = load.stdout.readline()
        cpu_ns = server.cpu_ns() - before
    if not line:
        raise SystemExit(f"bench: the load failed on {server.server.name} ({shape.name})")
    return {metric.key: _value(metric, json.loads(line), cpu_ns) for metric in shape.metrics}


def measure_idle(servers: list[Running], seconds: float = 3.0) -> list[dict[str, float]]:
    """Return memory after one second of rest and the CPU time of `seconds` more, of all `servers` at once."""
    time.sleep(1.0)
    memory = [server.resident_mb() for server in servers]
    before = [server.cpu_ns() for server in servers]
    time.sleep(seconds)
    spent = [server.cpu_ns() - start for server, start in zip(servers, before, strict=True)]
    return [
        {IDLE_MEMORY.key: megabytes, IDLE_CPU.key: nanoseconds / 1e6 * 3.0 / seconds}
        for megabytes, nanoseconds in zip(memory, spent, strict=True)
    ]


def _command(server: Running, arguments: tuple[str, ...]) -> list[str]:
    return [str(compiled("load")), *arguments, "--port", str(server.port), "--topic", TOPIC,
            "--partitions", str(PARTITIONS)]


def _value(metric: Metric, load: dict[str, Any], cpu_ns: int) -> float:
    if metric.unit == "µs":
        return float(load["p50_us"])
    if metric.higher_is_better:
        return float(load["bytes"]) / MB / (cpu_ns / 1e9)
    return cpu_ns / 1e3 / float(load["requests"])


def _recycle_pages(size: int) -> None:
    """Write and delete a file, so that the page cache that the server will fill has been touched before.

    A virtual machine's memory comes from its host page by page, at the first touch, and then writing to a file costs
    ten times as much: that would be measured instead of the server.
    """
    path = BUILD / "pages"
    block = bytes(MB)
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(size // MB + 1):
                file.write(block)
    finally:
        path.unlink()
