"""What is promised is kept over many kills: see the package's docstring for how to run more of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed (pip install pykbroker[test])")

from tests.compat.polling import eventually
from tests.compat.process import Broker
from tests.crash.damage import anything_done, derived_files_damaged, garbage_appended, log_files, tail_cut
from tests.crash.load import Confluent, Group, Pipeline
from tests.crash.promises import commits_kept, everything, pipeline_kept, producers_kept
from tests.server.peer import Peer
from tests.storage.plain_log import checkpoint, recovered

ROUNDS = int(os.environ.get("PYKBROKER_CRASH_ROUNDS", "6"))
SEED = int(os.environ.get("PYKBROKER_CRASH_SEED", "1"))

STEADY = ["steady-a", "steady-b", "steady-c"]
SMALL = {"index_interval_bytes": "200"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker with the topics, of very small segments, that the load is put on."""
    broker = Broker(tmp_path, {"offsets.topic.num.partitions": "3", "group.initial.rebalance.delay.ms": "0"}).start()
    with Peer(broker) as peer:
        for topic in STEADY:
            peer.create(topic, internal_segment_bytes="30000", **SMALL)
        for topic in ("sent-again", "torn"):
            peer.create(topic, internal_segment_bytes="4000", **SMALL)
    yield broker
    if broker.process is not None:
        broker.process.kill()
        broker.process.wait()


class Rounds:
    """The load on one broker, and what one round does."""

    def __init__(self, broker: Broker, random: Random) -> None:
        self.broker = broker
        self.random = random
        self.number = 0
        self.done: list[str] = []
        self.producers = Confluent(broker.bootstrap, STEADY)
        self.group = Group(broker.bootstrap, "readers", STEADY)
        self.sent_again = Pipeline.idempotent("sent-again", broker)
        self.torn = Pipeline("torn", -1)
        self._start_pipelines()

    def _start_pipelines(self) -> None:
        for pipeline in (self.sent_again, self.torn):
            pipeline.start(self.broker)

    def kill(self) -> None:
        """End the broker at a random moment under load, mostly the hard way."""
        moment = self.random.randint(1, 150)
        before = self.sent_again.count()
        eventually(lambda: self.sent_again.count() - before >= moment, why="the log goes on")
        how = self.random.choice((signal.SIGKILL,) * 5 + (signal.SIGTERM,))
        self.broker.stop(how)
        self.done = [f"{how.name} after {moment} batches"]
        for pipeline in (self.sent_again, self.torn):
            pipeline.stop()

    def left_well(self) -> None:
        """Check that no log has anything wrong, but for a torn end: a killed process loses nothing that it wrote."""
        for partition in sorted(path for path in self.broker.data.iterdir() if path.is_dir()):
            files = log_files(partition)
            left = recovered(files, 0, may_have_gaps=partition.name.startswith("__")) if files else None
            assert left is None or left.kept.keys() == files.keys(), f"{partition.name}: damaged at {left.end}"

    def damage(self) -> dict[str, bytes]:
        """Damage files; return those of the log from which something may be missing."""
        data, random = self.broker.data, self.random
        if random.random() < 0.7:
            self.done += derived_files_damaged(data, random)
        for partition in sorted(path for path in data.iterdir() if path.is_dir()):
            if random.random() < 0.2:
                self.done.append(garbage_appended(partition, random))
        if random.random() < 0.5:
            self.done.append(tail_cut(data / "sent-again-0", (self.sent_again.ends or [0])[-1], random))
        if random.random() < 0.5 and not (data / ".kafka_cleanshutdown").exists():  # which promises that all is well
            self.done.append(anything_done(data / "torn-0", random))
        return log_files(data / "torn-0")

    def restart_and_check(self, torn: dict[str, bytes]) -> None:
        """Start the broker; all that was promised must be there."""
        points = self.broker.data / "recovery-point-offset-checkpoint"
        known = checkpoint(points.read_bytes() if points.exists() else None) or {}
        left = recovered(torn, known.get("torn-0", 0))
        committed = dict(self.group.committed)
        acknowledged = len(self.sent_again.ends)
        self.broker.start()
        with Peer(self.broker) as peer:
            pipeline_kept(peer, self.sent_again, acknowledged)
            found = b"".join(batch.raw for batch in everything(peer, "torn"))
            assert found == b"".join(left.kept.values()), "torn: not the longest valid prefix"
            producers_kept(peer, self.producers, STEADY)
            commits_kept(peer, self.group, committed)
        self._start_pipelines()

    def finish(self) -> None:
        """Let everything be answered, stop cleanly, and check once more."""
        for pipeline in (self.sent_again, self.torn):
            pipeline.stop()
        self.producers.stop()
        ends = {topic: max(at for name, at, _ in self.producers.acknowledged if name == topic) + 1 for topic in STEADY}
        eventually(lambda: self.group.committed == ends, why="the group has read and committed everything")
        self.group.stop()
        for _ in range(2):
            with Peer(self.broker) as peer:
                pipeline_kept(peer, self.sent_again, len(self.sent_again.ends))
                producers_kept(peer, self.producers, STEADY)
                commits_kept(peer, self.group, ends)
            self.broker.restart()
        assert len(self.producers.acknowledged) == self.producers.sent


def test_promises_are_kept_over_kills_and_damage(broker: Broker) -> None:
    """STO-24, STO-25, STO-27, STO-28, OFF-30, PROD-41"""
    random = Random(SEED)
    rounds = Rounds(broker, random)
    try:
        for number in range(1, ROUNDS + 1):
            rounds.number = number
            rounds.kill()
            rounds.left_well()
            rounds.restart_and_check(rounds.damage())
        rounds.finish()
        assert "Traceback" not in broker.log()
    except AssertionError as error:
        told = "\n".join([*rounds.done, broker.log()[-6000:]])
        raise AssertionError(f"PYKBROKER_CRASH_SEED={SEED}, round {rounds.number}: {error}\n{told}") from error
