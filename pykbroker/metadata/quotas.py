"""Decisions about client quotas (KIP-546): who may have which quota, and what a filter finds. Pure.

An *entity* is whom a quota is for: a user, a client id, both together, or an IP address; a name of None stands for
everybody who has no quota of their own. In the image it is a tuple of (type, name), sorted by type. What is decided,
and in which order it is checked, is as in `org.apache.kafka.controller.ClientQuotaControlManager` and
`org.apache.kafka.image.ClientQuotasImage`. Quotas are stored and described; nothing is slowed down by them yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.image import Image, QuotaEntity
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import ClientQuotaRecord, EntityData

USER: Final = "user"
CLIENT_ID: Final = "client-id"
IP: Final = "ip"

# How a filter's component matches the entity's name (`DescribeClientQuotasRequest`).
EXACT: Final = 0
DEFAULT: Final = 1
ANY: Final = 2

# The largest value of each quota, if it is a whole number; None for fractions without a limit (`QuotaConfig`).
_LONG: Final = float(1 << 63)
_INT: Final = float((1 << 31) - 1)
_OF_CLIENTS: Final[dict[str, float | None]] = {
    "consumer_byte_rate": _LONG,
    "controller_mutation_rate": None,
    "producer_byte_rate": _LONG,
    "request_percentage": None,
}
_OF_ADDRESSES: Final[dict[str, float | None]] = {"connection_creation_rate": _INT}
_WHOLE_WITHIN: Final = 1e-6

Component = tuple[str, int, str | None]
"""Entity type, how it matches (`EXACT`, `DEFAULT`, `ANY`), and the name to match exactly."""


class QuotaAlteration:
    """One entity's part of a request: its new quotas by key, None to remove one."""

    __slots__ = ("changes", "entity", "repeats_key")

    def __init__(self, entity: Iterable[tuple[str, str | None]], changes: Sequence[tuple[str, float | None]]) -> None:
        self.entity: QuotaEntity = tuple(sorted(dict(entity).items()))
        self.changes = dict(changes)
        self.repeats_key = len(self.changes) < len(changes)


class QuotaResult:
    """What became of one entity's alteration."""

    __slots__ = ("entity", "error")

    def __init__(self, entity: QuotaEntity, error: KafkaError | None) -> None:
        self.entity = entity
        self.error = error


def alter(image: Image, wanted: Sequence[QuotaAlteration]) -> tuple[list[Message], list[QuotaResult]]:
    """Decide an AlterClientQuotas request: one result per entity, in order of appearance (QUO-03).

    An entity that comes twice is an error, and its first alteration takes effect all the same, as in Kafka.
    """
    records: list[Message] = []
    results: dict[QuotaEntity, QuotaResult] = {}
    for alteration in wanted:
        entity = alteration.entity
        error = None
        if entity in results or alteration.repeats_key:
            error = KafkaError(errors.INVALID_REQUEST, f"Ignoring duplicate entity {_text_of(entity)}")
        else:
            try:
                records += _altered(image, alteration)
            except KafkaError as refused:
                error = refused
        results[entity] = QuotaResult(entity, error)
    return records, list(results.values())


def _altered(image: Image, alteration: QuotaAlteration) -> list[ClientQuotaRecord]:
    """Return the records of one entity: only for quotas that really change."""
    keys = _keys_of(alteration.entity)
    old = image.quotas.get(alteration.entity, {})
    records = []
    for key, value in alteration.changes.items():
        if value is None:
            if key in old:
                records.append(ClientQuotaRecord(entity=_in_record(alteration.entity), key=key, remove=True))
            continue
        _check_value(keys, key, value)
        if old.get(key) != value:
            records.append(ClientQuotaRecord(entity=_in_record(alteration.entity), key=key, value=value))
    return records


