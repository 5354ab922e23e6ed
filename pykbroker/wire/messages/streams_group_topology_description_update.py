"""StreamsGroupTopologyDescriptionUpdate, API key 93: versions 0, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class TopologyDescriptionNode(Message):
    name: str = ""
    node_type: int8 = 0
    source_topics: list[str] = since(default_factory=list)
    sink_topic: str | None = since(nullable="0+", default=None)
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


@message(key=93, versions="0", flexible="0+")
class StreamsGroupTopologyDescriptionUpdateRequest(Message):
    group_id: str = ""
    member_id: str = ""
    topology_epoch: int32 = 0
    topology_description: TopologyDescription = since(default_factory=TopologyDescription)


@message(key=93, versions="0", flexible="0+")
class StreamsGroupTopologyDescriptionUpdateResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
