"""A producer that sends one small batch after the other, each when the last was answered: how long it waits.

It is the load program, on a core of its own. Whatever holds the broker up holds up the one batch that is on its way;
also another process on the broker's core. How much that was is told with the latencies: on a quiet machine, next to 0.
"""

from __future__ import annotations

import json
import subprocess
import time
from types import TracebackType

from bench.build import compiled
from bench.servers import LOAD_CORE, TOPIC, Running, on_core
from bench.shapes import Metric

HELD_UP_MS = 5.0  # "not held up for more than a few milliseconds at a time"
_BATCH_BYTES, _WARM_UP, _AT_MOST_S = 100, 100, 3600
_FIGURES = (("p50_us", "median", None), ("p99_us", "p99", None), ("p999_us", "p99.9", None),
            ("max_us", "longest", HELD_UP_MS))


class Producing:
    """A producer at work, from its making on, to a topic of its own; a context manager that ends it in any case."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._load = subprocess.Popen(
            [str(compiled("load")), "rtt", "--port", str(server.port), "--topic", TOPIC, "--partitions", "1",
             "--batch-bytes", str(_BATCH_BYTES), "--seconds", str(_AT_MOST_S), "--warmup", str(_WARM_UP), "--gate"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=on_core(LOAD_CORE),
        )
        assert self._load.stdin is not None and self._load.stdout is not None
        if self._load.stdout.readline() != "ready\n":
            self._load.kill()
            raise SystemExit("bench: the producer failed")
        self._load.stdin.write("go\n")
        self._load.stdin.flush()
        self._begun = time.perf_counter()
        self._waited_ns = server.kept_waiting_ns()

    def end(self, key: str) -> dict[str, float]:
        """Stop, and return how many ms the batches took, by the keys of `latencies(key, ...)`."""
        waited_s = (self._server.kept_waiting_ns() - self._waited_ns) / 1e9
        seconds = time.perf_counter() - self._begun
        self._load.terminate()
        output, _ = self._load.communicate()
        if not output:
            raise SystemExit("bench: the producer failed")
        figures = json.loads(output)
        waits = {f"{key}_{name}": figures[name] / 1000 for name, _, _ in _FIGURES}
        return {**waits, f"{key}_waited": 100 * waited_s / seconds}

    def __enter__(self) -> Producing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._load.kill()
        self._load.wait()


def latencies(key: str, label: str) -> list[Metric]:
    """Return the metrics of a producer's round trips, for the keys of `Producing.end`."""
    metrics = [
        Metric(f"{key}_{name}", f"produce {label}, {figure}", "ms", target, digits=2)
        for name, figure, target in _FIGURES
    ]
    return [*metrics, Metric(f"{key}_waited", f"produce {label}, broker waits for its core", "% of the time")]
