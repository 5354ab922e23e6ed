"""Crashes at every file operation of a cleaning: what it should keep is there, whatever it had done by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pykbroker.env import Env
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.testing.faults import SYNCING, Crashed
from pykbroker.testing.sim_files import SimFile, SimFiles
from pykbroker.wire.batch import header
from tests.fakes import FakeClock, InlineWorkers, SeededRandom
from tests.storage.builders import fetch, open_partition
from tests.storage.compacting import Cleaning, batches, cleaned, compacted, contents, put, roll
from tests.storage.transactional import ABORT, COMMIT, committed, end, send

DIRECTORY = "/logs/t-0"
CONFIG = compacted(segment_bytes=700, flush_messages=1)


class Lives:
    """Simulated files, and the brokers that use them one after the other."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.files = SimFiles(self.clock)
        self.files.make_directory("/logs")
        self.files.sync_directory("/")
        self.born = 0

    def start(self) -> tuple[Env, Store, Partition]:
        self.born += 1
        self.clock = self.files.clock = FakeClock(self.clock.now_ms())
        env = Env(self.clock, self.files, InlineWorkers(), SeededRandom(self.born))
        store = Store(env, ["/logs"], node_id=1)
        store.open()
        return env, store, open_partition(store, CONFIG)

    def names(self) -> list[str]:
        return self.files.list(DIRECTORY)


def fill(partition: Partition) -> None:
    """Two groups of segments, with deletes, producers, and transactions; the first segment has no aborted ones."""
    for number in range(4):
        put(partition, (b"a", b"%d" % number), (b"b", b"x" * 20), (b"d%d" % number, None))
        put(partition, (b"p", b"1"), producer_id=9, producer_epoch=0, base_sequence=number)
        roll(partition)
    for number in range(3):
        send(partition, 1, number)
        end(partition, 1, [ABORT, COMMIT, ABORT][number])
        put(partition, (b"k1", b"%d" % number), (b"c", b"y" * 20))
        roll(partition)
    put(partition, (b"z", b"end"))


def newest(partition: Partition) -> dict[bytes | None, bytes | None]:
    """What a consumer with read_committed knows in the end; a deleted key is as good as none."""
    seen = set(committed(partition))
    found = {key: value for offset, key, value in contents(partition) if offset in seen}
    return {key: value for key, value in found.items() if value is not None}


class Expected:
    """A log before and after it was cleaned twice; what a crash leaves is in between."""

    def __init__(self, lives: Lives, partition: Partition, env: Env) -> None:
        self.end = partition.log_end_offset
        self.records = contents(partition)
        self.newest = newest(partition)
        self.producers = {state.producer_id: state.last_sequence for state in partition.producers()}

    def check(self, lives: Lives) -> list[str]:
        """Open the log and look; return the names of what is there."""
        env, store, partition = lives.start()
        names = lives.names()
        assert not [name for name in names if name.endswith((".cleaned", ".swap", ".deleted"))]
        left = contents(partition)
        assert set(left) <= set(self.records)
        assert [offset for offset, _, _ in left] == sorted(offset for offset, _, _ in left)
        assert newest(partition) == self.newest
        assert partition.log_end_offset == self.end
        assert partition.log_start_offset == 0
        assert {state.producer_id: state.last_sequence for state in partition.producers()} == self.producers
        for offset in range(self.end):
            assert header(fetch(partition, offset)).last_offset >= offset
        done = cleaned(env, partition)
        assert done.first_dirty_offset == partition.log.bases[-1]
        assert newest(partition) == self.newest
        batches(partition)
        store.close()
        return names


def ending(lives: Lives, seed: int | None) -> None:
    if seed is None:
        lives.files.kill()
    else:
        lives.files.power_cut(SeededRandom(seed) if seed else None)


def crashed_after(operations: int, seed: int | None, *, cleanings: int) -> bool:
    """Crash in the last of so many cleanings, and check; False if it came to its end before."""
    lives = Lives()
    env, _, partition = lives.start()
    fill(partition)
    expected = Expected(lives, partition, env)
    for _ in range(cleanings - 1):
        cleaned(env, partition)
    lives.files.crash_after(operations)
    try:
        cleaned(env, partition)
    except Crashed:
        ending(lives, seed)
        expected.check(lives)
        return True
    return False


@pytest.mark.parametrize(
    ("seed", "cleanings"),
    [(None, 1), (0, 1), (1, 1), (2, 1), (3, 2)],
    ids=["kill", "nothing unsynced is left", "some is", "some other is", "some is of a second cleaning"],
)
def test_a_crash_at_any_point_of_a_cleaning_loses_nothing(seed: int | None, cleanings: int) -> None:
    """STO-26"""
    operations = 1
    while crashed_after(operations, seed and seed * 1000 + operations, cleanings=cleanings):
        operations += 1
    assert operations > 50


