"""`MetadataShard`: the controller's state machine. Its hard state is the `Image`; its log is `__cluster_metadata-0`.

Operations return an `Outcome`; what they decide is in `topics.py` and `configs.py`. A KRaft log also has control
batches (leader changes, snapshot headers), which whoever reads the log skips before `decode` sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pykbroker import errors
from pykbroker.env import Random, random_uuid
from pykbroker.errors import KafkaError
from pykbroker.metadata import configs, records, replay, topics
from pykbroker.metadata.elections import elect
from pykbroker.metadata.features import FINALIZED, SUPPORTED
from pykbroker.metadata.image import Endpoint, Image
from pykbroker.metadata.rules import BrokerRules
from pykbroker.shard import KeyValue, Outcome
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import (
    BrokerEndpoint,
    BrokerFeature,
    FeatureLevelRecord,
    ProducerIdsRecord,
    RegisterBrokerRecord,
)

PRODUCER_ID_BLOCK: Final = 1000
UNASSIGNED_DIRECTORY: Final = bytes(16)


class Registration:
    """How a broker presents itself when it starts; `log_dirs` are directory ids."""

    __slots__ = ("broker_id", "endpoints", "log_dirs", "rack")

    def __init__(
        self, broker_id: int, endpoints: Sequence[Endpoint], rack: str | None = None, log_dirs: Sequence[bytes] = ()
    ) -> None:
        self.broker_id = broker_id
        self.endpoints = endpoints
        self.rack = rack
        self.log_dirs = log_dirs


class MetadataShard:
    """Decides, encodes, replays. Owns the image."""

    def __init__(self, image: Image, rules: BrokerRules, random: Random) -> None:
        self.image = image
        self._rules = rules
        self._random = random
        self.directory = UNASSIGNED_DIRECTORY

    def encode(self, record: Message) -> KeyValue:
        """Return the record as it is stored: no key, and a framed value."""
        return None, records.encode(record)

    def decode(self, key: bytes | None, value: bytes | None) -> Message | None:
        """Return a stored record, or None for a kind that we do not know."""
        return None if value is None else records.decode(value)

    def replay(self, record: Message) -> None:
        """Apply a stored record to the image."""
        replay.apply(self.image, record)

    def loaded(self) -> None:
        """There is no soft state to start."""

    def register(self, registration: Registration) -> Outcome[Message, int]:
        """Register a broker that starts, and finalize features in a new cluster. The reply is its broker epoch.

        It is registered unfenced at once: with one broker, nobody else could wait for its first heartbeat. It leads at
        once what nobody leads (`elections.py`).
        """
        wanted: list[Message] = []
        if not self.image.features:
            wanted += [FeatureLevelRecord(name=name, feature_level=level) for name, level in FINALIZED.items()]
        before = self.image.brokers.get(registration.broker_id)
        epoch = self.image.version if before is None else max(self.image.version, before.epoch + 1)
        wanted.append(
            RegisterBrokerRecord(
                broker_id=registration.broker_id,
                incarnation_id=random_uuid(self._random),
                broker_epoch=epoch,
                end_points=[
                    BrokerEndpoint(name=e.listener, host=e.host, port=e.port, security_protocol=e.security_protocol)
                    for e in registration.endpoints
                ],
                features=[
                    BrokerFeature(name=name, min_supported_version=low, max_supported_version=high)
                    for name, (low, high) in SUPPORTED.items()
                ],
                rack=registration.rack,
                fenced=False,
                log_dirs=list(registration.log_dirs),
            )
        )
        wanted += elect(self.image, registration.broker_id)
        # With several directories the store picks one when the first record comes; until then none is assigned.
        self.directory = registration.log_dirs[0] if len(registration.log_dirs) == 1 else UNASSIGNED_DIRECTORY
        return Outcome(epoch, wanted)

    def create_topics(
        self, wanted: Sequence[topics.NewTopic], validate_only: bool = False
    ) -> Outcome[Message, list[topics.TopicResult]]:
        """Create topics; see `topics.create`."""
        decided, results = topics.create(self.image, wanted, self._placement(), self._rules.new_topic_configs)
        return Outcome(results, () if validate_only else decided)

    def delete_topics(self, wanted: Sequence[tuple[str | None, bytes]]) -> Outcome[Message, list[topics.TopicResult]]:
        """Delete topics by name or id; see `topics.delete`."""
        decided, results = topics.delete(self.image, wanted)
        return Outcome(results, decided)

    def create_partitions(
        self, wanted: Sequence[topics.Growth], validate_only: bool = False
    ) -> Outcome[Message, list[topics.TopicResult]]:
        """Add partitions; see `topics.grow`."""
        decided, results = topics.grow(self.image, wanted, self._placement())
        return Outcome(results, () if validate_only else decided)

    def alter_configs(
        self, wanted: Sequence[configs.Alteration], validate_only: bool = False
    ) -> Outcome[Message, list[configs.AlterResult]]:
        """Change configs; see `configs.alter`."""
        decided, results = configs.alter(self.image, wanted, self._rules)
        return Outcome(results, () if validate_only else decided)

    def producer_id_block(self, broker_id: int) -> Outcome[Message, range]:
        """Give a broker the next block of producer ids, never given before (`ProducerIdControlManager`).

        Raises BROKER_ID_NOT_REGISTERED.
        """
        broker = self.image.brokers.get(broker_id)
        if broker is None:
            raise KafkaError(errors.BROKER_ID_NOT_REGISTERED)
        first = self.image.next_producer_id
        record = ProducerIdsRecord(
            broker_id=broker_id,
            broker_epoch=broker.epoch,
            next_producer_id=first + PRODUCER_ID_BLOCK,
        )
        return Outcome(range(first, first + PRODUCER_ID_BLOCK), (record,))

    def _placement(self) -> topics.Placement:
        rules = self._rules
        return topics.Placement(
            rules.default_partitions, rules.default_replicas, self.directory, lambda: random_uuid(self._random)
        )
