"""What the simulation has found, one by one: each is a seed that failed once, cut down to what mattered."""

from __future__ import annotations

from errno import ENOSPC
from pathlib import Path

from pykbroker import errors
from pykbroker.testing.client import Pending
from pykbroker.testing.sim_files import SimFiles
from pykbroker.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDir,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirTopic,
)
from pykbroker.wire.messages.delete_groups import DeleteGroupsRequest
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from tests.apis.running import Running, records_of
from tests.fakes import FakeClock, HeldWorkers, SeededRandom
from tests.storage.builders import a_batch

ONE, TWO = "/one", "/two"


class Machine(Running):
    """A broker with two log directories on simulated files. Topics are in /one, the emptiest but for the metadata."""

    def __init__(self, **settings: str) -> None:
        self.files = SimFiles(FakeClock())
        for path in (ONE, TWO):
            self.files.make_directory(path)
        self.files.sync_directory("/")
        named = {name.replace("_", "."): value for name, value in settings.items()}
        super().__init__(Path(ONE), {"log.dirs": f"{ONE},{TWO}", **named}, self.files)

    def hold_workers(self) -> HeldWorkers:
        workers = self.broker.services.env.workers = HeldWorkers()
        return workers

    def after_kill(self) -> None:
        self.files.kill()
        self._start()

    def after_power_cut(self, seed: int | None = None) -> None:
        self.files.power_cut(None if seed is None else SeededRandom(seed))
        self._start()

    def move(self, path: str, index: int = 0) -> None:
        wanted = AlterReplicaLogDir(path=path, topics=[AlterReplicaLogDirTopic(name="t", partitions=[index])])
        self.client.send(AlterReplicaLogDirsRequest(dirs=[wanted]), 2)
        self.clock.advance(1)

    def home(self) -> str:
        return self.partition().home.path

    def other(self) -> str:
        return TWO if self.home() == ONE else ONE


def commit(offset: int) -> OffsetCommitRequest:
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
    return OffsetCommitRequest(
        group_id="g",
        generation_id_or_member_epoch=-1,
        topics=[OffsetCommitRequestTopic(name="t", partitions=[partition])],
    )


def test_commit_is_answered_after_the_flush_that_the_broker_asks_for() -> None:
    # OFF-13: seed 1, it was UNKNOWN_SERVER_ERROR
    machine = Machine(log_flush_interval_messages="1")
    machine.create()
    workers = machine.hold_workers()
    asked = machine.client.send(commit(5), 8)
    assert isinstance(asked, Pending)
    assert not asked.done
    workers.release()
    assert asked.response.topics[0].partitions[0].error_code == 0


def test_group_is_deleted_after_the_flush_that_the_broker_asks_for() -> None:
    machine = Machine(log_flush_interval_messages="1")
    machine.create()
    machine.client.send(commit(5), 8)
    workers = machine.hold_workers()
    asked = machine.client.send(DeleteGroupsRequest(groups_names=["g", "unknown"]), 2)
    assert isinstance(asked, Pending)
    workers.release()
    assert [each.error_code for each in asked.response.results] == [0, errors.GROUP_ID_NOT_FOUND]


def test_new_topic_does_not_start_where_an_old_one_of_its_name_did() -> None:
    # STO-16: seed 83, a kill before the checkpoint forgets the old one's start
    machine = Machine()
    machine.create()
    machine.append_batch(3)
    machine.delete_records(3)
    machine.clock.advance(1000)
    machine.delete()
    machine.create()
    machine.append_batch(2)
    machine.after_kill()
    assert len(records_of(machine.fetch_one(0))) == 2


def test_new_topic_after_a_kill_does_not_start_where_an_old_one_did() -> None:
    # STO-16: seed 83 again, with the kill between the two
    machine = Machine()
    machine.create()
    machine.append_batch(3)
    machine.delete_records(3)
    machine.clock.advance(1000)
    machine.delete()
    machine.after_kill()
    machine.create()
    machine.append_batch(2)
    assert len(records_of(machine.fetch_one(0))) == 2


def test_topic_that_is_deleted_during_its_flush_does_not_take_the_log_directory_offline() -> None:
    # STO-28: seed 124, the flush does not find the directory any more
    machine = Machine()
    machine.create(flush_messages="1")
    workers = machine.hold_workers()
    asked = machine.another_client().send(machine.produce_request({("t", 0): a_batch()}), 12)
    home = machine.partition().home
    machine.delete()
    assert asked.response.responses[0].partition_responses[0].error_code == errors.NOT_LEADER_OR_FOLLOWER
    workers.release()
    assert home.failure is None


