"""ElectLeaders, API key 43: versions 0-2, flexible from 2.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@struct
class TopicPartitions(Message):
    topic: str = ""
    partitions: list[int32] = since(default_factory=list)


@message(key=43, versions="0-2", flexible="2+")
class ElectLeadersRequest(Message):
    election_type: int8 = since("1+", default=0)
    topic_partitions: list[TopicPartitions] | None = since(nullable="0+", default_factory=list)
    timeout_ms: int32 = 60000


@struct
class PartitionResult(Message):
    partition_id: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")


@struct
class ReplicaElectionResult(Message):
    topic: str = ""
    partition_result: list[PartitionResult] = since(default_factory=list)


@message(key=43, versions="0-2", flexible="2+")
class ElectLeadersResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = since("1+", default=0)
    replica_election_results: list[ReplicaElectionResult] = since(default_factory=list)
