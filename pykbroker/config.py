"""`Config`: every setting of the broker, under Kafka's names, from defaults, a properties file and overrides.

The tables say what there is, one row for each setting: `config_broker.py`, `config_log.py`, `config_coordinator.py`,
`config_security.py` for the broker, `config_topic.py` for topics, `config_group.py` for groups and client metrics.
`config_describe.py` answers DescribeConfigs from them.

Three layers give a value, the first that has it: set while running for this broker, set while running for all, set in
the file or on the command line; then comes the default. Values are parsed when they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pykbroker import config_broker, config_coordinator, config_log, config_security
from pykbroker.config_listener import Listener, advertised, parse_listeners
from pykbroker.config_setting import ConfigError as ConfigError
from pykbroker.config_setting import Row, Setting, Value

if TYPE_CHECKING:
    from pykbroker.config_advertise import Rule

# Where a value comes from: the numbers of DescribeConfigs (CONF-02).
DYNAMIC_BROKER: Final = 2
DYNAMIC_DEFAULT: Final = 3
STATIC: Final = 4
DEFAULT: Final = 5

# Our defaults that are not Kafka's (see `Setting.default`): one broker, on the machine of a developer.
DEVIATIONS: Final[dict[str, tuple[str, str]]] = {
    "group.initial.rebalance.delay.ms": ("0", "a lone consumer need not wait three seconds for others"),
    "listeners": ("PLAINTEXT://localhost:9092", "a broker without authentication listens on this machine only"),
    "log.dir": ("./data", "what is in the directory for temporary files goes with a restart"),
    "node.id": ("1", "required by Kafka; a single broker needs no number"),
    "offsets.topic.replication.factor": ("1", "one broker cannot hold three replicas"),
    "process.roles": ("broker,controller", "required by Kafka; this broker is always both"),
    "queued.max.request.bytes": ("268435456", "a JVM has a limited heap, which bounds Kafka; this process has none"),
    "share.coordinator.state.topic.min.isr": ("1", "one broker cannot hold two in-sync replicas"),
    "share.coordinator.state.topic.replication.factor": ("1", "one broker cannot hold three replicas"),
    "socket.receive.buffer.bytes": ("-1", "the system sizes it better than a fixed 100 KB"),
    "socket.send.buffer.bytes": ("-1", "the system sizes it better than a fixed 100 KB"),
    "transaction.state.log.min.isr": ("1", "one broker cannot hold two in-sync replicas"),
    "transaction.state.log.replication.factor": ("1", "one broker cannot hold three replicas"),
}

_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000

# Settings that say the same in other units, the one that counts first.
SYNONYMS: Final[dict[str, tuple[tuple[str, int], ...]]] = {
    "log.flush.interval.ms": (("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)),
    "log.retention.ms": (
        ("log.retention.ms", 1),
        ("log.retention.minutes", _MINUTE_MS),
        ("log.retention.hours", _HOUR_MS),
    ),
    "log.roll.jitter.ms": (("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", _HOUR_MS)),
    "log.roll.ms": (("log.roll.ms", 1), ("log.roll.hours", _HOUR_MS)),
}

# Pairs of which the first may not be more than the second; checked when one of them is set.
_ORDERED: Final = (
    ("group.min.session.timeout.ms", "group.max.session.timeout.ms"),
    ("replica.fetch.wait.max.ms", "replica.lag.time.max.ms"),
    ("replica.fetch.wait.max.ms", "replica.socket.timeout.ms"),
    ("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    *(
        (f"group.{kind}.{low}", f"group.{kind}.{high}")
        for kind in ("consumer", "share", "streams")
        for what in ("assignment.interval.ms", "heartbeat.interval.ms", "session.timeout.ms")
        for low, high in ((f"min.{what}", f"max.{what}"), (f"min.{what}", what), (what, f"max.{what}"))
    ),
    *(
        (f"group.share.{low}", f"group.share.{high}")
        for what in ("delivery.count.limit", "partition.max.record.locks", "record.lock.duration.ms")
        for low, high in ((f"min.{what}", f"max.{what}"), (f"min.{what}", what), (what, f"max.{what}"))
    ),
    ("group.streams.num.standby.replicas", "group.streams.max.standby.replicas"),
    ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"),
    ("group.share.heartbeat.interval.ms", "group.share.session.timeout.ms"),
    ("group.streams.heartbeat.interval.ms", "group.streams.session.timeout.ms"),
)

# Names that go on with something of the user's own; what they mean depends on it.
_PREFIXES: Final = ("listener.name.", "config.providers.", "rsm.config.", "rlmm.config.", "ssl.", "sasl.")


def _kafkas_rows() -> dict[str, Row]:
    modules = (config_broker, config_log, config_coordinator, config_security)
    return {row[0]: row for module in modules for row in module.SETTINGS}


def _rows() -> dict[str, Row]:
    rows = _kafkas_rows()
    for name, (default, _) in DEVIATIONS.items():
        row = rows[name]
        rows[name] = (row[0], row[1], default, row[3], row[4], row[5])
    return rows


ROWS: Final = _rows()


def deviations() -> list[tuple[str, str, str | None, str]]:
    """Return name, our default, Kafka's (None where it asks for a value) and the reason, for documentation."""
    rows = _kafkas_rows()
    return [(name, ours, rows[name][2], reason) for name, (ours, reason) in DEVIATIONS.items()]


