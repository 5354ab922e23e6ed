"""Compaction in a broker process: how quick it is, and how long it makes a producer wait meanwhile.

The broker starts on a log that is not compacted yet, the topic's cleanup.policy is changed, and the cleaner, which
looks every 100 ms, does the rest. It is over when the last segment that could be cleaned has given way to a new one.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.asking import Asking
from bench.build import BUILD
from bench.directories import append, copied, core_on, create_topic
from bench.producing import Producing, latencies
from bench.report import Measured, Rounds, Table
from bench.servers import Running, pykbroker
from bench.shapes import MB, Metric
from bench.updates import Updates

UNCOMPRESSED, ZSTD = 0, 4
SEGMENTS = 16
KEYS = 250_000
_TOPIC = "compacted"
_SETTINGS = {"log.cleaner.backoff.ms": "100"}
_AT_REST_S = 10.0
_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A log to compact: how large its records are, how they are compressed, and how large it is before that."""

    key: str
    record_bytes: int
    codec: int
    megabytes: int

    def label(self, scale: float) -> str:
        """Return what it is called in tables."""
        codec = "zstd" if self.codec else "not compressed"
        return f"{self.megabytes * scale:,.0f} MB of {self.record_bytes:,}-byte records, {codec}"


KINDS = (Kind("large", 1000, UNCOMPRESSED, 1024), Kind("large_zstd", 1000, ZSTD, 1024),
         Kind("small", 100, UNCOMPRESSED, 256), Kind("small_zstd", 100, ZSTD, 256))


@dataclass(frozen=True, slots=True)
class Dirty:
    """A data directory with a log, of which all but the active segment can be cleaned."""

    home: Path
    megabytes: float
    records: int

    @property
    def last_cleaned(self) -> str:
        """The file that is there once all is cleaned, until it is erased."""
        logs = sorted(path.name for path in self.home.glob(f"{_TOPIC}-0/*.log"))
        return f"{_TOPIC}-0/{logs[-2]}.deleted"


def measure(rounds: int, scale: float) -> Measured:
    """Return the tables of speed and of latencies with `rounds` values for each metric; `scale` 1 is full size."""
    results: Rounds = {"pykbroker": [], "floor": []}
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="compaction-", dir=BUILD) as parent:
            dirty = _fill(Path(parent) / "dirty", kind, scale)
            for _ in range(rounds):
                results["pykbroker"].append(_alone(dirty, kind))
                beside, without = _beside_a_producer(dirty, kind, _AT_REST_S * min(1.0, 10 * scale))
                results["pykbroker"].append(beside)
                results["floor"].append(without)
    return [(_speed_table(scale), results), (_latency_table(scale), results)]


def _fill(home: Path, kind: Kind, scale: float) -> Dirty:
    """Make the log."""
    nbytes = int(kind.megabytes * scale * MB)
    segment_bytes = max(MB, nbytes // SEGMENTS)
    updates = Updates(kind.record_bytes, max(1000, int(KEYS * scale)), kind.codec)
    configs = {"segment.bytes": str(segment_bytes), "min.cleanable.dirty.ratio": "0.01", "retention.ms": "-1"}
    with core_on(home) as services:
        create_topic(services, _TOPIC, 1, configs)
        partition = services.partitions.get(_TOPIC, 0)
        for _ in range(nbytes // updates.batch_bytes):
            append(partition, updates.next_batch())
        records = partition.log.bases[-1]
    return Dirty(home, records / updates.records * updates.batch_bytes / MB, records)


def _alone(dirty: Dirty, kind: Kind) -> dict[str, float]:
    """Return how quick a compaction is when there is nothing else to do."""
    with _broker_on(dirty) as running, Asking(running.port) as asking:
        time.sleep(0.3)
        before_mb, cpu_ns = running.resident_mb(), running.cpu_ns()
        begun = time.perf_counter()
        asking.set_config(_TOPIC, "cleanup.policy", "compact")
        _wait_for(running, dirty.last_cleaned)
        seconds = time.perf_counter() - begun
        return {
            f"{kind.key}_mb": dirty.megabytes / seconds,
            f"{kind.key}_records": dirty.records / seconds / 1000,
            f"{kind.key}_cpu": (running.cpu_ns() - cpu_ns) / 1e3 / dirty.records,
            f"{kind.key}_memory": running.resident_mb(most=True) - before_mb,
        }


def _beside_a_producer(dirty: Dirty, kind: Kind, at_rest_s: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return a producer's latencies during a compaction, and before it."""
    with _broker_on(dirty) as running, Asking(running.port) as asking:
        with Producing(running) as producing:
            time.sleep(at_rest_s)
            without = producing.end(kind.key)
        with Producing(running) as producing:
            begun = time.perf_counter()
            asking.set_config(_TOPIC, "cleanup.policy", "compact")
            _wait_for(running, dirty.last_cleaned)
            seconds = time.perf_counter() - begun
            beside = producing.end(kind.key)
        return beside | {f"{kind.key}_beside": dirty.megabytes / seconds}, without


def _broker_on(dirty: Dirty) -> Running:
    """Start a broker on a copy."""
    closed = sorted(dirty.home.glob(f"{_TOPIC}-0/*.log"))[:-1]
    return Running(pykbroker(_SETTINGS), copied(dirty.home, linked=closed.__contains__))


def _wait_for(running: Running, name: str) -> None:
    """Return when a file is there."""
    deadline = time.perf_counter() + _PATIENCE_S
    path = running.data / name
    while not path.exists():
        if time.perf_counter() > deadline:
            raise SystemExit(f"bench: the log was not compacted within {_PATIENCE_S:.0f} s")
        time.sleep(0.01)


def _speed_table(scale: float) -> Table:
    metrics = []
    for kind in KINDS:
        label = kind.label(scale)
        metrics += [
            Metric(f"{kind.key}_mb", f"compaction, {label}", "MB/s", None, True),
            Metric(f"{kind.key}_records", f"compaction, {label}", "1,000 records/s", None, True, 0),
            Metric(f"{kind.key}_cpu", f"compaction, {label}", "CPU µs/record", digits=2),
            Metric(f"{kind.key}_beside", f"compaction beside a producer, {label}", "MB/s", None, True),
            Metric(f"{kind.key}_memory", f"memory that compaction takes, {label}", "MB", digits=0),
        ]
    return Table(metrics, title="Compaction", text=f"""\
A log in batches of 16 KB and {SEGMENTS} segments; MB are those before compression. Every record is for one of
{KEYS * scale:,.0f} keys, at random. One core. Each record is read twice: for its key, and to be copied.""")


def _latency_table(scale: float) -> Table:
    metrics = []
    for kind in KINDS:
        metrics += latencies(kind.key, f"during compaction of {kind.label(scale)}")
    return Table(metrics, "without", "Produce during a compaction", """\
One producer sends 100-byte batches to another topic, one at a time, for as long as the log is compacted; "without" is
the same, in the same process, before the compaction.""")
