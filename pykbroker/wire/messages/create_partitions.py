"""CreatePartitions, API key 37: versions 0-3, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, message, since, struct


@struct
class CreatePartitionsAssignment(Message):
    broker_ids: list[int32] = since(default_factory=list)


@struct
class CreatePartitionsTopic(Message):
    name: str = ""
    count: int32 = 0
    assignments: list[CreatePartitionsAssignment] | None = since(nullable="0+", default_factory=list)


@message(key=37, versions="0-3", flexible="2+")
class CreatePartitionsRequest(Message):
    topics: list[CreatePartitionsTopic] = since(default_factory=list)
    timeout_ms: int32 = 0
    validate_only: bool = False


@struct
class CreatePartitionsTopicResult(Message):
    name: str = ""
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)


@message(key=37, versions="0-3", flexible="2+")
class CreatePartitionsResponse(Message):
    throttle_time_ms: int32 = 0
    results: list[CreatePartitionsTopicResult] = since(default_factory=list)