# What of a Config its dynamic successors have in common with it.
_FIXED: Final = (
    "advertise_rules", "advertised_listeners", "listed_hosts", "listeners", "log_dirs", "node_id", "unknown",
)  # fmt: skip


class StartError(Exception):
    """The broker cannot start: one line for the user, such as that a port or a directory is in use."""


def setting(name: str) -> Setting | None:
    """Return what the broker setting of that name is; None if there is none."""
    row = ROWS.get(name)
    return Setting(row) if row is not None else None


class Config:
    """The settings of one broker. Immutable; `with_dynamic` returns another."""

    __slots__ = (
        "_values", "advertise_rules", "advertised_listeners", "layers", "listed_hosts", "listeners", "log_dirs",
        "node_id", "unknown",
    )  # fmt: skip

    layers: tuple[tuple[int, Mapping[str, str]], ...]
    node_id: int
    listeners: tuple[Listener, ...]
    advertised_listeners: tuple[Listener, ...]
    listed_hosts: Mapping[str, str]  # of advertised.listeners, by name, "" as it may be there
    advertise_rules: tuple[Rule, ...]
    log_dirs: tuple[str, ...]
    unknown: tuple[str, ...]  # names in the file that mean nothing to us

    def __init__(self, properties: Mapping[str, str] | None = None, hostname: str = "localhost") -> None:
        """Take settings as text, and check them all: ConfigError for the first that is wrong.

        `hostname` is what clients are told where a listener has no host of its own.
        """
        static = dict(properties or {})
        self.layers = ((STATIC, static),)
        self._values: dict[str, Value] = {}
        self.node_id = self._identity(static)
        for name, text in static.items():
            if name in ROWS:
                self._values[name] = Setting(ROWS[name]).parse(text)
        self.unknown = tuple(name for name in static if name not in ROWS and not name.startswith(_PREFIXES))
        self.log_dirs = self.strings("log.dirs") or self.strings("log.dir")
        self._check(static)
        self._open_listeners(hostname)
        self.advertise_rules = self._rules()

    @classmethod
    def load(
        cls, content: bytes | None = None, overrides: Mapping[str, str] | None = None, hostname: str = "localhost"
    ) -> Config:
        """Return the settings of a server.properties file's `content`, with `overrides` on top; ConfigError."""
        properties: dict[str, str] = {}
        if content is not None:
            from pykbroker.properties import parse

            try:
                properties = parse(content)
            except ValueError as error:
                raise ConfigError("server.properties", str(error)) from None
        return cls({**properties, **(overrides or {})}, hostname)

    def with_dynamic(self, cluster: Mapping[str, str], broker: Mapping[str, str]) -> Config:
        """Return these settings under those set while running: for all brokers, and for this one. Not checked here."""
        changed = Config.__new__(Config)
        for name in _FIXED:
            setattr(changed, name, getattr(self, name))
        changed.layers = ((DYNAMIC_BROKER, broker), (DYNAMIC_DEFAULT, cluster), self.layers[-1])
        changed._values = {}
        return changed

    def raw(self, name: str) -> str | None:
        """Return a setting's text as somebody wrote it, or its default; None where there is neither."""
        for _, layer in self.layers:
            if name in layer:
                return layer[name]
        row = ROWS.get(name)
        return row[2] if row is not None else None

    def __getitem__(self, name: str) -> Value:
        """Return a setting's value, None if it has none. KeyError for a name that is none."""
        try:
            return self._values[name]
        except KeyError:
            pass
        known = Setting(ROWS[name])
        text = self.raw(name)
        value = self._values[name] = None if text is None else known.parse(text)
        return value

    def integer(self, name: str) -> int:
        """Return the value of an int, short or long."""
        value = self[name]
        assert isinstance(value, int) and not isinstance(value, bool), name
        return value

    def boolean(self, name: str) -> bool:
        """Return the value of a boolean."""
        value = self[name]
        assert isinstance(value, bool), name
        return value

    def number(self, name: str) -> float:
        """Return the value of a double."""
        value = self[name]
        assert isinstance(value, float), name
        return value

    def text(self, name: str) -> str:
        """Return the value of a string, class or password; "" where it has none."""
        value = self[name] or ""
        assert isinstance(value, str), name
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        """Return the value of a list; empty where it has none."""
        value = self[name] or ()
        assert isinstance(value, tuple), name
        return value

    def milliseconds(self, name: str) -> int:
        """Return a time that may be set in several units, such as `log.retention.ms`; any negative one is -1."""
        for synonym, factor in SYNONYMS[name]:
            value = self[synonym]
            if isinstance(value, int):
                return max(value * factor, -1)
        raise AssertionError(name)  # the last of the synonyms has a default

    def _identity(self, static: dict[str, str]) -> int:
        """Return the node id, and make `node.id` and `broker.id` agree, as Kafka does."""
        given = {name: static[name] for name in ("node.id", "broker.id") if name in static}
        ids = {name: Setting(ROWS[name]).parse(text) for name, text in given.items()}
        if len(set(ids.values())) > 1:
            raise ConfigError("broker.id", f"is {ids['broker.id']}, but node.id is {ids['node.id']}")
        if ids:
            number = next(iter(ids.values()))
            assert isinstance(number, int)
            Setting(ROWS["node.id"]).parse(str(number))
            static["node.id"] = static["broker.id"] = str(number)
        return self.integer("node.id")

    def _check(self, static: Mapping[str, str]) -> None:
        if "broker" not in self.strings("process.roles"):
            raise ConfigError("process.roles", "must have broker in it")
        for name in SYNONYMS["log.retention.ms"]:
            if self[name[0]] == 0:
                raise ConfigError(name[0], "must be -1 for no limit, or at least 1, not 0")
        for low, high in _ORDERED:
            if low in static or high in static:
                least, most = self.integer(low), self.integer(high)
                if least > most:
                    raise ConfigError(low, f"must not be more than {high}, {most}, but is {least}")

    def _open_listeners(self, hostname: str) -> None:
        protocol_map = self.text("listener.security.protocol.map")
        controllers = self.strings("controller.listener.names")
        if "listener.security.protocol.map" not in self.layers[-1][1]:
            # As Kafka: unless a map is given, listeners of the controller need no entry.
            protocol_map += "".join(f",{name}:PLAINTEXT" for name in controllers if name.upper() not in protocol_map)
        self.listeners = parse_listeners("listeners", self.strings("listeners"), protocol_map, controllers)
        if not self.listeners:
            raise ConfigError("listeners", "has none that clients could use")
        told = None
        if self["advertised.listeners"] is not None:
            addresses = self.strings("advertised.listeners")
            told = parse_listeners("advertised.listeners", addresses, protocol_map, controllers)
        self.advertised_listeners = advertised(self.listeners, told, hostname)
        self.listed_hosts = {listener.name: listener.host for listener in told or ()}
        between = self.text("inter.broker.listener.name").upper()
        if between and between not in {listener.name for listener in told or self.listeners}:
            raise ConfigError("inter.broker.listener.name", f"there is no listener {between}")

    def _rules(self) -> tuple[Rule, ...]:
        texts = self.strings("pykbroker.advertise")
        if not texts:
            return ()
        from pykbroker.config_advertise import parse_rules

        return parse_rules(texts)
