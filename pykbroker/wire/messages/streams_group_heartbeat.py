"""StreamsGroupHeartbeat, API key 88: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, int64, message, since, struct, uint16


@struct
class KeyValue(Message):
    key: str = ""
    value: str = ""


@struct
class TopicInfo(Message):
    name: str = ""
    partitions: int32 = 0
    replication_factor: int16 = 0
    topic_configs: list[KeyValue] = since(default_factory=list)


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
    state_changelog_topics: list[TopicInfo] = since(default_factory=list)
    repartition_sink_topics: list[str] = since(default_factory=list)
    repartition_source_topics: list[TopicInfo] = since(default_factory=list)
    copartition_groups: list[CopartitionGroup] = since(default_factory=list)


@struct
class Topology(Message):
    epoch: int32 = 0
    subtopologies: list[Subtopology] = since(default_factory=list)


@struct
class StreamsGroupHeartbeatRequestTaskIds(Message):
    subtopology_id: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class StreamsGroupHeartbeatRequestEndpoint(Message):
    host: str = ""
    port: uint16 = 0


@struct
class TaskOffset(Message):
    subtopology_id: str = ""
    partition: int32 = 0
    offset: int64 = 0


@message(key=88, versions="0-1", flexible="0+")
class StreamsGroupHeartbeatRequest(Message):
    group_id: str = ""
    member_id: str = ""
    member_epoch: int32 = 0
    endpoint_information_epoch: int32 = 0
    instance_id: str | None = since(nullable="0+", default=None)
    rack_id: str | None = since(nullable="0+", default=None)
    rebalance_timeout_ms: int32 = -1
    topology: Topology | None = since(nullable="0+", default=None)
    active_tasks: list[StreamsGroupHeartbeatRequestTaskIds] | None = since(nullable="0+", default=None)
    standby_tasks: list[StreamsGroupHeartbeatRequestTaskIds] | None = since(nullable="0+", default=None)
    warmup_tasks: list[StreamsGroupHeartbeatRequestTaskIds] | None = since(nullable="0+", default=None)
    process_id: str | None = since(nullable="0+", default=None)
    user_endpoint: StreamsGroupHeartbeatRequestEndpoint | None = since(nullable="0+", default=None)
    client_tags: list[KeyValue] | None = since(nullable="0+", default=None)
    task_offsets: list[TaskOffset] | None = since(nullable="0+", default=None)
    task_end_offsets: list[TaskOffset] | None = since(nullable="0+", default=None)
    shutdown_application: bool = False


@struct
class Status(Message):
    status_code: int8 = 0
    status_detail: str = ""


@struct
class StreamsGroupHeartbeatResponseTaskIds(Message):
    subtopology_id: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class StreamsGroupHeartbeatResponseEndpoint(Message):
    host: str = ""
    port: uint16 = 0


@struct
class TopicPartition(Message):
    topic: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class EndpointToPartitions(Message):
    user_endpoint: StreamsGroupHeartbeatResponseEndpoint = since(default_factory=StreamsGroupHeartbeatResponseEndpoint)
    active_partitions: list[TopicPartition] = since(default_factory=list)
    standby_partitions: list[TopicPartition] = since(default_factory=list)


@message(key=88, versions="0-1", flexible="0+")
class StreamsGroupHeartbeatResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    member_id: str = ""
    member_epoch: int32 = 0
    heartbeat_interval_ms: int32 = 0
    acceptable_recovery_lag_legacy: int32 = since("0", default=0)
    task_offset_interval_ms: int32 = 0
    acceptable_recovery_lag: int64 = since("1+", default=-1)
    status: list[Status] | None = since(nullable="0+", default_factory=list)
    active_tasks: list[StreamsGroupHeartbeatResponseTaskIds] | None = since(nullable="0+", default=None)
    standby_tasks: list[StreamsGroupHeartbeatResponseTaskIds] | None = since(nullable="0+", default=None)
    warmup_tasks: list[StreamsGroupHeartbeatResponseTaskIds] | None = since(nullable="0+", default=None)
    topology_description_required: bool = since("1+", default=False)
    endpoint_information_epoch: int32 = 0
    partitions_by_user_endpoint: list[EndpointToPartitions] | None = since(nullable="0+", default=None)
