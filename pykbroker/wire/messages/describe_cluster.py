"""DescribeCluster, API key 60: versions 0-2, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int8, int16, int32, message, since, struct


@message(key=60, versions="0-2", flexible="0+")
class DescribeClusterRequest(Message):
    include_cluster_authorized_operations: bool = False
    endpoint_type: int8 = since("1+", default=1)
    include_fenced_brokers: bool = since("2+", default=False)


@struct
class DescribeClusterBroker(Message):
    broker_id: int32 = 0
    host: str = ""
    port: int32 = 0
    rack: str | None = since(nullable="0+", default=None)
    is_fenced: bool = since("2+", default=False)


@message(key=60, versions="0-2", flexible="0+")
class DescribeClusterResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default=None)
    endpoint_type: int8 = since("1+", default=1)
    cluster_id: str = ""
    controller_id: int32 = -1
    brokers: list[DescribeClusterBroker] = since(default_factory=list)
    cluster_authorized_operations: int32 = -2147483648
