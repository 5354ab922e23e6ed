"""The retention pass over many partitions, and how long it makes a producer wait.

The pass goes over the partitions in the order in which their topics were made. The last one here is a marker, with a
record that has had its time: when a new segment begins there, the pass is over.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.asking import Asking
from bench.build import BUILD
from bench.directories import a_batch, copied, core_on, create_topic, write_to_each
from bench.producing import Producing, latencies
from bench.report import Measured, Rounds, Table
from bench.servers import Running, pykbroker
from bench.shapes import Metric

PARTITIONS = 10_000
_TOPIC, _MARKER = "retained", "marker"
_AT_ONCE = {"retention.ms": "1"}
_DELAY = "log.initial.task.delay.ms"
_INTERVAL = "log.retention.check.interval.ms"
_UNTIL_PASS_MS = 1000
_GET_READY_S = 0.3
_AT_REST_S = 10.0
_PATIENCE_S = 300.0


def measure(rounds: int, scale: float) -> Measured:
    """Return the table with `rounds` values for each metric; `scale` 1 is 10,000 partitions."""
    partitions = max(20, int(PARTITIONS * scale))
    at_rest_s = _AT_REST_S * min(1.0, 10 * scale)
    results: Rounds = {"pykbroker": [], "floor": []}
    with tempfile.TemporaryDirectory(prefix="retention-", dir=BUILD) as parent:
        keeping, deleting = Path(parent) / "keeping", Path(parent) / "deleting"
        _make(keeping, partitions, {})
        _make(deleting, partitions, _AT_ONCE)
        for _ in range(rounds):
            with _broker_on(keeping, {}) as running:
                without = _produced(running, "", at_rest_s)
            results["floor"].append({f"{key}{name}": value for key in ("first", "again", "deleting")
                                     for name, value in without.items()})
            results["pykbroker"].append(_first_pass(keeping, "first", {_INTERVAL: "100"}, at_rest_s))
            results["pykbroker"].append(_first_pass(deleting, "deleting", {}))
    return [(_table(partitions), results)]


def _make(home: Path, partitions: int, configs: Mapping[str, str]) -> None:
    with core_on(home) as services:
        create_topic(services, _TOPIC, partitions, configs)
        write_to_each(services, _TOPIC, partitions)
        create_topic(services, _MARKER, 1, _AT_ONCE)


def _broker_on(home: Path, settings: Mapping[str, str]) -> Running:
    linked = copied(home, linked=lambda path: path.suffix == ".log" and path.parent.name.startswith(_TOPIC))
    return Running(pykbroker(settings), linked, _PATIENCE_S)


def _produced(running: Running, key: str, seconds: float) -> dict[str, float]:
    with Producing(running) as producing:
        time.sleep(seconds)
        return producing.end(key)


def _first_pass(home: Path, key: str, settings: Mapping[str, str], again_s: float = 0.0) -> dict[str, float]:
    """Return a producer's latencies during the first pass, and how long that took; then, if asked, during more."""
    with _broker_on(home, {_DELAY: str(_UNTIL_PASS_MS), **settings}) as running, Asking(running.port) as asking:
        due = time.perf_counter() + _UNTIL_PASS_MS / 1000
        asking.produce_to_each(_MARKER, 1, bytes(a_batch(100)))
        time.sleep(max(0.0, due - time.perf_counter() - _GET_READY_S))
        with Producing(running) as producing:
            _wait_for_marker(running)
            values = {f"{key}_seconds": time.perf_counter() - due, **producing.end(key)}
        if again_s:
            values |= _produced(running, "again", again_s)
        return values


def _wait_for_marker(running: Running) -> None:
    deadline = time.perf_counter() + _PATIENCE_S
    directory = running.data / f"{_MARKER}-0"
    while not (directory / f"{1:020d}.log").exists():
        if time.perf_counter() > deadline:
            raise SystemExit(f"bench: no retention pass ended within {_PATIENCE_S:.0f} s")
        time.sleep(0.01)


def _table(partitions: int) -> Table:
    passes = {
        "first": f"a first pass, which opens {partitions:,} partitions",
        "again": f"later passes over {partitions:,} partitions",
        "deleting": f"a pass that deletes a segment of each of {partitions:,} partitions",
    }
    metrics = [Metric(f"{key}_seconds", f"time for {passes[key]}", "s") for key in ("first", "deleting")]
    metrics += [metric for key, label in passes.items() for metric in latencies(key, f"during {label}")]
    return Table(metrics, "without", "Produce during a retention pass", """\
One producer sends 100-byte batches to another topic, one at a time, for as long as the pass goes on. The first pass
opens every partition that has files; later ones come one after the other, with a pause of 100 ms. "Without" is before
any.""")
