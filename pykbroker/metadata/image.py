"""`Image`: what exists, as of the last metadata record. Only `replay.apply` changes it; everyone may read it.

    topics        name -> Topic, with its partitions and its own configs
    topics_by_id  the same topics by id
    brokers       id -> BrokerState: endpoints by listener
    configs       (resource type, name) -> {key: value}, of all kinds of resources, topics too
    features      finalized level by feature
    quotas        QuotaEntity -> {key: value}
    scram         (user, mechanism's number) -> ScramCredential

`version` grows with every record. Whoever derives something from the image keeps it as long as `version` stays.
"""

from __future__ import annotations

from typing import Final

from pykbroker.metadata.names import INTERNAL_TOPICS, folded

TOPIC: Final = 2
BROKER: Final = 4
BROKER_LOGGER: Final = 8
CLIENT_METRICS: Final = 16
GROUP: Final = 32
METADATA_TOPIC_ID: Final = bytes(15) + b"\1"

QuotaEntity = tuple[tuple[str, str | None], ...]
"""Whom quotas are for: (entity type, name, or None for the default of the type), sorted by type."""

PLAINTEXT: Final = 0
SECURITY_PROTOCOLS: Final = {"PLAINTEXT": 0, "SSL": 1, "SASL_PLAINTEXT": 2, "SASL_SSL": 3}


class PartitionState:
    """Who leads a partition and who holds it; replaced, not changed, when a record says so."""

    __slots__ = ("directories", "index", "isr", "leader", "leader_epoch", "partition_epoch", "replicas")

    def __init__(
        self,
        index: int,
        leader: int,
        leader_epoch: int,
        partition_epoch: int,
        replicas: list[int],
        isr: list[int],
        directories: list[bytes],
    ) -> None:
        self.index = index
        self.leader = leader
        self.leader_epoch = leader_epoch
        self.partition_epoch = partition_epoch
        self.replicas = replicas
        self.isr = isr
        self.directories = directories


class Topic:
    """A topic: its partitions in order of their numbers, and the configs set on it (not the effective ones)."""

    __slots__ = ("config", "id", "name", "partitions")

    def __init__(self, name: str, topic_id: bytes, config: dict[str, str]) -> None:
        self.name = name
        self.id = topic_id
        self.partitions: list[PartitionState] = []
        self.config = config

    @property
    def is_internal(self) -> bool:
        """Whether the broker itself keeps state in it (MD-14)."""
        return self.name in INTERNAL_TOPICS


class Endpoint:
    """Where one listener of a broker is reached by clients."""

    __slots__ = ("host", "listener", "port", "security_protocol")

    def __init__(self, listener: str, host: str, port: int, security_protocol: int = PLAINTEXT) -> None:
        self.listener = listener
        self.host = host
        self.port = port
        self.security_protocol = security_protocol


class BrokerState:
    """A registered broker."""

    __slots__ = ("endpoints", "epoch", "features", "fenced", "id", "incarnation_id", "log_dirs", "rack")

    def __init__(
        self,
        broker_id: int,
        epoch: int,
        incarnation_id: bytes,
        endpoints: dict[str, Endpoint],
        features: dict[str, tuple[int, int]],
        rack: str | None,
        fenced: bool,
        log_dirs: list[bytes],
    ) -> None:
        self.id = broker_id
        self.epoch = epoch
        self.incarnation_id = incarnation_id
        self.endpoints = endpoints
        self.features = features
        self.rack = rack
        self.fenced = fenced
        self.log_dirs = log_dirs


class ScramCredential:
    """What a user's password is checked against (RFC 5802); replaced, not changed, when a record says so."""

    __slots__ = ("iterations", "salt", "server_key", "stored_key")

    def __init__(self, salt: bytes, stored_key: bytes, server_key: bytes, iterations: int) -> None:
        self.salt = salt
        self.stored_key = stored_key
        self.server_key = server_key
        self.iterations = iterations


class Image:
    """The whole metadata. Owned by the metadata shard."""

    __slots__ = (
        "_by_folded_name", "brokers", "cluster_id", "configs", "features", "next_producer_id", "quotas", "scram",
        "topics", "topics_by_id", "version",
    )  # fmt: skip

    def __init__(self, cluster_id: str = "") -> None:
        self.cluster_id = cluster_id
        self.topics: dict[str, Topic] = {}
        self.topics_by_id: dict[bytes, Topic] = {}
        self.brokers: dict[int, BrokerState] = {}
        self.configs: dict[tuple[int, str], dict[str, str]] = {}
        self.features: dict[str, int] = {}
        self.quotas: dict[QuotaEntity, dict[str, float]] = {}
        self.scram: dict[tuple[str, int], ScramCredential] = {}
        self.next_producer_id = 0
        self.version = 0
        self._by_folded_name: dict[str, str] = {}

    def config_of(self, resource_type: int, name: str) -> dict[str, str]:
        """Return what is set on a resource; empty if nothing is. Not to be changed."""
        return self.configs.get((resource_type, name), {})

    def topic_like(self, name: str) -> str | None:
        """Return an existing topic's name that is the same as `name` but for `.` and `_`; None if there is none."""
        return self._by_folded_name.get(folded(name))

    def add_topic(self, name: str, topic_id: bytes) -> None:
        """Add a topic without partitions yet; for replay only."""
        topic = Topic(name, topic_id, self.configs.setdefault((TOPIC, name), {}))
        self.topics[name] = topic
        self.topics_by_id[topic_id] = topic
        self._by_folded_name[folded(name)] = name

    def remove_topic(self, topic_id: bytes) -> None:
        """Remove a topic with its configs; for replay only."""
        topic = self.topics_by_id.pop(topic_id)
        del self.topics[topic.name]
        self.configs.pop((TOPIC, topic.name), None)
        self._by_folded_name.pop(folded(topic.name), None)

    def set_config(self, resource_type: int, name: str, key: str, value: str | None) -> None:
        """Set one config, or remove it (None); for replay only."""
        resource = (resource_type, name)
        entries = self.configs.setdefault(resource, {})
        if value is None:
            entries.pop(key, None)
        else:
            entries[key] = value
        if not entries and resource_type != TOPIC:  # a topic holds on to its own dictionary
            del self.configs[resource]

    def set_quota(self, entity: QuotaEntity, key: str, value: float | None) -> None:
        """Set one quota, or remove it (None); for replay only."""
        quotas = self.quotas.setdefault(entity, {})
        if value is None:
            quotas.pop(key, None)
        else:
            quotas[key] = value
        if not quotas:
            del self.quotas[entity]
