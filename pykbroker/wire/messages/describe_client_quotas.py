"""DescribeClientQuotas, API key 48: versions 0-1, flexible from 1.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, float64, int8, int16, int32, message, since, struct


@struct
class ComponentData(Message):
    entity_type: str = ""
    match_type: int8 = 0
    match: str | None = since(nullable="0+", default="")


@message(key=48, versions="0-1", flexible="1+")
class DescribeClientQuotasRequest(Message):
    components: list[ComponentData] = since(default_factory=list)
    strict: bool = False


@struct
class EntityData(Message):
    entity_type: str = ""
    entity_name: str | None = since(nullable="0+", default="")


@struct
class ValueData(Message):
    key: str = ""
    value: float64 = 0.0


@struct
class EntryData(Message):
    entity: list[EntityData] = since(default_factory=list)
    values: list[ValueData] = since(default_factory=list)


@message(key=48, versions="0-1", flexible="1+")
class DescribeClientQuotasResponse(Message):
    throttle_time_ms: int32 = 0
    error_code: int16 = 0
    error_message: str | None = since(nullable="0+", default="")
    entries: list[EntryData] | None = since(nullable="0+", default_factory=list)
