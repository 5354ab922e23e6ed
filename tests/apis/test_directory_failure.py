"""A log directory that fails, as clients see it (KIP-112); and topics that ask for a flush."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.apis.context import Context, Session
from pykbroker.apis.produce import produce
from pykbroker.env import Bytes
from pykbroker.later import Later
from pykbroker.storage.files import RealFile, RealFiles
from pykbroker.testing.client import Pending
from pykbroker.wire.messages.describe_log_dirs import DescribeLogDirsRequest
from pykbroker.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from tests.apis.running import Running
from tests.fakes import HeldWorkers
from tests.storage.builders import a_batch


class BreakingFile(RealFile):
    __slots__ = ("disks",)
    disks: BreakingDisks

    def append(self, content: Bytes) -> None:
        self.disks.check(self.path)
        super().append(content)


class BreakingDisks(RealFiles):
    __slots__ = ("broken",)

    def __init__(self) -> None:
        super().__init__()
        self.broken = ""

    def check(self, path: str) -> None:
        if self.broken and path.startswith(self.broken):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    def open(self, path: str) -> RealFile:
        self.check(path)
        file = BreakingFile(path)
        file.disks = self
        return file


class Broken:
    """A broker of two directories, with partition 0 of `t` in the one that broke."""

    def __init__(self, path: Path) -> None:
        self.disks = BreakingDisks()
        self.paths = [path / "one", path / "two"]
        self.running = Running(path, {"log.dirs": ",".join(map(str, self.paths))}, self.disks)
        self.lost: list[str] = []
        self.running.broker.on_lost = self.lost.append
        self.running.create("t", partitions=2)
        for index in (0, 1):
            assert self.running.produce(a_batch(), index=index).error_code == 0
        home = self.running.partition("t", 0).home.path
        assert home == str(self.paths[1]), "the metadata log is in the other"
        self.disks.broken = home
        assert self.running.produce(a_batch(), index=0).error_code == errors.KAFKA_STORAGE_ERROR


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    return Broken(tmp_path)


def test_its_partitions_answer_with_a_storage_error_and_the_others_serve(broken: Broken) -> None:
    running = broken.running
    assert running.produce(a_batch(), index=0).error_code == errors.KAFKA_STORAGE_ERROR
    assert running.fetch_one(0, index=0).error_code == errors.KAFKA_STORAGE_ERROR
    assert running.produce(a_batch(), index=1).error_code == 0
    assert running.fetch_one(0, index=1).error_code == 0
    assert broken.lost == []


def test_metadata_has_no_leader_for_them(broken: Broken) -> None:
    # MD-19
    request = MetadataRequest(topics=[MetadataRequestTopic(name="t")])
    [topic] = broken.running.client.send(request, 12).topics
    zero, one = sorted(topic.partitions, key=lambda each: each.partition_index)
    assert (zero.error_code, zero.leader_id, zero.offline_replicas) == (errors.LEADER_NOT_AVAILABLE, -1, [1])
    assert (one.error_code, one.leader_id, one.offline_replicas) == (0, 1, [])


def test_it_is_listed_with_its_error(broken: Broken) -> None:
    results = broken.running.client.send(DescribeLogDirsRequest(topics=None), 4).results
    assert {result.log_dir: result.error_code for result in results} == {
        str(broken.paths[0]): 0,
        str(broken.paths[1]): errors.KAFKA_STORAGE_ERROR,
    }


def test_new_topics_go_to_the_others(broken: Broken) -> None:
    broken.running.create("new", partitions=3)
    for index in range(3):
        assert broken.running.produce(a_batch(), topic="new", index=index).error_code == 0
    assert broken.running.partition("new", 2).home.path == str(broken.paths[0])


def test_a_restart_without_the_disk_makes_nothing_anew(broken: Broken) -> None:
    broken.running.stop()
    broken.paths[1].rename(broken.paths[1].with_suffix(".gone"))
    broken.paths[1].write_text("not a directory")
    broken.running._start()
    assert broken.running.produce(a_batch(), index=0).error_code == errors.KAFKA_STORAGE_ERROR
    assert broken.running.produce(a_batch(), index=1).error_code == 0


def test_without_any_directory_the_broker_is_lost(broken: Broken) -> None:
    broken.disks.broken = str(broken.paths[0])
    assert broken.running.produce(a_batch(), index=1).error_code == errors.KAFKA_STORAGE_ERROR
    assert broken.lost == ["every log directory is offline"]


def test_a_produce_is_answered_after_the_flush_that_the_topic_asks_for(tmp_path: Path) -> None:
    # STO-28, PROD-32
    running = Running(tmp_path)
    running.create("t", partitions=2, flush_messages="1")
    workers = running.broker.services.env.workers = HeldWorkers()
    asked = running.client.send(running.produce_request({("t", 0): a_batch(2), ("t", 1): a_batch()}), 12)
    assert isinstance(asked, Pending)
    assert not asked.done
    fetched = running.fetch((("t", 0, 0)), client=running.another_client()).responses[0].partitions[0]
    assert (fetched.high_watermark, len(fetched.records)) == (0, 0)
    workers.release()
    assert asked.done
    codes = [each.error_code for topic in asked.response.responses for each in topic.partition_responses]
    assert codes == [0, 0]
    assert running.fetch_one(0).high_watermark == 2


def test_a_produce_that_waits_for_its_flush_keeps_no_batch_in_memory(tmp_path: Path) -> None:
    # As Kafka's `clearPartitionRecords`: it is in the log already.
    running = Running(tmp_path)
    running.create("t", flush_messages="1")
    services = running.broker.services
    services.env.workers = HeldWorkers()
    request = running.produce_request({("t", 0): a_batch(2)})
    assert isinstance(produce(Context(services, Session("", ""), 12, ""), request), Later)
    assert request.topic_data[0].partition_data[0].records is None
