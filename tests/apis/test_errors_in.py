"""Requests that fail as a whole although their response says errors item by item: each item has the error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.wire.message import Message
from pykbroker.wire.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasRequestEntityData,
    AlterClientQuotasRequestEntryData,
    OpData,
)
from pykbroker.wire.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from pykbroker.wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    ScramCredentialDeletion,
    ScramCredentialUpsertion,
)
from pykbroker.wire.messages.elect_leaders import ElectLeadersRequest, TopicPartitions
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster

BROKEN = errors.KAFKA_STORAGE_ERROR


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster whose metadata cannot change: whatever is decided fails."""
    cluster = a_cluster(tmp_path)

    def fail(*_: object) -> None:
        raise KafkaError(BROKEN, "no")

    monkeypatch.setattr("pykbroker.metadata.controller.Controller.decide", fail)
    return cluster


def answers(cluster: Cluster, request: Message) -> list[Any]:
    key = type(request).__key__
    assert key is not None
    return [call(cluster, request, version) for version in versions_of(key)]


def test_every_partition_of_an_election_has_the_error(cluster: Cluster) -> None:
    topics = [TopicPartitions(topic="t", partitions=[1, 0]), TopicPartitions(topic="u", partitions=[0])]
    for version, answer in enumerate(answers(cluster, ElectLeadersRequest(topic_partitions=topics))):
        results = [
            (topic.topic, each.partition_id, each.error_code)
            for topic in answer.replica_election_results
            for each in topic.partition_result
        ]
        assert results == [("t", 1, BROKEN), ("t", 0, BROKEN), ("u", 0, BROKEN)]
        assert answer.error_code == (BROKEN if version >= 1 else 0)


def test_every_partition_of_a_reassignment_has_the_error(cluster: Cluster) -> None:
    topic = ReassignableTopic(name="t", partitions=[ReassignablePartition(partition_index=3)])
    for answer in answers(cluster, AlterPartitionReassignmentsRequest(topics=[topic])):
        ((each,),) = [topic.partitions for topic in answer.responses]
        assert (answer.error_code, each.partition_index, each.error_code) == (BROKEN, 3, BROKEN)


def test_every_entity_of_quotas_has_the_error(cluster: Cluster) -> None:
    entity = [AlterClientQuotasRequestEntityData(entity_type="user", entity_name=None)]
    entry = AlterClientQuotasRequestEntryData(entity=entity, ops=[OpData(key="producer_byte_rate", value=1.0)])
    for answer in answers(cluster, AlterClientQuotasRequest(entries=[entry])):
        (each,) = answer.entries
        assert (each.error_code, each.error_message) == (BROKEN, "no")
        assert [(part.entity_type, part.entity_name) for part in each.entity] == [("user", None)]


def test_every_user_of_credentials_has_the_error_once(cluster: Cluster) -> None:
    request = AlterUserScramCredentialsRequest(
        deletions=[ScramCredentialDeletion(name="a"), ScramCredentialDeletion(name="b")],
        upsertions=[ScramCredentialUpsertion(name="b"), ScramCredentialUpsertion(name="c")],
    )
    for answer in answers(cluster, request):
        assert [(each.user, each.error_code) for each in answer.results] == [(user, BROKEN) for user in "abc"]
