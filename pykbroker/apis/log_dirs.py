"""DescribeLogDirs (35): how much each partition takes, by log directory.

v1 KIP-113 · v2 flexible · v3 error at the top · v4 the volume's size (KIP-827) · v5 cordoned directories (KIP-1066).
"""

from __future__ import annotations

from pykbroker import errors
from pykbroker.apis.context import Context
from pykbroker.wire.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)


def describe_log_dirs(ctx: Context, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse:
    """List every log directory with the partitions that were asked for (null: all of them) and are in it."""
    wanted = None
    if request.topics is not None:
        wanted = {(topic.topic, index) for topic in request.topics for index in topic.partitions}
    results: dict[str, DescribeLogDirsResult] = {}
    topics: dict[tuple[str, str], DescribeLogDirsTopic] = {}
    for path in ctx.services.partitions.directories:
        results[path] = _volume(ctx, path)
    for path, name, index, size in ctx.services.partitions.sizes():
        if wanted is not None and (name, index) not in wanted:
            continue
        topic = topics.get((path, name))
        if topic is None:
            topic = topics[path, name] = DescribeLogDirsTopic(name=name)
            results[path].topics.append(topic)
        topic.partitions.append(DescribeLogDirsPartition(partition_index=index, partition_size=size))
    return DescribeLogDirsResponse(results=list(results.values()))


def _volume(ctx: Context, path: str) -> DescribeLogDirsResult:
    try:
        total, usable = ctx.services.env.files.free_bytes(path)
    except OSError:
        return DescribeLogDirsResult(error_code=errors.KAFKA_STORAGE_ERROR, log_dir=path)
    return DescribeLogDirsResult(log_dir=path, total_bytes=total, usable_bytes=usable)
