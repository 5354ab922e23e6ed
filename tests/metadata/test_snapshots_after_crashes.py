"""The metadata log and its snapshots when the process, or the power, ends at any step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pykbroker.testing.faults import Crashed
from tests.metadata.brokers import Cluster, plain
from tests.metadata.snapshotting import LOGS, SMALL, Disk, create, delete, log_of

CRASHING = SMALL | {
    "metadata.log.max.record.bytes.between.snapshots": "700",
    "metadata.max.retention.bytes": "2500",
    "internal.metadata.log.segment.bytes": "1000",
}


class Run:
    """Changes metadata again and again; notes each state that a client was told of, and which the newest snapshot has.

    Two runs on equal disks make the same states.
    """

    def __init__(self) -> None:
        self.disk = Disk(CRASHING)
        self.disk.files.make_directory(LOGS)
        self.disk.files.sync_directory("/")
        self.states: list[object] = []
        self.in_snapshot = 0

    def go(self) -> Run:
        cluster = self.disk.start()
        self._note(cluster)
        for count in range(16):
            create(cluster, f"t{count}")
            self._note(cluster)
            if count % 3 == 2:
                delete(cluster, f"t{count - 1}")
                self._note(cluster)
        assert log_of(cluster).log.bases[0] > 0
        return self

    def _note(self, cluster: Cluster) -> None:
        self.states.append(plain(cluster.image))
        before = self.disk.snapshots()
        self.disk.clock.advance(0)
        if self.disk.snapshots() != before:
            self.in_snapshot = len(self.states) - 1


def runs_that_crash() -> Iterator[Run]:
    """Yield a run for each operation on files that a whole run makes; there it crashed."""
    before = Run().disk.files.operations
    for operation in range(1, Run().go().disk.files.operations - before):
        run = Run()
        run.disk.files.crash_after(operation, written=0.5)
        with pytest.raises(Crashed):
            run.go()
        yield run


def test_kill_at_every_step_loses_nothing() -> None:
    states = Run().go().states
    for number, run in enumerate(runs_that_crash()):
        again = run.disk.start_killed()
        told = len(run.states)
        if told:
            # What was being appended may be there already, or not.
            assert plain(again.image) in states[told - 1 : told + 1], number
        create(again, "after")
        assert plain(run.disk.start_killed().image) == plain(again.image), number


@pytest.mark.parametrize("seed", range(3))
def test_power_cut_at_every_step_leaves_a_state_that_there_was_and_all_of_the_newest_snapshot(seed: int) -> None:
    states = Run().go().states
    for number, run in enumerate(runs_that_crash()):
        again = run.disk.start_without_power(1000 * seed + number)
        if run.states:
            found = plain(again.image)
            assert found in states, number
            assert states.index(found) >= run.in_snapshot, number
        create(again, "after")
        assert plain(run.disk.start_killed().image) == plain(again.image), number
