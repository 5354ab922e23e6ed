"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, as clients see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC
from pykbroker.metadata.topics import NewTopic
from pykbroker.wire.messages import alter_configs as legacy
from pykbroker.wire.messages import incremental_alter_configs as incremental
from pykbroker.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from tests.apis.calling import call, versions_of
from tests.metadata.brokers import Cluster, a_cluster
from tests.storage.builders import a_batch, append

SET, DELETE, APPEND, SUBTRACT = range(4)
Operation = tuple[str, int, str | None]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    cluster = a_cluster(tmp_path, log_retention_hours="100", compression_type="lz4")
    cluster.controller.create_topics([NewTopic("t"), NewTopic("u")])
    return cluster


def describe(
    cluster: Cluster, kind: int, name: str, keys: list[str] | None = None, version: int = 4, **asked: bool
) -> Any:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys)
    result = call(cluster, DescribeConfigsRequest(resources=[resource], **asked), version).results[0]
    assert (result.resource_type, result.resource_name) == (kind, name)
    return result


def entries(cluster: Cluster, kind: int, name: str, keys: list[str] | None = None, **asked: Any) -> dict[str, Any]:
    result = describe(cluster, kind, name, keys, **asked)
    assert result.error_code == 0
    return {entry.name: entry for entry in result.configs}


def value(cluster: Cluster, key: str, kind: int = TOPIC, name: str = "t") -> tuple[str | None, int]:
    entry = entries(cluster, kind, name, [key])[key]
    return entry.value, entry.config_source


def change(
    cluster: Cluster, *resources: tuple[int, str, list[Operation]], version: int = 1, validate_only: bool = False
) -> list[int]:
    request = incremental.IncrementalAlterConfigsRequest(
        resources=[
            incremental.AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[
                    incremental.AlterableConfig(name=key, config_operation=operation, value=text)
                    for key, operation, text in operations
                ],
            )
            for kind, name, operations in resources
        ],
        validate_only=validate_only,
    )
    responses = call(cluster, request, version).responses
    # CONF-25
    assert [(each.resource_type, each.resource_name) for each in responses] == [each[:2] for each in resources]
    return [each.error_code for each in responses]


def replace(
    cluster: Cluster, *resources: tuple[int, str, dict[str, str | None]], version: int = 2, validate_only: bool = False
) -> list[int]:
    request = legacy.AlterConfigsRequest(
        resources=[
            legacy.AlterConfigsResource(
                resource_type=kind,
                resource_name=name,
                configs=[legacy.AlterableConfig(name=key, value=text) for key, text in configs.items()],
            )
            for kind, name, configs in resources
        ],
        validate_only=validate_only,
    )
    responses = call(cluster, request, version).responses
    assert [(each.resource_type, each.resource_name) for each in responses] == [each[:2] for each in resources]
    return [each.error_code for each in responses]


def test_topic_is_described_with_everything_in_effect(cluster: Cluster) -> None:
    # CONF-01
    for version in versions_of(32):
        every: tuple[list[str] | None, ...] = (None, [])
        for keys in every:
            assert len(entries(cluster, TOPIC, "t", keys, version=version)) == 33
        assert sorted(entries(cluster, TOPIC, "t", ["retention.ms", "foo"], version=version)) == ["retention.ms"]


def test_source_says_where_a_value_comes_from(cluster: Cluster) -> None:
    # CONF-02, CONF-26: also after a restart
    change(cluster, (TOPIC, "t", [("max.message.bytes", SET, "5000")]))
    change(cluster, (BROKER, "1", [("log.segment.bytes", SET, "2000000")]))
    change(cluster, (BROKER, "", [("log.roll.ms", SET, "70000")]))
    for each in (cluster, cluster.restarted()):
        assert value(each, "max.message.bytes") == ("5000", 1)
        assert value(each, "segment.bytes") == ("2000000", 2)
        assert value(each, "segment.ms") == ("70000", 3)
        assert value(each, "compression.type") == ("lz4", 4)
        assert value(each, "cleanup.policy") == ("delete", 5)
        assert value(each, "log.roll.ms", BROKER, "1") == ("70000", 3)


def test_synonyms_lead_from_the_topic_to_the_default(cluster: Cluster) -> None:
    # CONF-03
    change(cluster, (TOPIC, "t", [("cleanup.policy", APPEND, "compact")]))
    change(cluster, (BROKER, "", [("log.cleanup.policy", SET, "delete")]))
    described = entries(cluster, TOPIC, "t", ["cleanup.policy"], include_synonyms=True)["cleanup.policy"]
    assert [(s.name, s.value, s.source) for s in described.synonyms] == [
        ("cleanup.policy", "delete,compact", 1),
        ("log.cleanup.policy", "delete", 3),
        ("log.cleanup.policy", "delete", 5),
    ]
    assert entries(cluster, TOPIC, "t", ["cleanup.policy"])["cleanup.policy"].synonyms == []


