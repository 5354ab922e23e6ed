"""Values of `__cluster_metadata`: what KRaft's controller stores.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import (
    ZERO_UUID,
    Message,
    float64,
    int8,
    int16,
    int32,
    int64,
    message,
    since,
    struct,
    uint16,
    uuid,
)


@struct
class BrokerEndpoint(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0
    security_protocol: int16 = 0


@struct
class BrokerFeature(Message):
    name: str = ""
    min_supported_version: int16 = 0
    max_supported_version: int16 = 0


@message(key=0, versions="0-4", flexible="0+")
class RegisterBrokerRecord(Message):
    broker_id: int32 = 0
    is_migrating_zk_broker: bool = since("2+", default=False)
    incarnation_id: uuid = ZERO_UUID
    broker_epoch: int64 = 0
    end_points: list[BrokerEndpoint] = since(default_factory=list)
    features: list[BrokerFeature] = since(default_factory=list)
    rack: str | None = since(nullable="0+", default="")
    fenced: bool = True
    in_controlled_shutdown: bool = since("1+", default=False)
    log_dirs: list[uuid] = since("3+", tag=0, default_factory=list)
    cordoned_log_dirs: list[uuid] | None = since("4+", nullable="4+", tag=1, default=None)


@message(key=1, versions="0", flexible="0+")
class UnregisterBrokerRecord(Message):
    broker_id: int32 = 0
    broker_epoch: int64 = 0


@message(key=2, versions="0", flexible="0+")
class TopicRecord(Message):
    name: str = ""
    topic_id: uuid = ZERO_UUID


@message(key=3, versions="0-2", flexible="0+")
class PartitionRecord(Message):
    partition_id: int32 = -1
    topic_id: uuid = ZERO_UUID
    replicas: list[int32] = since(default_factory=list)
    isr: list[int32] = since(default_factory=list)
    removing_replicas: list[int32] = since(default_factory=list)
    adding_replicas: list[int32] = since(default_factory=list)
    leader: int32 = -1
    leader_recovery_state: int8 = since(tag=0, default=0)
    leader_epoch: int32 = -1
    partition_epoch: int32 = -1
    directories: list[uuid] = since("1+", default_factory=list)
    eligible_leader_replicas: list[int32] | None = since("2+", nullable="2+", tag=1, default=None)
    last_known_elr: list[int32] | None = since("2+", nullable="2+", tag=2, default=None)


@message(key=4, versions="0", flexible="0+")
class ConfigRecord(Message):
    resource_type: int8 = 0
    resource_name: str = ""
    name: str = ""
    value: str | None = since(nullable="0+", default="")


@message(key=5, versions="0-2", flexible="0+")
class PartitionChangeRecord(Message):
    partition_id: int32 = -1
    topic_id: uuid = ZERO_UUID
    isr: list[int32] | None = since(nullable="0+", tag=0, default=None)
    leader: int32 = since(tag=1, default=-2)
    replicas: list[int32] | None = since(nullable="0+", tag=2, default=None)
    removing_replicas: list[int32] | None = since(nullable="0+", tag=3, default=None)
    adding_replicas: list[int32] | None = since(nullable="0+", tag=4, default=None)
    leader_recovery_state: int8 = since(tag=5, default=-1)
    directories: list[uuid] | None = since("1+", nullable="1+", tag=8, default=None)
    eligible_leader_replicas: list[int32] | None = since("2+", nullable="2+", tag=6, default=None)
    last_known_elr: list[int32] | None = since("2+", nullable="2+", tag=7, default=None)


@message(key=7, versions="0", flexible="0+")
class FenceBrokerRecord(Message):
    id: int32 = 0
    epoch: int64 = 0


@message(key=8, versions="0", flexible="0+")
class UnfenceBrokerRecord(Message):
    id: int32 = 0
    epoch: int64 = 0


@message(key=9, versions="0", flexible="0+")
class RemoveTopicRecord(Message):
    topic_id: uuid = ZERO_UUID


@message(key=10, versions="0", flexible="0+")
class DelegationTokenRecord(Message):
    owner: str = ""
    requester: str = ""
    renewers: list[str] = since(default_factory=list)
    issue_timestamp: int64 = 0
    max_timestamp: int64 = 0
    expiration_timestamp: int64 = 0
    token_id: str = ""


@message(key=11, versions="0", flexible="0+")
class UserScramCredentialRecord(Message):
    name: str = ""
    mechanism: int8 = 0
    salt: bytes = b""
    stored_key: bytes = b""
    server_key: bytes = b""
    iterations: int32 = 0


@message(key=12, versions="0", flexible="0+")
class FeatureLevelRecord(Message):
    name: str = ""
    feature_level: int16 = 0


@struct
class EntityData(Message):
    entity_type: str = ""
    entity_name: str | None = since(nullable="0+", default="")


@message(key=14, versions="0", flexible="0+")
class ClientQuotaRecord(Message):
    entity: list[EntityData] = since(default_factory=list)
    key: str = ""
    value: float64 = 0.0
    remove: bool = False


@message(key=15, versions="0", flexible="0+")
class ProducerIdsRecord(Message):
    broker_id: int32 = 0
    broker_epoch: int64 = -1
    next_producer_id: int64 = 0


@message(key=17, versions="0-3", flexible="0+")
class BrokerRegistrationChangeRecord(Message):
    broker_id: int32 = 0
    broker_epoch: int64 = 0
    fenced: int8 = since(tag=0, default=0)
    in_controlled_shutdown: int8 = since("1+", tag=1, default=0)
    log_dirs: list[uuid] = since("2+", tag=2, default_factory=list)
    cordoned_log_dirs: list[uuid] | None = since("3+", nullable="3+", tag=3, default=None)


@message(key=18, versions="0", flexible="0+")
class AccessControlEntryRecord(Message):
    id: uuid = ZERO_UUID
    resource_type: int8 = 0
    resource_name: str = ""
    pattern_type: int8 = 0
    principal: str = ""
    host: str = ""
    operation: int8 = 0
    permission_type: int8 = 0


@message(key=19, versions="0", flexible="0+")
class RemoveAccessControlEntryRecord(Message):
    id: uuid = ZERO_UUID


@message(key=20, versions="0", flexible="0+")
class NoOpRecord(Message):
    pass


@message(key=21, versions="0", flexible="0+")
class ZkMigrationStateRecord(Message):
    zk_migration_state: int8 = 0


@message(key=22, versions="0", flexible="0+")
class RemoveUserScramCredentialRecord(Message):
    name: str = ""
    mechanism: int8 = 0


@message(key=23, versions="0", flexible="0+")
class BeginTransactionRecord(Message):
    name: str | None = since(nullable="0+", tag=0, default=None)


@message(key=24, versions="0", flexible="0+")
class EndTransactionRecord(Message):
    pass


@message(key=25, versions="0", flexible="0+")
class AbortTransactionRecord(Message):
    reason: str | None = since(nullable="0+", tag=0, default=None)


@message(key=26, versions="0", flexible="0+")
class RemoveDelegationTokenRecord(Message):
    token_id: str = ""


@struct
class ControllerEndpoint(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0
    security_protocol: int16 = 0


@struct
class ControllerFeature(Message):
    name: str = ""
    min_supported_version: int16 = 0
    max_supported_version: int16 = 0


@message(key=27, versions="0", flexible="0+")
class RegisterControllerRecord(Message):
    controller_id: int32 = 0
    incarnation_id: uuid = ZERO_UUID
    zk_migration_ready: bool = False
    end_points: list[ControllerEndpoint] = since(default_factory=list)
    features: list[ControllerFeature] = since(default_factory=list)


@message(key=28, versions="0", flexible="0+")
class ClearElrRecord(Message):
    topic_name: str = ""


@message(key=29, versions="0", flexible="0+")
class UnregisterControllerRecord(Message):
    controller_id: int32 = 0
