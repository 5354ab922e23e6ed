"""What is in a `.checkpoint` file: an image as records, and those in batches; and back.

    batch    control: SnapshotHeaderRecord, with the timestamp of the last record of the log that is in it
    batch*   the records of the image, framed as in the log (`records.py`)
    batch    control: SnapshotFooterRecord; without it the file is not complete

Offsets count from 0 in each file. All batches have the leader epoch of the last record that the snapshot stands for
(`org.apache.kafka.snapshot.RecordsSnapshotWriter`, `Snapshots`). Where the files are, and when: `snapshots.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from struct import Struct
from typing import Final

from pykbroker.errors import CORRUPT_MESSAGE, KafkaError
from pykbroker.metadata import records, replay
from pykbroker.metadata.features import METADATA_VERSION
from pykbroker.metadata.image import BrokerState, Image, PartitionState, QuotaEntity, ScramCredential, Topic
from pykbroker.wire.batch import CONTROL, Batch, peek, verify
from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.message import Message
from pykbroker.wire.messages.control_records import SnapshotFooterRecord, SnapshotHeaderRecord
from pykbroker.wire.messages.metadata_records import (
    BrokerEndpoint,
    BrokerFeature,
    ClientQuotaRecord,
    ConfigRecord,
    EntityData,
    FeatureLevelRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RegisterBrokerRecord,
    TopicRecord,
    UserScramCredentialRecord,
)
from pykbroker.wire.records import batches_in, build_batch, records_of

HEADER_TYPE: Final = 3
FOOTER_TYPE: Final = 4

# Making a batch of so many records takes about a millisecond, which is what one turn may take (`steps.py`).
BATCH_RECORDS: Final = 100
BATCH_BYTES: Final = 256 * 1024

_CONTROL_KEY = Struct(">hh")  # version, type


def records_of_image(image: Image) -> Iterator[Message]:
    """Return the records that make an equal image when they are replayed into an empty one (`MetadataImage.write`).

    What they say is settled by this call, whatever changes the image before the last of them is taken. To be quick, it
    only copies what may change of topics and configs; their records are made when they are taken.
    """
    features = sorted(image.features.items(), key=lambda each: each[0] != METADATA_VERSION)  # it settles versions
    first_free = image.next_producer_id
    # Neither a topic's name and id nor what is in a `PartitionState` ever changes.
    topics = zip(list(image.topics.values()), [tuple(t.partitions) for t in image.topics.values()], strict=True)
    configs = zip(list(image.configs), [dict(entries) for entries in image.configs.values()], strict=True)
    return chain(
        [FeatureLevelRecord(name=name, feature_level=level) for name, level in features],
        [_registration(broker) for broker in image.brokers.values()],
        _topic_records(topics),
        _config_records(configs),
        [_quota(entity, *quota) for entity, quotas in image.quotas.items() for quota in quotas.items()],
        [ProducerIdsRecord(broker_id=-1, broker_epoch=-1, next_producer_id=first_free)] if first_free else (),
        [_credential(*user, credential) for user, credential in image.scram.items()],
    )


def _registration(broker: BrokerState) -> RegisterBrokerRecord:
    return RegisterBrokerRecord(
        broker_id=broker.id,
        incarnation_id=broker.incarnation_id,
        broker_epoch=broker.epoch,
        end_points=[
            BrokerEndpoint(name=e.listener, host=e.host, port=e.port, security_protocol=e.security_protocol)
            for e in broker.endpoints.values()
        ],
        features=[
            BrokerFeature(name=name, min_supported_version=low, max_supported_version=high)
            for name, (low, high) in broker.features.items()
        ],
        rack=broker.rack,
        fenced=broker.fenced,
        log_dirs=broker.log_dirs,
    )


def _topic_records(topics: Iterable[tuple[Topic, Iterable[PartitionState]]]) -> Iterator[Message]:
    for topic, partitions in topics:
        yield TopicRecord(name=topic.name, topic_id=topic.id)
        for state in partitions:
            yield PartitionRecord(
                partition_id=state.index,
                topic_id=topic.id,
                replicas=state.replicas,
                isr=state.isr,
                leader=state.leader,
                leader_epoch=state.leader_epoch,
                partition_epoch=state.partition_epoch,
                directories=state.directories,
            )


def _config_records(configs: Iterable[tuple[tuple[int, str], dict[str, str]]]) -> Iterator[Message]:
    for (kind, resource), entries in configs:
        for key, value in entries.items():
            yield ConfigRecord(resource_type=kind, resource_name=resource, name=key, value=value)


def _quota(entity: QuotaEntity, key: str, value: float) -> ClientQuotaRecord:
    parts = [EntityData(entity_type=kind, entity_name=name) for kind, name in entity]
    return ClientQuotaRecord(entity=parts, key=key, value=value)


def _credential(user: str, mechanism: int, credential: ScramCredential) -> UserScramCredentialRecord:
    return UserScramCredentialRecord(
        name=user,
        mechanism=mechanism,
        salt=credential.salt,
        stored_key=credential.stored_key,
        server_key=credential.server_key,
        iterations=credential.iterations,
    )


def batches_of(wanted: Iterable[Message], *, epoch: int, last_timestamp_ms: int, now_ms: int) -> Iterator[bytearray]:
    """Yield the batches of a snapshot, header and footer included, each small enough to be made in one turn.

    `epoch` and `last_timestamp_ms` are those of the last record of the log that the snapshot stands for.
    """
    offset = 0

    def batch(values: list[bytes]) -> bytearray:
        return build_batch([(None, v) for v in values], timestamp_ms=now_ms, base_offset=offset, leader_epoch=epoch)

    def control(kind: int, message: Message) -> bytearray:
        pair = (_CONTROL_KEY.pack(0, kind), encode_message(message, 0))
        return build_batch([pair], timestamp_ms=now_ms, base_offset=offset, leader_epoch=epoch, attributes=CONTROL)

    yield control(HEADER_TYPE, SnapshotHeaderRecord(last_contained_log_timestamp=last_timestamp_ms))
    offset += 1
    values: list[bytes] = []
    nbytes = 0
    for record in wanted:
        value = records.encode(record)
        if values and (len(values) == BATCH_RECORDS or nbytes + len(value) > BATCH_BYTES):
            yield batch(values)
            offset += len(values)
            values, nbytes = [], 0
        values.append(value)
        nbytes += len(value)
    if values:
        yield batch(values)
        offset += len(values)
    yield control(FOOTER_TYPE, SnapshotFooterRecord())


def image_from(content: bytes, cluster_id: str, end_offset: int) -> Image:
    """Return the image that a snapshot holds; KafkaError(CORRUPT_MESSAGE) if it is damaged, or not complete.

    `end_offset` is that of the log where the snapshot ends: the image's `version` goes on from there, as if the log
    itself had been replayed.
    """
    batches = list(batches_in(content))
    for position, batch in batches:
        verify(content, batch, position)
    if not batches or not _is_control(content, *batches[0], HEADER_TYPE):
        raise KafkaError(CORRUPT_MESSAGE, "its header is missing")
    position, last = batches[-1]
    if position + last.length != len(content) or not _is_control(content, position, last, FOOTER_TYPE):
        raise KafkaError(CORRUPT_MESSAGE, "its end is missing")
    image = Image(cluster_id)
    for position, batch in batches:
        if batch.is_control:  # Kafka's header may have more: the version of the quorum's protocol, and its voters
            continue
        for stored in records_of(content, batch, position):
            record = records.decode(stored.value or b"")
            if record is not None:
                replay.apply(image, record)
    image.version = end_offset
    return image


def timestamp_of(beginning: bytes) -> int:
    """Return the timestamp in a snapshot's header; KafkaError(CORRUPT_MESSAGE) if it does not begin with one."""
    batch = peek(beginning)
    verify(beginning, batch)
    if not _is_control(beginning, 0, batch, HEADER_TYPE):
        raise KafkaError(CORRUPT_MESSAGE, "its header is missing")
    header = next(records_of(beginning, batch))
    return decode_message(SnapshotHeaderRecord, 0, header.value or b"").last_contained_log_timestamp


def _is_control(content: bytes, position: int, batch: Batch, kind: int) -> bool:
    """Tell if the first record of a batch is the control record of this type."""
    first = next(records_of(content, batch, position), None) if batch.is_control else None
    return first is not None and first.key is not None and first.key[2:4] == _CONTROL_KEY.pack(0, kind)[2:]