def test_types_and_documentation(cluster: Cluster) -> None:
    # CONF-04
    found = entries(cluster, TOPIC, "t", include_documentation=True)
    types = {key: entry.config_type for key, entry in found.items()}
    assert types["preallocate"] == 1
    assert types["compression.type"] == 2
    assert types["max.message.bytes"] == 3
    assert types["retention.ms"] == 5
    assert types["min.cleanable.dirty.ratio"] == 6
    assert types["cleanup.policy"] == 7
    assert all(entry.documentation for entry in found.values())
    assert all(entry.documentation is None for entry in entries(cluster, TOPIC, "t").values())
    assert entries(cluster, TOPIC, "t", version=2)["preallocate"].config_type == 0  # not there before v3


def test_passwords_are_never_shown(tmp_path: Path) -> None:
    # CONF-05
    cluster = a_cluster(tmp_path, ssl_key_password="secret")
    entry = entries(cluster, BROKER, "1", ["ssl.key.password"], include_synonyms=True)["ssl.key.password"]
    assert (entry.is_sensitive, entry.value) == (True, None)
    assert [(synonym.value, synonym.source) for synonym in entry.synonyms] == [(None, 4)]


def test_read_only_is_what_needs_a_restart(cluster: Cluster) -> None:
    # CONF-06
    broker = entries(cluster, BROKER, "1")
    assert broker["num.partitions"].read_only
    assert broker["node.id"].read_only
    assert not broker["log.retention.ms"].read_only
    for kind, name in ((TOPIC, "t"), (GROUP, "g")):
        assert not any(entry.read_only for entry in entries(cluster, kind, name).values())


def test_topics_that_cannot_be_described(cluster: Cluster) -> None:
    # CONF-07
    assert describe(cluster, TOPIC, "no").error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    for name in ("a b", ""):
        assert describe(cluster, TOPIC, name).error_code == errors.INVALID_TOPIC_EXCEPTION


def test_broker_is_described_by_its_number(cluster: Cluster) -> None:
    # CONF-08
    own = entries(cluster, BROKER, "1")
    assert (own["node.id"].value, own["log.retention.hours"].value) == ("1", "100")
    assert entries(cluster, BROKER, "") == {}
    change(cluster, (BROKER, "", [("log.cleaner.threads", SET, "2")]))
    default = entries(cluster, BROKER, "")
    assert {key: (entry.value, entry.config_source) for key, entry in default.items()} == {
        "log.cleaner.threads": ("2", 3)
    }
    for name in ("2", "abc", "-1"):
        assert describe(cluster, BROKER, name).error_code == errors.INVALID_REQUEST


def test_group_is_described_though_it_does_not_exist(cluster: Cluster) -> None:
    # CONF-10
    change(cluster, (GROUP, "g", [("consumer.session.timeout.ms", SET, "50000")]))
    assert value(cluster, "consumer.session.timeout.ms", GROUP, "g") == ("50000", 8)
    assert value(cluster, "consumer.session.timeout.ms", GROUP, "other") == ("45000", 5)
    assert "share.session.timeout.ms" in entries(cluster, GROUP, "g")
    assert describe(cluster, GROUP, "").error_code == errors.INVALID_REQUEST


def test_values_are_canonical(cluster: Cluster) -> None:
    # CONF-12
    raw: list[Operation] = [
        ("cleanup.policy", SET, " compact , delete "),
        ("preallocate", SET, "TRUE"),
        ("retention.ms", SET, " 05 "),
    ]
    assert change(cluster, (TOPIC, "t", raw)) == [0]
    assert value(cluster, "cleanup.policy")[0] == "compact,delete"
    assert value(cluster, "preallocate")[0] == "true"
    assert value(cluster, "retention.ms")[0] == "5"


@pytest.mark.parametrize("version", versions_of(44))
def test_incremental_change_leaves_other_keys_alone(cluster: Cluster, version: int) -> None:
    # CONF-13
    change(cluster, (TOPIC, "t", [("retention.ms", SET, "7"), ("segment.ms", SET, "9")]), version=version)
    mixed: list[Operation] = [("cleanup.policy", APPEND, "compact"), ("segment.ms", DELETE, None)]
    change(cluster, (TOPIC, "t", mixed), version=version)
    assert cluster.image.topics["t"].config == {"retention.ms": "7", "cleanup.policy": "delete,compact"}
    assert change(cluster, (TOPIC, "t", [("flush.ms", DELETE, None), ("foo", DELETE, None)]), version=version) == [0]
    assert change(cluster, (TOPIC, "t", []), version=version) == [0]


