"""Environment variables to settings, as the three common Kafka images read them: `settings_from`.

    apache/kafka, confluentinc/cp-kafka    KAFKA_LOG_RETENTION_MS       log.retention.ms
    bitnami/kafka                          KAFKA_CFG_LOG_RETENTION_MS   log.retention.ms
    ours                                   PYKBROKER_ADVERTISE          pykbroker.advertise

Behind the prefix, `_` stands for a dot, `__` for an underscore and `___` for a dash. Not every variable is a setting:
those of the JVM and of the images' own scripts mean nothing here. What belongs to ZooKeeper, or to a quorum of several
controllers, is accepted, and said in a note, because a compose file has it; docs/docker.md is the table for users.

Sources: `kafka.docker.KafkaDockerWrapper`; the `kafka.properties.template` of cp-kafka; bitnami's `libkafka.sh`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

_OURS: Final = "PYKBROKER_"
_BITNAMI: Final = "KAFKA_CFG_"
_KAFKAS: Final = "KAFKA_"

CLUSTER_ID: Final = ("CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID")
"""The first that is set wins."""

# Of the JVM, of log4j, and of the scripts that start Kafka in the images; without effect, and nobody expects one.
_SILENT: Final = frozenset(
    {
        "KAFKA_BASE_DIR",
        "KAFKA_CONF_DIR",
        "KAFKA_DAEMON_GROUP",
        "KAFKA_DAEMON_USER",
        "KAFKA_DATA_DIR",
        "KAFKA_DEBUG",
        "KAFKA_ENABLE_KRAFT",
        "KAFKA_GC_LOG_OPTS",
        "KAFKA_HEAP_OPTS",
        "KAFKA_HOME",
        "KAFKA_INITSCRIPTS_DIR",
        "KAFKA_LOG4J_LOGGERS",
        "KAFKA_LOG4J_OPTS",
        "KAFKA_LOG4J_ROOT_LOGLEVEL",
        "KAFKA_MOUNTED_CONF_DIR",
        "KAFKA_OPTS",
        "KAFKA_SKIP_KRAFT_STORAGE_INIT",
        "KAFKA_TOOLS_LOG4J_LOGLEVEL",
        "KAFKA_VERSION",
        "KAFKA_VOLUME_DIR",
    }
)
_SILENT_PREFIXES: Final = ("KAFKA_JMX_", "KAFKA_JVM_", "KAFKA_CONFLUENT_", "KAFKA_CFG_CONFLUENT_")

_NO_USERS: Final = "there is no SASL yet, and every client is let in"
_NO_TLS: Final = "there is no TLS yet"
_NO_ZOOKEEPER: Final = "there is no ZooKeeper"
_ALONE: Final = "this broker is its own and only controller"

# Without effect, but somebody may count on them; bitnami's, by what they begin with.
_NOTED_VARIABLES: Final = (
    ("KAFKA_CLIENT_USERS", _NO_USERS),
    ("KAFKA_CLIENT_PASSWORDS", _NO_USERS),
    ("KAFKA_CONTROLLER_USER", _NO_USERS),
    ("KAFKA_CONTROLLER_PASSWORD", _NO_USERS),
    ("KAFKA_INTER_BROKER_USER", _NO_USERS),
    ("KAFKA_INTER_BROKER_PASSWORD", _NO_USERS),
    ("KAFKA_CERTIFICATE_PASSWORD", _NO_TLS),
    ("KAFKA_TLS_", _NO_TLS),
    ("KAFKA_ZOOKEEPER_", _NO_ZOOKEEPER),
    ("KAFKA_CFG_ZOOKEEPER_", _NO_ZOOKEEPER),
)

# Settings that a broker has, and that do nothing in one that has no peers.
_NOTED_SETTINGS: Final = {
    "process.roles": _ALONE,
    "controller.quorum.voters": _ALONE,
    "controller.quorum.bootstrap.servers": _ALONE,
    "controller.listener.names": "listeners for controllers are not opened",
}


class Mapped:
    """What an environment says: settings under Kafka's names, and one line for each variable without effect."""

    __slots__ = ("notes", "settings")

    def __init__(self) -> None:
        self.settings: dict[str, str] = {}
        self.notes: list[str] = []


def settings_from(environment: Mapping[str, str]) -> Mapped:
    """Return the settings in an environment; variables that are about something else do not count.

    A setting that is given twice, as bitnami's and in the common form, is the common one.
    """
    mapped = Mapped()
    for variable, name, value in _in_order(environment):
        reason = _why_without_effect(variable)
        if reason is not None:
            mapped.notes.append(f"{variable} has no effect: {reason}")
            continue
        if name in _NOTED_SETTINGS and _is_needless(name, value):
            mapped.notes.append(f"{variable} has no effect: {_NOTED_SETTINGS[name]}")
        mapped.settings[name] = value
    cluster_id = next((environment[name] for name in CLUSTER_ID if environment.get(name)), None)
    if cluster_id is not None:
        mapped.settings.setdefault("pykbroker.cluster.id", cluster_id)
    return mapped


def setting_name(variable: str) -> str | None:
    """Return the setting that a variable stands for, by its form alone; None if it has no such form."""
    for prefix in (_BITNAMI, _KAFKAS):
        if variable.startswith(prefix) and variable != prefix:
            return _dotted(variable.removeprefix(prefix))
    return _dotted(variable) if variable.startswith(_OURS) and variable != _OURS else None


def _dotted(words: str) -> str:
    # In this order: three underscores are one dash, what is left of pairs is one underscore.
    return words.lower().replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")


def _in_order(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Give variable, setting and value of all that may be settings, those of bitnami first."""
    for variable in sorted(environment, key=lambda each: (not each.startswith(_BITNAMI), each)):
        name = setting_name(variable)
        silent = variable in _SILENT or variable in CLUSTER_ID or variable.startswith(_SILENT_PREFIXES)
        if name is not None and not silent:
            yield variable, name, environment[variable]


def _why_without_effect(variable: str) -> str | None:
    return next((reason for start, reason in _NOTED_VARIABLES if variable.startswith(start)), None)


def _is_needless(name: str, value: str) -> bool:
    """Tell if the setting has no effect; `process.roles=controller` has one: it is refused."""
    return name != "process.roles" or "broker" in value
