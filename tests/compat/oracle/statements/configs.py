"""CONF: DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, ListConfigResources."""

from collections.abc import Iterator, Sequence
from typing import Any

from pykbroker.config import DEVIATIONS
from pykbroker.wire.messages import alter_configs
from pykbroker.wire.messages.alter_configs import AlterConfigsRequest
from pykbroker.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from pykbroker.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from pykbroker.wire.messages.list_config_resources import ListConfigResourcesRequest
from tests.compat.oracle.asking import (
    APPEND,
    BROKER,
    BROKER_LOGGER,
    CLIENT_METRICS,
    DELETE,
    GROUP,
    SET,
    SUBTRACT,
    TOPIC,
    alter,
    create,
    settle,
)
from tests.compat.oracle.node import Node
from tests.compat.oracle.statement import statement


def describe(at: Node, kind: int, name: str, keys: Sequence[str] | None = None, **values: Any) -> Any:
    """Describe one resource; return its part of the answer."""
    wanted = DescribeConfigsResource(
        resource_type=kind, resource_name=name, configuration_keys=None if keys is None else list(keys)
    )
    return at.send(DescribeConfigsRequest(resources=[wanted], **values)).results[0]


def value_of(at: Node, kind: int, name: str, key: str) -> str | None:
    """Describe one key; return its value."""
    found = {each.name: each.value for each in describe(at, kind, name, [key]).configs}
    return found.get(key)


@statement(
    "CONF-01",
    "CONF-02",
    "CONF-03",
    "CONF-04",
    "CONF-06",
    "CONF-12",
    api=DescribeConfigsRequest,
    may_differ={
        "CreateTopics.topics.configs.value": "Kafka repeats the request's text here, not in DescribeConfigs",
    },
)
def topic_configs(at: Node) -> None:
    topic = create(at, retention_ms="0012345", cleanup_policy="compact, delete", preallocate="FALSE")
    assert len(describe(at, TOPIC, topic).configs) > 20
    describe(at, TOPIC, topic, [])
    describe(at, TOPIC, topic, include_synonyms=True)
    found = describe(at, TOPIC, topic, ["retention.ms", "no.such.key"], include_synonyms=True).configs
    assert [each.name for each in found] == ["retention.ms"]
    describe(at, TOPIC, topic, ["cleanup.policy", "preallocate"])
    if at.version >= 3:
        assert describe(at, TOPIC, topic, ["retention.ms"], include_documentation=True).configs[0].documentation


@statement("CONF-07", api=DescribeConfigsRequest)
def unknown_topics(at: Node) -> None:
    assert describe(at, TOPIC, f"{at.name}-none").error_code == 3
    assert describe(at, TOPIC, "a b").error_code == 17
    describe(at, 77, "x")


OWN = {"advertised.listeners", "listeners", "log.dirs", "broker.id", "listener.security.protocol.map"}
"""What each broker has of its own; and what `KafkaBroker` sets for Kafka only, below."""
ONLY_SET_FOR_KAFKA = {
    "controller.quorum.voters",
    "controller.listener.names",
    "broker.session.timeout.ms",
    "broker.heartbeat.interval.ms",
    "inter.broker.listener.name",
    "security.inter.broker.protocol",
}


@statement("CONF-08", "CONF-02", "CONF-03", "CONF-06", api=DescribeConfigsRequest)
def broker_configs(at: Node) -> None:
    asked = (
        "log.retention.ms",
        "log.retention.hours",
        "num.partitions",
        "message.max.bytes",
        "auto.create.topics.enable",
        "group.max.session.timeout.ms",
        "log.cleaner.threads",
        "min.insync.replicas",
        "compression.type",
        "group.min.session.timeout.ms",
        "log.segment.bytes",
        "delete.topic.enable",
        "offsets.topic.num.partitions",
    )
    assert describe(at, BROKER, "1", asked, include_synonyms=True).configs
    describe(at, BROKER, "", include_synonyms=True)
    assert describe(at, BROKER, "9").error_code == 42
    assert describe(at, BROKER, "one").error_code == 42


@statement("CONF-08", "CONF-05", "CONF-04")
def all_broker_configs(at: Node) -> None:
    wanted = DescribeConfigsResource(resource_type=BROKER, resource_name="1", configuration_keys=None)
    found = at.ask(DescribeConfigsRequest(resources=[wanted]))
    skipped = {*OWN, *ONLY_SET_FOR_KAFKA, *DEVIATIONS}  # the last say why themselves
    for each in sorted(found.results[0].configs, key=lambda each: each.name):
        if each.name not in skipped and not each.name.startswith("pykbroker."):
            facts = [each.value, each.read_only, each.config_source, each.config_type, each.is_sensitive]
            at.note(each.name, facts)
    assert {each.value for each in found.results[0].configs if each.is_sensitive} <= {None}


@statement("CONF-09", api=DescribeConfigsRequest)
def loggers_of_others(at: Node) -> None:
    assert describe(at, BROKER_LOGGER, "").error_code == 42
    assert describe(at, BROKER_LOGGER, "9").error_code == 42