def test_topic_that_is_deleted_during_its_compaction_does_not_take_the_log_directory_offline() -> None:
    # STO-26: seed 19, the swap does not find the directory any more
    machine = Machine(log_cleaner_backoff_ms="1000")
    machine.create(cleanup_policy="compact", internal_segment_bytes="200", min_cleanable_dirty_ratio="0.01")
    for _ in range(6):
        machine.append_batch(2)
    home = machine.partition().home
    directory = machine.partition().directory
    workers = machine.hold_workers()
    machine.clock.advance(1000)
    while not any(name.endswith(".swap") for name in machine.files.list(directory)):
        workers.release()
        machine.clock.advance(0)
    machine.delete()
    for _ in range(10):
        workers.release()
        machine.clock.advance(0)
    assert home.failure is None


def test_what_was_flushed_stays_flushed_in_another_log_directory() -> None:
    # STO-28: seed 14, neither the records nor the names of the copy were on the device
    machine = Machine()
    machine.create(flush_messages="1")
    machine.append_batch(3)
    machine.move(machine.other())
    for seed in range(20):
        machine.after_power_cut(seed)
        assert len(records_of(machine.fetch_one(0))) == 3


def test_deleted_records_stay_deleted_in_another_log_directory() -> None:
    # STO-16: seed 171, the target's checkpoint did not know where the log starts
    machine = Machine()
    machine.create()
    machine.append_batch(3)
    machine.append_batch(2)
    machine.delete_records(2)
    machine.clock.advance(1000)
    machine.move(machine.other())
    machine.after_kill()
    assert machine.partition().log_start_offset == 2


def test_partition_whose_first_append_failed_is_in_one_directory_after_a_move() -> None:
    # STO-10: seed 1203, the empty one was found first, and the records were gone
    machine = Machine()
    machine.create()
    first = machine.home()
    machine.files.fail(f"{first}/t-0", ENOSPC, {"append"})
    assert machine.produce(a_batch()).error_code == errors.KAFKA_STORAGE_ERROR
    machine.files.heal()
    for path in (ONE, TWO):  # both ways, whichever is looked at first
        machine.move(path)
        machine.clock.advance(100)
    machine.append_batch(2)
    machine.restart()
    assert len(records_of(machine.fetch_one(0))) == 2
    machine.restart()
    assert sum(f"{path}/t-0" == machine.partition().directory for path in (ONE, TWO)) == 1
    assert [path for path in (ONE, TWO) if machine.files.exists(f"{path}/t-0")] == [machine.home()]


def test_producers_outlive_a_clean_stop_and_a_power_cut() -> None:
    # PROD-41: seed 26, their snapshot was not on the device, and the records were deleted
    machine = Machine()
    machine.create(retention_ms="1000", internal_segment_bytes="200")
    machine.produce(a_batch(2, producer=7))
    machine.clock.advance(600_000)
    assert machine.partition().log_start_offset == 2
    machine.broker.stop()
    machine.after_power_cut()
    assert [each.last_sequence for each in machine.partition().producers()] == [1]


def test_retry_that_finds_its_batch_is_answered_once_that_is_on_the_device() -> None:
    # PROD-42, STO-28: recovery finds what was not flushed; to say that it was stored is to promise that it stays
    machine = Machine()
    machine.create(flush_messages="1")
    machine.append_batch(1)
    machine.hold_workers()
    machine.client.send(machine.produce_request({("t", 0): a_batch(2, producer=7)}), 12)
    machine.after_kill()
    asked = machine.client.send(machine.produce_request({("t", 0): a_batch(2, producer=7)}), 12)
    [answer] = asked.response.responses[0].partition_responses
    assert (answer.error_code, answer.base_offset) == (0, 1)
    machine.after_power_cut()
    assert len(records_of(machine.fetch_one(1))) == 2


def test_topic_that_a_power_cut_took_leaves_nothing_to_the_next_of_its_name() -> None:
    # STO-10: seed 315, its records survived, but not the file that says whose they are
    for seed in range(200):
        machine = Machine()
        machine.create()
        machine.append_batch(2)
        machine.after_power_cut(seed)
        if "t" not in machine.broker.services.image.topics:
            machine.create()
            assert machine.partition().log_end_offset == 0
