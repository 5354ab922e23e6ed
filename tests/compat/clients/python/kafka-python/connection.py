"""What all clients of kafka-python have in common: settings, not all of which every version has, and error names."""

from typing import Any

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
    security = arguments.get("security", {})
    settings = {
        "bootstrap_servers": bootstrap,
        "security_protocol": security.get("protocol"),
        "sasl_mechanism": security.get("mechanism"),
        "sasl_plain_username": security.get("username"),
        "sasl_plain_password": security.get("password"),
        "ssl_cafile": security.get("ca"),
    }
    return {name: value for name, value in settings.items() if value is not None}


def consumer_settings(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings of `consume` and `group`; the group is theirs to add."""
    settings = connection(bootstrap, arguments) | {"auto_offset_reset": arguments.get("reset", "earliest")}
    if "isolation" in arguments and ("isolation_level" in CONSUMER or arguments["isolation"] != "read_uncommitted"):
        settings |= needing("isolation_level", CONSUMER, arguments["isolation"])
    if "max_bytes" in arguments:
        settings |= {"max_partition_fetch_bytes": arguments["max_bytes"], "fetch_max_bytes": arguments["max_bytes"]}
    return settings
