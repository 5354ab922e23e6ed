"""FetchSnapshot, API key 59: versions 0-1, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import (
    ZERO_UUID,
    Message,
    batches,
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
class FetchSnapshotRequestSnapshotId(Message):
    end_offset: int64 = 0
    epoch: int32 = 0


@struct
class FetchSnapshotRequestPartitionSnapshot(Message):
    partition: int32 = 0
    current_leader_epoch: int32 = 0
    snapshot_id: FetchSnapshotRequestSnapshotId = since(default_factory=FetchSnapshotRequestSnapshotId)
    position: int64 = 0
    replica_directory_id: uuid = since("1+", tag=0, default=ZERO_UUID)


@struct
class FetchSnapshotRequestTopicSnapshot(Message):
    name: str = ""
    partitions: list[FetchSnapshotRequestPartitionSnapshot] = since(default_factory=list)


@message(key=59, versions="0-1", flexible="0+")
class FetchSnapshotRequest(Message):
    cluster_id: str | None = since(nullable="0+", tag=0, default=None)
    replica_id: int32 = -1
    max_bytes: int32 = 2147483647
    topics: list[FetchSnapshotRequestTopicSnapshot] = since(default_factory=list)


@struct
class FetchSnapshotResponseSnapshotId(Message):
    end_offset: int64 = 0
    epoch: int32 = 0


@struct
class LeaderIdAndEpoch(Message):
    leader_id: int32 = 0
    leader_epoch: int32 = 0


@struct
class FetchSnapshotResponsePartitionSnapshot(Message):
    index: int32 = 0
    error_code: int16 = 0
    snapshot_id: FetchSnapshotResponseSnapshotId = since(default_factory=FetchSnapshotResponseSnapshotId)
    current_leader: LeaderIdAndEpoch | None = since(tag=0, default=None)
    size: int64 = 0
    position: int64 = 0
    unaligned_records: batches = None


@struct
class FetchSnapshotResponseTopicSnapshot(Message):
    name: str = ""
    partitions: list[FetchSnapshotResponsePartitionSnapshot] = since(default_factory=list)


@struct
class NodeEndpoint(Message):
    node_id: int32 = 0
    host: str = ""
    port: uint16 = 0


@message(key=59, versions="0-1", flexible="0+")
class FetchSnapshotResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    topics: list[FetchSnapshotResponseTopicSnapshot] = since(default_factory=list)
    node_endpoints: list[NodeEndpoint] = since("1+", tag=0, default_factory=list)
