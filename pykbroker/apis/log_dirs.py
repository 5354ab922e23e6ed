"""DescribeLogDirs (35), AlterReplicaLogDirs (34): where partitions are, how much each takes, and moving them.

DescribeLogDirs: v1 KIP-113 · v2 flexible · v3 error at the top · v4 the volume's size (KIP-827) · v5 cordoned
directories (KIP-1066).

AlterReplicaLogDirs: v1 KIP-113 · v2 flexible. It is answered when the moves have begun; how far they are is told by
DescribeLogDirs, where the copy is listed beside the original.
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.errors import KafkaError
from pykbroker.storage.directory import LogDirectory
from pykbroker.wire.messages.alter_replica_log_dirs import (
    AlterReplicaLogDirPartitionResult,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
    AlterReplicaLogDirTopicResult,
)
from pykbroker.wire.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)


def describe_log_dirs(ctx: Context, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse:
    """List every log directory with the partitions that were asked for (null: all of them) and are in it."""
    services = ctx.services
    wanted = None
    if request.topics is not None:
        wanted = {(topic.topic, index) for topic in request.topics for index in topic.partitions}
    results: dict[str, DescribeLogDirsResult] = {}
    topics: dict[tuple[str, str], DescribeLogDirsTopic] = {}
    for directory in services.partitions.directories:
        results[directory.path] = _volume(ctx, directory)

    def add(path: str, name: str, described: DescribeLogDirsPartition) -> None:
        if wanted is not None and (name, described.partition_index) not in wanted:
            return
        topic = topics.get((path, name))
        if topic is None:
            topic = topics[path, name] = DescribeLogDirsTopic(name=name)
            results[path].topics.append(topic)
        topic.partitions.append(described)

    for path, name, index, size in services.partitions.sizes():
        add(path, name, DescribeLogDirsPartition(partition_index=index, partition_size=size))
    for move in services.moves:
        name, index = move.partition.key
        copy = DescribeLogDirsPartition(
            partition_index=index, partition_size=move.copied_bytes, offset_lag=move.offset_lag, is_future_key=True
        )
        add(move.target.path, name, copy)
    return DescribeLogDirsResponse(results=list(results.values()))


def alter_replica_log_dirs(ctx: Context, request: AlterReplicaLogDirsRequest) -> AlterReplicaLogDirsResponse:
    """Begin to move partitions to other log directories."""
    topics: dict[str, AlterReplicaLogDirTopicResult] = {}
    for wanted in request.dirs:
        path = wanted.path.rstrip("/") or "/"
        for topic in wanted.topics:
            result = topics.setdefault(topic.name, AlterReplicaLogDirTopicResult(topic_name=topic.name))
            for index in topic.partitions:
                code = errors.NONE
                try:
                    ctx.services.moves.begin(topic.name, index, path)
                except KafkaError as error:
                    code = error.code
                result.partitions.append(AlterReplicaLogDirPartitionResult(partition_index=index, error_code=code))
    return AlterReplicaLogDirsResponse(results=list(topics.values()))


def _volume(ctx: Context, directory: LogDirectory) -> DescribeLogDirsResult:
    try:
        if directory.failure is not None:
            raise directory.failure
        total, usable = ctx.services.env.files.free_bytes(directory.path)
    except OSError:
        return DescribeLogDirsResult(error_code=errors.KAFKA_STORAGE_ERROR, log_dir=directory.path)
    return DescribeLogDirsResult(log_dir=directory.path, total_bytes=total, usable_bytes=usable)
