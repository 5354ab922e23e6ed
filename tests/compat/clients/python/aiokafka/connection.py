"""What all clients of aiokafka have in common: settings, and Kafka's names of errors."""

import ssl
from typing import Any

from aiokafka.errors import KafkaError
from driving import Arguments
from kafka_errors import kafka_name


def error_name(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return kafka_name(code) if isinstance(error, KafkaError) and isinstance(code, int) else type(error).__name__


def connection(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings that every client has."""
    security = arguments.get("security", {})
    settings = {
        "bootstrap_servers": bootstrap,
        "security_protocol": security.get("protocol"),
        "sasl_mechanism": security.get("mechanism"),
        "sasl_plain_username": security.get("username"),
        "sasl_plain_password": security.get("password"),
        "ssl_context": ssl.create_default_context(cafile=security["ca"]) if "ca" in security else None,
    }
    return {name: value for name, value in settings.items() if value is not None}


def consumer_settings(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings of `consume` and `group`; the group is theirs to add."""
    settings = connection(bootstrap, arguments) | {"auto_offset_reset": arguments.get("reset", "earliest")}
    if "isolation" in arguments:
        settings["isolation_level"] = arguments["isolation"]
    if "max_bytes" in arguments:
        settings |= {"max_partition_fetch_bytes": arguments["max_bytes"], "fetch_max_bytes": arguments["max_bytes"]}
    return settings


def fields_of(record: Any) -> tuple[Any, ...]:
    """Return what `emit_record` prints."""
    return record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
