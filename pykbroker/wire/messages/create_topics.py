"""CreateTopics, API key 19: versions 2-7, flexible from 5.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int8, int16, int32, message, since, struct, uuid


@struct
class CreatableReplicaAssignment(Message):
    partition_index: int32 = 0
    broker_ids: list[int32] = since(default_factory=list)


@struct
class CreatableTopicConfig(Message):
    name: str = ""
    value: str | None = since(nullable="0+", default="")


@struct
class CreatableTopic(Message):
    name: str = ""
    num_partitions: int32 = 0
    replication_factor: int16 = 0
    assignments: list[CreatableReplicaAssignment] = since(default_factory=list)
    configs: list[CreatableTopicConfig] = since(default_factory=list)


@message(key=19, versions="2-7", flexible="5+")
class CreateTopicsRequest(Message):
    topics: list[CreatableTopic] = since(default_factory=list)
    timeout_ms: int32 = 60000
    validate_only: bool = False


@struct
class CreatableTopicConfigs(Message):
    name: str = ""
    value: str | None = since(nullable="5+", default="")
    read_only: bool = False
    config_source: int8 = -1
    is_sensitive: bool = False


@struct
class CreatableTopicResult(Message):
    name: str = ""
    topic_id: uuid = since("7+", default=ZERO_UUID)
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    topic_config_error_code: int16 = since("5+", tag=0, default=0)
    num_partitions: int32 = since("5+", default=-1)
    replication_factor: int16 = since("5+", default=-1)
    configs: list[CreatableTopicConfigs] | None = since("5+", nullable="5+", default_factory=list)


@message(key=19, versions="2-7", flexible="5+")
class CreateTopicsResponse(Message):
    throttle_time_ms: int32 = 0
    topics: list[CreatableTopicResult] = since(default_factory=list)
