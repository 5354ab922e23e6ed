"""The settings of groups (KIP-848, KIP-932, KIP-1071) and of client metrics subscriptions (KIP-714).

A group's setting defaults to the broker's of the same name with `group.` in front, and has to lie between the broker's
`group.<kind>.min.` and `group.<kind>.max.` (`org.apache.kafka.coordinator.group.GroupConfig`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pykbroker.config import ROWS as BROKER_ROWS
from pykbroker.config import Config
from pykbroker.config_setting import ConfigError, Row, Setting, Value, text_of

# fmt: off
GROUP_SETTINGS: Final[tuple[Row, ...]] = (
    ("consumer.assignment.interval.ms", "int", "1000", "0..", "cluster",
     "Least time between assignments of the group."),
    ("consumer.heartbeat.interval.ms", "int", "5000", "1..", "cluster",
     "Pause between heartbeats that members are told."),
    ("consumer.session.timeout.ms", "int", "45000", "1..", "cluster", "Silence after which a member is removed."),
    ("share.assignment.interval.ms", "int", "1000", "0..", "cluster", "Least time between assignments of the group."),
    ("share.auto.offset.reset", "string", "latest", "reset", "cluster", "Where a new share group starts."),
    ("share.delivery.count.limit", "int", "5", "2..", "cluster",
     "How often a record is delivered before it is given up."),
    ("share.heartbeat.interval.ms", "int", "5000", "1..", "cluster", "Pause between heartbeats that members are told."),
    ("share.isolation.level", "string", "read_uncommitted", "read_committed|read_uncommitted", "cluster",
     "Whether records of open transactions are delivered."),
    ("share.partition.max.record.locks", "int", "2000", "100..", "cluster",
     "Most records of a partition that are out with members."),
    ("share.record.lock.duration.ms", "int", "30000", "1000..", "cluster",
     "How long a delivered record is reserved for its receiver."),
    ("share.renew.acknowledge.enable", "boolean", "true", "", "cluster",
     "Whether a member may ask for more time for a record."),
    ("share.session.timeout.ms", "int", "45000", "1..", "cluster", "Silence after which a member is removed."),
    ("streams.assignment.interval.ms", "int", "1000", "0..", "cluster", "Least time between assignments of the group."),
    ("streams.heartbeat.interval.ms", "int", "5000", "1..", "cluster",
     "Pause between heartbeats that members are told."),
    ("streams.initial.rebalance.delay.ms", "int", "3000", "0..", "cluster",
     "How long an empty group waits for more members."),
    ("streams.num.standby.replicas", "int", "0", "0..", "cluster", "Standby copies of each task."),
    ("streams.session.timeout.ms", "int", "45000", "1..", "cluster", "Silence after which a member is removed."),
)

CLIENT_METRICS_SETTINGS: Final[tuple[Row, ...]] = (
    ("interval.ms", "int", "300000", "", "cluster", "Pause between pushes of a client's metrics."),
    ("match", "list", "", "", "cluster", "Which clients: selector=pattern pairs, all of which must match."),
    ("metrics", "list", "", "", "cluster", "Prefixes of the metrics that clients push; * for all."),
)
# fmt: on

GROUP_ROWS: Final = {row[0]: row for row in GROUP_SETTINGS}
CLIENT_METRICS_ROWS: Final = {row[0]: row for row in CLIENT_METRICS_SETTINGS}

_MIN_INTERVAL_MS: Final = 100
_MAX_INTERVAL_MS: Final = 3_600_000
_SELECTORS: Final = (
    "client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address",
    "client_source_port",
)  # fmt: skip


class NotAllowed(ConfigError):
    """A setting that is well-formed, but that a client metrics subscription cannot have."""


def group_setting(name: str) -> Setting:
    """Return what the group setting of that name is; ConfigError if there is none."""
    row = GROUP_ROWS.get(name)
    if row is None:
        raise ConfigError(name, "is not a group config")
    return Setting(row)


def broker_name(name: str) -> str | None:
    """Return the broker setting that a group setting defaults to, if there is one."""
    return f"group.{name}" if f"group.{name}" in BROKER_ROWS else None


def group_value(name: str, overrides: Mapping[str, str], config: Config) -> Value:
    """Return the value in effect for a group with these settings of its own, within the broker's present bounds."""
    default = broker_name(name)
    if name not in overrides:
        return config[default] if default else group_setting(name).parse(GROUP_ROWS[name][2] or "")
    value = group_setting(name).parse(overrides[name])
    for bound, pick in zip(_bounds(name), (max, min), strict=True):
        # The bounds may have moved since the group's value was set (GroupConfig.evaluate).
        if bound is not None and isinstance(value, int):
            value = pick(value, config.integer(bound))
    return value


