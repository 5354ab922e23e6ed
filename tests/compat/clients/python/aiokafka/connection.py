"""What all clients of aiokafka have in common: settings, and Kafka's names of errors."""

import ssl
from typing import Any

import settings
from aiokafka.errors import KafkaError
from driving import Arguments
from kafka_errors import kafka_name


def error_name(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return kafka_name(code) if isinstance(error, KafkaError) and isinstance(code, int) else type(error).__name__


def connection(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings that every client has."""
    authority = arguments.get("security", {}).get("ca")
    context = None if authority is None else ssl.create_default_context(cafile=authority)
    return settings.connection(bootstrap, arguments, ssl_context=context)


def consumer_settings(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings of `consume` and `group`; the group is theirs to add."""
    isolation = {"isolation_level": arguments["isolation"]} if "isolation" in arguments else {}
    return connection(bootstrap, arguments) | settings.reading(arguments) | isolation


def fields_of(record: Any) -> tuple[Any, ...]:
    """Return what `emit_record` prints."""
    return record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
