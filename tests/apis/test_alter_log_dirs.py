"""AlterReplicaLogDirs: partitions move to another log directory, and DescribeLogDirs shows how far they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from pykbroker.wire.messages.describe_log_dirs import DescribeLogDirsPartition, DescribeLogDirsRequest
from tests.apis.running import Running, offsets_of, versions
from tests.fakes import HeldWorkers
from tests.storage.builders import a_batch

ALTER, DESCRIBE = 34, 35


class Moving:
    """A broker with two directories and a topic `t` of two partitions, one in each."""

    def __init__(self, path: Path) -> None:
        self.paths = [str(path / "one"), str(path / "two")]
        self.running = Running(path, {"log.dirs": ",".join(self.paths)})
        self.running.create("t", partitions=2)
        for index in (0, 1):
            for _ in range(3):
                self.running.append_batch(2, index=index)
        self.home = self.running.partition("t", 0).home.path
        self.other = next(path for path in self.paths if path != self.home)

    def alter(self, path: str, *indexes: int, topic: str = "t", version: int = 2) -> list[int]:
        wanted = AlterReplicaLogDir(path=path, topics=[AlterReplicaLogDirTopic(name=topic, partitions=list(indexes))])
        answer = self.running.client.send(AlterReplicaLogDirsRequest(dirs=[wanted]), version)
        [result] = answer.results
        assert result.topic_name == topic
        assert [each.partition_index for each in result.partitions] == list(indexes)
        return [each.error_code for each in result.partitions]

    def described(self, index: int = 0) -> dict[str, list[DescribeLogDirsPartition]]:
        """Where partition `index` of `t` is, by directory."""
        results = self.running.client.send(DescribeLogDirsRequest(topics=None), 4).results
        return {
            result.log_dir: [
                each
                for topic in result.topics
                if topic.name == "t"
                for each in topic.partitions
                if each.partition_index == index
            ]
            for result in results
        }


@pytest.fixture
def moving(tmp_path: Path) -> Moving:
    return Moving(tmp_path)


@pytest.mark.parametrize("version", versions(ALTER))
def test_a_partition_moves(moving: Moving, version: int) -> None:
    assert moving.alter(moving.other, 0, version=version) == [errors.NONE]
    moving.running.clock.advance(0)
    where = moving.described()
    assert [len(where[moving.home]), len(where[moving.other])] == [0, 1]
    assert not where[moving.other][0].is_future_key
    assert offsets_of(moving.running.fetch_one(0)) == [0, 2, 4]
    moving.running.restart()
    assert offsets_of(moving.running.fetch_one(0)) == [0, 2, 4]
    moving.running.stop()


def test_the_copy_is_listed_beside_the_original(moving: Moving) -> None:
    workers = moving.running.broker.services.env.workers = HeldWorkers()
    size = moving.running.partition().size_bytes
    moving.alter(moving.other, 0)
    moving.running.clock.advance(0)
    [copy] = moving.described()[moving.other]
    assert (copy.is_future_key, copy.offset_lag, copy.partition_size) == (True, 6, 0)
    for _ in range(2):
        workers.release()
        moving.running.clock.advance(0)
    [copy] = moving.described()[moving.other]
    assert (copy.is_future_key, copy.offset_lag, copy.partition_size) == (True, 0, size)
    [original] = moving.described()[moving.home]
    assert (original.is_future_key, original.partition_size) == (False, size)


def test_where_it_is_already_nothing_moves(moving: Moving) -> None:
    assert moving.alter(moving.home, 0) == [errors.NONE]
    moving.running.clock.advance(0)
    assert moving.running.partition().home.path == moving.home


def test_asking_for_its_own_directory_calls_the_move_off(moving: Moving) -> None:
    workers = moving.running.broker.services.env.workers = HeldWorkers()
    moving.alter(moving.other, 0)
    moving.running.clock.advance(0)
    moving.alter(moving.home, 0)
    for _ in range(10):
        workers.release()
        moving.running.clock.advance(1000)
    assert moving.running.partition().home.path == moving.home
    assert moving.described()[moving.other] == []
    assert not list(moving.running.broker.services.moves)


def test_a_later_wish_wins(moving: Moving) -> None:
    workers = moving.running.broker.services.env.workers = HeldWorkers()
    for path in (moving.other, moving.home, moving.other):
        assert moving.alter(path, 0) == [errors.NONE]
    for _ in range(20):
        moving.running.clock.advance(1000)
        workers.release()
    assert moving.running.partition().home.path == moving.other


def test_what_cannot_be_moved(moving: Moving) -> None:
    assert moving.alter("/nowhere", 0) == [errors.LOG_DIR_NOT_FOUND]
    assert moving.alter(moving.other, 7) == [errors.UNKNOWN_TOPIC_OR_PARTITION]
    assert moving.alter(moving.other, 0, topic="missing") == [errors.UNKNOWN_TOPIC_OR_PARTITION]


def test_produce_goes_on_while_it_moves(moving: Moving) -> None:
    workers = moving.running.broker.services.env.workers = HeldWorkers()
    moving.alter(moving.other, 0)
    for _ in range(50):
        moving.running.clock.advance(0)
        moving.running.append_batch(2)
        workers.release()
        if moving.running.partition().home.path == moving.other:
            break
    assert moving.running.partition().home.path == moving.other
    end = moving.running.partition().log_end_offset
    assert end > 6
    assert offsets_of(moving.running.fetch_one(0)) == list(range(0, end, 2))
    assert moving.running.produce(a_batch()).base_offset == end
