"""Apache Kafka's own tools read our snapshots, and we read theirs. Needs what `tests/kafka_jars.py` says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from pykbroker.metadata.snapshot import image_from, records_of_image, timestamp_of
from tests.kafka_jars import java, reason_to_skip
from tests.metadata.test_snapshot import CLUSTER, HISTORY, a_snapshot, replayed

pytestmark = pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip())


def run(main_class: str, *arguments: str) -> str:
    """Return what one of Kafka's tools prints; it must not warn of anything."""
    done = subprocess.run(java(main_class, *arguments), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def test_dump_log_reads_our_snapshot_without_a_warning(tmp_path: Path) -> None:
    image = replayed(HISTORY)
    path = tmp_path / "00000000000000000029-0000000005.checkpoint"
    path.write_bytes(a_snapshot(records_of_image(image)))
    printed = run("org.apache.kafka.tools.DumpLogSegments", "--cluster-metadata-decoder", "--files", str(path))
    assert "Snapshot end offset: 29, epoch: 5" in printed
    assert 'SnapshotHeader {"version":0,"lastContainedLogTimestamp":1234}' in printed
    assert 'SnapshotFooter {"version":0}' in printed
    assert re.findall("isvalid: (.*)", printed) == ["true"] * 3
    payloads = [json.loads(found) for found in re.findall(r"payload: (\{.*\})", printed)]
    assert len(payloads) == len(list(records_of_image(image)))
    topics = [payload["data"]["name"] for payload in payloads if payload["type"] == "TOPIC_RECORD"]
    assert topics == ["first.topic", "without-partitions"]


def formatted(directory: Path, *arguments: str) -> Path:
    """Let Kafka's storage tool make the log directory of a new broker; return it."""
    settings = directory / "server.properties"
    settings.write_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
        "listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
        f"controller.quorum.bootstrap.servers=localhost:9093\nlog.dirs={directory / 'logs'}\n"
    )
    run("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(settings), *arguments)
    return directory / "logs"


def test_we_read_the_snapshots_that_a_new_kafka_broker_starts_from(tmp_path: Path) -> None:
    scram = "SCRAM-SHA-256=[name=alice,password=secret,iterations=5000]"
    logs = formatted(tmp_path, "--standalone", "--add-scram", scram)
    image = image_from((logs / "bootstrap.checkpoint").read_bytes(), CLUSTER, 0)
    assert image.features["metadata.version"] == 30
    assert image.features["group.version"] == 1
    assert image.scram["alice", 1].iterations == 5000
    # Its header has the version of the quorum's protocol, and the voters, beside the header record.
    content = (logs / "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint").read_bytes()
    assert image_from(content, CLUSTER, 0).features == {}
    assert timestamp_of(content) > 1_700_000_000_000
