"""Decisions about configs: what an alteration leaves set on a resource, and whether that is legal. Pure.

A resource succeeds or fails as a whole, and does not disturb the others (CONF-16). What is stored is canonical text
(CONF-12). The checks come in Kafka's order: shape of the request (`ConfigAdminManager`), then the operations
(`ConfigurationControlManager`), then the outcome (`ControllerConfigurationValidator`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC, Image
from pykbroker.metadata.names import name_problem
from pykbroker.metadata.rules import BrokerRules
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import ConfigRecord

SET: Final = 0
DELETE: Final = 1
APPEND: Final = 2
SUBTRACT: Final = 3

Operation = tuple[str, int, str | None]  # key, SET..SUBTRACT, value


class Alteration:
    """One resource's part of a request: operations on its configs, or (`replaces`) its whole new set of them."""

    __slots__ = ("name", "operations", "replaces", "resource_type")

    def __init__(
        self, resource_type: int, name: str, operations: Sequence[Operation], *, replaces: bool = False
    ) -> None:
        self.resource_type = resource_type
        self.name = name
        self.operations = operations
        self.replaces = replaces


class AlterResult:
    """What became of one resource's alteration."""

    __slots__ = ("error", "name", "resource_type")

    def __init__(self, resource_type: int, name: str, error: KafkaError | None) -> None:
        self.resource_type = resource_type
        self.name = name
        self.error = error


def alter(image: Image, wanted: Sequence[Alteration], rules: BrokerRules) -> tuple[list[Message], list[AlterResult]]:
    """Decide an AlterConfigs or IncrementalAlterConfigs request: one result per resource, in its order (CONF-25)."""
    seen: set[tuple[int, str]] = set()
    repeated: set[tuple[int, str]] = set()
    for alteration in wanted:
        resource = (alteration.resource_type, alteration.name)
        (repeated if resource in seen else seen).add(resource)
    records: list[Message] = []
    results = []
    for alteration in wanted:
        error = None
        try:
            if (alteration.resource_type, alteration.name) in repeated:
                raise KafkaError(errors.INVALID_REQUEST, "Each resource must appear at most once.")
            records += _altered(image, alteration, rules)
        except KafkaError as refused:
            error = refused
        results.append(AlterResult(alteration.resource_type, alteration.name, error))
    return records, results


def _altered(image: Image, alteration: Alteration, rules: BrokerRules) -> list[ConfigRecord]:
    """Return the records of one resource: only for keys whose value really changes."""
    kind, name = alteration.resource_type, alteration.name
    _check_shape(alteration)
    _check_name(kind, name, rules)
    old = image.config_of(kind, name)
    entries = {} if alteration.replaces else dict(old)
    for key, operation, value in alteration.operations:
        if operation == DELETE:
            entries.pop(key, None)
        elif operation == SET:
            entries[key] = value or ""
        else:
            entries[key] = _changed_list(entries.get(key), operation, key, value or "", rules.list_default(kind, key))
    new = rules.checked(kind, name, entries, [key for key, _, _ in alteration.operations])
    if kind == TOPIC:
        check_topic(image, name)  # last, as in Kafka: of two errors, a client hears that the value is wrong
    gone = [(key, None) for key in old if key not in new]
    changed = [(key, value) for key, value in new.items() if old.get(key) != value]
    return [
        ConfigRecord(resource_type=kind, resource_name=name, name=key, value=value) for key, value in [*gone, *changed]
    ]


def _check_shape(alteration: Alteration) -> None:
    """CONF-15, CONF-19, CONF-22."""
    if alteration.resource_type not in (TOPIC, BROKER, CLIENT_METRICS, GROUP):
        what = "BROKER_LOGGER" if alteration.resource_type == BROKER_LOGGER else str(alteration.resource_type)
        raise KafkaError(errors.INVALID_REQUEST, f"Resources of type {what} cannot be altered here.")
    keys = [key for key, _, _ in alteration.operations]
    if len(set(keys)) < len(keys):
        raise KafkaError(errors.INVALID_REQUEST, "A config key appears more than once.")
    for key, operation, value in alteration.operations:
        if operation not in (SET, DELETE, APPEND, SUBTRACT):
            raise KafkaError(errors.INVALID_REQUEST, f"Unknown operation {operation} for: {key}")
        if value is None and operation != DELETE:
            raise KafkaError(errors.INVALID_REQUEST, f"Null value not supported for: {key}")


def _check_name(kind: int, name: str, rules: BrokerRules) -> None:
    if kind == BROKER:
        check_node(name, rules.node_id)
    elif not name:
        raise KafkaError(errors.INVALID_REQUEST, "The name of this resource must not be empty.")
    elif kind == TOPIC:
        _check_topic_name(name)


def _check_topic_name(name: str) -> None:
    problem = name_problem(name)
    if problem is not None:
        raise KafkaError(errors.INVALID_TOPIC_EXCEPTION, problem)


def check_topic(image: Image, name: str) -> None:
    """Raise the error of a topic that has no configs, because it does not or cannot exist (CONF-07, CONF-17)."""
    _check_topic_name(name)
    if name not in image.topics:
        raise KafkaError(errors.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist.")


def check_node(name: str, node_id: int) -> None:
    """Raise INVALID_REQUEST if a BROKER resource is neither this node nor (empty) the whole cluster (CONF-08)."""
    if name and not name.removeprefix("-").isdecimal():
        raise KafkaError(errors.INVALID_REQUEST, f"A broker's name is its number, not: {name}")
    if name and int(name) != node_id:
        raise KafkaError(errors.INVALID_REQUEST, f"Unexpected broker id, expected {node_id}, but received {name}")


def _changed_list(current: str | None, operation: int, key: str, value: str, default: str | None) -> str:
    """Return a list with elements appended or subtracted; it begins with the built-in default (CONF-14)."""
    if default is None:
        verb = "APPEND to" if operation == APPEND else "SUBTRACT from"
        raise KafkaError(errors.INVALID_CONFIG, f"Can't {verb} key {key} because its type is not LIST.")
    elements = _elements(default if current is None else current)
    for element in _elements(value):
        if operation == APPEND and element not in elements:
            elements.append(element)
        elif operation == SUBTRACT and element in elements:
            elements.remove(element)
    return ",".join(elements)


def _elements(text: str) -> list[str]:
    return [element.strip() for element in text.split(",") if element.strip()]
