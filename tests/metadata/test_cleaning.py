"""Compaction as a broker does it: by its timers and settings, beside the traffic, over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker.storage.partition import Partition
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from pykbroker.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestTopic
from pykbroker.wire.records import build_batch, records_in
from tests.apis.running import Running
from tests.fakes import HeldWorkers
from tests.metadata.test_housekeeping import configure
from tests.storage.builders import a_batch

BACKOFF_MS = 15_000
SEGMENT = 1_048_576


def keyed(*pairs: tuple[str, str | None], now_ms: int = 1) -> bytearray:
    return build_batch(
        [(key.encode(), value.encode() if value is not None else None) for key, value in pairs], timestamp_ms=now_ms
    )


def content(partition: Partition) -> list[tuple[int, str, str | None]]:
    return [
        (record.offset, (record.key or b"").decode(), record.value.decode() if record.value is not None else None)
        for record in records_in(partition.batches())
    ]


class Compacting:
    """A broker with a compacted topic `t`, whose segments take one batch each."""

    def __init__(self, path: Path, **settings: str) -> None:
        self.running = Running(path, {name.replace("_", "."): value for name, value in settings.items()})
        self.running.create("t", cleanup_policy="compact", min_cleanable_dirty_ratio="0.01")
        self.partition.config.segment_bytes = 200

    @property
    def partition(self) -> Partition:
        return self.running.partition()

    def produce(self, *pairs: tuple[str, str | None]) -> None:
        batch = keyed(*pairs, now_ms=self.running.clock.now_ms())
        assert self.running.produce(batch).error_code == 0

    def clean(self) -> None:
        self.running.clock.advance(BACKOFF_MS)


@pytest.fixture
def compacting(tmp_path: Path) -> Compacting:
    return Compacting(tmp_path)


def test_logs_are_compacted_when_it_is_time(compacting: Compacting) -> None:
    # STO-19, STO-20
    for value in "123":
        compacting.produce(("a", value * 60), ("b", value * 60))
    assert len(content(compacting.partition)) == 6
    compacting.clean()
    assert [each[:2] for each in content(compacting.partition)] == [(2, "a"), (3, "b"), (4, "a"), (5, "b")], (
        "the active segment is not touched"
    )
    compacting.produce(("c", "4" * 120))
    compacting.clean()
    assert [each[:2] for each in content(compacting.partition)] == [(4, "a"), (5, "b"), (6, "c")]


def test_what_is_clean_is_remembered(compacting: Compacting, tmp_path: Path) -> None:
    for value in "123":
        compacting.produce(("a", value * 120))
    compacting.clean()
    compacting.running.clock.advance(2000)
    assert (tmp_path / "cleaner-offset-checkpoint").read_text() == "0\n1\nt 0 2\n"
    compacting.running.restart(clean=False)
    assert compacting.partition.home.cleaner_points == {("t", 0): 2}
    assert content(compacting.partition)[0][0] == 1


def test_a_ratio_that_is_not_reached_is_waited_for(tmp_path: Path) -> None:
    # STO-20, CONF-20
    compacting = Compacting(tmp_path)
    configure(compacting.running, "min.cleanable.dirty.ratio", "1.0")
    compacting.partition.config.segment_bytes = 200
    for value in "123":
        compacting.produce(("a", value * 120))
    compacting.clean()
    assert len(content(compacting.partition)) == 3
    configure(compacting.running, "min.cleanable.dirty.ratio", "0.5")
    compacting.clean()
    assert [each[0] for each in content(compacting.partition)] == [1, 2]


def test_a_policy_that_is_set_later_counts(tmp_path: Path) -> None:
    # CONF-20
    running = Running(tmp_path)
    running.create("t")
    running.partition().config.segment_bytes = 200
    for value in "123":
        running.produce(keyed(("a", value * 120), now_ms=running.clock.now_ms()))
    running.clock.advance(BACKOFF_MS)
    assert len(content(running.partition())) == 3
    configure(running, "cleanup.policy", "compact")
    running.clock.advance(BACKOFF_MS)
    assert [each[0] for each in content(running.partition())] == [1, 2]


def test_the_cleaner_can_be_turned_off(tmp_path: Path) -> None:
    compacting = Compacting(tmp_path, log_cleaner_enable="false")
    for value in "123":
        compacting.produce(("a", value * 120))
    compacting.running.clock.advance(10 * BACKOFF_MS)
    assert len(content(compacting.partition)) == 3


def test_produce_and_fetch_go_on_beside_it(compacting: Compacting) -> None:
    workers = compacting.running.broker.services.env.workers = HeldWorkers()
    for value in "123":
        compacting.produce(("a", value * 120))
    workers.release()
    compacting.clean()
    for round_ in range(200):
        if compacting.partition not in compacting.running.broker.services.partitions.busy:
            break
        compacting.produce(("b", str(round_)))
        latest = {key: value for _, key, value in content(compacting.partition)}
        assert latest == {"a": "3" * 120, "b": str(round_)}
        workers.release()
        compacting.running.clock.advance(0)
    assert content(compacting.partition)[0][0] >= 1, "the oldest is gone"
    assert round_ > 3


def test_a_deleted_topic_ends_its_cleaning(compacting: Compacting, tmp_path: Path) -> None:
    workers = compacting.running.broker.services.env.workers = HeldWorkers()
    for value in "123":
        compacting.produce(("a", value * 120))
    workers.release()
    compacting.clean()
    compacting.running.delete("t")
    for _ in range(100):
        workers.release()
        compacting.running.clock.advance(1000)
    assert not compacting.running.broker.services.partitions.busy
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("t-0")]


def test_a_stop_in_the_middle_leaves_a_sound_log(compacting: Compacting, tmp_path: Path) -> None:
    workers = compacting.running.broker.services.env.workers = HeldWorkers()
    for value in "123":
        compacting.produce(("a", value * 120))
    workers.release()
    compacting.clean()
    workers.release()
    compacting.running.clock.advance(0)
    compacting.running.restart()
    assert {key: value for _, key, value in content(compacting.partition)} == {"a": "3" * 120}
    assert not list((tmp_path / "t-0").glob("*.cleaned"))


def test_a_log_that_cannot_be_read_is_left_alone(compacting: Compacting, caplog: pytest.LogCaptureFixture) -> None:
    for value in "123":
        compacting.produce(("a", value * 120))
    path = Path(compacting.partition.directory) / f"{0:020d}.log"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    for _ in range(3):
        compacting.clean()
    told = [record.getMessage() for record in caplog.records if "not cleaned any more" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("t-0:")
    assert path.read_bytes() == damaged


def test_the_offsets_of_groups_are_compacted_by_the_same_cleaner(tmp_path: Path) -> None:
    # INT-05: internal topics do not grow without bound
    running = Running(tmp_path, {"offsets.topic.num.partitions": "1", "log.cleaner.min.cleanable.ratio": "0.01"})
    running.create("t")
    for offset in range(20):
        partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=offset)
        topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
        answer = running.client.send(OffsetCommitRequest(group_id="g", topics=[topic]), 9)
        assert answer.topics[0].partitions[0].error_code == 0
        running.partition("__consumer_offsets").config.segment_bytes = 200
    log = running.partition("__consumer_offsets")
    assert len(list(log.batches())) == 20
    running.clock.advance(2 * BACKOFF_MS)
    assert len(list(log.batches())) < 5
    running.restart(clean=False)
    wanted = OffsetFetchRequestTopic(name="t", partition_indexes=[0])
    answer = running.client.send(OffsetFetchRequest(group_id="g", topics=[wanted]), 7)
    assert answer.topics[0].partitions[0].committed_offset == 19


def test_compact_and_delete_work_together(tmp_path: Path) -> None:
    # STO-14, STO-19
    running = Running(tmp_path)
    running.create("t", cleanup_policy="compact,delete", min_cleanable_dirty_ratio="0.01", retention_ms="3600000")
    running.partition().config.segment_bytes = 200
    for value in "123":
        running.produce(keyed(("a", value * 120), now_ms=running.clock.now_ms()))
    running.clock.advance(BACKOFF_MS)
    assert [each[0] for each in content(running.partition())] == [1, 2]
    running.clock.advance(2 * 3_600_000)
    assert content(running.partition()) == []
    assert running.partition().log_end_offset == 3
    assert running.produce(a_batch()).base_offset == 3
