"""What DescribeConfigs says about each kind of resource: value, source, synonyms.

Synonyms go from the most to the least specific, and the first one is where the value comes from (CONF-03). That, and
which names a resource has, is as in `kafka.server.ConfigHelper`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pykbroker.config import DEFAULT, DYNAMIC_DEFAULT, ROWS, SYNONYMS, Config
from pykbroker.config_group import CLIENT_METRICS_ROWS, GROUP_ROWS, broker_name, group_value
from pykbroker.config_setting import ConfigError, Row, Setting, text_of
from pykbroker.config_topic import BROKER_NAMES, topic_value
from pykbroker.config_topic import ROWS as TOPIC_ROWS

# More sources, beside those of `config.py` (CONF-02).
TOPIC: Final = 1
CLIENT_METRICS: Final = 7
GROUP: Final = 8

_UNKNOWN_TYPE: Final = 0
_TAKES_PREFIX: Final = "listener.name."
# From a setting to all that say the same.
_SAME: Final = {name: tuple(name for name, _ in all_) for all_ in SYNONYMS.values() for name, _ in all_}


class Synonym:
    """One place where a value is, or could have been, taken from."""

    __slots__ = ("name", "source", "value")

    def __init__(self, name: str, value: str | None, source: int) -> None:
        self.name = name
        self.value = value
        self.source = source

    def __repr__(self) -> str:
        return f"{self.source}:{self.name}={self.value}"


class ConfigEntry:
    """One setting as a client sees it. `value` is None where there is none, and always where it `is_sensitive`."""

    __slots__ = ("doc", "is_read_only", "is_sensitive", "name", "source", "synonyms", "type_number", "value")

    def __init__(
        self,
        name: str,
        value: str | None,
        *,
        synonyms: Sequence[Synonym] = (),
        source: int = DEFAULT,
        known: Setting | None,
        is_read_only: bool = False,
    ) -> None:
        self.name = name
        self.is_sensitive = known is None or known.is_sensitive  # what nobody knows may be a secret
        self.value = None if self.is_sensitive else value
        self.source = synonyms[0].source if synonyms else source
        self.synonyms = tuple(synonyms)
        self.is_read_only = is_read_only
        self.type_number = _UNKNOWN_TYPE if known is None else known.type_number
        self.doc = None if known is None else known.doc

    def __repr__(self) -> str:
        return f"{self.name}={self.value} from {self.source} {list(self.synonyms)}"


def broker_entries(config: Config) -> list[ConfigEntry]:
    """Return every setting of the broker (CONF-08), sorted by name.

    Internal ones, and those that can only be set while running, are there if somebody set them.
    """
    set_names = {name for _, layer in config.layers for name in layer}
    names = {row[0] for row in ROWS.values() if row[4] not in ("internal", "dynamic")}
    return [_broker_entry(name, config) for name in sorted(names | set_names)]


def broker_default_entries(cluster: Mapping[str, str]) -> list[ConfigEntry]:
    """Return what was set, while running, for all brokers: the answer for a broker without a name (CONF-08)."""
    entries = []
    for name in sorted(cluster):
        known = _broker_setting(name)
        value = None if known is None or known.is_sensitive else cluster[name]
        synonym = Synonym(name, value, DYNAMIC_DEFAULT)
        read_only = known is None or known.is_read_only
        entries.append(ConfigEntry(name, value, synonyms=[synonym], known=known, is_read_only=read_only))
    return entries


def effective_topic_configs(overrides: Mapping[str, str], config: Config) -> list[ConfigEntry]:
    """Return every setting of a topic with these of its own (CONF-01), sorted by name.

    `config` is the broker's, with what was set while running (`Config.with_dynamic`).
    """
    entries = []
    for name in _shown(TOPIC_ROWS, overrides):
        known = Setting(TOPIC_ROWS[name])
        value = topic_value(name, overrides, config)
        text = None if value is None else text_of(value)
        synonyms = [Synonym(name, text, TOPIC)] if name in overrides else []
        if name in BROKER_NAMES:
            synonyms += _synonyms(BROKER_NAMES[name], config, known)
        entries.append(ConfigEntry(name, text, synonyms=synonyms, known=known))
    return entries


def effective_group_configs(overrides: Mapping[str, str], config: Config) -> list[ConfigEntry]:
    """Return every setting of a group with these of its own (CONF-10), whether or not the group exists."""
    entries = []
    for name in _shown(GROUP_ROWS, overrides):
        known = Setting(GROUP_ROWS[name])
        text = text_of(group_value(name, overrides, config))
        synonyms = [Synonym(name, text, GROUP)] if name in overrides else []
        default = broker_name(name)
        synonyms += _synonyms(default, config, known) if default else [Synonym(name, known.default, DEFAULT)]
        entries.append(ConfigEntry(name, text, synonyms=synonyms, known=known))
    return entries


def client_metrics_entries(overrides: Mapping[str, str]) -> list[ConfigEntry]:
    """Return every setting of a client metrics subscription with these of its own, whether or not it exists (CONF-11).

    Unlike elsewhere a default has no synonyms, as in Kafka 4.3; before that, Kafka left out what was not set.
    """
    entries = []
    for name in _shown(CLIENT_METRICS_ROWS, overrides):
        known = Setting(CLIENT_METRICS_ROWS[name])
        text = overrides.get(name, known.default)
        synonyms = [Synonym(name, text, CLIENT_METRICS)] if name in overrides else []
        entries.append(ConfigEntry(name, text, synonyms=synonyms, known=known))
    return entries


def validate_broker_config(name: str, text: str | None, *, for_all: bool) -> str:
    """Return a value to be set while running; ConfigError for what cannot change then, or not for all (CONF-21).

    Names that nobody knows are taken as they are, as Kafka does: they may belong to a plug-in.
    """
    if text is None:
        raise ConfigError(name, "must have a value")
    known = _broker_setting(name)
    if known is None:
        return text
    if name.startswith(_TAKES_PREFIX):
        if for_all:
            raise ConfigError(name, "can be set for one broker only")
    elif known.is_read_only:
        raise ConfigError(name, "cannot change while the broker runs")
    elif known.scope == "broker":
        if for_all:
            raise ConfigError(name, "can be set for one broker only")
        if name.startswith(("ssl.", "sasl.")):
            raise ConfigError(name, "can only change for one listener, as listener.name.<name>." + name)
    return known.canonical(text)


def _broker_setting(name: str) -> Setting | None:
    if name.startswith(_TAKES_PREFIX):
        name = name[len(_TAKES_PREFIX) :].partition(".")[2]
        name = name if name in ROWS else name.partition(".")[2]  # sasl settings have the mechanism in between
    row = ROWS.get(name)
    return Setting(row) if row is not None else None


def _broker_entry(name: str, config: Config) -> ConfigEntry:
    known = _broker_setting(name)
    text = config.raw(name)
    value = None if text is None or known is None else known.canonical(text)
    read_only = name not in ROWS or Setting(ROWS[name]).is_read_only  # those of one listener are shown as read-only
    return ConfigEntry(name, value, synonyms=_synonyms(name, config, known), known=known, is_read_only=read_only)


def _synonyms(name: str, config: Config, known: Setting | None) -> list[Synonym]:
    """Return where the broker setting `name` can come from: by layer, and within a layer by synonym."""
    names = _SAME.get(name, (name,))
    secret = known is None or known.is_sensitive
    found = [
        Synonym(each, None if secret else layer[each], source)
        for source, layer in config.layers
        for each in names
        if each in layer
    ]
    for each in names:
        default = ROWS[each][2] if each in ROWS else None
        if default is not None:
            found.append(Synonym(each, None if secret else default, DEFAULT))
    # What is before the name itself is another setting's: log.retention.ms is no source of log.retention.hours.
    first = next((index for index, synonym in enumerate(found) if synonym.name == name), len(found))
    return found[first:]


def _shown(rows: Mapping[str, Row], overrides: Iterable[str]) -> list[str]:
    chosen = set(overrides)
    return sorted(name for name, row in rows.items() if row[4] != "internal" or name in chosen)
