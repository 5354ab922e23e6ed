"""OffsetFetch, API key 9: versions 1-10, flexible from 6.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uuid


@struct
class OffsetFetchRequestTopic(Message):
    name: str = ""
    partition_indexes: list[int32] = since(default_factory=list)


@struct
class OffsetFetchRequestTopics(Message):
    name: str = since("8-9", default="")
    topic_id: uuid = since("10+", default=ZERO_UUID)
    partition_indexes: list[int32] = since(default_factory=list)


@struct
class OffsetFetchRequestGroup(Message):
    group_id: str = ""
    member_id: str | None = since("9+", nullable="9+", default=None)
    member_epoch: int32 = since("9+", default=-1)
    topics: list[OffsetFetchRequestTopics] | None = since(nullable="8+", default_factory=list)


@message(key=9, versions="1-10", flexible="6+")
class OffsetFetchRequest(Message):
    group_id: str = since("0-7", default="")
    topics: list[OffsetFetchRequestTopic] | None = since("0-7", nullable="2-7", default_factory=list)
    groups: list[OffsetFetchRequestGroup] = since("8+", default_factory=list)
    require_stable: bool = since("7+", default=False)


@struct
class OffsetFetchResponsePartition(Message):
    partition_index: int32 = 0
    committed_offset: int64 = 0
    committed_leader_epoch: int32 = since("5-7", default=-1)
    metadata: str | None = since(nullable="0-7", default="")
    error_code: int16 = 0


@struct
class OffsetFetchResponseTopic(Message):
    name: str = ""
    partitions: list[OffsetFetchResponsePartition] = since(default_factory=list)


@struct
class OffsetFetchResponsePartitions(Message):
    partition_index: int32 = 0
    committed_offset: int64 = 0
    committed_leader_epoch: int32 = -1
    metadata: str | None = since(nullable="8+", default="")
    error_code: int16 = 0


@struct
class OffsetFetchResponseTopics(Message):
    name: str = since("8-9", default="")
    topic_id: uuid = since("10+", default=ZERO_UUID)
    partitions: list[OffsetFetchResponsePartitions] = since(default_factory=list)


@struct
class OffsetFetchResponseGroup(Message):
    group_id: str = ""
    topics: list[OffsetFetchResponseTopics] = since(default_factory=list)
    error_code: int16 = 0


@message(key=9, versions="1-10", flexible="6+")
class OffsetFetchResponse(Message):
    throttle_time_ms: int32 = since("3+", default=0)
    topics: list[OffsetFetchResponseTopic] = since("0-7", default_factory=list)
    error_code: int16 = since("2-7", default=0)
    groups: list[OffsetFetchResponseGroup] = since("8+", default_factory=list)