@statement("CONF-10", api=DescribeConfigsRequest)
def group_configs(at: Node) -> None:
    assert describe(at, GROUP, at.name, include_synonyms=True).configs
    assert describe(at, GROUP, "").error_code == 42


@statement("CONF-11", api=DescribeConfigsRequest)
def client_metrics(at: Node) -> None:
    describe(at, CLIENT_METRICS, at.name)
    assert describe(at, CLIENT_METRICS, "").error_code == 42
    alter(at, CLIENT_METRICS, at.name, ("interval.ms", SET, "5000"))
    assert describe(at, CLIENT_METRICS, at.name).configs


@statement("INT-01", api=DescribeConfigsRequest)
def internal_topic(at: Node) -> None:
    found = {each.name: each.value for each in describe(at, TOPIC, "__consumer_offsets").configs}
    assert (found["cleanup.policy"], found["compression.type"]) == ("compact", "producer")
    assert found["segment.bytes"] == "104857600"


@statement("CONF-13", api=IncrementalAlterConfigsRequest)
def changing_keys(at: Node) -> None:
    topic = create(at, retention_ms="500000000", segment_ms="77777")
    assert not alter(at, TOPIC, topic, ("retention.ms", SET, "600000000"), ("flush.ms", DELETE, None)).error_code
    assert value_of(at, TOPIC, topic, "retention.ms") == "600000000"
    assert not alter(at, TOPIC, topic, ("retention.ms", DELETE, None)).error_code
    assert value_of(at, TOPIC, topic, "retention.ms") == "604800000"
    describe(at, TOPIC, topic)


@statement("CONF-14", api=IncrementalAlterConfigsRequest)
def appending(at: Node) -> None:
    topic = create(at)
    for how, value in (
        (APPEND, "compact"),
        (APPEND, "compact"),
        (SUBTRACT, "delete"),
        (SUBTRACT, "delete"),
        (APPEND, "delete,compact"),
    ):
        assert not alter(at, TOPIC, topic, ("cleanup.policy", how, value)).error_code
        describe(at, TOPIC, topic, ["cleanup.policy"])
    assert alter(at, TOPIC, topic, ("retention.ms", APPEND, "1")).error_code == 40
    assert alter(at, TOPIC, topic, ("retention.ms", SUBTRACT, "1")).error_code == 40
    alter(at, TOPIC, topic, ("cleanup.policy", SUBTRACT, "delete,compact"))
    describe(at, TOPIC, topic, ["cleanup.policy"])


@statement("CONF-15", api=IncrementalAlterConfigsRequest)
def nonsense(at: Node) -> None:
    topic = create(at)
    assert alter(at, TOPIC, topic, ("retention.ms", SET, "5"), ("retention.ms", SET, "6")).error_code == 42
    for how in (SET, APPEND, SUBTRACT):
        assert alter(at, TOPIC, topic, ("cleanup.policy", how, None)).error_code == 42
    change = AlterableConfig(name="retention.ms", config_operation=SET, value="5000")
    twice = [AlterConfigsResource(resource_type=TOPIC, resource_name=topic, configs=[change]) for _ in range(2)]
    answer = at.send(IncrementalAlterConfigsRequest(resources=twice))
    assert {each.error_code for each in answer.responses} == {42}
    alter(at, TOPIC, topic)
    alter(at, 77, "x", ("retention.ms", SET, "5"))


@statement("CONF-16", "CONF-17", "CONF-25", api=IncrementalAlterConfigsRequest)
def errors_by_resource(at: Node) -> None:
    topic, other = create(at), create(at, "-b")

    def changed(name: str, *changes: tuple[str, str]) -> AlterConfigsResource:
        configs = [AlterableConfig(name=key, config_operation=SET, value=value) for key, value in changes]
        return AlterConfigsResource(resource_type=TOPIC, resource_name=name, configs=configs)

    answer = at.send(
        IncrementalAlterConfigsRequest(
            resources=[
                changed(topic, ("retention.ms", "90000000"), ("no.such.key", "1")),
                changed(f"{topic}-none", ("flush.ms", "9")),
                changed(other, ("retention.ms", "90000000")),
            ]
        )
    )
    assert sorted(each.error_code for each in answer.responses) == [0, 3, 40]
    settle(at)
    assert value_of(at, TOPIC, topic, "retention.ms") == "604800000"
    assert value_of(at, TOPIC, other, "retention.ms") == "90000000"
    for key, value in (
        ("retention.ms", "soon"),
        ("segment.bytes", "1"),
        ("cleanup.policy", "burn"),
        ("retention.ms", ""),
    ):
        assert alter(at, TOPIC, topic, (key, SET, value)).error_code == 40


