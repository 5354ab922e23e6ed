"""What happens when nobody asks: retention and its clock, over restarts, with settings that change meanwhile."""

from __future__ import annotations

import gc
from pathlib import Path

from pykbroker.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from tests.apis.running import Running
from tests.fakes import NOW_MS
from tests.storage.builders import a_batch

MINUTE_MS = 60_000
CHECK_MS = 5 * MINUTE_MS
TOPIC, BROKER, SET = 2, 4, 0


def configure(running: Running, name: str, value: str, topic: str = "t") -> None:
    resource = AlterConfigsResource(
        resource_type=TOPIC if topic else BROKER,
        resource_name=topic,
        configs=[AlterableConfig(name=name, config_operation=SET, value=value)],
    )
    request = IncrementalAlterConfigsRequest(resources=[resource], validate_only=False)
    assert running.client.send(request, 1).responses[0].error_code == 0


def log_starts(running: Running, *topics: str) -> list[int]:
    return [running.partition(topic).log_start_offset for topic in topics]


def test_retention_runs_again_and_again(tmp_path: Path) -> None:
    # STO-14: after log.initial.task.delay.ms, then every log.retention.check.interval.ms
    running = Running(tmp_path)
    running.create("t", retention_ms=str(10 * MINUTE_MS))
    running.produce(a_batch(2, timestamp=NOW_MS))
    running.clock.advance(10 * MINUTE_MS)
    assert log_starts(running, "t") == [0]
    running.clock.advance(CHECK_MS)
    assert log_starts(running, "t") == [2]
    running.produce(a_batch(3, timestamp=running.clock.now_ms()))
    running.clock.advance(10 * MINUTE_MS + CHECK_MS)
    assert log_starts(running, "t") == [5]
    running.stop()


def test_a_changed_setting_counts_at_the_next_check(tmp_path: Path) -> None:
    # CONF-20: of the topic, and of the broker as its default
    running = Running(tmp_path)
    for topic in ("t", "u"):
        running.create(topic)
        running.produce(a_batch(2, timestamp=NOW_MS), topic)
    running.clock.advance(CHECK_MS)
    configure(running, "retention.ms", "1000")
    running.clock.advance(CHECK_MS)
    assert log_starts(running, "t", "u") == [2, 0]
    configure(running, "log.retention.ms", "1000", topic="")
    running.clock.advance(CHECK_MS)
    assert log_starts(running, "t", "u") == [2, 2]
    running.stop()


def test_logs_that_nobody_opened_since_the_start_are_looked_after(tmp_path: Path) -> None:
    # STO-14
    running = Running(tmp_path)
    running.create("t", retention_ms="1000")
    running.produce(a_batch(2, timestamp=NOW_MS))
    running.restart()
    assert ("t", 0) not in running.broker.services.partitions.live
    running.clock.advance(30_000)
    assert running.broker.services.partitions.live["t", 0].log_start_offset == 2
    running.stop()


def test_what_has_no_files_is_not_opened(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.create("t", partitions=100)
    running.restart()
    running.clock.advance(CHECK_MS)
    assert not running.broker.services.partitions.live
    running.stop()


def test_a_deleted_topic_leaves_no_file(tmp_path: Path) -> None:
    # STO-17
    running = Running(tmp_path)
    running.create("t")
    running.produce(a_batch())
    running.delete("t")
    running.clock.advance(MINUTE_MS)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("t-")]
    running.stop()


def test_silent_producers_are_forgotten(tmp_path: Path) -> None:
    # PROD-47
    running = Running(tmp_path, {"producer.id.expiration.ms": str(MINUTE_MS)})
    running.create("t")
    for producer in range(20):
        running.produce(a_batch(producer=producer))
    producers = running.partition()._producers
    assert producers is not None
    assert len(producers) == 20
    running.clock.advance(CHECK_MS + MINUTE_MS)
    assert len(producers) == 0
    running.stop()


def test_idle_partitions_keep_no_file_open(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.create("t", partitions=20)
    running.clock.advance(30_000)
    gc.collect()  # what earlier tests left behind must not be closed in between
    before = len(list(Path("/proc/self/fd").iterdir()))
    for index in range(20):
        running.produce(a_batch(), index=index)
    assert len(list(Path("/proc/self/fd").iterdir())) >= before + 20
    running.clock.advance(2 * CHECK_MS)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert running.produce(a_batch(), index=3).base_offset == 1
    running.stop()


def test_nothing_runs_after_the_stop(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.create("t", retention_ms="1000")
    running.produce(a_batch(2, timestamp=NOW_MS))
    running.stop()
    running.clock.advance(10 * CHECK_MS)
    assert (tmp_path / "t-0" / f"{0:020d}.log").exists()
