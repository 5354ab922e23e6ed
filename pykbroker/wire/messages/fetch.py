"""Fetch, API key 1: versions 4-18, flexible from 12.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, batches, int8, int16, int32, int64, message, since, struct, uuid


@struct
class ReplicaState(Message):
    replica_id: int32 = -1
    replica_epoch: int64 = -1


@struct
class FetchPartition(Message):
    partition: int32 = 0
    current_leader_epoch: int32 = since("9+", default=-1)
    fetch_offset: int64 = 0
    last_fetched_epoch: int32 = since("12+", default=-1)
    log_start_offset: int64 = since("5+", default=-1)
    partition_max_bytes: int32 = 0
    replica_directory_id: uuid = since("17+", tag=0, default=ZERO_UUID)
    high_watermark: int64 = since("18+", tag=1, default=9223372036854775807)


@struct
class FetchTopic(Message):
    topic: str = since("0-12", default="")
    topic_id: uuid = since("13+", default=ZERO_UUID)
    partitions: list[FetchPartition] = since(default_factory=list)


@struct
class ForgottenTopic(Message):
    topic: str = since("7-12", default="")
    topic_id: uuid = since("13+", default=ZERO_UUID)
    partitions: list[int32] = since(default_factory=list)


@message(key=1, versions="4-18", flexible="12+")
class FetchRequest(Message):
    cluster_id: str | None = since("12+", nullable="12+", tag=0, default=None)
    replica_id: int32 = since("0-14", default=-1)
    replica_state: ReplicaState | None = since("15+", tag=1, default=None)
    max_wait_ms: int32 = 0
    min_bytes: int32 = 0
    max_bytes: int32 = 2147483647
    isolation_level: int8 = 0
    session_id: int32 = since("7+", default=0)
    session_epoch: int32 = since("7+", default=-1)
    topics: list[FetchTopic] = since(default_factory=list)
    forgotten_topics_data: list[ForgottenTopic] = since("7+", default_factory=list)
    rack_id: str = since("11+", default="")


@struct
class EpochEndOffset(Message):
    epoch: int32 = -1
    end_offset: int64 = -1


@struct
class LeaderIdAndEpoch(Message):
    leader_id: int32 = -1
    leader_epoch: int32 = -1


@struct
class SnapshotId(Message):
    end_offset: int64 = -1
    epoch: int32 = -1


@struct
class AbortedTransaction(Message):
    producer_id: int64 = 0
    first_offset: int64 = 0


@struct
class PartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    high_watermark: int64 = 0
    last_stable_offset: int64 = -1
    log_start_offset: int64 = since("5+", default=-1)
    diverging_epoch: EpochEndOffset | None = since("12+", tag=0, default=None)
    current_leader: LeaderIdAndEpoch | None = since("12+", tag=1, default=None)
    snapshot_id: SnapshotId | None = since("12+", tag=2, default=None)
    aborted_transactions: list[AbortedTransaction] | None = since(nullable="4+", default_factory=list)
    preferred_read_replica: int32 = since("11+", default=-1)
    records: batches | None = since(nullable="0+", default=None)


@struct
class FetchableTopicResponse(Message):
    topic: str = since("0-12", default="")
    topic_id: uuid = since("13+", default=ZERO_UUID)
    partitions: list[PartitionData] = since(default_factory=list)


@struct
class NodeEndpoint(Message):
    node_id: int32 = 0
    host: str = ""
    port: int32 = 0
    rack: str | None = since(nullable="16+", default=None)


@message(key=1, versions="4-18", flexible="12+")
class FetchResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = since("7+", default=0)
    session_id: int32 = since("7+", default=0)
    responses: list[FetchableTopicResponse] = since(default_factory=list)
    node_endpoints: list[NodeEndpoint] = since("16+", tag=0, default_factory=list)
