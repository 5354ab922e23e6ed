"""StreamsGroupDescribe, API key 89: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, int64, message, since, struct, uint16


@message(key=89, versions="0-1", flexible="0+")
class StreamsGroupDescribeRequest(Message):
    group_ids: list[str] = since(default_factory=list)
    include_authorized_operations: bool = False
    include_topology_description: bool = since("1+", default=False)


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
class Subtopology(Message):
    subtopology_id: str = ""
    source_topics: list[str] = since(default_factory=list)
    repartition_sink_topics: list[str] = since(default_factory=list)
    state_changelog_topics: list[TopicInfo] = since(default_factory=list)
    repartition_source_topics: list[TopicInfo] = since(default_factory=list)


@struct
class Topology(Message):
    epoch: int32 = 0
    subtopologies: list[Subtopology] | None = since(nullable="0+", default=None)


@struct
class Endpoint(Message):
    host: str = ""
    port: uint16 = 0


@struct
class TaskOffset(Message):
    subtopology_id: str = ""
    partition: int32 = 0
    offset: int64 = 0


@struct
class TaskIds(Message):
    subtopology_id: str = ""
    partitions: list[int32] = since(default_factory=list)


@struct
class Assignment(Message):
    active_tasks: list[TaskIds] = since(default_factory=list)
    standby_tasks: list[TaskIds] = since(default_factory=list)
    warmup_tasks: list[TaskIds] = since(default_factory=list)


@struct
class Member(Message):
    member_id: str = ""
    member_epoch: int32 = 0
    instance_id: str | None = since(nullable="0+", default=None)
    rack_id: str | None = since(nullable="0+", default=None)
    client_id: str = ""
    client_host: str = ""
    topology_epoch: int32 = 0
    process_id: str = ""
    user_endpoint: Endpoint | None = since(nullable="0+", default=None)
    client_tags: list[KeyValue] = since(default_factory=list)
    task_offsets: list[TaskOffset] = since(default_factory=list)
    task_end_offsets: list[TaskOffset] = since(default_factory=list)
    assignment: Assignment = since(default_factory=Assignment)
    target_assignment: Assignment = since(default_factory=Assignment)
    is_classic: bool = False


@struct
class TopologyDescriptionNode(Message):
    name: str = ""
    node_type: int8 = 0
    source_topics: list[str] = since(default_factory=list)
    sink_topic: str | None = since(nullable="1+", default=None)
    stores: list[str] = since(default_factory=list)
    successors: list[str] = since(default_factory=list)


@struct
class TopologyDescriptionSubtopology(Message):
    subtopology_id: str = ""
    nodes: list[TopologyDescriptionNode] = since(default_factory=list)


@struct
class TopologyDescriptionGlobalStore(Message):
    source: TopologyDescriptionNode = since(default_factory=TopologyDescriptionNode)
    processor: TopologyDescriptionNode = since(default_factory=TopologyDescriptionNode)


@struct
class TopologyDescription(Message):
    subtopologies: list[TopologyDescriptionSubtopology] = since(default_factory=list)
    global_stores: list[TopologyDescriptionGlobalStore] = since(default_factory=list)


@struct
class DescribedGroup(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    group_id: str = ""
    group_state: str = ""
    group_epoch: int32 = 0
    assignment_epoch: int32 = 0
    topology: Topology | None = since(nullable="0+", default=None)
    members: list[Member] = since(default_factory=list)
    authorized_operations: int32 = -2147483648
    topology_description: TopologyDescription | None = since("1+", nullable="1+", default=None)
    topology_description_status: int8 = since("1+", default=0)
    assignor_name: str | None = since("1+", nullable="1+", default=None)


@message(key=89, versions="0-1", flexible="0+")
class StreamsGroupDescribeResponse(Message):
    throttle_time_ms: int32 = 0
    groups: list[DescribedGroup] = since(default_factory=list)
