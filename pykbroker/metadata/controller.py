"""`Controller`: the one door through which metadata changes; plain methods around the metadata shard.

Everything is there when a method returns: the records are stored and replayed, and those who listen were told. A
failed append raises KafkaError and changes nothing. Results are item by item, with the item's error in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from pykbroker.config import Config
from pykbroker.env import Clock, Env
from pykbroker.errors import KafkaError
from pykbroker.later import Later
from pykbroker.metadata.configs import Alteration, AlterResult
from pykbroker.metadata.image import BROKER, METADATA_TOPIC_ID, SECURITY_PROTOCOLS, Endpoint, Image, Topic
from pykbroker.metadata.names import CLUSTER_METADATA_TOPIC, GROUP_METADATA_TOPIC, INTERNAL_TOPICS
from pykbroker.metadata.rules import BrokerRules
from pykbroker.metadata.shard import MetadataShard, Registration
from pykbroker.metadata.snapshots import MetadataSnapshots
from pykbroker.metadata.topics import Growth, NewTopic, TopicResult
from pykbroker.shard import Outcome, ShardRunner
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.wire.message import Message

R = TypeVar("R")


class Controller:
    """Runs metadata operations and tells listeners. Owns the block of producer ids in use."""

    __slots__ = (
        "_producer_ids", "_rules", "_runner", "_shard", "_snapshots", "image", "on_configs_changed",
        "on_topics_deleted",
    )  # fmt: skip

    def __init__(
        self,
        shard: MetadataShard,
        rules: BrokerRules,
        partition: Partition,
        clock: Clock,
        snapshots: MetadataSnapshots,
    ) -> None:
        """`partition` is `__cluster_metadata-0`; the shard has the image that `snapshots` loaded."""
        self.image: Image = shard.image
        self.on_topics_deleted: list[Callable[[Collection[Topic]], None]] = []
        self.on_configs_changed: list[Callable[[Collection[tuple[int, str]]], None]] = []
        self._shard = shard
        self._rules = rules
        self._runner: ShardRunner[Message] = ShardRunner(shard, partition, clock)
        self._snapshots = snapshots
        self._producer_ids = iter(range(0))

    @property
    def config(self) -> Config:
        """The broker's settings in effect: another object after every change (`on_configs_changed`)."""
        return self._rules.config

    @property
    def partition(self) -> Partition:
        """`__cluster_metadata-0`: who watches it is told of every change."""
        return self._runner.partition

    def log_config(self, overrides: Mapping[str, str]) -> LogConfig:
        """Return what the logs of a topic obey that has these configs of its own."""
        return self._rules.log_config(overrides)

    def load(self, start: int) -> None:
        """Replay the metadata log from `start` on; the broker's own dynamic configs take effect."""
        self._runner.load(start)
        self._rules.apply_broker_configs(self.image)
        self._snapshots.follow(self.image, start)

    def register_broker(self, registration: Registration) -> int:
        """Register this broker, at its start; return its broker epoch."""
        return self._run(lambda: self._shard.register(registration))

    def create_topics(self, wanted: Sequence[NewTopic], validate_only: bool = False) -> list[TopicResult]:
        """Create topics; those without an error can be used at once."""
        return self._run(lambda: self._shard.create_topics(wanted, validate_only))

    def auto_create(self, name: str) -> KafkaError | None:
        """Create a topic that somebody asked for, with the broker's defaults; return why not, or None."""
        wanted = self._internal_topic(name) if name in INTERNAL_TOPICS else NewTopic(name)
        return self.create_topics([wanted])[0].error

    def ensure_internal_topic(self, name: str = GROUP_METADATA_TOPIC) -> Topic:
        """Return an internal topic; it is created from the broker's settings if it is missing (INT-01)."""
        topic = self.image.topics.get(name)
        if topic is None:
            error = self.create_topics([self._internal_topic(name)])[0].error
            if error is not None:
                raise error
            topic = self.image.topics[name]
        return topic

    def delete_topics(self, wanted: Sequence[tuple[str | None, bytes]]) -> list[TopicResult]:
        """Delete topics, each by name or by id (the other one None, or zero), with all they hold."""
        before = dict(self.image.topics_by_id)
        results = self._run(lambda: self._shard.delete_topics(wanted))
        gone = [before[result.id] for result in results if result.error is None]
        if gone:
            for listener in self.on_topics_deleted:
                listener(gone)
        return results

    def create_partitions(self, wanted: Sequence[Growth], validate_only: bool = False) -> list[TopicResult]:
        """Add partitions to topics."""
        return self._run(lambda: self._shard.create_partitions(wanted, validate_only))

    def alter_configs(self, wanted: Sequence[Alteration], validate_only: bool = False) -> list[AlterResult]:
        """Change what is set on resources; results are in order of request."""
        results = self._run(lambda: self._shard.alter_configs(wanted, validate_only))
        changed = [(result.resource_type, result.name) for result in results if result.error is None]
        if changed and not validate_only:
            if any(kind == BROKER for kind, _ in changed):
                self._rules.apply_broker_configs(self.image)
            for listener in self.on_configs_changed:
                listener(changed)
        return results

    def decide(self, decision: Callable[[Image], tuple[Sequence[Message], R]], validate_only: bool = False) -> R:
        """Carry out a decision that nobody listens to; return its result.

        It is given the image, and returns what is to be stored, and the result. `validate_only` stores nothing.
        """

        def operation() -> Outcome[Message, R]:
            records, result = decision(self.image)
            return Outcome(result, () if validate_only else records)

        return self._run(operation)

    def allocate_producer_id(self) -> int:
        """Return a producer id that was never given to anyone, in this cluster's whole life (TXN-01).

        The log says which block is in use before the first of its ids is given away; what is left of a block is lost
        when the broker stops.
        """
        producer_id = next(self._producer_ids, None)
        if producer_id is None:
            block = self._run(lambda: self._shard.producer_id_block(self._rules.node_id))
            self._producer_ids = iter(block)
            producer_id = next(self._producer_ids)
        return producer_id

    def close(self) -> None:
        """Drop timers."""
        self._runner.close()
        self._snapshots.close()

    def _internal_topic(self, name: str) -> NewTopic:
        partitions, replicas, configs = self._rules.internal_topic(name)
        # COORD-03: the default replication factor 3 would leave a single broker without any coordinator.
        return NewTopic(name, partitions, min(replicas, len(self.image.brokers)), configs=configs)

    def _run(self, operation: Callable[[], Outcome[Message, R]]) -> R:
        reply = self._runner.submit(operation)
        assert not isinstance(reply, Later), "metadata operations answer at once"
        return reply


