"""What a crash leaves, and what is made of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.wire.batch import peek, verify
from tests.fakes import NOW_MS, HeldWorkers, fake_env
from tests.storage.builders import a_batch, append, fetch, kill, offsets, open_partition, open_store, records

CONFIG = LogConfig(segment_bytes=200, index_interval_bytes=80)
COMPACTED = LogConfig(segment_bytes=200, index_interval_bytes=80, cleanup_policy=("compact",))


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """The log directory of a broker that was killed after ten batches of three records, in several segments."""
    store = open_store(tmp_path / "crashed")
    partition = open_partition(store, CONFIG)
    for sequence in range(10):
        append(partition, a_batch(3, producer=7, sequence=3 * sequence))
    assert len(partition.log.bases) == 5
    kill(store)
    return tmp_path / "crashed"


def reopen(path: Path, config: LogConfig = CONFIG) -> tuple[Store, Partition]:
    store = open_store(path)
    return store, open_partition(store, config)


def segment_files(path: Path, suffix: str = ".log") -> list[Path]:
    return sorted((path / "t-0").glob("*" + suffix))


def sound_offsets(partition: Partition) -> list[int]:
    """The base offsets of all batches, each of which must be as it was stored."""
    found = []
    for view in partition.batches():
        batch = peek(view)
        verify(view, batch)
        found.append(batch.base_offset)
    return found


def cuts(path: Path, scratch: Path) -> Iterator[tuple[int, Path]]:
    """Copies of a log directory, each with its last segment cut at another byte."""
    last = segment_files(path)[-1].name
    size = (path / "t-0" / last).stat().st_size
    for cut in range(size + 1):
        rmtree(scratch, ignore_errors=True)
        copytree(path, scratch)
        with (scratch / "t-0" / last).open("r+b") as file:
            file.truncate(cut)
        yield cut, scratch


def test_nothing_acknowledged_is_lost_when_killed(crashed: Path) -> None:
    # STO-28, STO-24
    store, partition = reopen(crashed)
    assert sound_offsets(partition) == list(range(0, 30, 3))
    assert append(partition, a_batch()) == 30
    store.close()


def test_log_cut_at_any_byte_keeps_its_whole_batches(crashed: Path, tmp_path: Path) -> None:
    # STO-24
    size = len(a_batch(3))
    for cut, path in cuts(crashed, tmp_path / "copy"):
        store, partition = reopen(path)
        end = 24 + 3 * (cut // size)
        assert partition.log_end_offset == end
        assert sound_offsets(partition) == list(range(0, end, 3))
        # producers are cut with the log: the next sequence is the one after the last batch that is left
        assert append(partition, a_batch(3, producer=7, sequence=end)) == end
        assert fetch(partition, end) != b""
        kill(store)


def test_log_cut_after_a_clean_stop_is_recovered_too(tmp_path: Path) -> None:
    # STO-24: the marker promises more than is there
    store, partition = reopen(tmp_path / "clean")
    for _ in range(4):
        append(partition, a_batch(3))
    store.close()
    size = len(a_batch(3))
    for cut, path in cuts(tmp_path / "clean", tmp_path / "copy"):
        store, partition = reopen(path)
        assert partition.log_end_offset == 6 + 3 * (cut // size)
        kill(store)


@pytest.mark.parametrize("tail", [bytes(100), b"\xff" * 7, bytes(a_batch())[:-3], bytes(8) + b"\x7f\xff\xff\xff" * 30])
def test_garbage_behind_the_last_batch_is_cut(crashed: Path, tail: bytes) -> None:
    # STO-24
    last = segment_files(crashed)[-1]
    before = last.read_bytes()
    last.write_bytes(before + tail)
    store, partition = reopen(crashed)
    assert partition.log_end_offset == 30
    assert last.read_bytes() == before
    kill(store)


@pytest.mark.parametrize("position", [0, 9, 16, 18, 22, 70])
def test_damage_cuts_there_and_drops_later_segments(
    crashed: Path, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    # STO-24: the second batch of the third segment
    (crashed / "recovery-point-offset-checkpoint").unlink(missing_ok=True)
    third = segment_files(crashed)[2]
    content = bytearray(third.read_bytes())
    content[len(content) // 2 + position] ^= 0x55
    third.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        store, partition = reopen(crashed)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "offset 15" in caplog.messages[0]
    assert partition.log_end_offset == 15
    assert sound_offsets(partition) == [0, 3, 6, 9, 12]
    assert [path.name for path in segment_files(crashed)] == [f"{base:020d}.log" for base in (0, 6, 12)]
    assert append(partition, a_batch(3, producer=7, sequence=15)) == 15
    store.close()


def test_nothing_below_the_recovery_point_is_scanned(crashed: Path) -> None:
    # STO-24: what was rolled is known to be on the device
    store = open_store(crashed)
    kill(store)
    (crashed / "recovery-point-offset-checkpoint").write_text("0\n1\nt 0 24\n")
    first = segment_files(crashed)[0]
    content = bytearray(first.read_bytes())
    content[70] ^= 1
    first.write_bytes(content)
    store, partition = reopen(crashed)
    assert partition.log_end_offset == 30
    store.close()


def test_recovery_point_follows_the_rolls(tmp_path: Path) -> None:
    # STO-24: once a worker has synced the rolled segment
    env = fake_env()
    workers = HeldWorkers()
    env.workers = workers
    store = open_store(tmp_path, env)
    partition = open_partition(store, CONFIG)
    for _ in range(5):
        append(partition, a_batch(3))
    bases = partition.log.bases
    assert partition.log.recovery_point == 0
    assert segment_files(tmp_path, ".index") == []
    workers.release()
    assert partition.log.recovery_point == bases[-1]
    assert [int(path.stem) for path in segment_files(tmp_path, ".index")] == bases[:-1]
    env.clock.advance(1000)  # type: ignore[attr-defined]
    workers.release()
    assert (tmp_path / "recovery-point-offset-checkpoint").read_text() == f"0\n1\nt 0 {bases[-1]}\n"
    store.close()
    assert (tmp_path / "recovery-point-offset-checkpoint").read_text() == "0\n1\nt 0 15\n"


def test_what_a_failing_worker_left_is_done_by_the_next(tmp_path: Path) -> None:
    env = fake_env()
    workers = HeldWorkers()
    env.workers = workers
    store = open_store(tmp_path, env)
    partition = open_partition(store, CONFIG)
    for _ in range(3):
        append(partition, a_batch(3))
    (tmp_path / "t-0" / "00000000000000000000.index").mkdir()
    workers.release()
    assert partition.log.recovery_point == 0
    for _ in range(3):
        append(partition, a_batch(3))
    workers.release()
    assert partition.log.recovery_point == partition.log.bases[-1], "indexes can be made anew"
    (tmp_path / "t-0" / "00000000000000000000.index").rmdir()
    store.close()
    assert partition.log.recovery_point == 18
    assert len(segment_files(tmp_path, ".index")) == len(segment_files(tmp_path))


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
@pytest.mark.parametrize("damage", ["missing", "empty", "ragged", "garbage", "descending", "zeros"])
def test_index_comes_back(tmp_path: Path, suffix: str, damage: str, clean: bool) -> None:
    # STO-25
    path = tmp_path / "logs"
    store, partition = reopen(path)
    for time in range(20):
        append(partition, a_batch(1, timestamp=NOW_MS + time, value=b"v" * 20))
    store.close()
    expected = {each.name: each.read_bytes() for each in segment_files(path, suffix)}
    assert all(expected.values())
    for each in segment_files(path, suffix):
        if damage == "missing":
            each.unlink()
        else:
            content = each.read_bytes()
            width = 8 if suffix == ".index" else 12
            each.write_bytes(
                {
                    "empty": b"",
                    "ragged": content[:-1],
                    "garbage": b"\xf3" * len(content),
                    "descending": content + content[:width],
                    "zeros": bytes(100 * width),
                }[damage]
            )
    if not clean:
        (path / ".kafka_cleanshutdown").unlink()
        (path / "recovery-point-offset-checkpoint").unlink(missing_ok=True)
    store, partition = reopen(path)
    for offset in range(20):
        assert offsets(fetch(partition, offset))[0] == offset
        assert partition.offset_for_time(NOW_MS + offset, False) == (offset, NOW_MS + offset, 0)
    store.close()
    assert {each.name: each.read_bytes() for each in segment_files(path, suffix)} == expected


def test_preallocated_index_is_read(tmp_path: Path) -> None:
    # STO-12: as Kafka leaves them when it is killed
    store, partition = reopen(tmp_path)
    for time in range(20):
        append(partition, a_batch(1, timestamp=NOW_MS + time, value=b"v" * 20))
    store.close()
    for suffix, width in ((".index", 8), (".timeindex", 12)):
        for path in segment_files(tmp_path, suffix):
            path.write_bytes(path.read_bytes() + bytes(50 * width))
    store, partition = reopen(tmp_path)
    assert len(partition.log.segments[-1].offsets) > 0
    for offset in range(20):
        assert offsets(fetch(partition, offset))[0] == offset
        assert partition.offset_for_time(NOW_MS + offset, False) == (offset, NOW_MS + offset, 0)
    assert append(partition, a_batch()) == 20
    store.close()


def test_left_overs_of_cleaning_are_removed(crashed: Path) -> None:
    # STO-26
    directory = crashed / "t-0"
    for name in ("00000000000000000000.log.cleaned", "00000000000000000006.log.deleted", f"{6:020d}.snapshot.1-0.tmp"):
        (directory / name).write_bytes(b"left over")
    (directory / "00000000000000000099.index").write_bytes(b"")
    store, partition = reopen(crashed)
    assert partition.log_end_offset == 30
    names = {path.name for path in directory.iterdir()}
    assert not [name for name in names if name.endswith((".cleaned", ".deleted", ".tmp"))]
    assert "00000000000000000099.index" not in names
    store.close()


@pytest.mark.parametrize("others_gone", [False, True])
def test_interrupted_swap_is_finished(crashed: Path, others_gone: bool) -> None:
    # STO-26: the first two segments became one; the process died before, or in the middle of, taking the old ones away
    first, second, third = segment_files(crashed)[:3]
    swap = first.with_name(first.name + ".swap")
    swap.write_bytes(first.read_bytes()[: len(a_batch(3))] + second.read_bytes())
    if others_gone:
        second.unlink()
    store, partition = reopen(crashed, COMPACTED)
    assert sound_offsets(partition) == [0, 6, 9, *range(12, 30, 3)]
    assert [path.name for path in segment_files(crashed)][:2] == [first.name, third.name]
    assert offsets(fetch(partition, 4))[0] == 6
    assert not swap.exists()
    store.close()


def test_overlapping_segment_is_dropped(crashed: Path) -> None:
    (crashed / "recovery-point-offset-checkpoint").unlink(missing_ok=True)
    last = segment_files(crashed)[-1]
    last.rename(last.with_name(f"{21:020d}.log"))
    (crashed / "t-0" / f"{18 + 1:020d}.log").write_bytes(b"")
    store, partition = reopen(crashed)
    assert partition.log_end_offset == 24
    assert sound_offsets(partition) == list(range(0, 24, 3))
    store.close()


def test_log_that_ends_below_its_start_begins_anew(crashed: Path) -> None:
    (crashed / "log-start-offset-checkpoint").write_text("0\n1\nt 0 40\n")
    store, partition = reopen(crashed)
    assert (partition.log_start_offset, partition.log_end_offset) == (40, 40)
    assert append(partition, a_batch(2)) == 40
    store.close()
    store, partition = reopen(crashed)
    assert [record.offset for record in records(partition)] == [40, 41]
    store.close()


def test_epochs_come_back_from_the_log(tmp_path: Path) -> None:
    # STO-24, OFLE-02
    for epoch in (1, 2, 5):
        store = open_store(tmp_path)
        append(open_partition(store, epoch=epoch), a_batch(2))
        kill(store)
    (tmp_path / "t-0" / "leader-epoch-checkpoint").unlink()
    partition = open_partition(open_store(tmp_path), epoch=5)
    assert [partition.end_offset_for_epoch(epoch) for epoch in (1, 2, 5)] == [(1, 2), (2, 4), (5, 6)]
    assert (tmp_path / "t-0" / "leader-epoch-checkpoint").read_text() == "0\n3\n1 0\n2 2\n5 4\n"


def test_epochs_behind_the_end_are_forgotten(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    append(open_partition(store, epoch=1), a_batch(2))
    kill(store)
    store = open_store(tmp_path)
    append(open_partition(store, epoch=2), a_batch(2))
    kill(store)
    [log] = segment_files(tmp_path)
    log.write_bytes(log.read_bytes()[:-1])
    partition = open_partition(open_store(tmp_path), epoch=2)
    assert partition.end_offset_for_epoch(1) == (1, 2)
    assert partition.end_offset_for_epoch(2) == (2, 2)


def test_unchecked_logs_keep_the_directory_unclean(tmp_path: Path) -> None:
    # STO-11: a partition that nobody opened since the crash has not been checked
    store = open_store(tmp_path)
    for index in range(2):
        append(open_partition(store, index=index), a_batch())
    kill(store)
    store = open_store(tmp_path)
    open_partition(store, index=0)
    store.close()
    assert not (tmp_path / ".kafka_cleanshutdown").exists()
    assert (tmp_path / "recovery-point-offset-checkpoint").read_text().startswith("0\n1\nt 0 1\n")
    store = open_store(tmp_path)
    for index in range(2):
        open_partition(store, index=index)
    store.close()
    assert (tmp_path / ".kafka_cleanshutdown").exists()


def test_a_log_that_was_compacted_once_keeps_what_comes_after_its_gaps(crashed: Path) -> None:
    # STO-24: the policy is another one by now, and the recovery point is lost
    segment_files(crashed)[1].unlink()
    (crashed / "cleaner-offset-checkpoint").write_text("0\n1\nt 0 12\n")
    (crashed / "recovery-point-offset-checkpoint").unlink(missing_ok=True)
    store, partition = reopen(crashed)
    assert sound_offsets(partition) == [0, 3, *range(12, 30, 3)]
    store.close()


def test_without_compaction_a_gap_ends_the_log(crashed: Path) -> None:
    # STO-24: a segment is lost; what would come after it is not what consumers were promised next
    segment_files(crashed)[1].unlink()
    (crashed / "recovery-point-offset-checkpoint").unlink(missing_ok=True)
    store, partition = reopen(crashed)
    assert sound_offsets(partition) == [0, 3]
    store.close()