def test_lists_grow_and_shrink(cluster: Cluster) -> None:
    # CONF-14
    change(cluster, (TOPIC, "t", [("cleanup.policy", APPEND, "delete,compact,compact")]))
    assert value(cluster, "cleanup.policy") == ("delete,compact", 1)
    change(cluster, (TOPIC, "t", [("cleanup.policy", SUBTRACT, "delete")]))
    assert value(cluster, "cleanup.policy") == ("compact", 1)
    assert change(cluster, (TOPIC, "t", [("cleanup.policy", SUBTRACT, "delete")])) == [0]
    for operation in (APPEND, SUBTRACT):
        assert change(cluster, (TOPIC, "t", [("retention.ms", operation, "1")])) == [errors.INVALID_CONFIG]
        assert change(cluster, (TOPIC, "t", [("foo", operation, "1")])) == [errors.INVALID_CONFIG]
    assert change(cluster, (BROKER, "", [("log.cleanup.policy", APPEND, "compact")])) == [0]
    assert value(cluster, "log.cleanup.policy", BROKER, "1") == ("delete,compact", 3)


def test_misformed_changes(cluster: Cluster) -> None:
    # CONF-15
    refused = [errors.INVALID_REQUEST]
    assert change(cluster, (TOPIC, "t", [("retention.ms", SET, "1"), ("retention.ms", SET, "2")])) == refused
    for operation in (SET, APPEND, SUBTRACT):
        assert change(cluster, (TOPIC, "t", [("cleanup.policy", operation, None)])) == refused
    assert change(cluster, (TOPIC, "t", [("retention.ms", 7, "1")])) == refused
    twice: tuple[int, str, list[Operation]] = (TOPIC, "t", [("retention.ms", SET, "1")])
    assert change(cluster, twice, (TOPIC, "u", []), twice) == [*refused, 0, *refused]
    assert change(cluster, (TOPIC, "", []), (BROKER_LOGGER, "1", []), (99, "x", [])) == refused * 3
    assert cluster.image.topics["t"].config == {}


def test_bad_value_fails_its_resource_only(cluster: Cluster) -> None:
    # CONF-16
    codes = change(
        cluster,
        (TOPIC, "t", [("segment.bytes", SET, "2000000"), ("retention.ms", SET, "x")]),
        (TOPIC, "u", [("retention.ms", SET, "5")]),
        (GROUP, "g", [("foo", SET, "5")]),
    )
    assert codes == [errors.INVALID_CONFIG, 0, errors.INVALID_CONFIG]
    assert change(cluster, (TOPIC, "t", [("foo", SET, "1")])) == [errors.INVALID_CONFIG]
    assert (cluster.image.topics["t"].config, cluster.image.topics["u"].config) == ({}, {"retention.ms": "5"})


def test_unknown_topic_cannot_be_changed(cluster: Cluster) -> None:
    # CONF-17
    assert change(cluster, (TOPIC, "no", [])) == [errors.UNKNOWN_TOPIC_OR_PARTITION]
    assert replace(cluster, (TOPIC, "no", {})) == [errors.UNKNOWN_TOPIC_OR_PARTITION]
    assert change(cluster, (TOPIC, "no", [("retention.ms", SET, "soon")])) == [errors.INVALID_CONFIG]  # seen first


def test_validate_only_changes_nothing(cluster: Cluster) -> None:
    # CONF-18
    good: list[Operation] = [("retention.ms", SET, "5")]
    assert change(cluster, (TOPIC, "t", good), validate_only=True) == [0]
    assert replace(cluster, (TOPIC, "t", {"retention.ms": "5"}), validate_only=True) == [0]
    assert change(cluster, (TOPIC, "t", [("retention.ms", SET, "x")]), validate_only=True) == [errors.INVALID_CONFIG]
    assert cluster.image.topics["t"].config == {}


@pytest.mark.parametrize("version", versions_of(33))
def test_legacy_change_replaces_the_whole_set(cluster: Cluster, version: int) -> None:
    # CONF-19
    replace(cluster, (TOPIC, "t", {"retention.ms": "5", "segment.ms": "9"}), version=version)
    assert replace(cluster, (TOPIC, "t", {"segment.ms": "10"}), version=version) == [0]
    assert cluster.image.topics["t"].config == {"segment.ms": "10"}
    assert replace(cluster, (TOPIC, "t", {"segment.ms": None}), version=version) == [errors.INVALID_REQUEST]
    assert replace(cluster, (TOPIC, "t", {"foo": "1"}), version=version) == [errors.INVALID_CONFIG]
    assert cluster.image.topics["t"].config == {"segment.ms": "10"}
    assert replace(cluster, (TOPIC, "t", {}), version=version) == [0]
    assert cluster.image.topics["t"].config == {}