def _keys_of(entity: QuotaEntity) -> Mapping[str, float | None]:
    """Return the quotas that an entity may have, or raise INVALID_REQUEST for one that is none."""
    if not entity:
        raise KafkaError(errors.INVALID_REQUEST, "Invalid empty client quota entity")
    for kind, name in entity:
        if kind not in (USER, CLIENT_ID, IP):
            raise KafkaError(errors.INVALID_REQUEST, f"Unhandled client quota entity type: {kind}")
        if name == "":
            raise KafkaError(errors.INVALID_REQUEST, f"Empty {kind} not supported")
    names = dict(entity)
    if IP not in names:
        return _OF_CLIENTS
    if len(names) > 1:
        raise KafkaError(errors.INVALID_REQUEST, "An ip cannot be combined with a user or a client-id.")
    address = names[IP]
    if address is not None and not _is_address(address):
        raise KafkaError(errors.INVALID_REQUEST, f"{address} is not a valid IP or resolvable host.")
    return _OF_ADDRESSES


def _is_address(text: str) -> bool:
    """Tell if `text` is an IP address. Names are not looked up: that would wait for the network."""
    from ipaddress import ip_address

    if text == "localhost":
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _check_value(keys: Mapping[str, float | None], key: str, value: float) -> None:
    if key not in keys:
        raise KafkaError(errors.INVALID_REQUEST, f"Invalid configuration key {key}")
    if value <= 0:
        raise KafkaError(errors.INVALID_REQUEST, f"Quota {key} must be greater than 0")
    most = keys[key]
    if most is None:
        return
    if value > most:
        kind = "a LONG" if most == _LONG else "an INT"
        raise KafkaError(errors.INVALID_REQUEST, f"Proposed value for {key} is too large for {kind}.")
    if value % 1.0 > _WHOLE_WITHIN:
        raise KafkaError(errors.INVALID_REQUEST, f"{key} cannot be a fractional value.")


def find(
    image: Image, components: Sequence[Component], *, strict: bool
) -> list[tuple[QuotaEntity, Mapping[str, float]]]:
    """Return the entities that match every component, with their quotas (QUO-04).

    `strict` leaves out entities that have a type which no component names. Raises INVALID_REQUEST for components
    that contradict themselves, and UNSUPPORTED_VERSION for types of entities that there are none of.
    """
    wanted = dict(_checked(components))
    if IP in wanted and len(wanted) > 1:
        raise KafkaError(
            errors.INVALID_REQUEST, "A filter for an ip cannot be combined with one for a user or a client-id."
        )
    return [(entity, quotas) for entity, quotas in image.quotas.items() if _matches(dict(entity), wanted, strict)]


def _checked(components: Sequence[Component]) -> Iterator[tuple[str, tuple[int, str | None]]]:
    seen = set()
    for kind, match_type, name in components:
        if not kind:
            raise KafkaError(errors.INVALID_REQUEST, "Invalid empty entity type.")
        if kind in seen:
            raise KafkaError(
                errors.INVALID_REQUEST, f"Entity type {kind} cannot appear more than once in the filter."
            )
        if kind not in (USER, CLIENT_ID, IP):
            raise KafkaError(errors.UNSUPPORTED_VERSION, f"Unsupported entity type {kind}")
        if match_type not in (EXACT, DEFAULT, ANY):
            raise KafkaError(errors.INVALID_REQUEST, f"Unknown match type {match_type}")
        if (match_type == EXACT) != (name is not None):
            what = "needs a name" if match_type == EXACT else "takes no name"
            raise KafkaError(errors.INVALID_REQUEST, f"Match type {match_type} for {kind} {what}.")
        seen.add(kind)
        yield kind, (match_type, name)


def _matches(entity: Mapping[str, str | None], wanted: Mapping[str, tuple[int, str | None]], strict: bool) -> bool:
    if strict and len(entity) != len(wanted):
        return False
    return all(
        kind in entity and (match_type == ANY or entity[kind] == name) for kind, (match_type, name) in wanted.items()
    )


def _in_record(entity: QuotaEntity) -> list[EntityData]:
    return [EntityData(entity_type=kind, entity_name=name) for kind, name in entity]


def _text_of(entity: QuotaEntity) -> str:
    return ", ".join(f"{kind}={'<default>' if name is None else name}" for kind, name in entity)
