"""What all clients of kafka-python have in common: settings, not all of which every version has, and error names."""

from typing import Any

import settings
from driving import Arguments, Unsupported
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from kafka_errors import kafka_name

CONSUMER = KafkaConsumer.DEFAULT_CONFIG
PRODUCER = KafkaProducer.DEFAULT_CONFIG
POLL_MS = 500
"""Longer than the 100 ms that a join can take: a `poll` of 3.0.12 that times out in the middle of one forgets it."""


def error_name(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return kafka_name(code) if isinstance(error, KafkaError) and isinstance(code, int) else type(error).__name__


def needing(setting: str, defaults: dict[str, Any], value: object) -> dict[str, Any]:
    """Return one setting; `Unsupported` where this version does not have it."""
    if setting not in defaults:
        raise Unsupported(setting)
    return {setting: value}


def connection(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings that every client has."""
    return settings.connection(bootstrap, arguments, ssl_cafile=arguments.get("security", {}).get("ca"))


def consumer_settings(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings of `consume` and `group`; the group is theirs to add."""
    found = connection(bootstrap, arguments) | settings.reading(arguments)
    if "isolation" in arguments and ("isolation_level" in CONSUMER or arguments["isolation"] != "read_uncommitted"):
        found |= needing("isolation_level", CONSUMER, arguments["isolation"])
    return found
