"""Start-up of a broker process, to its first ApiVersions reply: against how many partitions have files, and against the
size of a log; after a clean stop, and after `kill -9`. And what partitions then take of memory and file descriptors.

Every number is of a new process on a directory that the broker's core made before. Memory is read after a moment of
rest, and what the same process takes with a single partition is subtracted. Only headers of the large log's batches are
written, and holes instead of the records: a start that read them would say that the log is damaged.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.asking import Asking
from bench.build import BUILD
from bench.directories import HollowFiles, a_batch, append, copied, core_on, create_topic, write_to_each
from bench.report import Measured, Rounds, Table
from bench.servers import Running, pykbroker
from bench.shapes import MB, Metric

GB = 1024 * MB
SECONDS_MS = 10_000.0  # the issue says "seconds, not minutes"
KB_PER_PARTITION = 10.0
_PATIENCE_S = 300.0
_REST_S = 0.2
_TOPIC = "partitions"


@dataclass(frozen=True, slots=True)
class Populated:
    """Topics with so many partitions each. `has_files`: a record was written to each, so that there is a log."""

    key: str
    topics: int
    partitions: int
    has_files: bool = True

    @property
    def count(self) -> int:
        """All partitions."""
        return self.topics * self.partitions

    @property
    def label(self) -> str:
        """What it is called in tables."""
        count = f"{self.count:,} partition{'s' if self.count > 1 else ''}"
        if not self.has_files:
            return f"{count} that were never written to"
        return count if self.topics == 1 else f"{count} in {self.topics} topics"

    def make(self, directory: Path) -> None:
        """Make the data directory."""
        with core_on(directory) as services:
            for topic in range(self.topics):
                create_topic(services, f"{_TOPIC}{topic}", self.partitions)
                if self.has_files:
                    write_to_each(services, f"{_TOPIC}{topic}", self.partitions)


def measure(rounds: int, scale: float) -> Measured:
    """Return the tables of start-up and memory with `rounds` values for each metric; `scale` 1 is full size."""
    many, some = max(20, int(10_000 * scale)), max(10, int(1_000 * scale))
    one = Populated("one", 1, 1)
    created = Populated("created", 1, many, has_files=False)
    crowds = [one, Populated("some", 1, some), Populated("many", 1, many), Populated("topics", 10, many // 10)]
    sizes = {"small": 1, "large": int(1024 * scale), "huge": int(10 * 1024 * scale)}
    results: Rounds = {"pykbroker": []}
    with tempfile.TemporaryDirectory(prefix="startup-", dir=BUILD) as parent:
        homes = {each.key: Path(parent) / each.key for each in (*crowds, created)}
        killed = {}
        for each in (*crowds, created):
            each.make(homes[each.key])
        for each in crowds:
            killed[each.key] = copied(homes[each.key], linked=lambda path: False)
            Running(pykbroker(), killed[each.key], _PATIENCE_S).stop()
        for _ in range(rounds):
            values: dict[str, float] = {}
            for each in crowds:
                values |= _clean_start(homes[each.key], each, values.get("mb_one_unopened", 0.0))
                values |= _killed_start(killed[each.key], each, values["mb_one_unopened"])
            values |= _created(homes[created.key], created, values["mb_one_unopened"])
            results["pykbroker"].append(values)
        for key, megabytes in sizes.items():
            home = Path(parent) / key
            _make_log(home, megabytes, int(GB * scale))
            for _ in range(rounds):
                results["pykbroker"].append({f"log_{key}": _log_start(home)})
            shutil.rmtree(home)
    return [(_startup_table(crowds, created, sizes), results), (_memory_table(crowds[2], created), results)]


def _clean_start(home: Path, populated: Populated, base_mb: float) -> dict[str, float]:
    """Return what a start after a clean stop takes; it is left cleanly stopped."""
    key = populated.key
    with Running(pykbroker(), home, _PATIENCE_S) as running:
        values = {f"clean_{key}": running.startup_ms, **_resting(running, f"{key}_unopened", populated, base_mb)}
        values[f"stop_{key}"] = running.stop_cleanly()
    return values


def _killed_start(home: Path, populated: Populated, base_mb: float) -> dict[str, float]:
    """Return what a start after a kill takes; it is killed again."""
    key = populated.key
    with Running(pykbroker(), home, _PATIENCE_S) as running:
        return {f"killed_{key}": running.startup_ms, **_resting(running, f"{key}_recovered", populated, base_mb)}


def _created(home: Path, created: Populated, base_mb: float) -> dict[str, float]:
    """Return what a start with partitions that have no files takes, and what it takes to write to each for once."""
    values: dict[str, float] = {}
    with Running(pykbroker(), copied(home, linked=lambda path: False), _PATIENCE_S) as running:
        values["clean_created"] = running.startup_ms
        values |= _resting(running, "created", created, base_mb)
        with Asking(running.port) as asking:
            asking.produce_to_each(f"{_TOPIC}0", created.count, bytes(a_batch(100)))
        values |= _resting(running, "written", created, base_mb)
        values["stop_written"] = running.stop_cleanly()
    return values


def _resting(running: Running, key: str, populated: Populated, base_mb: float) -> dict[str, float]:
    time.sleep(_REST_S)
    resident_mb = running.resident_mb()
    return {
        f"mb_{key}": resident_mb,
        f"kb_{key}": (resident_mb - base_mb) * 1024 / populated.count,
        f"files_{key}": running.open_files(),
    }


def _make_log(home: Path, megabytes: int, segment_bytes: int) -> None:
    """Make a log of hollow batches: of 1 MB, but in the active segment of 16 KB, so that its indexes are large."""
    segment_bytes = max(2 * MB, segment_bytes)
    with core_on(home, HollowFiles()) as services:
        create_topic(services, _TOPIC, 1, {"segment.bytes": str(segment_bytes)})
        partition = services.partitions.get(_TOPIC, 0)
        size = 0
        for batch, until in (
            (a_batch(MB, 1024), megabytes * MB - segment_bytes),
            (a_batch(16 * 1024, 16), megabytes * MB - segment_bytes // 16),
        ):
            while size < until:
                append(partition, batch)
                size += len(batch)


def _log_start(home: Path) -> float:
    batch, before = bytes(a_batch(100)), _log_bytes(home)
    with Running(pykbroker(), home, _PATIENCE_S) as running:
        startup_ms = running.startup_ms
        with Asking(running.port) as asking:
            asking.produce_to_each(_TOPIC, 1, batch)  # partitions open when first used
        running.stop_cleanly()
    if _log_bytes(home) != before + len(batch):
        raise SystemExit("bench: the log was not as it should be, and was cut")
    return startup_ms


def _log_bytes(home: Path) -> int:
    return sum(path.stat().st_size for path in home.glob(f"{_TOPIC}-0/*.log"))


def _startup_table(crowds: list[Populated], created: Populated, sizes: dict[str, int]) -> Table:
    def metric(key: str, label: str) -> Metric:
        return Metric(key, label, "ms", SECONDS_MS, digits=0)

    clean, killed = "start after a clean stop", "start after kill -9"
    metrics = [metric(f"clean_{each.key}", f"{clean}, {each.label}") for each in (*crowds, created)]
    metrics += [metric(f"killed_{each.key}", f"{killed}, {each.label}") for each in crowds]
    metrics += [metric(f"log_{key}", f"{clean}, one log of {megabytes:,} MB") for key, megabytes in sizes.items()]
    metrics += [
        Metric(f"stop_{crowds[2].key}", f"clean stop, {crowds[2].label}, none of them used", "ms", digits=0),
        Metric("stop_written", f"clean stop, {created.count:,} partitions, all of them written to", "ms", digits=0),
    ]
    return Table(metrics, title="Start-up", text="""\
From before the process is made to the first ApiVersions reply. Each partition has one batch of 100 bytes. After
`kill -9` every one of them is opened and checked before the broker serves. The process has one core.""")


def _memory_table(many: Populated, created: Populated) -> Table:
    states: list[tuple[str, str, float | None]] = [
        ("created", f"{created.count:,} partitions that were never written to", KB_PER_PARTITION),
        (f"{many.key}_unopened", f"{many.label} with files, not used since the start", KB_PER_PARTITION),
        (f"{many.key}_recovered", f"{many.label}, opened by the recovery after kill -9", KB_PER_PARTITION),
        ("written", f"{created.count:,} partitions, one batch written to each", KB_PER_PARTITION),
    ]
    metrics = [Metric(f"kb_{key}", f"memory, {label}", "KB each", target) for key, label, target in states]
    metrics += [Metric(f"files_{key}", f"file descriptors, {label}", "", digits=0) for key, label, _ in states]
    return Table(metrics, title="Memory of idle partitions", text="""\
Resident memory of the process at rest, less that of a process with a single partition, by the number of
partitions. File descriptors are those of the whole process.""")
