"""InitProducerId and DescribeProducers, as clients see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.messages.describe_producers import DescribeProducersRequest, TopicRequest
from pykbroker.wire.messages.init_producer_id import InitProducerIdRequest
from tests.apis.calling import call, newest, versions_of
from tests.fakes import NOW_MS
from tests.metadata.brokers import Cluster, a_cluster
from tests.storage.builders import a_batch, append


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return a_cluster(tmp_path)


def init(cluster: Cluster, version: int = 5, **values: object) -> tuple[int, int, int]:
    request = InitProducerIdRequest(**{"transactional_id": None, **values})  # type: ignore[arg-type]
    response = call(cluster, request, version)
    return response.error_code, response.producer_id, response.producer_epoch


def test_idempotent_producers_get_ids_of_their_own(cluster: Cluster) -> None:
    # TXN-01
    given = [init(cluster, version) for version in versions_of(22)]
    assert given == [(0, number, 0) for number in range(len(given))]
    assert init(cluster, producer_id=3, producer_epoch=5) == (0, len(given), 0)
    error, producer_id, _ = init(cluster.killed())
    assert (error, producer_id) == (0, 1000)


def test_unstable_version_is_not_served() -> None:
    # API-15
    assert newest(22) == 5


def test_id_and_epoch_come_together(cluster: Cluster) -> None:
    # TXN-05
    for version in (3, 4, 5):
        assert init(cluster, version, producer_id=3) == (errors.INVALID_REQUEST, -1, -1)
        assert init(cluster, version, producer_epoch=3) == (errors.INVALID_REQUEST, -1, -1)


def test_empty_transactional_id_is_refused(cluster: Cluster) -> None:
    # TXN-02
    for version in versions_of(22):
        assert init(cluster, version, transactional_id="") == (errors.INVALID_REQUEST, -1, -1)


def test_transactions_are_refused_for_good(cluster: Cluster) -> None:
    for version in versions_of(22):
        code = errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        assert init(cluster, version, transactional_id="t", transaction_timeout_ms=1000) == (code, -1, -1)


def test_ids_that_cannot_be_recorded_are_not_given(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    # TXN-01
    def refuse(*_: object) -> int:
        raise KafkaError(errors.KAFKA_STORAGE_ERROR)

    with monkeypatch.context() as patch:
        patch.setattr("pykbroker.storage.partition.Partition.append_own", refuse)
        assert init(cluster) == (errors.COORDINATOR_LOAD_IN_PROGRESS, -1, -1)
    assert init(cluster) == (0, 0, 0)


def test_active_producers_are_described(cluster: Cluster) -> None:
    # CLA-17
    cluster.controller.create_topics([NewTopic("t", 2)])
    append(cluster.partitions.get("t", 0), a_batch(3, producer=7, epoch=2))
    wanted = [
        TopicRequest(name="t", partition_indexes=[0, 1, 9]),
        TopicRequest(name="no", partition_indexes=[0]),
        TopicRequest(name="a b", partition_indexes=[0]),
    ]
    topics = call(cluster, DescribeProducersRequest(topics=wanted)).topics
    codes = {(t.name, p.partition_index): p.error_code for t in topics for p in t.partitions}
    unknown = errors.UNKNOWN_TOPIC_OR_PARTITION
    assert codes == {
        ("t", 0): 0, ("t", 1): 0, ("t", 9): unknown, ("no", 0): unknown,
        ("a b", 0): errors.INVALID_TOPIC_EXCEPTION,
    }  # fmt: skip
    (producer,) = topics[0].partitions[0].active_producers
    assert (producer.producer_id, producer.producer_epoch, producer.last_sequence) == (7, 2, 2)
    assert (producer.last_timestamp, producer.coordinator_epoch, producer.current_txn_start_offset) == (NOW_MS, -1, -1)
    assert topics[0].partitions[1].active_producers == []
