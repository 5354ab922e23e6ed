"""DeleteTopics, API key 20: versions 1-6, flexible from 4.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, message, since, struct, uuid


@struct
class DeleteTopicState(Message):
    name: str | None = since(nullable="6+", default=None)
    topic_id: uuid = ZERO_UUID


@message(key=20, versions="1-6", flexible="4+")
class DeleteTopicsRequest(Message):
    topics: list[DeleteTopicState] = since("6+", default_factory=list)
    topic_names: list[str] = since("0-5", default_factory=list)
    timeout_ms: int32 = 0


@struct
class DeletableTopicResult(Message):
    name: str | None = since(nullable="6+", default="")
    topic_id: uuid = since("6+", default=ZERO_UUID)
    error_code: int16 = 0
    error_message: str | None = since("5+", nullable="5+", default=None)


@message(key=20, versions="1-6", flexible="4+")
class DeleteTopicsResponse(Message):
    throttle_time_ms: int32 = 0
    responses: list[DeletableTopicResult] = since(default_factory=list)
