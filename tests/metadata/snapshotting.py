"""Brokers' metadata on simulated files, with snapshots that come soon: `Disk(SMALL)`, `grow_until_snapshot`."""

from __future__ import annotations

from pathlib import Path

from pykbroker.env import Env
from pykbroker.metadata.configs import SET, Alteration
from pykbroker.metadata.image import BROKER
from pykbroker.metadata.topics import NewTopic
from pykbroker.storage.partition import Partition
from pykbroker.testing.sim_files import SimFiles
from tests.fakes import FakeClock, InlineWorkers, SeededRandom
from tests.metadata.brokers import Cluster

LOGS = "/logs"
DIRECTORY = f"{LOGS}/__cluster_metadata-0"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SMALL = {
    "metadata.log.max.record.bytes.between.snapshots": "2000",
    "metadata.max.retention.bytes": "6000",
    "internal.metadata.log.segment.bytes": "1500",
}


class Disk:
    """Simulated files, and the brokers that run on them one after the other."""

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        self.clock = FakeClock()
        self.files = SimFiles(self.clock)
        self.settings = settings or {}
        self.workers = InlineWorkers()
        self.starts = 0

    def start(self) -> Cluster:
        self.starts += 1
        env = Env(self.clock, self.files, self.workers, SeededRandom(self.starts))
        return Cluster(Path(LOGS), env, self.settings)

    def restart(self, cluster: Cluster) -> Cluster:
        """Stop cleanly and start again."""
        stop(cluster)
        return self.start()

    def start_killed(self) -> Cluster:
        """Start again after the process ended somewhere."""
        self.files.kill()
        return self._start_afresh()

    def start_without_power(self, seed: int) -> Cluster:
        """Start again after the power failed: what was not synced is there, or not."""
        self.files.power_cut(SeededRandom(seed))
        return self._start_afresh()

    def _start_afresh(self) -> Cluster:
        self.clock = self.files.clock = FakeClock(self.clock.now_ms())  # without the timers
        return self.start()

    def names(self, suffix: str) -> list[str]:
        return [name for name in self.files.list(DIRECTORY) if name.endswith(suffix)]

    def snapshots(self) -> list[int]:
        """Return the end offsets of the snapshots."""
        return [int(name[:20]) for name in self.names(".checkpoint")]

    def change(self, name: str, content: bytes) -> None:
        self.files.replace(f"{DIRECTORY}/{name}", content)


def stop(cluster: Cluster) -> None:
    cluster.controller.close()
    cluster.store.close()


def log_of(cluster: Cluster) -> Partition:
    return cluster.controller.partition


def alter(cluster: Cluster, kind: int, resource: str, name: str, value: str) -> None:
    (result,) = cluster.controller.alter_configs([Alteration(kind, resource, [(name, SET, value)])])
    assert result.error is None


def create(cluster: Cluster, *names: str) -> None:
    results = cluster.controller.create_topics([NewTopic(name) for name in names])
    assert all(result.error is None for result in results)


def delete(cluster: Cluster, *names: str) -> None:
    results = cluster.controller.delete_topics([(name, bytes(16)) for name in names])
    assert all(result.error is None for result in results)


def grow_until_snapshot(disk: Disk, cluster: Cluster) -> int:
    """Change metadata, always the same, until the log has grown enough for a snapshot; return its end offset."""
    before = disk.snapshots()
    for count in range(1000):
        alter(cluster, BROKER, "", "log.retention.ms", str(1_000_000 + log_of(cluster).log_end_offset + count))
        disk.clock.advance(0)
        if disk.snapshots() != before:
            assert disk.snapshots()[-1] == log_of(cluster).log_end_offset
            return log_of(cluster).log_end_offset
    raise AssertionError("there is none")


def grow_until_cut(disk: Disk, cluster: Cluster) -> None:
    before = log_of(cluster).log_start_offset
    while log_of(cluster).log_start_offset == before:
        grow_until_snapshot(disk, cluster)


def all_bytes(cluster: Cluster) -> int:
    """Return how much was appended to a log of which nothing went yet."""
    assert log_of(cluster).log.bases[0] == 0
    return log_of(cluster).size_bytes
