"""AlterPartition, API key 56: versions 2-3, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int8, int16, int32, int64, message, since, struct, uuid


@struct
class BrokerState(Message):
    broker_id: int32 = 0
    broker_epoch: int64 = -1


@struct
class AlterPartitionRequestPartitionData(Message):
    partition_index: int32 = 0
    leader_epoch: int32 = 0
    new_isr: list[int32] = since("0-2", default_factory=list)
    new_isr_with_epochs: list[BrokerState] = since("3+", default_factory=list)
    leader_recovery_state: int8 = 0
    partition_epoch: int32 = 0


@struct
class AlterPartitionRequestTopicData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[AlterPartitionRequestPartitionData] = since(default_factory=list)


@message(key=56, versions="2-3", flexible="0+")
class AlterPartitionRequest(Message):
    broker_id: int32 = 0
    broker_epoch: int64 = -1
    topics: list[AlterPartitionRequestTopicData] = since(default_factory=list)


@struct
class AlterPartitionResponsePartitionData(Message):
    partition_index: int32 = 0
    error_code: int16 = 0
    leader_id: int32 = 0
    leader_epoch: int32 = 0
    isr: list[int32] = since(default_factory=list)
    leader_recovery_state: int8 = 0
    partition_epoch: int32 = 0


@struct
class AlterPartitionResponseTopicData(Message):
    topic_id: uuid = ZERO_UUID
    partitions: list[AlterPartitionResponsePartitionData] = since(default_factory=list)


@message(key=56, versions="2-3", flexible="0+")
class AlterPartitionResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    topics: list[AlterPartitionResponseTopicData] = since(default_factory=list)
