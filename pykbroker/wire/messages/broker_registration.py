"""BrokerRegistration, API key 62: versions 0-4, flexible from 0.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uint16, uuid


@struct
class Listener(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0
    security_protocol: int16 = 0


@struct
class Feature(Message):
    name: str = ""
    min_supported_version: int16 = 0
    max_supported_version: int16 = 0


@message(key=62, versions="0-4", flexible="0+")
class BrokerRegistrationRequest(Message):
    broker_id: int32 = 0
    cluster_id: str = ""
    incarnation_id: uuid = ZERO_UUID
    listeners: list[Listener] = since(default_factory=list)
    features: list[Feature] = since(default_factory=list)
    rack: str | None = since(nullable="0+", default="")
    is_migrating_zk_broker: bool = since("1+", default=False)
    log_dirs: list[uuid] = since("2+", default_factory=list)
    previous_broker_epoch: int64 = since("3+", default=-1)


@message(key=62, versions="0-4", flexible="0+")
class BrokerRegistrationResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    broker_epoch: int64 = -1