def test_change_takes_hold_of_open_logs(cluster: Cluster) -> None:
    # CONF-20
    partition, other = cluster.partitions.get("t", 0), cluster.partitions.get("u", 0)
    append(partition, a_batch(value=b"x" * 500))
    change(cluster, (TOPIC, "t", [("max.message.bytes", SET, "100"), ("min.insync.replicas", SET, "2")]))
    with pytest.raises(KafkaError) as raised:
        append(partition, a_batch(value=b"x" * 500))
    assert raised.value.code == errors.MESSAGE_TOO_LARGE
    assert partition.config.min_insync_replicas == 2
    append(other, a_batch(value=b"x" * 500))
    change(cluster, (BROKER, "1", [("message.max.bytes", SET, "200")]))
    assert (partition.config.max_message_bytes, other.config.max_message_bytes) == (100, 200)
    change(cluster, (BROKER, "1", [("message.max.bytes", DELETE, None)]))
    assert other.config.max_message_bytes == 1048588
    change(cluster, (TOPIC, "t", [("cleanup.policy", SET, "compact")]))
    assert partition.config.is_compacted


def test_broker_changes_that_are_refused(cluster: Cluster) -> None:
    # CONF-21
    refused = [errors.INVALID_REQUEST]
    for key, text in (("num.partitions", "2"), ("node.id", "5"), ("log.retention.ms", "x"), ("compression.type", "x")):
        for name in ("1", ""):
            assert change(cluster, (BROKER, name, [(key, SET, text)])) == refused
    assert change(cluster, (BROKER, "", [("listeners", SET, "PLAINTEXT://localhost:1")])) == refused
    for name in ("2", "abc"):
        assert change(cluster, (BROKER, name, [("log.retention.ms", SET, "1")])) == refused
    assert entries(cluster, BROKER, "") == {}


def test_broker_changes_are_kept_apart_by_name(cluster: Cluster) -> None:
    # CONF-26
    for name, text in (("", "1000"), ("1", "2000")):
        change(cluster, (BROKER, name, [("log.retention.ms", SET, text)]))
    again = cluster.restarted()
    assert value(again, "retention.ms") == ("2000", 2)
    assert replace(again, (BROKER, "1", {})) == [0]
    assert value(again, "retention.ms") == ("1000", 3)
    assert again.services.config.milliseconds("log.retention.ms") == 1000


def test_client_metrics_subscriptions_are_kept(cluster: Cluster) -> None:
    # CONF-11, CONF-23
    assert change(cluster, (CLIENT_METRICS, "s", [("metrics", SET, "a,b"), ("interval.ms", SET, "1000")])) == [0]
    found = entries(cluster.restarted(), CLIENT_METRICS, "s")
    assert {key: (e.value, e.config_source) for key, e in found.items()} == {
        "interval.ms": ("1000", 7), "match": ("", 5), "metrics": ("a,b", 7),
    }  # fmt: skip
    assert value(cluster, "interval.ms", CLIENT_METRICS, "other") == ("300000", 5)
    assert describe(cluster, CLIENT_METRICS, "").error_code == errors.INVALID_REQUEST
    for key, text in (("interval.ms", "1"), ("interval.ms", "3600001"), ("foo", "1")):
        assert change(cluster, (CLIENT_METRICS, "s", [(key, SET, text)])) == [errors.INVALID_REQUEST]
    for key, text in (("interval.ms", "x"), ("match", "x"), ("match", "client_id=["), ("metrics", "a,")):
        assert change(cluster, (CLIENT_METRICS, "s", [(key, SET, text)])) == [errors.INVALID_CONFIG]
    for operation in (APPEND, SUBTRACT):  # the controller does not know that these are lists
        assert change(cluster, (CLIENT_METRICS, "s", [("metrics", operation, "c")])) == [errors.INVALID_CONFIG]
    low: list[Operation] = [("consumer.session.timeout.ms", SET, "1")]
    assert change(cluster, (GROUP, "g", low)) == [errors.INVALID_CONFIG]


def test_what_cannot_be_described(cluster: Cluster) -> None:
    for kind in (0, BROKER_LOGGER, 99):
        assert describe(cluster, kind, "1").error_code == errors.INVALID_REQUEST
