"""`BrokerRules`: the broker's own settings, as far as metadata decisions depend on them; and what is legal to set.

`config` is what is in effect: the static settings under those that metadata has for this broker and for all. It is
another object after every change of those; whoever keeps settings listens to `Controller.on_configs_changed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pykbroker import errors
from pykbroker.config import Config
from pykbroker.config_setting import ConfigError
from pykbroker.config_topic import ROWS as TOPIC_ROWS
from pykbroker.config_topic import log_config_values, validate_topic_config, validate_topic_configs
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import BROKER, CLIENT_METRICS, GROUP, TOPIC, Image
from pykbroker.metadata.names import GROUP_METADATA_TOPIC, SHARE_STATE_TOPIC, TRANSACTION_STATE_TOPIC
from pykbroker.storage.log_config import LogConfig

# Internal topic -> where its settings are: partitions, replicas, segment size, and in-sync replicas or None.
_INTERNAL: Final[dict[str, tuple[str, str, str, str | None]]] = {
    GROUP_METADATA_TOPIC: (
        "offsets.topic.num.partitions", "offsets.topic.replication.factor", "offsets.topic.segment.bytes", None,
    ),
    TRANSACTION_STATE_TOPIC: (
        "transaction.state.log.num.partitions", "transaction.state.log.replication.factor",
        "transaction.state.log.segment.bytes", "transaction.state.log.min.isr",
    ),
    SHARE_STATE_TOPIC: (
        "share.coordinator.state.topic.num.partitions", "share.coordinator.state.topic.replication.factor",
        "share.coordinator.state.topic.segment.bytes", "share.coordinator.state.topic.min.isr",
    ),
}  # fmt: skip


class BrokerRules:
    """Answers from a `Config`. Owns which one is in effect."""

    __slots__ = ("config", "node_id")

    def __init__(self, config: Config) -> None:
        self.config = config
        self.node_id = config.node_id

    @property
    def default_partitions(self) -> int:
        """Partitions of a topic that does not say (TOP-02)."""
        return self.config.integer("num.partitions")

    @property
    def default_replicas(self) -> int:
        """Replication factor of a topic that does not say (TOP-02)."""
        return self.config.integer("default.replication.factor")

    def log_config(self, overrides: Mapping[str, str]) -> LogConfig:
        """Return what the logs of a topic obey that has these configs of its own."""
        return LogConfig(**log_config_values(overrides, self.config))  # type: ignore[arg-type]  # the table has the types

    def new_topic_configs(self, wanted: Mapping[str, str | None]) -> dict[str, str]:
        """Return a new topic's configs in canonical form, or raise INVALID_CONFIG (TOP-08)."""
        try:
            return validate_topic_configs(wanted, self.config)
        except ConfigError as error:
            raise KafkaError(errors.INVALID_CONFIG, str(error)) from error

    def internal_topic(self, name: str) -> tuple[int, int, dict[str, str | None]]:
        """Return partitions, replication factor and configs of an internal topic (INT-01)."""
        partitions, replicas, segment_bytes, min_isr = _INTERNAL[name]
        configs: dict[str, str | None] = {
            "cleanup.policy": "compact" if name != SHARE_STATE_TOPIC else "delete",
            "compression.type": "producer" if name == GROUP_METADATA_TOPIC else "uncompressed",
            "segment.bytes": self._segment_bytes(segment_bytes),
        }
        if name == SHARE_STATE_TOPIC:
            configs["retention.ms"] = "-1"  # its coordinator deletes what it does not need any more
        if min_isr is not None:
            configs["min.insync.replicas"] = str(self.config.integer(min_isr))
        return self.config.integer(partitions), self.config.integer(replicas), configs

    def _segment_bytes(self, name: str) -> str:
        """Return a segment size as topics take it: a broker's setting may be smaller than theirs."""
        text = str(self.config.integer(name))
        try:
            return validate_topic_config("segment.bytes", text)
        except ConfigError:
            return validate_topic_config("segment.bytes", "1048576")

    def list_default(self, resource_type: int, key: str) -> str | None:
        """Return the built-in default of a list; None for a key that is no list of a topic or broker (CONF-14).

        Kafka's controller knows the types of those two only, so lists of others cannot grow or shrink.
        """
        if resource_type == TOPIC:
            rows = TOPIC_ROWS
        elif resource_type == BROKER:
            from pykbroker.config import ROWS as rows
        else:
            return None
        row = rows.get(key)
        return None if row is None or row[1] != "list" else row[2] or ""

    def checked(
        self, resource_type: int, name: str, entries: Mapping[str, str], touched: Sequence[str]
    ) -> dict[str, str]:
        """Return what is to be set, in canonical form; else raise INVALID_CONFIG or INVALID_REQUEST (`_code_of`)."""
        try:
            if resource_type == TOPIC:
                return validate_topic_configs(entries, self.config)
            if resource_type == GROUP:
                from pykbroker.config_group import validate_group_configs

                return validate_group_configs(entries, self.config)
            if resource_type == CLIENT_METRICS:
                from pykbroker.config_group import validate_client_metrics_configs

                return validate_client_metrics_configs(entries)
            return self._checked_broker(entries, touched, for_all=not name)
        except ConfigError as error:
            raise KafkaError(_code_of(error, resource_type), str(error)) from error

    def _checked_broker(self, entries: Mapping[str, str], touched: Sequence[str], *, for_all: bool) -> dict[str, str]:
        from pykbroker.config import setting
        from pykbroker.config_describe import validate_broker_config

        for key in touched:
            known = setting(key)
            if known is not None and known.is_read_only:  # whatever is to be done with it, also to delete it
                raise ConfigError(key, "cannot change while the broker runs")
        return {key: validate_broker_config(key, value, for_all=for_all) for key, value in entries.items()}

    def apply_broker_configs(self, image: Image) -> None:
        """Let what is set for this broker, and for all, take effect."""
        cluster = dict(image.config_of(BROKER, ""))
        own = dict(image.config_of(BROKER, str(self.node_id)))
        self.config = self.config.with_dynamic(cluster, own)


def _code_of(error: ConfigError, resource_type: int) -> int:
    """Return what a client hears of a setting that cannot be: INVALID_REQUEST for a broker's, else INVALID_CONFIG.

    What a client metrics subscription cannot have although it is well-formed is an INVALID_REQUEST, too.
    """
    if resource_type == CLIENT_METRICS:
        from pykbroker.config_group import NotAllowed

        return errors.INVALID_REQUEST if isinstance(error, NotAllowed) else errors.INVALID_CONFIG
    return errors.INVALID_REQUEST if resource_type == BROKER else errors.INVALID_CONFIG
