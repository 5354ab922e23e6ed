"""The log directories: identity, lock, layout, checkpoints, deletion."""

from __future__ import annotations

import errno
import gc
import json
from itertools import pairwise
from pathlib import Path

import pytest

from pykbroker.errors import KafkaError
from pykbroker.storage.files import RealFiles
from pykbroker.storage.log import Log
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.store import Store, StoreError
from pykbroker.wire.primitives import uuid_from_text, uuid_text
from tests.fakes import NOW_MS, FakeClock, HeldWorkers, InlineWorkers, fake_env
from tests.storage.builders import TOPIC_ID, a_batch, append, fetch, kill, open_partition, open_store, records


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def meta(path: Path) -> dict[str, str]:
    lines = (path / "meta.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def refusal(*paths: Path, node_id: int = 1, cluster_id: str | None = None) -> str:
    store = Store(fake_env(), [str(path) for path in paths], node_id=node_id, cluster_id=cluster_id)
    with pytest.raises(StoreError) as caught:
        store.open()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- Identity


def test_first_start_makes_an_identity(tmp_path: Path) -> None:
    # STO-10
    store = open_store(tmp_path / "a" / "b")
    entries = meta(tmp_path / "a" / "b")
    assert entries.keys() == {"version", "cluster.id", "node.id", "directory.id"}
    assert (entries["version"], entries["node.id"], entries["cluster.id"]) == ("1", "1", store.cluster_id)
    assert uuid_from_text(entries["directory.id"]) == store.directories[0].directory_id
    store.close()


def test_identity_is_kept(tmp_path: Path) -> None:
    # STO-10
    store = open_store(tmp_path)
    store.close()
    again = open_store(tmp_path, fake_env(seed=5))
    assert again.cluster_id == store.cluster_id
    assert again.directories[0].directory_id == store.directories[0].directory_id
    again.close()


def test_new_directory_joins_the_others(tmp_path: Path) -> None:
    # STO-10
    open_store(tmp_path / "one").close()
    store = open_store([tmp_path / "one", tmp_path / "two"])
    assert meta(tmp_path / "two")["cluster.id"] == meta(tmp_path / "one")["cluster.id"]
    assert meta(tmp_path / "two")["directory.id"] != meta(tmp_path / "one")["directory.id"]
    store.close()


def test_another_cluster_is_refused(tmp_path: Path) -> None:
    # STO-10
    for name in ("one", "two"):
        store = Store(fake_env(), [str(tmp_path / name)], node_id=1, cluster_id=f"cluster-{name}")
        store.open()
        store.close()
    assert "cluster-one" in refusal(tmp_path / "one", cluster_id="other")
    refusal(tmp_path / "one", tmp_path / "two")


def test_another_node_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    assert "node 1" in refusal(tmp_path, node_id=2)


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"\xff\xfe\x00", b"version=1\n", b"version=2\ncluster.id=a\nnode.id=1\n",
     b"version=1\ncluster.id=a\nnode.id=x\n", b"version=1\ncluster.id=a\nnode.id=1\ndirectory.id=?\n"],
)  # fmt: skip
def test_damaged_identity_is_refused(tmp_path: Path, content: bytes) -> None:
    # STO-10
    (tmp_path / "meta.properties").write_bytes(content)
    assert "meta.properties" in refusal(tmp_path)


def test_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refusal(tmp_path / "file")


def test_second_store_is_kept_out(tmp_path: Path) -> None:
    store = open_store([tmp_path / "one", tmp_path / "two"])
    assert "another broker" in refusal(tmp_path / "two")
    assert "another broker" in refusal(tmp_path / "three", tmp_path / "two")
    store.close()
    open_store([tmp_path / "two", tmp_path / "three"]).close()


def test_lock_of_another_process_is_noticed(tmp_path: Path) -> None:
    # Java's FileLock takes POSIX locks, which are per process
    import subprocess
    import sys

    program = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.lockf(file, fcntl.LOCK_EX); print(1, flush=True);"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert "another broker" in refusal(tmp_path)
        process.communicate()
    open_store(tmp_path).close()


# -- Layout


