"""What is in a snapshot: reload and compare, and what becomes of a damaged one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from pykbroker.errors import KafkaError, Malformed
from pykbroker.metadata import replay
from pykbroker.metadata.image import BROKER, CLIENT_METRICS, GROUP, TOPIC, Image
from pykbroker.metadata.snapshot import (
    BATCH_BYTES,
    BATCH_RECORDS,
    batches_of,
    image_from,
    records_of_image,
    timestamp_of,
)
from pykbroker.wire.batch import peek
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import (
    BrokerEndpoint,
    BrokerFeature,
    BrokerRegistrationChangeRecord,
    ClientQuotaRecord,
    ConfigRecord,
    EntityData,
    FeatureLevelRecord,
    FenceBrokerRecord,
    PartitionChangeRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RegisterBrokerRecord,
    RemoveTopicRecord,
    RemoveUserScramCredentialRecord,
    TopicRecord,
    UnfenceBrokerRecord,
    UnregisterBrokerRecord,
    UserScramCredentialRecord,
)
from pykbroker.wire.records import records_of

CLUSTER = "AAAAAAAAAAAAAAAAAAAAAg"


def an_id(number: int) -> bytes:
    return bytes([number]) * 16


def a_registration(broker_id: int, **fields: object) -> RegisterBrokerRecord:
    return RegisterBrokerRecord(
        broker_id=broker_id,
        incarnation_id=an_id(100 + broker_id),
        broker_epoch=7 * broker_id,
        end_points=[
            BrokerEndpoint(name="PLAINTEXT", host=f"host{broker_id}", port=9092, security_protocol=0),
            BrokerEndpoint(name="SECOND", host=f"host{broker_id}", port=9093, security_protocol=3),
        ],
        features=[BrokerFeature(name="metadata.version", min_supported_version=7, max_supported_version=30)],
        log_dirs=[an_id(200), an_id(201)],
        **fields,  # type: ignore[arg-type]
    )


def a_partition(topic: int, index: int, **fields: object) -> PartitionRecord:
    return PartitionRecord(
        partition_id=index,
        topic_id=an_id(topic),
        replicas=[1, 2],
        isr=[2],
        leader=2,
        leader_epoch=3,
        partition_epoch=4,
        directories=[an_id(200), an_id(201)],
        **fields,  # type: ignore[arg-type]
    )


def a_config(kind: int, resource: str, name: str, value: str | None) -> ConfigRecord:
    return ConfigRecord(resource_type=kind, resource_name=resource, name=name, value=value)


def a_quota(key: str, value: float, *entity: tuple[str, str | None], remove: bool = False) -> ClientQuotaRecord:
    parts = [EntityData(entity_type=kind, entity_name=name) for kind, name in entity]
    return ClientQuotaRecord(entity=parts, key=key, value=value, remove=remove)


def a_credential(user: str, mechanism: int, iterations: int) -> UserScramCredentialRecord:
    return UserScramCredentialRecord(
        name=user, mechanism=mechanism, salt=b"salt", stored_key=b"st", server_key=b"se", iterations=iterations
    )


# Every kind of record that `replay` knows, so that each part of the image has something in it at the end.
HISTORY: list[Message] = [
    FeatureLevelRecord(name="group.version", feature_level=1),
    FeatureLevelRecord(name="metadata.version", feature_level=30),
    FeatureLevelRecord(name="dropped.version", feature_level=2),
    FeatureLevelRecord(name="dropped.version", feature_level=0),
    a_registration(1, rack="r1", fenced=False),
    a_registration(2, rack=None, fenced=True),
    a_registration(3, rack="", fenced=False),
    a_registration(4, rack="r4", fenced=False),
    FenceBrokerRecord(id=1, epoch=7),
    UnfenceBrokerRecord(id=2, epoch=14),
    BrokerRegistrationChangeRecord(broker_id=3, broker_epoch=21, fenced=1, log_dirs=[an_id(210)]),
    UnregisterBrokerRecord(broker_id=4, broker_epoch=28),
    TopicRecord(name="first.topic", topic_id=an_id(1)),
    TopicRecord(name="gone", topic_id=an_id(2)),
    TopicRecord(name="without-partitions", topic_id=an_id(3)),
    a_partition(1, 0),
    a_partition(1, 1),
    a_partition(2, 0),
    PartitionChangeRecord(partition_id=1, topic_id=an_id(1), leader=1, isr=[1, 2]),
    a_config(TOPIC, "first.topic", "retention.ms", "1000"),
    a_config(TOPIC, "first.topic", "cleanup.policy", ""),
    a_config(TOPIC, "gone", "retention.ms", "1000"),
    a_config(BROKER, "", "log.retention.ms", "5000"),
    a_config(BROKER, "1", "log.retention.ms", "6000"),
    a_config(GROUP, "g", "consumer.session.timeout.ms", "50000"),
    a_config(CLIENT_METRICS, "m", "interval.ms", "100"),
    a_config(CLIENT_METRICS, "m", "interval.ms", None),
    RemoveTopicRecord(topic_id=an_id(2)),
    ProducerIdsRecord(broker_id=1, broker_epoch=7, next_producer_id=3000),
    a_quota("producer_byte_rate", 1024.5, ("user", "alice"), ("client-id", None)),
    a_quota("consumer_byte_rate", 2.0, ("user", "alice"), ("client-id", None)),
    a_quota("consumer_byte_rate", 3.0, ("user", "alice")),
    a_quota("consumer_byte_rate", 0.0, ("user", "alice"), remove=True),
    a_credential("alice", 1, 4096),
    a_credential("alice", 2, 8192),
    a_credential("bob", 1, 4096),
    RemoveUserScramCredentialRecord(name="bob", mechanism=1),
]

# What changes, or takes away, everything that `HISTORY` leaves.
LATER: list[Message] = [
    FeatureLevelRecord(name="group.version", feature_level=0),
    FeatureLevelRecord(name="share.version", feature_level=1),
    UnfenceBrokerRecord(id=1, epoch=7),
    BrokerRegistrationChangeRecord(broker_id=2, broker_epoch=14, fenced=1, log_dirs=[an_id(220)]),
    UnregisterBrokerRecord(broker_id=3, broker_epoch=21),
    a_partition(1, 2),
    PartitionChangeRecord(partition_id=0, topic_id=an_id(1), leader=-1),
    a_config(TOPIC, "first.topic", "retention.ms", "2000"),
    a_config(TOPIC, "first.topic", "cleanup.policy", None),
    a_config(BROKER, "", "log.retention.ms", None),
    a_config(GROUP, "g", "consumer.session.timeout.ms", "51000"),
    RemoveTopicRecord(topic_id=an_id(3)),
    TopicRecord(name="second", topic_id=an_id(4)),
    ProducerIdsRecord(broker_id=1, broker_epoch=7, next_producer_id=4000),
    a_quota("consumer_byte_rate", 4.0, ("user", "alice"), ("client-id", None)),
    a_quota("producer_byte_rate", 0.0, ("user", "alice"), ("client-id", None), remove=True),
    a_credential("alice", 1, 5000),
    RemoveUserScramCredentialRecord(name="alice", mechanism=2),
]


def replayed(history: Iterable[Message], image: Image | None = None) -> Image:
    image = image or Image(CLUSTER)
    for record in history:
        replay.apply(image, record)
    return image


def fields_of(value: object) -> list[str]:
    """Return the names of an object's attributes, whatever its class."""
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return names + list(getattr(value, "__dict__", ()))


