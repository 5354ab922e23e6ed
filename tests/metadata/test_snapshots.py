"""Snapshots of the metadata log: when they are written, starts from them, and what they let go."""

from __future__ import annotations

from errno import EIO, ENOSPC

import pytest

from pykbroker.broker import Broker
from pykbroker.config import Config, StartError
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import TOPIC
from pykbroker.metadata.snapshots import MetadataSnapshots
from tests.fakes import HeldWorkers
from tests.metadata.brokers import plain
from tests.metadata.snapshotting import (
    DAY_MS,
    DIRECTORY,
    HOUR_MS,
    LOGS,
    SMALL,
    Disk,
    all_bytes,
    alter,
    create,
    delete,
    grow_until_cut,
    grow_until_snapshot,
    log_of,
    stop,
)

# -- When


def test_snapshot_is_written_once_the_log_has_grown_by_its_bytes() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    grow_until_snapshot(disk, cluster)
    size = all_bytes(cluster)
    assert 2000 <= size < 2200  # one batch more or less
    grow_until_snapshot(disk, cluster)
    assert 2000 <= all_bytes(cluster) - size < 2200
    assert len(disk.snapshots()) == 2


def test_snapshot_is_written_an_hour_after_the_first_record_that_none_has() -> None:
    disk = Disk()
    cluster = disk.start()  # which registers the broker
    end = log_of(cluster).log_end_offset
    disk.clock.advance(HOUR_MS - 1)
    assert disk.snapshots() == []
    disk.clock.advance(1)
    assert disk.snapshots() == [end]
    disk.clock.advance(10 * HOUR_MS)
    assert disk.snapshots() == [end]  # nothing is new
    create(cluster, "t")
    disk.clock.advance(HOUR_MS)
    assert disk.snapshots() == [end, log_of(cluster).log_end_offset]


def test_interval_of_0_writes_none_by_time() -> None:
    disk = Disk({"metadata.log.max.snapshot.interval.ms": "0"})
    disk.start()
    disk.clock.advance(100 * HOUR_MS)
    assert disk.snapshots() == []


def test_starts_and_stops_write_none_but_what_they_append_counts() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    while all_bytes(cluster) < 2000:
        assert disk.snapshots() == []
        cluster = disk.restart(cluster)
        disk.clock.advance(0)
    assert disk.snapshots() == [log_of(cluster).log_end_offset]
    cluster = disk.restart(cluster)
    disk.clock.advance(0)
    assert len(disk.snapshots()) == 1


def test_name_is_made_of_the_end_offset_and_the_epoch() -> None:
    disk = Disk(SMALL)
    end = grow_until_snapshot(disk, disk.start())
    assert disk.names(".checkpoint") == [f"{end:020d}-0000000000.checkpoint"]
    assert disk.names(".part") == []


# -- Loading


def test_start_reads_the_newest_snapshot_and_of_the_log_only_what_is_behind_it() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    create(cluster, "before")
    grow_until_snapshot(disk, cluster)
    create(cluster, "after")
    stop(cluster)
    file = disk.files.open(f"{DIRECTORY}/{disk.names('.log')[0]}")  # which a start would stumble over
    garbage = b"x" * (file.size - 61)
    file.truncate(61)
    file.append(garbage)
    assert plain(disk.start().image) == plain(cluster.image)


def test_everything_comes_back_from_a_snapshot_alone() -> None:
    disk = Disk(SMALL | {"num.partitions": "3"})
    cluster = disk.start()
    create(cluster, "kept", "deleted", "replaced")
    alter(cluster, TOPIC, "kept", "retention.ms", "1234")
    alter(cluster, TOPIC, "replaced", "retention.ms", "1234")
    delete(cluster, "deleted", "replaced")
    create(cluster, "replaced")
    ids = {name: topic.id for name, topic in cluster.image.topics.items()}
    end = grow_until_snapshot(disk, cluster)
    assert log_of(cluster).log_end_offset == end
    again = disk.restart(cluster)
    assert {name: topic.id for name, topic in again.image.topics.items()} == ids
    assert sorted(again.image.topics) == ["kept", "replaced"]
    assert again.image.topics["kept"].config == {"retention.ms": "1234"}
    assert again.image.topics["replaced"].config == {}
    assert len(again.image.topics["kept"].partitions) == 3
    retention_ms = again.controller.config["log.retention.ms"]
    assert retention_ms == cluster.controller.config["log.retention.ms"] != Config({})["log.retention.ms"]


