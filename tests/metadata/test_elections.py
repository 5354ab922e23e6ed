"""What nobody leads gets this broker as its leader at the start: a directory that Kafka left comes like that."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker.metadata.elections import NO_LEADER, elect
from pykbroker.metadata.image import Image
from pykbroker.metadata.records import encode
from pykbroker.metadata.replay import apply
from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.messages.metadata_records import (
    FeatureLevelRecord,
    PartitionChangeRecord,
    PartitionRecord,
    TopicRecord,
)
from pykbroker.wire.records import build_batch
from tests.fakes import NOW_MS
from tests.metadata.brokers import Cluster, a_cluster

TOPIC_ID = b"t" * 16


def an_image(leader: int, replicas: list[int], isr: list[int]) -> Image:
    image = Image("c")
    apply(image, TopicRecord(name="t", topic_id=TOPIC_ID))
    apply(image, PartitionRecord(
        partition_id=0, topic_id=TOPIC_ID, replicas=replicas, isr=isr, leader=leader, leader_epoch=4, partition_epoch=6,
    ))  # fmt: skip
    return image


@pytest.mark.parametrize(
    ("replicas", "isr"),
    [([1], [1]), ([1], []), ([2, 1], [1])],
    ids=["as before KIP-966", "as since KIP-966", "the only replica in sync"],
)
def test_partition_without_a_leader_gets_the_broker_that_has_all_of_it(replicas: list[int], isr: list[int]) -> None:
    image = an_image(NO_LEADER, replicas, isr)
    (record,) = elect(image, 1)
    apply(image, record)
    state = image.topics["t"].partitions[0]
    assert (state.leader, state.isr, state.leader_epoch) == (1, [1], 5)


@pytest.mark.parametrize(
    ("leader", "replicas", "isr"),
    [(1, [1], [1]), (2, [1, 2], [1, 2]), (NO_LEADER, [2], [2]), (NO_LEADER, [1, 2], [2]), (NO_LEADER, [1, 2], [])],
    ids=["led by us", "led by another", "not ours", "another has more", "another may have more"],
)
def test_partition_is_left_as_it_is(leader: int, replicas: list[int], isr: list[int]) -> None:
    assert elect(an_image(leader, replicas, isr), 1) == []


def stopped_by_kafka(path: Path) -> Cluster:
    """A cluster with a topic that lost its leader at a controller's epoch 3, and features that are not ours."""
    cluster = a_cluster(path)
    cluster.controller.create_topics([NewTopic("t", 1, 1)])
    topic = cluster.image.topics["t"]
    gone = PartitionChangeRecord(topic_id=topic.id, partition_id=0, leader=NO_LEADER, isr=[])
    level = FeatureLevelRecord(name="group.version", feature_level=1)
    log = cluster.controller.partition
    log.leader_epoch = 3
    log._epochs.begin(3, log.log_end_offset)
    log._epochs.save(cluster.env.files, log.directory)
    log.append_own(build_batch([(None, encode(gone)), (None, encode(level))], timestamp_ms=NOW_MS))
    return cluster.restarted()


def test_start_leads_what_kafka_gave_up(tmp_path: Path) -> None:
    cluster = stopped_by_kafka(tmp_path)
    state = cluster.image.topics["t"].partitions[0]
    assert (state.leader, state.leader_epoch) == (1, 2)
    assert cluster.partitions.get("t", 0).leader_epoch == 2


def test_epochs_of_the_metadata_log_never_go_back(tmp_path: Path) -> None:
    cluster = stopped_by_kafka(tmp_path)
    log = cluster.controller.partition
    assert log.epoch_at(log.log_end_offset) == 3
    assert [int.from_bytes(bytes(batch[12:16]), "big") for batch in log.batches()][-1] == 3
