"""Keys and values of `__consumer_offsets`.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int8, int16, int32, int64, message, since, struct, uint16, uuid


@message(key=0, versions="0")
class LegacyOffsetCommitKey(Message):
    group: str = ""
    topic: str = ""
    partition: int32 = 0


@message(key=0, versions="0")
class LegacyOffsetCommitValue(Message):
    offset: int64 = 0
    metadata: str = ""
    commit_timestamp: int64 = 0


@message(key=1, versions="0")
class OffsetCommitKey(Message):
    group: str = ""
    topic: str = ""
    partition: int32 = 0


@message(key=1, versions="0-4", flexible="4+")
class OffsetCommitValue(Message):
    offset: int64 = 0
    leader_epoch: int32 = since("3+", default=-1)
    metadata: str = ""
    commit_timestamp: int64 = 0
    expire_timestamp: int64 = since("1", default=-1)
    topic_id: uuid = since("4+", tag=0, default=ZERO_UUID)


@message(key=2, versions="0")
class GroupMetadataKey(Message):
    group: str = ""


@struct
class MemberMetadata(Message):
    member_id: str = ""
    group_instance_id: str | None = since("3+", nullable="3+", default=None)
    client_id: str = ""
    client_host: str = ""
    rebalance_timeout: int32 = since("1+", default=-1)
    session_timeout: int32 = 0
    subscription: bytes = b""
    assignment: bytes = b""


@message(key=2, versions="0-4", flexible="4+")
class GroupMetadataValue(Message):
    protocol_type: str = ""
    generation: int32 = 0
    protocol: str | None = since(nullable="0+", default="")
    leader: str | None = since(nullable="0+", default="")
    current_state_timestamp: int64 = since("2+", default=-1)
    members: list[MemberMetadata] = since(default_factory=list)


@message(key=3, versions="0")
class ConsumerGroupMetadataKey(Message):
    group_id: str = ""


@message(key=3, versions="0", flexible="0+")
class ConsumerGroupMetadataValue(Message):
    epoch: int32 = 0
    metadata_hash: int64 = since(tag=0, default=0)


@message(key=4, versions="0")
class ConsumerGroupPartitionMetadataKey(Message):
    group_id: str = ""


@struct
class PartitionMetadata(Message):
    partition: int32 = 0
    racks: list[str] = since(default_factory=list)


@struct
class TopicMetadata(Message):
    topic_id: uuid = ZERO_UUID
    topic_name: str = ""
    num_partitions: int32 = 0
    partition_metadata: list[PartitionMetadata] = since(default_factory=list)


@message(key=4, versions="0", flexible="0+")
class ConsumerGroupPartitionMetadataValue(Message):
    topics: list[TopicMetadata] = since(default_factory=list)


@message(key=5, versions="0")
class ConsumerGroupMemberMetadataKey(Message):
    group_id: str = ""
    member_id: str = ""


@struct
class ClassicProtocol(Message):
    name: str = ""
    metadata: bytes = b""


@struct
class ClassicMemberMetadata(Message):
    session_timeout_ms: int32 = 0
    supported_protocols: list[ClassicProtocol] = since(default_factory=list)


@message(key=5, versions="0", flexible="0+")
class ConsumerGroupMemberMetadataValue(Message):
    instance_id: str | None = since(nullable="0+", default="")
    rack_id: str | None = since(nullable="0+", default="")
    client_id: str = ""
    client_host: str = ""
    subscribed_topic_names: list[str] = since(default_factory=list)
    subscribed_topic_regex: str | None = since(nullable="0+", default="")
    rebalance_timeout_ms: int32 = -1
    server_assignor: str | None = since(nullable="0+", default="")
    classic_member_metadata: ClassicMemberMetadata | None = since(
        nullable="0+", tag=0, default_factory=ClassicMemberMetadata
    )


@message(key=6, versions="0")
class ConsumerGroupTargetAssignmentMetadataKey(Message):
    group_id: str = ""


@message(key=6, versions="0", flexible="0+")
class ConsumerGroupTargetAssignmentMetadataValue(Message):
    assignment_epoch: int32 = 0
    assignment_timestamp: int64 = since(tag=0, default=0)


@message(key=7, versions="0")
class ConsumerGroupTargetAssignmentMemberKey(Message):
    group_id: str = ""
    member_id: str = ""


@struct
class ConsumerGroupTargetAssignmentMemberValueTopicPartition(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[int32] = since(default_factory=list)


@message(key=7, versions="0", flexible="0+")
class ConsumerGroupTargetAssignmentMemberValue(Message):
    topic_partitions: list[ConsumerGroupTargetAssignmentMemberValueTopicPartition] = since(default_factory=list)


@message(key=8, versions="0")
class ConsumerGroupCurrentMemberAssignmentKey(Message):
    group_id: str = ""
    member_id: str = ""


@struct
class ConsumerGroupCurrentMemberAssignmentValueTopicPartitions(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[int32] = since(default_factory=list)
    assignment_epochs: list[int32] | None = since(nullable="0+", tag=0, default_factory=list)


@message(key=8, versions="0", flexible="0+")
class ConsumerGroupCurrentMemberAssignmentValue(Message):
    member_epoch: int32 = 0
    previous_member_epoch: int32 = 0
    state: int8 = 0
    assigned_partitions: list[ConsumerGroupCurrentMemberAssignmentValueTopicPartitions] = since(default_factory=list)
    partitions_pending_revocation: list[ConsumerGroupCurrentMemberAssignmentValueTopicPartitions] = since(
        default_factory=list
    )


@message(key=10, versions="0")
class ShareGroupMemberMetadataKey(Message):
    group_id: str = ""
    member_id: str = ""


@message(key=10, versions="0", flexible="0+")
class ShareGroupMemberMetadataValue(Message):
    rack_id: str | None = since(nullable="0+", default="")
    client_id: str = ""
    client_host: str = ""
    subscribed_topic_names: list[str] = since(default_factory=list)


@message(key=11, versions="0")
class ShareGroupMetadataKey(Message):
    group_id: str = ""


@message(key=11, versions="0", flexible="0+")
class ShareGroupMetadataValue(Message):
    epoch: int32 = 0
    metadata_hash: int64 = 0


@message(key=12, versions="0")
class ShareGroupTargetAssignmentMetadataKey(Message):
    group_id: str = ""


@message(key=12, versions="0", flexible="0+")
class ShareGroupTargetAssignmentMetadataValue(Message):
    assignment_epoch: int32 = 0
    assignment_timestamp: int64 = since(tag=0, default=0)


@message(key=13, versions="0")
class ShareGroupTargetAssignmentMemberKey(Message):
    group_id: str = ""
    member_id: str = ""


@struct
class ShareGroupTargetAssignmentMemberValueTopicPartition(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[int32] = since(default_factory=list)


@message(key=13, versions="0", flexible="0+")
class ShareGroupTargetAssignmentMemberValue(Message):
    topic_partitions: list[ShareGroupTargetAssignmentMemberValueTopicPartition] = since(default_factory=list)


@message(key=14, versions="0")
class ShareGroupCurrentMemberAssignmentKey(Message):
    group_id: str = ""
    member_id: str = ""


@struct
class ShareGroupCurrentMemberAssignmentValueTopicPartitions(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[int32] = since(default_factory=list)


@message(key=14, versions="0", flexible="0+")
class ShareGroupCurrentMemberAssignmentValue(Message):
    member_epoch: int32 = 0
    previous_member_epoch: int32 = 0
    state: int8 = 0
    assigned_partitions: list[ShareGroupCurrentMemberAssignmentValueTopicPartitions] = since(default_factory=list)


@message(key=15, versions="0")
class ShareGroupStatePartitionMetadataKey(Message):
    group_id: str = ""


@struct
class TopicPartitionsInfo(Message):
    topic_id: uuid = ZERO_UUID
    topic_name: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class ShareGroupStatePartitionMetadataValueTopicInfo(Message):
    topic_id: uuid = ZERO_UUID
    topic_name: str = ""


@message(key=15, versions="0", flexible="0+")
class ShareGroupStatePartitionMetadataValue(Message):
    initializing_topics: list[TopicPartitionsInfo] = since(default_factory=list)
    initialized_topics: list[TopicPartitionsInfo] = since(default_factory=list)
    deleting_topics: list[ShareGroupStatePartitionMetadataValueTopicInfo] = since(default_factory=list)


@message(key=16, versions="0")
class ConsumerGroupRegularExpressionKey(Message):
    group_id: str = ""
    regular_expression: str = ""


@message(key=16, versions="0", flexible="0+")
class ConsumerGroupRegularExpressionValue(Message):
    topics: list[str] = since(default_factory=list)
    version: int64 = 0
    timestamp: int64 = 0


@message(key=17, versions="0")
class StreamsGroupMetadataKey(Message):
    group_id: str = ""


@struct
class LastAssignmentConfig(Message):
    key: str = ""
    value: str = ""


@message(key=17, versions="0", flexible="0+")
class StreamsGroupMetadataValue(Message):
    epoch: int32 = 0
    metadata_hash: int64 = 0
    validated_topology_epoch: int32 = since(tag=0, default=-1)
    last_assignment_configs: list[LastAssignmentConfig] | None = since(nullable="0+", tag=1, default_factory=list)
    stored_description_topology_epoch: int32 = since(tag=2, default=-1)
    failed_description_topology_epoch: int32 = since(tag=3, default=-1)


@message(key=19, versions="0")
class StreamsGroupMemberMetadataKey(Message):
    group_id: str = ""
    member_id: str = ""


@struct
class Endpoint(Message):
    host: str = ""
    port: uint16 = 0


@struct
class KeyValue(Message):
    key: str = ""
    value: str = ""


@message(key=19, versions="0", flexible="0+")
class StreamsGroupMemberMetadataValue(Message):
    instance_id: str | None = since(nullable="0+", default="")
    rack_id: str | None = since(nullable="0+", default="")
    client_id: str = ""
    client_host: str = ""
    rebalance_timeout_ms: int32 = -1
    topology_epoch: int32 = 0
    process_id: str = ""
    user_endpoint: Endpoint | None = since(nullable="0+", default=None)
    client_tags: list[KeyValue] = since(default_factory=list)


@message(key=20, versions="0")
class StreamsGroupTargetAssignmentMetadataKey(Message):
    group_id: str = ""


@message(key=20, versions="0", flexible="0+")
class StreamsGroupTargetAssignmentMetadataValue(Message):
    assignment_epoch: int32 = 0
    assignment_timestamp: int64 = since(tag=0, default=0)


@message(key=21, versions="0")
class StreamsGroupTargetAssignmentMemberKey(Message):
    group_id: str = ""
    member_id: str = ""


@struct
class StreamsGroupTargetAssignmentMemberValueTaskIds(Message):
    subtopology_id: str = ""
    partitions: list[int32] = since(default_factory=list)


@message(key=21, versions="0", flexible="0+")
class StreamsGroupTargetAssignmentMemberValue(Message):
    active_tasks: list[StreamsGroupTargetAssignmentMemberValueTaskIds] = since(default_factory=list)
    standby_tasks: list[StreamsGroupTargetAssignmentMemberValueTaskIds] = since(default_factory=list)
    warmup_tasks: list[StreamsGroupTargetAssignmentMemberValueTaskIds] = since(default_factory=list)


@message(key=22, versions="0")
class StreamsGroupCurrentMemberAssignmentKey(Message):
    group_id: str = ""
    member_id: str = ""


@struct
class StreamsGroupCurrentMemberAssignmentValueTaskIds(Message):
    subtopology_id: str = ""
    partitions: list[int32] = since(default_factory=list)
    assignment_epochs: list[int32] | None = since(nullable="0+", tag=0, default_factory=list)


@message(key=22, versions="0", flexible="0+")
class StreamsGroupCurrentMemberAssignmentValue(Message):
    member_epoch: int32 = 0
    previous_member_epoch: int32 = 0
    state: int8 = 0
    active_tasks: list[StreamsGroupCurrentMemberAssignmentValueTaskIds] = since(default_factory=list)
    standby_tasks: list[StreamsGroupCurrentMemberAssignmentValueTaskIds] = since(default_factory=list)
    warmup_tasks: list[StreamsGroupCurrentMemberAssignmentValueTaskIds] = since(default_factory=list)
    active_tasks_pending_revocation: list[StreamsGroupCurrentMemberAssignmentValueTaskIds] = since(default_factory=list)
    standby_tasks_pending_revocation: list[StreamsGroupCurrentMemberAssignmentValueTaskIds] = since(
        default_factory=list
    )
    warmup_tasks_pending_revocation: list[StreamsGroupCurrentMemberAssignmentValueTaskIds] = since(default_factory=list)


@message(key=23, versions="0")
class StreamsGroupTopologyKey(Message):
    group_id: str = ""


@struct
class TopicConfig(Message):
    key: str = ""
    value: str = ""


@struct
class StreamsGroupTopologyValueTopicInfo(Message):
    name: str = ""
    partitions: int32 = 0
    replication_factor: int16 = 0
    topic_configs: list[TopicConfig] = since(default_factory=list)


@struct
class CopartitionGroup(Message):
    source_topics: list[int16] = since(default_factory=list)
    source_topic_regex: list[int16] = since(default_factory=list)
    repartition_source_topics: list[int16] = since(default_factory=list)


@struct
class Subtopology(Message):
    subtopology_id: str = ""
    source_topics: list[str] = since(default_factory=list)
    source_topic_regex: list[str] = since(default_factory=list)
    state_changelog_topics: list[StreamsGroupTopologyValueTopicInfo] = since(default_factory=list)
    repartition_sink_topics: list[str] = since(default_factory=list)
    repartition_source_topics: list[StreamsGroupTopologyValueTopicInfo] = since(default_factory=list)
    copartition_groups: list[CopartitionGroup] = since(default_factory=list)


@message(key=23, versions="0", flexible="0+")
class StreamsGroupTopologyValue(Message):
    epoch: int32 = 0
    subtopologies: list[Subtopology] = since(default_factory=list)