def test_partition_without_records_has_no_files(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    partitions = [open_partition(store, index=index) for index in range(1000)]
    assert [partition.log_end_offset for partition in partitions] == [0] * 1000
    store.close()
    assert not [name for name in names(tmp_path) if name.startswith("t-")]


def test_layout_is_kafkas(tmp_path: Path) -> None:
    # STO-04, STO-09, STO-10, STO-11
    store = open_store(tmp_path)
    partition = open_partition(store, LogConfig(segment_bytes=100), epoch=4)
    for _ in range(3):
        append(partition, a_batch(3))
    assert not (tmp_path / ".kafka_cleanshutdown").exists()
    store.close()
    assert names(tmp_path) == [
        ".kafka_cleanshutdown",
        ".lock",
        "log-start-offset-checkpoint",
        "meta.properties",
        "recovery-point-offset-checkpoint",
        "replication-offset-checkpoint",
        "t-0",
    ]
    assert names(tmp_path / "t-0") == [
        *(f"{base:020d}{suffix}" for base in (0, 3) for suffix in (".index", ".log", ".timeindex")),
        *(f"{base:020d}{suffix}" for base in (6,) for suffix in (".index", ".log", ".snapshot", ".timeindex")),
        "00000000000000000009.snapshot",
        "leader-epoch-checkpoint",
        "partition.metadata",
    ]
    assert json.loads((tmp_path / ".kafka_cleanshutdown").read_text()) == {"version": 0, "brokerEpoch": -1}
    assert (tmp_path / "recovery-point-offset-checkpoint").read_text() == "0\n1\nt 0 9\n"
    assert (tmp_path / "log-start-offset-checkpoint").read_text() == "0\n0\n"
    assert (tmp_path / "t-0" / "leader-epoch-checkpoint").read_text() == "0\n1\n4 0\n"
    assert (tmp_path / "t-0" / "partition.metadata").read_text() == f"version: 0\ntopic_id: {uuid_text(TOPIC_ID)}"


def test_marker_of_the_clean_stop_goes_with_the_start(tmp_path: Path) -> None:
    # STO-11
    open_store(tmp_path).close()
    assert (tmp_path / ".kafka_cleanshutdown").exists()
    store = open_store(tmp_path)
    assert not (tmp_path / ".kafka_cleanshutdown").exists()
    kill(store)


def test_partitions_spread_over_the_directories(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two")]
    store = open_store(paths)
    for index in range(4):
        append(open_partition(store, index=index), a_batch(index + 1))
    where = {f"t-{p.index}": Path(p.home.path).name for p in store.partitions()}
    assert sorted(where.values()) == ["one", "one", "two", "two"]
    store.close()
    store = open_store(list(reversed(paths)))
    assert [open_partition(store, index=index).log_end_offset for index in range(4)] == [1, 2, 3, 4]
    assert {f"t-{p.index}": Path(p.home.path).name for p in store.partitions()} == where
    store.close()


def test_a_partition_is_opened_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert open_partition(store) is open_partition(store)
    store.close()


def test_opening_many_partitions_keeps_no_files_open(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for index in range(20):
        append(open_partition(store, index=index), a_batch())
    store.close()
    store = open_store(tmp_path)
    gc.collect()  # what earlier tests left behind
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert [open_partition(store, index=index).log_end_offset for index in range(20)] == [1] * 20
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    store.close()


# -- Deletion


def test_deleted_partition_is_renamed_and_then_erased(tmp_path: Path) -> None:
    # STO-17
    env = fake_env()
    workers = HeldWorkers()
    env.workers = workers
    store = open_store(tmp_path, env)
    partition = open_partition(store)
    append(partition, a_batch(2))
    store.delete(partition)
    [gone] = [name for name in names(tmp_path) if name.startswith("t-0")]
    stem, _, ending = gone.partition(".")
    assert stem == "t-0"
    assert ending.endswith("-delete")
    assert len(bytes.fromhex(ending.removesuffix("-delete"))) == 16
    again = open_partition(store)
    assert append(again, a_batch()) == 0
    env.clock.advance(59_999)  # type: ignore[attr-defined]
    workers.release()
    assert gone in names(tmp_path)
    env.clock.advance(1)  # type: ignore[attr-defined]
    workers.release()
    assert [name for name in names(tmp_path) if name.startswith("t-0")] == ["t-0"]
    assert len(records(again)) == 1
    store.close()


def test_deleted_partition_takes_nothing_more(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    partition, empty = open_partition(store), open_partition(store, index=1)
    heard: list[object] = []

    class Watcher:
        def appended(self, partition: object, nbytes: int) -> None:
            raise AssertionError

        def changed(self, partition: object) -> None:
            heard.append(partition)

    append(partition, a_batch())
    partition.watch(Watcher())
    for each in (partition, empty):
        store.delete(each)
        with pytest.raises(KafkaError):
            append(each, a_batch())
    store.delete(partition)
    assert heard == [partition]
    store.close()
    assert not [name for name in names(tmp_path) if name in ("t-0", "t-1")]


def test_interrupted_deletion_is_finished(tmp_path: Path) -> None:
    # STO-17
    left = tmp_path / "t-0.0123456789abcdef0123456789abcdef-delete"
    left.mkdir()
    (left / "00000000000000000000.log").write_bytes(b"x")
    open_store(tmp_path).close()
    assert not left.exists()


def test_files_of_an_older_topic_of_the_name_are_set_aside(tmp_path: Path) -> None:
    # STO-27: topic ids decide
    store = open_store(tmp_path)
    append(open_partition(store), a_batch(5))
    store.close()
    store = open_store(tmp_path)
    partition = store.partition("t", 0, bytes(16), LogConfig())
    assert partition.log_end_offset == 0
    assert append(partition, a_batch()) == 0
    store.close()
    assert [name.endswith("-stray") for name in names(tmp_path) if name.startswith("t-0")] == [False, True]


# -- Rolling


def bases_after(tmp_path: Path, config: LogConfig, *batches: bytearray, times: tuple[int, ...] = ()) -> list[int]:
    store = open_store(tmp_path)
    partition = open_partition(store, config)
    for batch in batches:
        append(partition, batch)
    for offset in range(partition.log_end_offset):
        assert fetch(partition, offset)
    store.close()
    return partition.log.bases


def test_roll_by_size(tmp_path: Path) -> None:
    # STO-13: a segment may be filled to the byte
    size = len(a_batch())
    config = LogConfig(segment_bytes=3 * size)
    assert bases_after(tmp_path / "a", config, *[a_batch()] * 7) == [0, 3, 6]
    config = LogConfig(segment_bytes=3 * size - 1)
    assert bases_after(tmp_path / "b", config, *[a_batch()] * 7) == [0, 2, 4, 6]


def test_roll_by_the_records_time(tmp_path: Path) -> None:
    # STO-13: counted from the segment's first batch
    config = LogConfig(segment_ms=100)
    batches = [a_batch(timestamp=time) for time in (1000, 1100, 900, 1101, 1200, 1202)]
    assert bases_after(tmp_path, config, *batches) == [0, 3, 5]


def test_roll_by_our_time_without_timestamps(tmp_path: Path) -> None:
    # STO-13
    env = fake_env()
    store = open_store(tmp_path, env)
    partition = open_partition(store, LogConfig(segment_ms=100))
    for _ in range(3):
        append(partition, a_batch(timestamp=-1), env.clock.now_ms())
        env.clock.advance(60)  # type: ignore[attr-defined]
    assert partition.log.bases == [0, 2]
    store.close()


def test_roll_time_goes_on_after_a_restart(tmp_path: Path) -> None:
    # STO-13
    config = LogConfig(segment_ms=100)
    bases_after(tmp_path, config, a_batch(timestamp=1000))
    assert bases_after(tmp_path, config, a_batch(timestamp=1100), a_batch(timestamp=1101)) == [0, 2]


def test_roll_jitter_comes_from_the_environment(tmp_path: Path) -> None:
    # STO-13
    config = LogConfig(segment_ms=1000, segment_jitter_ms=900)
    batches = [a_batch(timestamp=time) for time in range(0, 5000, 10)]
    bases = bases_after(tmp_path, config, *batches)
    lengths = {after - before for before, after in pairwise(bases)}
    assert len(lengths) > 2
    assert all(10 <= length <= 101 for length in lengths)


def test_roll_when_an_index_is_full(tmp_path: Path) -> None:
    # STO-13
    # room for 4 offsets, or for 2 timestamps and the one that is kept for the end
    config = LogConfig(index_interval_bytes=1, segment_index_bytes=36)
    assert bases_after(tmp_path / "constant", config, *[a_batch(timestamp=5)] * 12) == [0, 5, 10]
    rising = [a_batch(timestamp=time) for time in range(12)]
    assert bases_after(tmp_path / "rising", config, *rising) == [0, 3, 6, 9]


def test_roll_before_offsets_get_too_far_from_the_base(tmp_path: Path) -> None:
    # STO-13
    store = open_store(tmp_path)
    partition = open_partition(store)
    append(partition, a_batch())
    partition.log.end_offset = 2**31 - 1
    append(partition, a_batch())
    append(partition, a_batch())
    assert partition.log.bases == [0, 2**31]
    store.close()


# -- Indexes


def test_offset_index_entries(tmp_path: Path) -> None:
    # STO-05: the last offset of a batch and where it is, about every interval, none for the first
    size = len(a_batch(2))
    store = open_store(tmp_path)
    partition = open_partition(store, LogConfig(index_interval_bytes=2 * size))
    for _ in range(9):
        append(partition, a_batch(2))
    store.close()
    content = (tmp_path / "t-0" / f"{0:020d}.index").read_bytes()
    numbers = [int.from_bytes(content[at : at + 4], "big") for at in range(0, len(content), 4)]
    assert numbers == [7, 3 * size, 13, 6 * size]


def test_time_index_entries(tmp_path: Path) -> None:
    # STO-06: the largest so far beside each offset entry, and one for the segment's at the end
    size = len(a_batch(2))
    store = open_store(tmp_path)
    partition = open_partition(store, LogConfig(index_interval_bytes=2 * size))
    for time in (5, 30, 20, 10, 1, 2, 3, 4, 40):
        append(partition, a_batch(2, timestamp=time))
    store.close()
    content = (tmp_path / "t-0" / f"{0:020d}.timeindex").read_bytes()
    entries = [
        (int.from_bytes(content[at : at + 8], "big"), int.from_bytes(content[at + 8 : at + 12], "big"))
        for at in range(0, len(content), 12)
    ]
    assert entries == [(30, 3), (40, 17)]


def test_flush_ms_syncs_after_a_while(tmp_path: Path) -> None:
    # STO-28
    env = fake_env()
    store = open_store(tmp_path, env)
    partition = open_partition(store, LogConfig(flush_ms=500))
    for _ in range(2):
        append(partition, a_batch(2))
        env.clock.advance(499)  # type: ignore[attr-defined]
        assert partition.log.recovery_point < partition.log_end_offset
        env.clock.advance(1)  # type: ignore[attr-defined]
        assert partition.log.recovery_point == partition.log_end_offset
    store.close()


def test_closed_partition_takes_nothing_more(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    partition = open_partition(store)
    append(partition, a_batch())
    store.close()
    with pytest.raises(KafkaError):
        append(partition, a_batch())
    store = open_store(tmp_path)
    assert open_partition(store).log_end_offset == 1
    store.close()


def test_flush_setting_syncs_before_the_answer(tmp_path: Path) -> None:
    # STO-28
    store = open_store(tmp_path)
    partition = open_partition(store, LogConfig(flush_messages=3))
    append(partition, a_batch(2))
    assert partition.log.recovery_point == 0
    append(partition, a_batch(1))
    assert partition.log.recovery_point == 3
    store.close()


def test_a_directory_that_does_not_say_whose_it_is_says_so_from_now_on(tmp_path: Path) -> None:
    # STO-10: carried here from another cluster, see docs/formats.md
    store = open_store(tmp_path)
    append(open_partition(store), a_batch())
    store.close()
    (tmp_path / "t-0" / "partition.metadata").unlink()
    store = open_store(tmp_path)
    assert open_partition(store).log_end_offset == 1
    store.close()
    assert (tmp_path / "t-0" / "partition.metadata").read_text() == f"version: 0\ntopic_id: {uuid_text(TOPIC_ID)}"


def test_high_watermarks_are_there_for_kafka(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    append(open_partition(store), a_batch(3))
    store.close()
    assert (tmp_path / "replication-offset-checkpoint").read_text() == "0\n1\nt 0 3\n"


def test_a_log_of_later_epochs_goes_on_with_those_of_this_cluster(tmp_path: Path) -> None:
    # OFLE-02: or consumers would take the log's own end for a loss
    store = open_store(tmp_path)
    append(open_partition(store, epoch=5), a_batch(10))
    store.close()
    store = open_store(tmp_path)
    partition = open_partition(store, epoch=0)
    append(partition, a_batch(10))
    assert partition.end_offset_for_epoch(0) == (0, 20)
    store.close()


# -- Many partitions


def test_checkpoints_are_put_together_in_turns(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pykbroker.storage.directory.TURN_RECORDS", 1)
    partitions = [open_partition(store, index=index) for index in range(5)]
    for partition in partitions:
        append(partition, a_batch())
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        if turns == 3:
            store.delete(partitions[4])
        elif turns < 10:
            clock.call_later(0, turn)

    store.directories[0].checkpoint_soon()
    clock.call_later(1000, turn)
    clock.advance(1000)
    assert turns == 3
    clock.advance(1000)
    lines = (tmp_path / "logs" / "replication-offset-checkpoint").read_text().splitlines()
    assert lines[2:] == [f"t {index} 1" for index in range(4)]


def test_a_stop_syncs_the_directory_of_all_partitions_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for index in range(40):
        append(open_partition(store, index=index), a_batch())
    synced: list[str] = []
    sync = RealFiles.sync_directory

    def noted(self: RealFiles, path: str) -> None:
        synced.append(path)
        sync(self, path)

    monkeypatch.setattr(RealFiles, "sync_directory", noted)
    monkeypatch.setattr(RealFiles, "replace", lambda *_: None)
    store.close()
    assert synced.count(str(tmp_path / "logs")) == 1
    assert {f"{tmp_path}/logs/t-{index}" for index in range(40)} <= set(synced)


def test_a_partition_that_cannot_be_closed_lets_nobody_wait_for_its_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path, fake_env())
    partition = open_partition(store, LogConfig(flush_messages=1))
    store.env.workers = HeldWorkers()
    held = partition.append(a_batch(), NOW_MS).held
    assert held is not None
    store.env.workers = InlineWorkers()
    monkeypatch.setattr(Log, "close", cannot_close)
    store.close()
    assert isinstance(held.error, KafkaError)


def cannot_close(log: Log) -> None:
    raise OSError(errno.ENOSPC, "no space")