def note_fields(value: object, filled: dict[str, bool]) -> None:
    """Note of each attribute of all objects in `value` whether any of them has more than nothing, 0 or False there."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        for element in value:
            note_fields(element, filled)
    for name in fields_of(value):
        attribute = f"{type(value).__name__}.{name}"
        filled[attribute] = filled.get(attribute, False) or bool(getattr(value, name))
        note_fields(getattr(value, name), filled)


def deep(value: object) -> object:
    """Return a value with all that it holds, whatever its classes are, as something that can be compared."""
    if isinstance(value, dict):
        return [(deep(key), deep(value[key])) for key in sorted(value, key=repr)]
    if isinstance(value, (list, tuple)):
        return [deep(element) for element in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, map(deep, value)))
    names = fields_of(value)
    return [(name, deep(getattr(value, name))) for name in names] if names else value


def a_snapshot(records: Iterable[Message], **fields: int) -> bytes:
    known = {"epoch": 5, "last_timestamp_ms": 1234, "now_ms": 5678, **fields}
    return b"".join(batches_of(records, **known))


def reloaded(content: bytes) -> Image:
    return image_from(content, CLUSTER, len(HISTORY))


def test_history_has_every_kind_of_record_that_changes_the_image_and_fills_every_part_of_it() -> None:
    assert {type(record) for record in HISTORY} == set(replay._CHANGES)  # a new kind belongs into HISTORY and LATER
    filled: dict[str, bool] = {}
    note_fields(replayed(HISTORY), filled)
    assert [name for name, has_something in filled.items() if not has_something] == []


def test_reloaded_image_is_equal_in_every_part() -> None:
    image = replayed(HISTORY)
    assert deep(reloaded(a_snapshot(records_of_image(image)))) == deep(image)


def test_reloaded_image_goes_on_as_the_original_does() -> None:
    image = replayed(HISTORY)
    again = reloaded(a_snapshot(records_of_image(image)))
    assert deep(replayed(LATER, again)) == deep(replayed(LATER, image))


def test_empty_image_is_reloaded_too() -> None:
    assert deep(image_from(a_snapshot(records_of_image(Image(CLUSTER))), CLUSTER, 0)) == deep(Image(CLUSTER))


def test_what_the_records_say_is_settled_before_the_first_is_taken() -> None:
    image = replayed(HISTORY)
    before = deep(image)
    records = records_of_image(image)
    replayed(LATER, image)
    assert deep(image) != before
    assert deep(reloaded(a_snapshot(records))) == before


def test_metadata_version_comes_first_because_it_settles_the_versions_of_the_others() -> None:
    first = next(iter(records_of_image(replayed(HISTORY))))
    assert first == FeatureLevelRecord(name="metadata.version", feature_level=30)


def test_batches_begin_with_a_header_end_with_a_footer_and_count_their_offsets_from_0() -> None:
    batches = list(batches_of(HISTORY, epoch=5, last_timestamp_ms=0x1234, now_ms=5678))
    headers = [peek(batch) for batch in batches]
    assert [header.is_control for header in headers] == [True, False, True]
    assert [(header.base_offset, header.count) for header in headers] == [
        (0, 1),
        (1, len(HISTORY)),
        (len(HISTORY) + 1, 1),
    ]
    assert {(header.leader_epoch, header.max_timestamp, header.producer_id) for header in headers} == {(5, 5678, -1)}
    first, last = (next(records_of(batches[index], headers[index])) for index in (0, -1))
    # Version 0 and type of the control record; its own version, its field, no tagged fields.
    assert (first.key, first.value) == (b"\0\0\0\3", b"\0\0" + (0x1234).to_bytes(8, "big") + b"\0")
    assert (last.key, last.value) == (b"\0\0\0\4", b"\0\0" + b"\0")


@pytest.mark.parametrize("length", [1, BATCH_BYTES // 3, BATCH_BYTES + 1])
def test_batches_are_small_and_together_have_every_record_once(length: int) -> None:
    wanted = [a_config(BROKER, "1", f"key{index}", "x" * length) for index in range(2 * BATCH_RECORDS + 1)]
    batches = list(batches_of(iter(wanted), epoch=0, last_timestamp_ms=0, now_ms=0))
    headers = [peek(batch) for batch in batches]
    assert max(header.count for header in headers) <= BATCH_RECORDS
    assert all(len(batch) < BATCH_BYTES + 200 * BATCH_RECORDS or peek(batch).count == 1 for batch in batches)
    assert [header.base_offset for header in headers[1:]] == [header.next_offset for header in headers[:-1]]
    assert len(reloaded(b"".join(batches)).config_of(BROKER, "1")) == len(wanted)


def test_timestamp_is_that_of_the_header() -> None:
    assert timestamp_of(a_snapshot(HISTORY, last_timestamp_ms=77)[:100]) == 77


def test_snapshot_that_is_cut_anywhere_is_refused() -> None:
    content = a_snapshot(HISTORY[:3])
    for length in range(len(content)):
        with pytest.raises(KafkaError):
            reloaded(content[:length])


def test_snapshot_with_something_behind_its_end_is_refused() -> None:
    with pytest.raises(KafkaError):
        reloaded(a_snapshot(HISTORY) + b"\0")


@pytest.mark.parametrize("read", [reloaded, timestamp_of])
def test_damaged_byte_is_noticed_or_makes_no_difference(read: Callable[[bytes], object]) -> None:
    content = a_snapshot(HISTORY)
    sound = deep(read(content))
    refused = 0
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x41
        try:
            found = deep(read(bytes(damaged)))
        except (KafkaError, Malformed):
            refused += 1
        else:
            assert found == sound, position
    assert refused >= (len(content) - 200 if read is reloaded else 60)