def test_producer_ids_are_never_handed_out_twice() -> None:
    disk = Disk(SMALL)
    seen: list[int] = []
    cluster = disk.start()
    for _ in range(4):
        seen += [cluster.controller.allocate_producer_id() for _ in range(3)]
        grow_until_snapshot(disk, cluster)
        seen += [cluster.controller.allocate_producer_id() for _ in range(3)]
        cluster = disk.restart(cluster)
    assert len(set(seen)) == len(seen) == 24


def test_broker_epochs_grow_across_snapshots() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    epochs = []
    for _ in range(4):
        grow_until_snapshot(disk, cluster)
        epochs.append(cluster.image.brokers[1].epoch)
        cluster = disk.restart(cluster)
    assert sorted(set(epochs)) == epochs
    assert cluster.image.version == log_of(cluster).log_end_offset


def test_damaged_newest_snapshot_is_set_aside_and_the_one_before_it_used(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    grow_until_snapshot(disk, cluster)
    create(cluster, "t")
    grow_until_cut(disk, cluster)
    create(cluster, "u")
    stop(cluster)
    *older, newest = disk.names(".checkpoint")
    content = bytearray(disk.files.read(f"{DIRECTORY}/{newest}"))
    content[150] ^= 1
    disk.change(newest, bytes(content))
    caplog.clear()
    again = disk.start()
    assert plain(again.image) == plain(cluster.image)
    assert [record.getMessage() for record in caplog.records] == [
        f"{DIRECTORY}/{newest} is set aside, and the snapshot before it used: "
        "CORRUPT_MESSAGE: the batch does not match its checksum"
    ]
    assert disk.names(".checkpoint") == older != []
    assert disk.files.read(f"{DIRECTORY}/{newest}.damaged") == content


def test_damaged_only_snapshot_does_no_harm_while_the_log_is_whole() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    create(cluster, "t")
    grow_until_snapshot(disk, cluster)
    stop(cluster)
    (name,) = disk.names(".checkpoint")
    disk.change(name, disk.files.read(f"{DIRECTORY}/{name}")[:-1])
    assert plain(disk.start().image) == plain(cluster.image)


def test_start_fails_with_one_line_if_the_log_was_cut_and_no_snapshot_is_sound() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    grow_until_cut(disk, cluster)
    start = log_of(cluster).log_start_offset
    stop(cluster)
    for name in disk.names(".checkpoint"):
        disk.change(name, b"nonsense")
    broker = Broker(Config({"log.dirs": LOGS, **disk.settings}), cluster.env)
    with pytest.raises(StartError) as raised:
        broker.start()
    assert str(raised.value) == (
        "cannot read __cluster_metadata: CORRUPT_MESSAGE: "
        f"the log begins at offset {start}, and no sound snapshot has what was before"
    )
    assert len(disk.names(".damaged")) > 0


def test_snapshot_that_ends_before_the_log_begins_is_not_used() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    grow_until_snapshot(disk, cluster)
    (old,) = disk.names(".checkpoint")
    content = disk.files.read(f"{DIRECTORY}/{old}")
    grow_until_cut(disk, cluster)
    stop(cluster)
    for name in disk.names(".checkpoint"):
        disk.files.remove(f"{DIRECTORY}/{name}")
    disk.change(old, content)
    with pytest.raises(KafkaError, match="the log begins at offset"):
        disk.start()


def test_half_written_snapshot_is_removed_at_the_start() -> None:
    disk = Disk()
    stop(disk.start())
    disk.change("00000000000000000002-0000000000.checkpoint.part", b"half")
    disk.start()
    assert disk.names(".part") == []


def test_log_that_ends_before_the_newest_snapshot_goes_on_behind_it() -> None:
    # `KafkaRaftLog.truncateToLatestSnapshot`: a power cut took what was not flushed of the log.
    disk = Disk(SMALL)
    cluster = disk.start()
    create(cluster, "t")
    end = grow_until_snapshot(disk, cluster)
    stop(cluster)
    file = disk.files.open(f"{DIRECTORY}/{disk.names('.log')[-1]}")
    file.truncate(file.size // 2)
    disk.files.remove(f"{LOGS}/.kafka_cleanshutdown")
    again = disk.start()
    assert plain(again.image) == plain(cluster.image)
    assert log_of(again).log_start_offset == end
    assert log_of(again).log.bases == [end]
    create(again, "more")
    grow_until_snapshot(disk, again)
    assert plain(disk.restart(again).image) == plain(again.image)


# -- Cutting the log


def test_metadata_log_does_not_grow_without_bound() -> None:
    # Issue 3: nothing grows without bound.
    disk = Disk(SMALL)
    cluster = disk.start()
    sizes = []
    for _ in range(30):
        create(cluster, "t")
        grow_until_snapshot(disk, cluster)
        delete(cluster, "t")
        disk.clock.advance(60_000)
        sizes.append(sum(disk.files.size(f"{DIRECTORY}/{name}") for name in disk.files.list(DIRECTORY)))
    # What was found too large is cut down to the end of a snapshot, with whole segments. Until then it may have grown
    # by what a snapshot waits for, and there are some small files beside.
    assert max(sizes) < 6000 + 2000 + 1500 + 1500
    assert max(sizes[15:]) <= max(sizes[:15])
    assert log_of(cluster).log_start_offset == disk.snapshots()[0]
    assert log_of(cluster).log.bases[0] <= log_of(cluster).log_start_offset < log_of(cluster).log.bases[1]
    assert plain(disk.restart(cluster).image) == plain(cluster.image)


def test_newest_snapshot_stays_however_large_or_old_it_is() -> None:
    disk = Disk(SMALL | {"metadata.max.retention.bytes": "0", "metadata.max.retention.ms": "0"})
    cluster = disk.start()
    for _ in range(3):
        end = grow_until_snapshot(disk, cluster)
        disk.clock.advance(1)
        assert disk.snapshots() == [end]


def test_limits_of_minus_1_keep_everything() -> None:
    disk = Disk(SMALL | {"metadata.max.retention.bytes": "-1", "metadata.max.retention.ms": "-1"})
    cluster = disk.start()
    for count in range(10):
        grow_until_snapshot(disk, cluster)
        disk.clock.advance(DAY_MS)
        assert len(disk.snapshots()) == count + 1
    assert all_bytes(cluster) > 20_000


def test_old_snapshot_goes_and_with_it_what_the_log_has_before_the_end_of_the_next() -> None:
    disk = Disk({"internal.metadata.log.segment.bytes": "300"})
    cluster = disk.start()
    ends = []
    for day in range(12):
        create(cluster, f"t{day}")
        disk.clock.advance(DAY_MS)
        ends.append(log_of(cluster).log_end_offset)
    # 7 days are the default. A snapshot is as old as the last record in it, and its age is looked at when the next one
    # is written.
    assert disk.snapshots() == ends[-7:]
    assert log_of(cluster).log_start_offset == ends[-7]
    assert 0 < log_of(cluster).log.bases[0] <= ends[-7] < log_of(cluster).log.bases[1]


def test_files_of_what_goes_are_erased_after_the_delay() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    grow_until_cut(disk, cluster)
    assert {name.partition(".")[2] for name in disk.names(".deleted")} == {
        "checkpoint.deleted", "log.deleted", "index.deleted", "timeindex.deleted"
    }  # fmt: skip
    disk.clock.advance(59_999)
    assert disk.names(".deleted")
    disk.clock.advance(1)
    assert not disk.names(".deleted")


def test_segments_of_the_metadata_log_obey_its_own_settings() -> None:
    settings = {"metadata.log.segment.ms": "1000", "metadata.log.segment.bytes": "10000000", "log.segment.ms": "7"}
    disk = Disk(settings)
    cluster = disk.start()
    assert log_of(cluster).config.segment_bytes == 10_000_000
    disk.clock.advance(1000)
    create(cluster, "t")
    assert len(log_of(cluster).log.segments) == 1
    disk.clock.advance(1)
    create(cluster, "u")
    assert len(log_of(cluster).log.segments) == 2


# -- What happens meanwhile


def test_metadata_may_change_while_a_snapshot_is_written() -> None:
    disk = Disk()
    cluster = disk.start()
    topics = [f"t{count}" for count in range(300)]
    create(cluster, *topics)
    before, end = plain(cluster.image), log_of(cluster).log_end_offset
    part = f"{DIRECTORY}/{end:020d}-0000000000.checkpoint.part"
    sizes = []

    def meddle() -> None:  # its turns come between those of the writing
        if disk.files.exists(part):
            sizes.append(disk.files.size(part))
            delete(cluster, topics.pop())
        if len(sizes) < 5:
            disk.clock.call_later(0, meddle)

    disk.clock.advance(HOUR_MS - 1)
    disk.clock.call_later(1, meddle)
    disk.clock.advance(1)
    assert sizes == sorted(set(sizes))  # it really grew in between
    assert len(sizes) == 5
    assert disk.snapshots() == [end]
    snapshots = MetadataSnapshots(cluster.env, log_of(cluster), cluster.image.cluster_id, Config({}))
    image, start = snapshots.load()
    assert (plain(image), start) == (before, end)
    assert plain(disk.restart(cluster).image) == plain(cluster.image) != before


@pytest.mark.parametrize("operation", ["open", "append", "sync", "rename"])
def test_full_disk_leaves_no_half_snapshot_and_the_next_is_tried_when_it_is_due(
    operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk()
    cluster = disk.start()
    end = log_of(cluster).log_end_offset
    part = f"{DIRECTORY}/{end:020d}-0000000000.checkpoint.part"
    disk.files.fail(part, ENOSPC, {operation})
    disk.clock.advance(HOUR_MS)
    assert disk.snapshots() == disk.names(".part") == []
    assert [record.getMessage() for record in caplog.records] == [
        f"Partition(__cluster_metadata-0): cannot write a snapshot: [Errno 28] No space left on device: '{part}'"
    ]
    disk.files.heal()
    disk.clock.advance(HOUR_MS - 1)
    assert disk.snapshots() == []
    disk.clock.advance(1)
    assert disk.snapshots() == [end]


def test_broken_disk_takes_the_directory_offline() -> None:
    disk = Disk()
    cluster = disk.start()
    disk.files.fail(f"{DIRECTORY}/{log_of(cluster).log_end_offset:020d}-0000000000.checkpoint.part", EIO)
    disk.clock.advance(HOUR_MS)
    assert cluster.store.online == []
    disk.files.heal()
    disk.clock.advance(10 * HOUR_MS)
    assert disk.snapshots() == []


def test_none_is_due_after_the_close() -> None:
    disk = Disk()
    disk.start().controller.close()
    disk.clock.advance(10 * HOUR_MS)
    assert disk.snapshots() == []


def test_stop_ends_the_writing() -> None:
    disk = Disk(SMALL)
    cluster = disk.start()
    while all_bytes(cluster) < 2000:
        create(cluster, f"t{log_of(cluster).log_end_offset}")
    disk.clock.call_later(0, lambda: stop(cluster))  # after the first of several turns
    disk.clock.advance(10 * HOUR_MS)
    assert disk.snapshots() == []
    assert len(disk.names(".part")) == 1
    assert plain(disk.start().image) == plain(cluster.image)
    assert disk.names(".part") == []


def test_snapshot_that_is_published_while_the_next_broker_starts_does_no_harm() -> None:
    disk = Disk()
    cluster = disk.start()
    cluster.env.workers = held = HeldWorkers()
    disk.clock.advance(HOUR_MS)
    assert len(disk.names(".part")) == 1
    again = disk.restart(cluster)
    held.release()
    disk.clock.advance(0)
    assert disk.names(".part") == disk.snapshots() == []
    assert plain(disk.restart(again).image) == plain(cluster.image)
