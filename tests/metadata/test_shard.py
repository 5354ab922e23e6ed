"""The metadata log: what is written, and that replaying it gives the same image."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata import records
from pykbroker.metadata.configs import APPEND, DELETE, SET, Alteration
from pykbroker.metadata.image import BROKER, GROUP, METADATA_TOPIC_ID, TOPIC, Image
from pykbroker.metadata.replay import apply
from pykbroker.metadata.topics import Growth, NewTopic, TopicResult
from pykbroker.wire.messages.metadata_records import (
    ConfigRecord,
    FeatureLevelRecord,
    NoOpRecord,
    PartitionChangeRecord,
    PartitionRecord,
    RegisterBrokerRecord,
    TopicRecord,
)
from pykbroker.wire.primitives import uuid_text
from pykbroker.wire.records import records_in
from tests.metadata.brokers import a_cluster, plain

ZERO = bytes(16)


def names_of(results: list[TopicResult]) -> dict[str | None, int | None]:
    return {result.name: None if result.error is None else result.error.code for result in results}


def test_metadata_log_has_kafkas_topic_id() -> None:
    assert uuid_text(METADATA_TOPIC_ID) == "AAAAAAAAAAAAAAAAAAAAAQ"


def test_record_value_is_framed_as_kraft_does() -> None:
    value = records.encode(FeatureLevelRecord(name="metadata.version", feature_level=30))
    assert value == b"\x01\x0c\x00\x11metadata.version\x00\x1e\x00"
    assert records.decode(value) == FeatureLevelRecord(name="metadata.version", feature_level=30)


def test_unknown_kind_of_record_is_skipped_and_an_unknown_version_is_not() -> None:
    assert records.decode(b"\x01\xe7\x07\x00whatever") is None  # INT-04
    with pytest.raises(KafkaError) as raised:
        records.decode(b"\x01\x0c\x63")
    assert raised.value.code == errors.CORRUPT_MESSAGE


def test_first_start_finalizes_metadata_version_only(tmp_path: Path) -> None:
    # API-07, API-08: the levels of group, transaction, share and streams protocols would change what clients speak.
    cluster = a_cluster(tmp_path)
    assert cluster.image.features == {"metadata.version": 30}
    log = next(partition for partition in cluster.store.partitions() if partition.topic == "__cluster_metadata")
    stored = [records.decode(record.value or b"") for record in records_in(log.batches())]
    assert [type(record).__name__ for record in stored] == ["FeatureLevelRecord", "RegisterBrokerRecord"]
    registration = stored[1]
    assert isinstance(registration, RegisterBrokerRecord)
    assert [(e.name, e.host, e.port) for e in registration.end_points] == [
        ("PLAINTEXT", "kafka.example", 19092), ("SECOND", "second.example", 19093),
    ]  # fmt: skip
    assert registration.rack == "r1"
    assert registration.log_dirs == [cluster.store.directories[0].directory_id]


def test_every_start_is_another_incarnation_with_a_higher_epoch(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path)
    before = cluster.image.brokers[1]
    after = cluster.restarted().image.brokers[1]
    assert after.epoch > before.epoch
    assert after.incarnation_id != before.incarnation_id


def test_reloaded_image_equals_the_one_that_was_built(tmp_path: Path) -> None:
    # CONF-26, MD-10: ids, configs of all kinds and epochs come back.
    cluster = a_cluster(tmp_path)
    control = cluster.controller
    control.create_topics([NewTopic("a", 3, configs={"retention.ms": "5"}), NewTopic("b"), NewTopic("c")])
    control.delete_topics([("b", ZERO)])
    control.create_partitions([Growth("c", 4)])
    control.alter_configs([
        Alteration(TOPIC, "a", [("cleanup.policy", APPEND, "compact"), ("retention.ms", DELETE, None)]),
        Alteration(BROKER, "", [("log.retention.ms", SET, "1000")]),
        Alteration(BROKER, "1", [("log.cleaner.threads", SET, "2")]),
        Alteration(GROUP, "g", [("consumer.session.timeout.ms", SET, "46000")]),
    ])  # fmt: skip
    control.allocate_producer_id()
    control.ensure_internal_topic()
    before = plain(cluster.image)
    again = cluster.restarted()
    assert plain(again.image) == before
    assert plain(again.killed().image) == before


def test_deleted_resource_leaves_nothing_behind(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path)
    before = plain(cluster.image)
    cluster.controller.create_topics([NewTopic("a.b", configs={"retention.ms": "5"})])
    cluster.controller.alter_configs([Alteration(GROUP, "g", [("consumer.session.timeout.ms", SET, "46000")])])
    cluster.controller.delete_topics([("a.b", ZERO)])
    cluster.controller.alter_configs([Alteration(GROUP, "g", [("consumer.session.timeout.ms", DELETE, None)])])
    assert plain(cluster.image) == before
    assert names_of(cluster.controller.create_topics([NewTopic("a_b")])) == {"a_b": None}


def test_failed_append_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = a_cluster(tmp_path)
    before = plain(cluster.image)

    def refuse(*_: object) -> int:
        raise KafkaError(errors.KAFKA_STORAGE_ERROR)

    monkeypatch.setattr("pykbroker.storage.partition.Partition.append_own", refuse)
    with pytest.raises(KafkaError):
        cluster.controller.create_topics([NewTopic("a")])
    assert plain(cluster.image) == before


def test_producer_ids_are_never_given_twice(tmp_path: Path) -> None:
    # TXN-01: also not after kill -9, when a block was only begun.
    cluster = a_cluster(tmp_path)
    given = [cluster.controller.allocate_producer_id() for _ in range(1001)]
    assert given == list(range(1001))
    after_kill = cluster.killed()
    assert after_kill.controller.allocate_producer_id() == 2000
    assert after_kill.restarted().controller.allocate_producer_id() == 3000


def test_change_of_a_partition_begins_epochs() -> None:
    image = Image("c")
    topic_id = b"t" * 16
    for record in (
        TopicRecord(name="t", topic_id=topic_id),
        PartitionRecord(partition_id=0, topic_id=topic_id, replicas=[1, 2], isr=[1, 2], leader=1, leader_epoch=0,
                        partition_epoch=0),
        PartitionChangeRecord(partition_id=0, topic_id=topic_id, isr=[1]),
        PartitionChangeRecord(partition_id=0, topic_id=topic_id, leader=2, isr=[2]),
        NoOpRecord(),
    ):  # fmt: skip
        apply(image, record)
    state = image.topics["t"].partitions[0]
    assert (state.leader, state.leader_epoch, state.partition_epoch, state.isr) == (2, 1, 2, [2])
    assert image.version == 5


def test_configs_that_come_before_their_topic_are_its_own() -> None:
    image = Image("c")
    apply(image, ConfigRecord(resource_type=TOPIC, resource_name="t", name="retention.ms", value="1"))
    apply(image, TopicRecord(name="t", topic_id=b"t" * 16))
    assert image.topics["t"].config == {"retention.ms": "1"}


def test_thousand_partitions_need_no_files(tmp_path: Path) -> None:
    cluster = a_cluster(tmp_path)
    cluster.controller.create_topics([NewTopic("big", 1000)])
    assert len(list(cluster.partitions.open_all())) == 1000
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("big")] == []
    assert cluster.partitions.get("big", 999).log_end_offset == 0