def open_controller(env: Env, store: Store, config: Config) -> Controller:
    """Return the controller over an open store: its log replayed, and this broker not registered yet."""
    assert store.cluster_id is not None, "the store is open"
    # A directory that Kafka wrote has the epochs of its controllers, and those of a Raft log never go back.
    partition = store.partition(CLUSTER_METADATA_TOPIC, 0, METADATA_TOPIC_ID, _log_config(config), leader_epoch=-1)
    store.flush_first(partition)
    snapshots = MetadataSnapshots(env, partition, store.cluster_id, config)
    image, start = snapshots.load()
    rules = BrokerRules(config)
    controller = Controller(MetadataShard(image, rules, env.random), rules, partition, env.clock, snapshots)
    controller.load(start)
    return controller


def _log_config(config: Config) -> LogConfig:
    """Return what the metadata log obeys. Only below its start, which snapshots move, does anything of it go."""
    return LogConfig(
        segment_bytes=config.integer(
            "metadata.log.segment.bytes"
            if config["internal.metadata.log.segment.bytes"] is None
            else "internal.metadata.log.segment.bytes"
        ),
        segment_ms=config.integer("metadata.log.segment.ms"),
        retention_ms=-1,
        retention_bytes=-1,
        file_delete_delay_ms=config.integer("internal.metadata.delete.delay.millis"),
    )


def registration_of(store: Store, config: Config) -> Registration:
    """Return how this broker presents itself. Listeners have their real ports by now: see `Server`."""
    endpoints = [
        Endpoint(each.name, each.host, each.port, SECURITY_PROTOCOLS[each.protocol])
        for each in config.advertised_listeners
    ]
    rack = config.text("broker.rack") or None
    return Registration(config.node_id, endpoints, rack, [directory.directory_id for directory in store.online])