def validate_group_configs(overrides: Mapping[str, str | None], config: Config) -> dict[str, str]:
    """Return all settings of a group in canonical form; ConfigError for what cannot be (CONF-23)."""
    valid: dict[str, str] = {}
    for name, text in overrides.items():
        known = group_setting(name)
        if text is None:
            raise ConfigError(name, "must have a value")
        value = known.parse(text)
        low, high = _bounds(name)
        if low is not None and isinstance(value, int) and value < config.integer(low):
            raise ConfigError(name, f"must be at least {config.integer(low)}, the broker's {low}, not {value}")
        if high is not None and isinstance(value, int) and value > config.integer(high):
            raise ConfigError(name, f"must be at most {config.integer(high)}, the broker's {high}, not {value}")
        valid[name] = known.canonical(text)
    for kind in ("consumer", "share", "streams"):
        names = (f"{kind}.heartbeat.interval.ms", f"{kind}.session.timeout.ms")
        heartbeat, session = (group_value(name, valid, config) for name in names)
        assert isinstance(heartbeat, int)
        assert isinstance(session, int)
        if heartbeat >= session and not valid.keys().isdisjoint(names):
            raise ConfigError(names[1], f"must be more than {names[0]}, {heartbeat}")
    return valid


def validate_client_metrics_configs(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return all settings of a subscription in canonical form (CONF-23).

    Raises NotAllowed for what no subscription has, and ConfigError for what is malformed, in the order in which
    `ClientMetricsConfigs.validate` of Kafka looks.
    """
    for name in overrides:
        if name not in CLIENT_METRICS_ROWS:
            raise NotAllowed(name, "is not a client metrics config")
    values = {name: Setting(CLIENT_METRICS_ROWS[name]).parse(text) for name, text in overrides.items()}
    interval = values.get("interval.ms")
    if isinstance(interval, int) and not _MIN_INTERVAL_MS <= interval <= _MAX_INTERVAL_MS:
        raise NotAllowed("interval.ms", f"must be from {_MIN_INTERVAL_MS} to {_MAX_INTERVAL_MS}, not {interval}")
    pairs = values.get("match")
    if isinstance(pairs, tuple):
        for pair in pairs:
            _check_selector(pair)
    return {name: text_of(value) for name, value in values.items()}


def _check_selector(pair: str) -> None:
    import re

    # As Java splits: what is empty at the end does not count.
    selector, _, pattern = pair.rstrip("=").partition("=")
    if selector.strip() not in _SELECTORS or not pattern.strip() or "=" in pattern:
        raise ConfigError("match", f"{pair} is not one of {', '.join(_SELECTORS)} with = and a pattern")
    # The pattern is one of Java's. It is never applied here, and Python knows a malformed one when it sees it, once
    # what only Java can write is put in its own words.
    readable = re.sub(r"\\[pP](\{\w+\}|\w)", r"\\w", re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", pattern.strip()))
    try:
        re.compile(readable)
    except re.error as error:
        raise ConfigError("match", f"{pair} has a malformed pattern: {error}") from None


def _bounds(name: str) -> tuple[str | None, str | None]:
    kind, _, rest = name.partition(".")
    low, high = (f"group.{kind}.{side}.{rest.removeprefix('num.')}" for side in ("min", "max"))
    return (low if low in BROKER_ROWS else None, high if high in BROKER_ROWS else None)