@pytest.mark.parametrize("seed", [None, 4], ids=["kill", "some unsynced is left"])
def test_a_crash_of_the_start_that_tidies_up_loses_nothing(seed: int | None) -> None:
    """STO-26"""
    for operations in _points_with_swaps():
        again = 1
        while True:
            lives = Lives()
            env, _, partition = lives.start()
            fill(partition)
            expected = Expected(lives, partition, env)
            lives.files.crash_after(operations)
            with pytest.raises(Crashed):
                cleaned(env, partition)
            lives.files.kill()
            lives.files.crash_after(again)
            try:
                lives.start()
            except Crashed:
                ending(lives, seed and seed * 1000 + again)
                expected.check(lives)
                again += 1
            else:
                break
        assert again > 3


def _points_with_swaps() -> list[int]:
    """Return after how many operations a crash leaves a swap to be finished, or taken back: a few kinds of each."""
    found: dict[tuple[str, ...], int] = {}
    operations = 1
    while True:
        lives = Lives()
        env, _, partition = lives.start()
        fill(partition)
        lives.files.crash_after(operations)
        try:
            cleaned(env, partition)
        except Crashed:
            lives.files.kill()
            names = tuple(name for name in lives.names() if name.startswith("0" * 20))
            if any(name.endswith(".swap") for name in names):
                found.setdefault(names, operations)
            operations += 1
        else:
            return list(found.values())


@pytest.mark.parametrize("failing", ["rename", *sorted(SYNCING)])
def test_a_failing_disk_is_told_as_one(failing: str) -> None:
    """Files that are half renamed, or perhaps not on the device, cannot be used any more: EIO, whatever it was."""
    lives = Lives()
    env, _, partition = lives.start()
    fill(partition)
    expected = Expected(lives, partition, env)
    lives.files.fail(DIRECTORY, 28, frozenset([failing]))
    cleaning = Cleaning(env, partition)
    lives.clock.advance(0)
    assert isinstance(cleaning.result.error, OSError)
    assert cleaning.result.error.errno == (28 if failing == "sync" else 5)
    lives.files.heal()
    lives.files.kill()
    expected.check(lives)


def test_kafkas_half_renamed_swap_is_taken_back() -> None:
    """What is still `.cleaned` was to be part of the swap (KAFKA-6264); its origin is there."""
    lives = Lives()
    _, _, partition = lives.start()
    put(partition, (b"a", b"1"))
    roll(partition)
    put(partition, (b"b", b"1"))
    before = contents(partition)
    lives.files.kill()
    for name in (f"{0:020d}.log.swap", f"{0:020d}.index.cleaned", f"{1:020d}.log.swap"):
        lives.files.open(f"{DIRECTORY}/{name}")
    _, _, partition = lives.start()
    assert contents(partition) == before
    assert not [name for name in lives.names() if name.endswith((".cleaned", ".swap"))]


def test_names_are_synced_before_anything_depends_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contents before the swap counts; the swap before what it replaces goes; that before it takes its place."""
    lives = Lives()
    env, _, partition = lives.start()
    put(partition, (b"a", b"1"))
    roll(partition)
    put(partition, (b"a", b"2"))
    roll(partition)
    seen: list[str] = []
    start = len(f"{DIRECTORY}/{0:019d}")
    watch(monkeypatch, lives.files, "rename", lambda old, new: seen.append(f"{old[start:]} > {new[start:]}"))
    watch(monkeypatch, SimFile, "sync", lambda file: seen.append(f"sync {file.path[start:]}"))
    watch(monkeypatch, lives.files, "sync_directory", lambda path: seen.append("sync names"))
    cleaned(env, partition)
    seen = [each for each in seen if "index" not in each]
    assert seen == [
        "sync 0.log.cleaned",
        "0.log.cleaned > 0.log.swap",
        "sync names",
        "1.log > 1.log.deleted",
        "0.log > 0.log.deleted",
        "sync names",
        "0.log.swap > 0.log",
    ]


def watch(
    monkeypatch: pytest.MonkeyPatch, files: SimFiles | type[SimFile], name: str, note: Callable[..., None]
) -> None:
    real = getattr(files, name)

    def watched(*arguments: Any) -> Any:
        note(*arguments)
        return real(*arguments)

    monkeypatch.setattr(files, name, watched)
