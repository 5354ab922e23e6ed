"""pykbroker and Apache Kafka side by side, with the same settings, and the versions that both know."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pykbroker.wire import catalog
from pykbroker.wire.messages.api_versions import ApiVersionsRequest
from pykbroker.wire.messages.describe_groups import DescribeGroupsRequest
from pykbroker.wire.messages.find_coordinator import FindCoordinatorRequest
from pykbroker.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from pykbroker.wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest
from tests.compat.oracle.connection import Connection
from tests.compat.oracle.node import Versions
from tests.compat.polling import eventually
from tests.compat.process import Broker, KafkaBroker

T = TypeVar("T")

SAFE_DOWNGRADE, BROKER, DELETE = 2, 4, 1

SETTINGS = {
    "node.id": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",  # Kafka's 6 s is long to wait for
    "offsets.topic.replication.factor": "1",
}
"""What both brokers are started with."""

PATIENT = {"broker.session.timeout.ms": "60000", "broker.heartbeat.interval.ms": "2000"}
"""What Kafka is started with besides: where all is slow, its controller would fence its broker, and elect anew."""


class Pair:
    """pykbroker (`ours`) and the referee (`kafka`), running inside a `with`; `versions` are those that both serve."""

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        overrides = {**SETTINGS, **(settings or {})}
        self.ours = Broker(directory / "ours", overrides)
        self.kafka = KafkaBroker(directory / "kafka", {**overrides, **PATIENT})
        self.versions: Versions = {}

    def start(self) -> "Pair":
        """Start both; return when their group coordinators answer."""
        self.both(lambda broker: broker.start())
        ours, kafkas = self.both(_served)
        self.versions = {
            key: (max(low, ours[key][0], catalog.APIS[key].lowest), min(high, ours[key][1]))
            for key, (low, high) in kafkas.items()
            if key in ours
        }
        _without_eligible_leader_replicas(self.kafka)
        self.both(_await_coordinator)
        return self

    def restart(self) -> None:
        """Stop both cleanly and start them again."""
        self.both(lambda broker: broker.restart())
        self.both(_await_coordinator)

    def stop(self) -> None:
        """Stop both."""
        self.both(lambda broker: broker.process and broker.stop())

    def __enter__(self) -> "Pair":
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def both(self, do: Callable[[Broker], T]) -> tuple[T, T]:
        """Do something to pykbroker and to Kafka at the same time; return both results in this order."""
        with ThreadPoolExecutor(2) as pool:
            ours, kafkas = pool.submit(do, self.ours), pool.submit(do, self.kafka)
            return ours.result(), kafkas.result()


def _without_eligible_leader_replicas(kafka: Broker) -> None:
    """Take Kafka's cluster to the features that ours has (docs/skipped.md).

    With eligible leader replicas (KIP-966), Kafka stores a cluster-wide `min.insync.replicas` at its first start, and
    every description of configs would tell where that comes from.
    """
    connection = Connection(kafka.host, kafka.port)
    feature = FeatureUpdateKey(
        feature="eligible.leader.replicas.version", max_version_level=0, upgrade_type=SAFE_DOWNGRADE
    )
    removal = AlterableConfig(name="min.insync.replicas", config_operation=DELETE, value=None)
    everywhere = AlterConfigsResource(resource_type=BROKER, resource_name="", configs=[removal])
    connection.send(UpdateFeaturesRequest(feature_updates=[feature], timeout_ms=10000), 1)
    connection.send(IncrementalAlterConfigsRequest(resources=[everywhere]), 1)
    updated, altered = connection.receive(), connection.receive()
    connection.close()
    assert not updated.error_code, updated
    assert not altered.responses[0].error_code, altered


def _served(broker: Broker) -> Versions:
    connection = Connection(broker.host, broker.port)
    connection.send(ApiVersionsRequest(client_software_name="oracle", client_software_version="1"), 3)
    answer = connection.receive()
    connection.close()
    return {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}


_GROUPS = [f"warm-up-{number}" for number in range(400)]
"""So many groups that each partition of `__consumer_offsets` has one."""


def _await_coordinator(broker: Broker) -> None:
    """Return when all groups have a coordinator that has loaded."""

    def loaded() -> bool:
        connection = Connection(broker.host, broker.port)
        connection.send(FindCoordinatorRequest(key="oracle"), 1)
        connection.send(DescribeGroupsRequest(groups=_GROUPS), 5)
        found, described = connection.receive(), connection.receive()
        connection.close()
        return not found.error_code and not any(group.error_code for group in described.groups)

    eventually(loaded, why="the coordinator is there")
