"""Growth curves: what a request costs when there is more and more in the broker that it has nothing to do with.

One process of each rival per curve, in which there is more at every point: partitions (each with a batch in it), idle
connections, or bytes in the log. The request is always the same, and is measured on few partitions and connections.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import TimeoutExpired

from bench.asking import Asking, until_ready
from bench.build import BUILD
from bench.compare.measuring import Shape, Target, Trouble, measure
from bench.compare.results import Results
from bench.compare.rivals import KAFKA, KFAKE, PYKBROKER, Rival
from bench.compare.running import PATIENCE_S, Plan
from bench.compare.shapes.fetch import ONE_16K
from bench.compare.shapes.loads import MB, load
from bench.directories import HollowFiles, a_batch, append, core_on, create_topic
from bench.servers import PARTITIONS, TOPIC, Running

PARTITION_POINTS = (10, 100, 1_000, 10_000)
CONNECTION_POINTS = (1, 100, 1_000)
LOG_GB_POINTS = (1, 10, 100)
_LIMIT_S = 3.0
_GB = 1024 * MB
_LOG_BATCH_BYTES, _LOG_BATCH_RECORDS = 1_000_000, 100
_ONCE_THROUGH = 600  # MB that are read, with the warm-up: no page of the smallest log comes from the cache
_PIPELINED = ("--connections", 4, "--depth", 5)

_PRODUCE = Shape("produce", "growth", "produce, 100-byte batches", load(20_000, "produce", *_PIPELINED))
_FETCH = replace(ONE_16K, key="fetch")


@dataclass(frozen=True, slots=True)
class Curve:
    """What grows, at which points, and what is measured at each."""

    key: str
    title: str
    axis: str
    points: tuple[float, ...]
    shapes: tuple[str, ...]

    def row(self, shape: str, point: float) -> str:
        """Return the key of a point's row in the results."""
        return f"growth-{self.key}-{shape}-{point:g}"


PARTITIONS_CURVE = Curve("partitions", "partitions in the broker", "partitions", PARTITION_POINTS, ("produce", "fetch"))
CONNECTIONS_CURVE = Curve("connections", "idle connections", "connections", CONNECTION_POINTS, ("produce",))
LOG_CURVE = Curve("log", "bytes in the log", "GB", LOG_GB_POINTS, ("produce", "fetch"))
CURVES = (PARTITIONS_CURVE, CONNECTIONS_CURVE, LOG_CURVE)


def measure_growth(rivals: Sequence[Rival], plan: Plan, results: Results) -> None:
    """Measure all curves, once; a quick run goes without the last point of each."""
    for curve, measure_curve, able in _HOW:
        for rival in rivals:
            if rival.key not in able:
                continue
            plan.say(f"growth of {curve.key}: {rival.key}")
            try:
                measure_curve(rival, plan, results)
            except (Trouble, SystemExit, OSError, TimeoutExpired) as trouble:
                plan.say(f"growth of {curve.key} on {rival.key}: failed: {trouble}")
                results.explain(curve.row(curve.shapes[0], curve.points[0]), rival.key, "failed", str(trouble))


def _points(curve: Curve, plan: Plan) -> tuple[float, ...]:
    return curve.points[:-1] if plan.quick else curve.points


def _partitions(rival: Rival, plan: Plan, results: Results) -> None:
    with Running(rival.server(1), patience_s=PATIENCE_S) as process, ExitStack() as stack:
        until_ready(process.port)
        _warm_up(process, plan)
        asking = stack.enter_context(Asking(process.port))
        batch, there = bytes(a_batch(100)), 0
        for point in _points(PARTITIONS_CURVE, plan):
            more, name = int(point) - there, f"others-{point:g}"
            asking.create_topic(name, more)
            asking.produce_to_each(name, more, batch)
            there += more
            for shape in (_PRODUCE, _FETCH):
                results.add(PARTITIONS_CURVE.row(shape.key, point), rival.key,
                            _one(shape, process, f"{shape.key}-{point:g}", plan))


def _connections(rival: Rival, plan: Plan, results: Results) -> None:
    with Running(rival.server(1), patience_s=PATIENCE_S) as process:
        until_ready(process.port)
        _warm_up(process, plan)
        for point in _points(CONNECTIONS_CURVE, plan):
            shape = replace(_PRODUCE, command=load(20_000, "produce", *_PIPELINED, "--idle", int(point)))
            results.add(CONNECTIONS_CURVE.row("produce", point), rival.key,
                        _one(shape, process, f"produce-{point:g}", plan))


def _log(rival: Rival, plan: Plan, results: Results) -> None:
    """Fill logs with batches whose records are holes: nothing looks at these, and they take no room."""
    fetch = replace(_FETCH, before=(), command=load(_ONCE_THROUGH, "fetch", "--connections", 4, "--max-bytes", MB))
    for point in _points(LOG_CURVE, plan):
        with tempfile.TemporaryDirectory(prefix="log-", dir=BUILD) as directory:
            with core_on(Path(directory), HollowFiles()) as services:
                create_topic(services, TOPIC, PARTITIONS)
                batch = a_batch(_LOG_BATCH_BYTES, _LOG_BATCH_RECORDS)
                for number in range(int(point * _GB) // len(batch)):
                    append(services.partitions.get(TOPIC, number % PARTITIONS), batch)
            with Running(rival.server(1), Path(directory), PATIENCE_S) as process:
                for shape in (fetch, _PRODUCE):
                    results.add(LOG_CURVE.row(shape.key, point), rival.key, _one(shape, process, TOPIC, plan))


def _warm_up(process: Running, plan: Plan) -> None:
    """Let a JVM compile what it will run: the first point should not be dearer for being the first."""
    for shape in (_PRODUCE, _FETCH):
        _one(shape, process, f"warm-up-{shape.key}", replace(plan, scale=4 * plan.scale))


def _one(shape: Shape, process: Running, topic: str, plan: Plan) -> dict[str, float]:
    return measure(shape, process, Target(process.port, topic, plan.scale, _LIMIT_S, _LIMIT_S))[""]


_GROWING = (PYKBROKER, KAFKA, KFAKE)  # nothing can grow in the floor
_HOW = (
    (PARTITIONS_CURVE, _partitions, _GROWING),
    (CONNECTIONS_CURVE, _connections, _GROWING),
    (LOG_CURVE, _log, (PYKBROKER,)),  # the others would have to be fed the bytes
)
