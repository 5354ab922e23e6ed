"""Metadata, API key 3: versions 0-13, flexible from 9.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uuid


@struct
class MetadataRequestTopic(Message):
    topic_id: uuid = since("10+", default=ZERO_UUID)
    name: str | None = since(nullable="10+", default="")


@message(key=3, versions="0-13", flexible="9+")
class MetadataRequest(Message):
    topics: list[MetadataRequestTopic] | None = since(nullable="1+", default_factory=list)
    allow_auto_topic_creation: bool = since("4+", default=True)
    include_cluster_authorized_operations: bool = since("8-10", default=False)
    include_topic_authorized_operations: bool = since("8+", default=False)


@struct
class MetadataResponseBroker(Message):
    node_id: int32 = 0
    host: str = ""
    port: int32 = 0
    rack: str | None = since("1+", nullable="1+", default=None)


@struct
class MetadataResponsePartition(Message):
    error_code: int16 = 0
    partition_index: int32 = 0
    leader_id: int32 = 0
    leader_epoch: int32 = since("7+", default=-1)
    replica_nodes: list[int32] = since(default_factory=list)
    isr_nodes: list[int32] = since(default_factory=list)
    offline_replicas: list[int32] = since("5+", default_factory=list)


@struct
class MetadataResponseTopic(Message):
    error_code: int16 = 0
    name: str | None = since(nullable="12+", default="")
    topic_id: uuid = since("10+", default=ZERO_UUID)
    is_internal: bool = since("1+", default=False)
    partitions: list[MetadataResponsePartition] = since(default_factory=list)
    topic_authorized_operations: int32 = since("8+", default=-2147483648)


@message(key=3, versions="0-13", flexible="9+")
class MetadataResponse(Message):
    throttle_time_ms: int32 = since("3+", default=0)
    brokers: list[MetadataResponseBroker] = since(default_factory=list)
    cluster_id: str | None = since("2+", nullable="2+", default=None)
    controller_id: int32 = since("1+", default=-1)
    topics: list[MetadataResponseTopic] = since(default_factory=list)
    cluster_authorized_operations: int32 = since("8-10", default=-2147483648)
    error_code: int16 = since("13+", default=0)
