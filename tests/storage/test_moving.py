"""Moving a partition between directories while it is used: what readers and writers see, and what a crash leaves."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pykbroker.errors import KafkaError
from pykbroker.later import Later
from pykbroker.steps import run_in_steps
from pykbroker.storage.files import RealFiles
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.moving import Move
from pykbroker.storage.partition import Partition
from tests.fakes import NOW_MS, FakeClock, HeldWorkers, fake_env
from tests.storage.builders import a_batch, append, fetch, kill, offsets, open_partition, open_store, records

CONFIG = LogConfig(segment_bytes=400, index_interval_bytes=100)


class Refusing(RealFiles):
    """Refuses to rename one kind of directory."""

    __slots__ = ("refused",)

    def __init__(self) -> None:
        super().__init__()
        self.refused = "nothing"

    def rename(self, old: str, new: str) -> None:
        if old.endswith(self.refused):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), old)
        super().rename(old, new)


class World:
    """`t-0`, with some segments, in the first of two directories."""

    def __init__(self, path: Path, config: LogConfig = CONFIG) -> None:
        self.paths = [path / "one", path / "two"]
        self.config = config
        self.files = Refusing()
        self.clock = FakeClock()
        self.env = fake_env(self.clock, self.files)
        self.store = open_store(self.paths, self.env)
        self.partition: Partition = open_partition(self.store, config)
        self.target = self.store.directories[1]
        self.fill(10)

    def fill(self, count: int) -> None:
        for _ in range(count):
            append(self.partition, a_batch(2))

    def move(self) -> tuple[Move, Later[None]]:
        move = Move(self.env, self.partition, self.target)
        return move, run_in_steps(self.clock, move.run())

    def reopened(self) -> Partition:
        self.store = open_store(self.paths, fake_env(self.clock))
        return open_partition(self.store, self.config)

    def names(self, at: int) -> list[str]:
        return sorted(each.name for each in self.paths[at].iterdir() if each.name.startswith("t-0"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def check_whole(partition: Partition, end: int) -> None:
    assert [record.offset for record in records(partition)] == list(range(end))
    assert partition.log_end_offset == end


def test_it_goes_on_in_the_other_directory(world: World) -> None:
    world.move()
    world.clock.advance(0)
    assert world.partition.home is world.target
    assert world.names(1) == ["t-0"]
    check_whole(world.partition, 20)
    assert append(world.partition, a_batch(2)) == 20
    assert (world.paths[1] / "t-0" / "partition.metadata").exists()
    world.store.close()
    check_whole(world.reopened(), 22)
    assert world.store.directories[1].partitions


def test_what_it_left_is_erased_after_a_while(world: World) -> None:
    # STO-17
    world.move()
    world.clock.advance(0)
    [gone] = world.names(0)
    assert gone.endswith("-delete")
    world.clock.advance(60_000)
    assert world.names(0) == []


def test_appends_go_on_meanwhile(world: World) -> None:
    workers = world.env.workers = HeldWorkers()
    world.move()
    while world.partition.home is not world.target:
        world.clock.advance(0)
        append(world.partition, a_batch(2))
        workers.release()
    end = world.partition.log_end_offset
    assert end > 24
    check_whole(world.partition, end)
    workers.release()
    kill(world.store)
    check_whole(world.reopened(), end)


def test_a_reader_finishes_what_it_began(world: World) -> None:
    slices = world.partition.read(0, 1 << 20, at_least_one=True, committed=False).records
    world.move()
    world.clock.advance(60_000)
    assert offsets(slices.read()) == list(range(0, 20, 2))
    assert offsets(fetch(world.partition, 0)) == list(range(0, 20, 2))


def test_indexes_come_along(world: World) -> None:
    before = {each.name: each.read_bytes() for each in (world.paths[0] / "t-0").glob("*index")}
    assert before
    world.move()
    world.clock.advance(0)
    after = {each.name: each.read_bytes() for each in (world.paths[1] / "t-0").glob("*index")}
    assert before == after


def test_log_start_and_producers_come_along(world: World) -> None:
    # STO-27
    append(world.partition, a_batch(2, producer=7))
    world.partition.delete_records(5)
    world.move()
    world.clock.advance(2000)
    kill(world.store)
    partition = world.reopened()
    assert partition.log_start_offset == 5
    assert append(partition, a_batch(2, producer=7)) == 20, "the retry is known"


def test_a_partition_without_files_moves_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    empty = open_partition(world.store, index=5)
    target = next(each for each in world.store.directories if each is not empty.home)
    run_in_steps(world.clock, Move(world.env, empty, target).run())
    world.clock.advance(0)
    assert empty.home is target
    append(empty, a_batch())
    assert (Path(target.path) / "t-5").exists()


def test_calling_it_off_leaves_everything_as_it_was(world: World) -> None:
    workers = world.env.workers = HeldWorkers()
    move, later = world.move()
    world.clock.advance(0)
    workers.release()
    assert len(world.names(1)) == 1
    move.is_over = True
    for _ in range(20):
        world.clock.advance(0)
        workers.release()
    assert later.done
    assert world.names(1) == []
    assert world.partition.home is world.store.directories[0]
    check_whole(world.partition, 20)


def test_deleting_the_topic_meanwhile_ends_it(world: World) -> None:
    workers = world.env.workers = HeldWorkers()
    _, later = world.move()
    world.clock.advance(0)
    workers.release()
    world.store.delete(world.partition)
    for _ in range(20):
        world.clock.advance(0)
        workers.release()
    assert later.done
    assert world.names(1) == []


def test_a_failed_switch_leaves_everything_as_it_was(world: World) -> None:
    world.files.refused = "-future"
    _, later = world.move()
    world.clock.advance(0)
    assert isinstance(later.error, KafkaError)
    assert (world.names(0), world.names(1)) == (["t-0"], [])
    assert append(world.partition, a_batch(2)) == 20
    check_whole(world.partition, 22)


def test_after_a_crash_before_the_switch_the_copy_is_worthless(world: World) -> None:
    workers = world.env.workers = HeldWorkers()
    world.move()
    for _ in range(4):
        world.clock.advance(0)
        workers.release()
    assert world.names(1)[0].endswith("-future")
    kill(world.store)
    partition = world.reopened()
    assert Path(partition.home.path) == world.paths[0]
    check_whole(partition, 20)
    assert world.names(1) == []


def test_after_a_crash_between_the_renames_the_copy_is_all_there_is(world: World) -> None:
    world.partition.delete_records(4)
    world.move()
    world.clock.advance(0)
    world.store.close()
    [gone] = [name for name in world.names(0) if name.endswith("-delete")]
    (world.paths[1] / "t-0").rename(world.paths[1] / gone.replace("-delete", "-future"))
    partition = world.reopened()
    assert Path(partition.home.path) == world.paths[1]
    assert [record.offset for record in records(partition)] == list(range(4, 20))


def test_a_flush_that_was_under_way_is_done_again_in_the_new_place(tmp_path: Path) -> None:
    # STO-28: what the old disk has is worth nothing any more
    world = World(tmp_path, LogConfig(flush_messages=1))
    workers = world.env.workers = HeldWorkers()
    world.move()
    for _ in range(20):
        world.clock.advance(0)
        held, workers.held = workers.held, []
        for run in held:
            run()
        if world.partition.home is world.target:
            break
        appended = world.partition.append(memoryview(bytes(a_batch())), NOW_MS)
    assert appended.held is not None
    while not appended.held.done:
        assert workers.held
        workers.release()
    assert world.partition.log.recovery_point == world.partition.log_end_offset
