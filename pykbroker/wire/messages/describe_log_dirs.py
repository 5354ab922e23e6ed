"""DescribeLogDirs, API key 35: versions 1-5, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct


@struct
class DescribableLogDirTopic(Message):
    topic: str = ""
    partitions: list[int32] = since(default_factory=list)


@message(key=35, versions="1-5", flexible="2+")
class DescribeLogDirsRequest(Message):
    topics: list[DescribableLogDirTopic] | None = since(nullable="0+", default_factory=list)


@struct
class DescribeLogDirsPartition(Message):
    partition_index: int32 = 0
    partition_size: int64 = 0
    offset_lag: int64 = 0
    is_future_key: bool = False


@struct
class DescribeLogDirsTopic(Message):
    name: str = ""
    partitions: list[DescribeLogDirsPartition] = since(default_factory=list)


@struct
class DescribeLogDirsResult(Message):
    error_code: int16 = 0
    log_dir: str = ""
    topics: list[DescribeLogDirsTopic] = since(default_factory=list)
    total_bytes: int64 = since("4+", default=-1)
    usable_bytes: int64 = since("4+", default=-1)
    is_cordoned: bool = since("5+", default=False)


@message(key=35, versions="1-5", flexible="2+")
class DescribeLogDirsResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = since("3+", default=0)
    results: list[DescribeLogDirsResult] = since(default_factory=list)