@statement("CONF-18", api=IncrementalAlterConfigsRequest)
def validating_only(at: Node) -> None:
    topic = create(at)
    assert not alter(at, TOPIC, topic, ("retention.ms", SET, "5"), validate_only=True).error_code
    assert alter(at, TOPIC, topic, ("retention.ms", SET, "x"), validate_only=True).error_code == 40
    assert value_of(at, TOPIC, topic, "retention.ms") == "604800000"


@statement("CONF-19", "CONF-25", api=AlterConfigsRequest)
def legacy_alter(at: Node) -> None:
    topic = create(at, retention_ms="90000000", segment_ms="77777")

    def replaced(**configs: str | None) -> Any:
        entries = [
            alter_configs.AlterableConfig(name=key.replace("_", "."), value=value) for key, value in configs.items()
        ]
        resource = alter_configs.AlterConfigsResource(resource_type=TOPIC, resource_name=topic, configs=entries)
        return at.send(AlterConfigsRequest(resources=[resource])).responses[0]

    assert not replaced(retention_ms="80000000").error_code
    settle(at)
    assert value_of(at, TOPIC, topic, "segment.ms") == "604800000"
    assert value_of(at, TOPIC, topic, "retention.ms") == "80000000"
    assert replaced(retention_ms=None).error_code == 42
    assert replaced(no_such_key="1").error_code == 40
    assert not replaced().error_code
    settle(at)
    assert value_of(at, TOPIC, topic, "retention.ms") == "604800000"


@statement("CONF-21", api=IncrementalAlterConfigsRequest, alone=True)
def broker_changes(at: Node) -> None:
    for name in ("1", ""):
        assert alter(at, BROKER, name, ("num.partitions", SET, "7")).error_code == 42
        assert alter(at, BROKER, name, ("log.cleaner.threads", SET, "many")).error_code in (40, 42)
        alter(at, BROKER, name, ("no.such.key", SET, "1"))
        assert not alter(at, BROKER, name, ("log.retention.ms", SET, "700000000")).error_code
        describe(at, BROKER, "1", ["log.retention.ms"], include_synonyms=True)
        describe(at, BROKER, "", ["log.retention.ms"], include_synonyms=True)
    for name in ("1", ""):
        assert not alter(at, BROKER, name, ("log.retention.ms", DELETE, None)).error_code
    alter(at, BROKER, "9", ("log.retention.ms", SET, "1"))
    alter(at, BROKER, "x", ("log.retention.ms", SET, "1"))


@statement("CONF-23", api=IncrementalAlterConfigsRequest)
def client_metrics_and_groups(at: Node) -> None:
    for key, value in (
        ("interval.ms", "50"),
        ("interval.ms", "x"),
        ("nonsense", "1"),
        ("match", "nonsense=1"),
        ("match", "x"),
    ):
        assert alter(at, CLIENT_METRICS, at.name, (key, SET, value)).error_code in (40, 42)
    for key, value in (("interval.ms", "500"), ("metrics", "a,b"), ("match", "client_id=c.*")):
        assert not alter(at, CLIENT_METRICS, at.name, (key, SET, value)).error_code
    assert alter(at, CLIENT_METRICS, "", ("interval.ms", SET, "500")).error_code == 42
    describe(at, CLIENT_METRICS, at.name)
    assert alter(at, GROUP, at.name, ("consumer.session.timeout.ms", SET, "1")).error_code in (40, 42)
    alter(at, GROUP, at.name, ("consumer.session.timeout.ms", SET, "50000"))
    alter(at, GROUP, at.name, ("nonsense", SET, "1"))
    describe(at, GROUP, at.name, include_synonyms=True)


@statement("CONF-24", api=ListConfigResourcesRequest)
def listing(at: Node) -> None:
    topic = create(at)
    alter(at, CLIENT_METRICS, at.name, ("interval.ms", SET, "500"))
    kinds: list[list[int]] = [[], [CLIENT_METRICS], [TOPIC, BROKER], [BROKER_LOGGER], [GROUP]] if at.version else [[]]
    for kind in kinds:
        answer = at.ask(ListConfigResourcesRequest(resource_types=kind))
        own = sorted(
            [each.resource_type, each.resource_name]
            for each in answer.config_resources
            if each.resource_name in (topic, "1", "", "default") or each.resource_name.startswith(at.name)
        )
        at.note(f"resources of {kind}", [answer.error_code, own])
    if at.version:
        assert at.send(ListConfigResourcesRequest(resource_types=[77])).error_code == 35


@statement("CONF-26", "CONF-20", api=DescribeConfigsRequest, restarts=True)
def configs_survive_a_restart(at: Node) -> Iterator[None]:
    topic = create(at)
    alter(at, TOPIC, topic, ("retention.ms", SET, "1000000000"))
    alter(at, BROKER, "", ("log.cleaner.threads", SET, "2"))
    yield
    assert value_of(at, TOPIC, topic, "retention.ms") == "1000000000"
    describe(at, BROKER, "1", ["log.cleaner.threads"], include_synonyms=True)
    alter(at, BROKER, "", ("log.cleaner.threads", DELETE, None))
