"""What each metadata record means: the only code that changes an `Image`.

`apply` accepts every record that any broker of `metadata.version` 30 may have written; kinds that we keep no state for
(access control, delegation tokens, controllers) change nothing but `version`. What it can set, a snapshot must have:
`snapshot.records_of_image`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pykbroker.metadata.image import BrokerState, Endpoint, Image, PartitionState, ScramCredential
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import (
    BrokerRegistrationChangeRecord,
    ClientQuotaRecord,
    ConfigRecord,
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

_LEADER_UNCHANGED: Final = -2
_FENCED: Final = 1


def apply(image: Image, record: Message) -> None:
    """Apply one stored record to the image."""
    change = _CHANGES.get(type(record))
    if change is not None:
        change(image, record)
    image.version += 1


def _register_broker(image: Image, record: RegisterBrokerRecord) -> None:
    endpoints = {e.name: Endpoint(e.name, e.host, e.port, e.security_protocol) for e in record.end_points}
    features = {f.name: (f.min_supported_version, f.max_supported_version) for f in record.features}
    image.brokers[record.broker_id] = BrokerState(
        record.broker_id, record.broker_epoch, record.incarnation_id, endpoints, features, record.rack, record.fenced,
        record.log_dirs,
    )  # fmt: skip


def _change_registration(image: Image, record: BrokerRegistrationChangeRecord) -> None:
    broker = image.brokers[record.broker_id]
    if record.fenced:  # 1 fenced, -1 unfenced, 0 unchanged
        broker.fenced = record.fenced == _FENCED
    if record.log_dirs:
        broker.log_dirs = record.log_dirs


def _unregister_broker(image: Image, record: UnregisterBrokerRecord) -> None:
    image.brokers.pop(record.broker_id, None)


def _fence(image: Image, record: FenceBrokerRecord) -> None:
    image.brokers[record.id].fenced = True


def _unfence(image: Image, record: UnfenceBrokerRecord) -> None:
    image.brokers[record.id].fenced = False


def _add_topic(image: Image, record: TopicRecord) -> None:
    image.add_topic(record.name, record.topic_id)


def _remove_topic(image: Image, record: RemoveTopicRecord) -> None:
    image.remove_topic(record.topic_id)


def _set_partition(image: Image, record: PartitionRecord) -> None:
    partitions = image.topics_by_id[record.topic_id].partitions
    state = PartitionState(
        record.partition_id, record.leader, record.leader_epoch, record.partition_epoch, record.replicas, record.isr,
        record.directories,
    )  # fmt: skip
    if record.partition_id == len(partitions):
        partitions.append(state)
    else:
        partitions[record.partition_id] = state


def _change_partition(image: Image, record: PartitionChangeRecord) -> None:
    """A change of leader, to none as well, begins a leader epoch; every change begins a partition epoch."""
    partitions = image.topics_by_id[record.topic_id].partitions
    old = partitions[record.partition_id]
    changes_leader = record.leader != _LEADER_UNCHANGED
    partitions[record.partition_id] = PartitionState(
        old.index,
        record.leader if changes_leader else old.leader,
        old.leader_epoch + changes_leader,
        old.partition_epoch + 1,
        old.replicas if record.replicas is None else record.replicas,
        old.isr if record.isr is None else record.isr,
        old.directories if record.directories is None else record.directories,
    )


def _set_config(image: Image, record: ConfigRecord) -> None:
    image.set_config(record.resource_type, record.resource_name, record.name, record.value)


def _set_feature(image: Image, record: FeatureLevelRecord) -> None:
    if record.feature_level:
        image.features[record.name] = record.feature_level
    else:
        image.features.pop(record.name, None)


def _set_producer_ids(image: Image, record: ProducerIdsRecord) -> None:
    image.next_producer_id = record.next_producer_id


def _set_quota(image: Image, record: ClientQuotaRecord) -> None:
    entity = tuple(sorted((each.entity_type, each.entity_name) for each in record.entity))
    image.set_quota(entity, record.key, None if record.remove else record.value)


def _set_credential(image: Image, record: UserScramCredentialRecord) -> None:
    image.scram[record.name, record.mechanism] = ScramCredential(
        record.salt, record.stored_key, record.server_key, record.iterations
    )


def _remove_credential(image: Image, record: RemoveUserScramCredentialRecord) -> None:
    image.scram.pop((record.name, record.mechanism), None)


_CHANGES: Final[dict[type[Message], Callable[[Image, Any], None]]] = {
    RegisterBrokerRecord: _register_broker,
    BrokerRegistrationChangeRecord: _change_registration,
    UnregisterBrokerRecord: _unregister_broker,
    FenceBrokerRecord: _fence,
    UnfenceBrokerRecord: _unfence,
    TopicRecord: _add_topic,
    RemoveTopicRecord: _remove_topic,
    PartitionRecord: _set_partition,
    PartitionChangeRecord: _change_partition,
    ConfigRecord: _set_config,
    FeatureLevelRecord: _set_feature,
    ProducerIdsRecord: _set_producer_ids,
    ClientQuotaRecord: _set_quota,
    UserScramCredentialRecord: _set_credential,
    RemoveUserScramCredentialRecord: _remove_credential,
}
