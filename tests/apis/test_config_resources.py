"""ListConfigResources, as clients see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.metadata.configs import DELETE, SET, Alteration
from pykbroker.metadata.image import BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC
from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.messages.list_config_resources import ListConfigResourcesRequest
from tests.apis.calling import call
from tests.metadata.brokers import Cluster, a_cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    cluster = a_cluster(tmp_path)
    cluster.controller.create_topics([NewTopic("t"), NewTopic("u")])
    cluster.controller.alter_configs([
        Alteration(TOPIC, "t", [("retention.ms", SET, "1000")]),
        Alteration(GROUP, "g", [("consumer.session.timeout.ms", SET, "46000")]),
        Alteration(CLIENT_METRICS, "m", [("metrics", SET, "a")]),
        Alteration(BROKER, "", [("log.retention.ms", SET, "1000")]),
    ])  # fmt: skip
    return cluster


def listed(cluster: Cluster, *types: int, version: int = 1) -> list[tuple[int, str]]:
    request = ListConfigResourcesRequest()
    if version >= 1:
        request.resource_types = list(types)
    response = call(cluster, request, version)
    assert response.error_code == 0
    return sorted((each.resource_type, each.resource_name) for each in response.config_resources)


def test_first_version_lists_client_metrics_only(cluster: Cluster) -> None:
    # CONF-24: which it says no type of
    assert listed(cluster, version=0) == [(CLIENT_METRICS, "m")]


def test_each_type_is_listed(cluster: Cluster) -> None:
    # CONF-24: topics and brokers whether or not something is set on them, the others only if it is
    expected = {TOPIC: ["t", "u"], BROKER: ["1"], BROKER_LOGGER: ["1"], CLIENT_METRICS: ["m"], GROUP: ["g"]}
    for kind, names in expected.items():
        assert listed(cluster, kind) == listed(cluster, kind, kind) == [(kind, name) for name in names]
    everything = [(kind, name) for kind, names in expected.items() for name in names]
    assert listed(cluster) == listed(cluster, *expected) == everything
    assert listed(cluster.restarted()) == everything


def test_what_nothing_is_set_on_any_more_is_not_listed(cluster: Cluster) -> None:
    # CONF-24
    cluster.controller.alter_configs([
        Alteration(GROUP, "g", [("consumer.session.timeout.ms", DELETE, None)]),
        Alteration(CLIENT_METRICS, "m", [("metrics", DELETE, None)]),
    ])  # fmt: skip
    assert listed(cluster, GROUP, CLIENT_METRICS) == []
    assert listed(cluster, version=0) == []


@pytest.mark.parametrize("kind", [0, 1, 3, 99, -1])
def test_unknown_type_is_refused(cluster: Cluster, kind: int) -> None:
    # CONF-24
    for types in ([kind], [TOPIC, kind]):
        response = call(cluster, ListConfigResourcesRequest(resource_types=types))
        assert (response.error_code, response.config_resources) == (errors.UNSUPPORTED_VERSION, [])
