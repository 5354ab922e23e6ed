"""What members of a classic consumer group tell each other.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int32, message, since, struct


@struct
class ConsumerProtocolAssignmentTopicPartition(Message):
    topic: str = ""
    partitions: list[int32] = since(default_factory=list)


@message(versions="0-3")
class ConsumerProtocolAssignment(Message):
    assigned_partitions: list[ConsumerProtocolAssignmentTopicPartition] = since(default_factory=list)
    user_data: bytes | None = since(nullable="0+", default=None)


@struct
class ConsumerProtocolSubscriptionTopicPartition(Message):
    topic: str = ""
    partitions: list[int32] = since(default_factory=list)


@message(versions="0-3")
class ConsumerProtocolSubscription(Message):
    topics: list[str] = since(default_factory=list)
    user_data: bytes | None = since(nullable="0+", default=None)
    owned_partitions: list[ConsumerProtocolSubscriptionTopicPartition] = since("1+", default_factory=list)
    generation_id: int32 = since("2+", default=-1)
    rack_id: str | None = since("3+", nullable="3+", default=None)
