"""AlterClientQuotas, API key 49: versions 0-1, flexible from 1.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, float64, int16, int32, message, since, struct


@struct
class AlterClientQuotasRequestEntityData(Message):
    entity_type: str = ""
    entity_name: str | None = since(nullable="0+", default="")


@struct
class OpData(Message):
    key: str = ""
    value: float64 = 0.0
    remove: bool = False


@struct
class AlterClientQuotasRequestEntryData(Message):
    entity: list[AlterClientQuotasRequestEntityData] = since(default_factory=list)
    ops: list[OpData] = since(default_factory=list)


@message(key=49, versions="0-1", flexible="1+")
class AlterClientQuotasRequest(Message):
    entries: list[AlterClientQuotasRequestEntryData] = since(default_factory=list)
    validate_only: bool = False


@struct
class AlterClientQuotasResponseEntityData(Message):
    entity_type: str = ""
    entity_name: str | None = since(nullable="0+", default="")


@struct
class AlterClientQuotasResponseEntryData(Message):
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    entity: list[AlterClientQuotasResponseEntityData] = since(default_factory=list)


@message(key=49, versions="0-1", flexible="1+")
class AlterClientQuotasResponse(Message):
    throttle_time_ms: int32 = 0
    entries: list[AlterClientQuotasResponseEntryData] = since(default_factory=list)
