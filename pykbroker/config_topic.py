"""The settings of topics, each with the broker setting that it defaults to; what a log obeys in the end.

A topic's own setting wins; else the broker's (`org.apache.kafka.server.config.ServerTopicConfigSynonyms`), dynamic or
static; else the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pykbroker.config import SYNONYMS, Config
from pykbroker.config_setting import ConfigError, Row, Setting, Value

# fmt: off
SETTINGS: Final[tuple[Row, ...]] = (
    ("cleanup.policy", "list", "delete", "compact|delete", "cluster",
     "What happens to old records: delete, compact, both, or neither."),
    ("compression.gzip.level", "int", "-1", "-1|1..9", "cluster", "Level used where compression.type is gzip."),
    ("compression.lz4.level", "int", "9", "1..17", "cluster", "Level used where compression.type is lz4."),
    ("compression.type", "string", "producer", "uncompressed|zstd|lz4|snappy|gzip|producer", "cluster",
     "How batches are stored; producer keeps them as they were sent."),
    ("compression.zstd.level", "int", "3", "-131072..22", "cluster", "Level used where compression.type is zstd."),
    ("delete.retention.ms", "long", "86400000", "0..", "cluster", "How long compaction keeps records without a value."),
    ("file.delete.delay.ms", "long", "60000", "0..", "cluster",
     "Wait between dropping a segment and deleting its files."),
    ("flush.messages", "long", "9223372036854775807", "1..", "cluster",
     "Records after which the log is flushed to the device."),
    ("flush.ms", "long", "9223372036854775807", "0..", "cluster", "Time after which the log is flushed to the device."),
    ("follower.replication.throttled.replicas", "list", "", "replicas", "cluster",
     "Replicas whose followers are throttled: * or partition:broker pairs."),
    ("index.interval.bytes", "int", "4096", "0..", "cluster", "Bytes of log between two entries of its indexes."),
    ("internal.segment.bytes", "int", None, "", "internal", "For tests: segment size, without a lower bound."),
    ("leader.replication.throttled.replicas", "list", "", "replicas", "cluster",
     "Replicas whose leaders are throttled: * or partition:broker pairs."),
    ("local.retention.bytes", "long", "-2", "-2..", "cluster",
     "Local size kept of a log in remote storage; -2 follows retention.bytes."),
    ("local.retention.ms", "long", "-2", "-2..", "cluster",
     "Local time kept of a log in remote storage; -2 follows retention.ms."),
    ("max.compaction.lag.ms", "long", "9223372036854775807", "1..", "cluster",
     "Longest time before a record is compacted."),
    ("max.message.bytes", "int", "1048588", "0..", "cluster", "Largest batch, as it is sent."),
    ("message.timestamp.after.max.ms", "long", "3600000", "0..", "cluster",
     "How far in the future a record's timestamp may be."),
    ("message.timestamp.before.max.ms", "long", "9223372036854775807", "0..", "cluster",
     "How far in the past a record's timestamp may be."),
    ("message.timestamp.type", "string", "CreateTime", "CreateTime|LogAppendTime", "cluster",
     "Whether records carry the time they were made or appended."),
    ("min.cleanable.dirty.ratio", "double", "0.5", "0..1", "cluster",
     "Share of the log that must be new before it is compacted."),
    ("min.compaction.lag.ms", "long", "0", "0..", "cluster", "Shortest time before a record may be compacted."),
    ("min.insync.replicas", "int", "1", "1..", "cluster",
     "In-sync replicas that acks=all needs, capped by the topic's replicas."),
    ("preallocate", "boolean", "false", "", "cluster", "Whether a new log file gets its full size at once."),
    ("remote.log.copy.disable", "boolean", "false", "", "cluster", "Whether nothing more is copied to remote storage."),
    ("remote.log.delete.on.disable", "boolean", "false", "", "cluster",
     "Whether remote segments go when remote storage is turned off."),
    ("remote.storage.enable", "boolean", "false", "", "cluster", "Whether the topic uses remote storage."),
    ("retention.bytes", "long", "-1", "", "cluster",
     "Size of a partition above which its oldest segments go; -1 for no limit."),
    ("retention.ms", "long", "604800000", "-1..", "cluster", "Age at which segments go; -1 for never."),
    ("segment.bytes", "int", "1073741824", "1048576..", "cluster",
     "Size at which a segment is closed and the next one begun."),
    ("segment.index.bytes", "int", "10485760", "4..", "cluster", "Largest index file."),
    ("segment.jitter.ms", "long", "0", "0..", "cluster", "Most that is randomly taken off segment.ms."),
    ("segment.ms", "long", "604800000", "1..", "cluster", "Age at which a segment is closed and the next one begun."),
    ("unclean.leader.election.enable", "boolean", "false", "", "cluster",
     "Whether a replica that lost records may lead when no other can."),
)

# Topic setting -> broker setting, where there is one.
BROKER_NAMES: Final[dict[str, str]] = {
    "cleanup.policy": "log.cleanup.policy",
    "compression.gzip.level": "compression.gzip.level",
    "compression.lz4.level": "compression.lz4.level",
    "compression.type": "compression.type",
    "compression.zstd.level": "compression.zstd.level",
    "delete.retention.ms": "log.cleaner.delete.retention.ms",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "flush.messages": "log.flush.interval.messages",
    "flush.ms": "log.flush.interval.ms",
    "index.interval.bytes": "log.index.interval.bytes",
    "local.retention.bytes": "log.local.retention.bytes",
    "local.retention.ms": "log.local.retention.ms",
    "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms",
    "max.message.bytes": "message.max.bytes",
    "message.timestamp.after.max.ms": "log.message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms": "log.message.timestamp.before.max.ms",
    "message.timestamp.type": "log.message.timestamp.type",
    "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
    "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms",
    "min.insync.replicas": "min.insync.replicas",
    "preallocate": "log.preallocate",
    "retention.bytes": "log.retention.bytes",
    "retention.ms": "log.retention.ms",
    "segment.bytes": "log.segment.bytes",
    "segment.index.bytes": "log.index.size.max.bytes",
    "segment.jitter.ms": "log.roll.jitter.ms",
    "segment.ms": "log.roll.ms",
    "unclean.leader.election.enable": "unclean.leader.election.enable",
}
# fmt: on

ROWS: Final = {row[0]: row for row in SETTINGS}

_REMOTE: Final = "remote.storage.enable"
_SEGMENT_FOR_TESTS: Final = "internal.segment.bytes"

# What storage's LogConfig takes, besides what is ours.
_FOR_LOGS: Final = (
    "cleanup.policy", "compression.gzip.level", "compression.lz4.level", "compression.type", "compression.zstd.level",
    "delete.retention.ms", "file.delete.delay.ms", "flush.messages", "flush.ms", "index.interval.bytes",
    "max.compaction.lag.ms", "max.message.bytes", "message.timestamp.after.max.ms", "message.timestamp.before.max.ms",
    "message.timestamp.type", "min.cleanable.dirty.ratio", "min.compaction.lag.ms", "min.insync.replicas",
    "preallocate", "retention.bytes", "retention.ms", "segment.bytes", "segment.index.bytes", "segment.jitter.ms",
    "segment.ms", "unclean.leader.election.enable",
)  # fmt: skip


def topic_setting(name: str) -> Setting:
    """Return what the topic setting of that name is; ConfigError if there is none."""
    row = ROWS.get(name)
    if row is None:
        raise ConfigError(name, "is not a topic config")
    return Setting(row)


def validate_topic_config(name: str, value: str | None) -> str:
    """Return the value in canonical form; ConfigError if the name or the value cannot be (TOP-08, CONF-16)."""
    known = topic_setting(name)
    if value is None:
        raise ConfigError(name, "must have a value")
    parsed = known.parse(value)
    if name == _REMOTE and parsed:
        raise ConfigError(name, "there is no remote storage here")
    return known.canonical(value)


def validate_topic_configs(overrides: Mapping[str, str | None], config: Config) -> dict[str, str]:
    """Return all settings of a topic in canonical form; ConfigError also for two that contradict each other."""
    valid = {name: validate_topic_config(name, value) for name, value in overrides.items()}
    least, most = (topic_value(name, valid, config) for name in ("min.compaction.lag.ms", "max.compaction.lag.ms"))
    assert isinstance(least, int)
    assert isinstance(most, int)
    if least > most:
        raise ConfigError("min.compaction.lag.ms", f"must not be more than max.compaction.lag.ms, {most}")
    return valid


def topic_value(name: str, overrides: Mapping[str, str], config: Config) -> Value:
    """Return the value in effect for a topic with these settings of its own."""
    if name in overrides:
        return Setting(ROWS[name]).parse(overrides[name])
    broker_name = BROKER_NAMES.get(name)
    if broker_name is None:
        default = ROWS[name][2]
        return None if default is None else Setting(ROWS[name]).parse(default)
    if broker_name in SYNONYMS:
        return config.milliseconds(broker_name)
    return config[broker_name]


def log_config_values(overrides: Mapping[str, str], config: Config) -> dict[str, Value]:
    """Return the keyword arguments of storage's `LogConfig` for a topic with these settings of its own."""
    values = {name.replace(".", "_"): topic_value(name, overrides, config) for name in _FOR_LOGS}
    if _SEGMENT_FOR_TESTS in overrides:  # may be smaller than segment.bytes may be
        values["segment_bytes"] = topic_value(_SEGMENT_FOR_TESTS, overrides, config)
    values["validate_records"] = config.boolean("pykbroker.validate.records")
    values["max_decompressed_bytes"] = config.integer("pykbroker.max.decompressed.bytes")
    return values
