"""What all clients of confluent-kafka have in common: settings, Kafka's names of errors, and messages as events."""

from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message
from driving import Arguments
from kafka_errors import kafka_name

POLL_S = 0.1
CALL_S = 20.0


def name_of(error: KafkaError) -> str:
    """Return Kafka's name of a broker's error; librdkafka's own, like `_TIMED_OUT`, have codes below -1."""
    return kafka_name(error.code()) if error.code() >= -1 else error.name()


def error_name(error: Exception) -> str:
    if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError):
        return name_of(error.args[0])
    return type(error).__name__


def connection(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings that every client has."""
    security = arguments.get("security", {})
    settings = {
        "bootstrap.servers": bootstrap,
        "security.protocol": security.get("protocol"),
        "sasl.mechanism": security.get("mechanism"),
        "sasl.username": security.get("username"),
        "sasl.password": security.get("password"),
        "ssl.ca.location": security.get("ca"),
    }
    return {name: value for name, value in settings.items() if value is not None}


def consumer_settings(bootstrap: str, arguments: Arguments) -> dict[str, Any]:
    """Return the settings of `consume` and `group`; the group is theirs to add."""
    reset = arguments.get("reset", "earliest")
    settings = connection(bootstrap, arguments)
    settings["auto.offset.reset"] = "error" if reset == "none" else reset
    if "isolation" in arguments:
        settings["isolation.level"] = arguments["isolation"]
    if "max_bytes" in arguments:
        limit = arguments["max_bytes"]
        settings |= {
            "max.partition.fetch.bytes": limit, "fetch.max.bytes": limit, "receive.message.max.bytes": limit + 1024
        }
    return settings


def is_record(message: Message) -> bool:
    """Tell records from errors in their place, of which those are raised that do not pass by themselves."""
    error = message.error()
    if error is None:
        return True
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # its text alone says what the broker said
        out_of_range = "out of range" in error.str()
        raise KafkaException(KafkaError(KafkaError.OFFSET_OUT_OF_RANGE, error.str()) if out_of_range else error)
    if error.fatal():
        raise KafkaException(error)
    return False


def fields_of(message: Message) -> tuple[Any, ...]:
    """Return what `emit_record` prints."""
    return (
        message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(),
        message.headers() or [],
    )
