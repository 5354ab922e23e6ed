"""The PyPI package kio, an independent codec, reads what we write, writes the same bytes, and finds the same values."""

from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from random import Random
from typing import Any
from uuid import UUID

import pytest

from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.codegen_source import Kind
from pykbroker.wire.message import ZERO_UUID, Message
from tests.wire.values import carried, declared_messages, random_message, versions_of

kio_index = pytest.importorskip("kio.index")
from kio.serial import entity_reader, entity_writer  # noqa: E402
from kio.static.constants import EntityType  # noqa: E402

SAMPLES = 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RENAMED = {
    "k_raft_version": "kraft_version",
    "k_raft_version_feature": "kraft_version_feature",
    "enable2_pc": "enable_2pc",
    "generation_id": "generation_id_or_member_epoch",  # Kafka 4.4 renamed these two
    "acceptable_recovery_lag": "acceptable_recovery_lag_legacy",
}


def kio_class(cls: type[Message], version: int) -> Any:
    """Return kio's class for one version of a message, or None where it has none."""
    name = cls.__name__
    try:
        if cls.__key__ is not None and name.endswith("Request"):
            return kio_index.load_request_schema(cls.__key__, version)
        if cls.__key__ is not None and name.endswith("Response"):
            return kio_index.load_response_schema(cls.__key__, version)
        module = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
        return getattr(kio_index.load_entity_module(module, version, EntityType.data), name)
    except kio_index.KioIndexError:
        return None


def normal(value: Any) -> Any:
    """Return a plain value of kio's as ours would be: milliseconds, raw UUIDs."""
    if isinstance(value, timedelta):
        return round(value / timedelta(milliseconds=1))
    if isinstance(value, datetime):
        return round((value - EPOCH) / timedelta(milliseconds=1))
    return value.bytes if isinstance(value, UUID) else value


def assert_same(ours: Any, theirs: Any, version: int, where: str) -> None:
    """Compare a value of ours with kio's, field by field: names (but for units), tags and contents."""
    if isinstance(ours, Message):
        kio_fields = dataclass_fields(theirs)
        mine = list(carried(type(ours), version))
        assert len(mine) == len(kio_fields), where
        for field, other in zip(mine, kio_fields, strict=True):
            there = f"{where}.{field.name}"
            name = other.name.rstrip("_")
            assert field.name in (name, f"{name}_ms", RENAMED.get(name)), f"{there} is {other.name} in kio"
            assert other.metadata.get("tag") == field.tag, there
            value = getattr(ours, field.name)
            if value is None and is_dataclass(getattr(theirs, other.name)):
                struct = Kind(field.annotation).struct
                value = struct() if struct else None  # an absent tagged structure
            assert_same(value, getattr(theirs, other.name), version, there)
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), where
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, version, f"{where}[{index}]")
    elif theirs is None and isinstance(ours, int):
        assert ours == -1, where  # an absent date
    elif theirs is None and isinstance(ours, bytes):
        assert ours == ZERO_UUID, where
    else:
        assert ours == normal(theirs), where


def compare(cls: type[Message], version: int, schema: Any) -> None:
    """Send random values through both codecs, both ways."""
    random = Random(f"kio {cls.__name__} {version}")
    read, write = entity_reader(schema), entity_writer(schema)
    for _ in range(SAMPLES):
        value = random_message(cls, version, random)
        raw = encode_message(value, version)
        theirs, size = read(raw, 0)
        assert size == len(raw)
        assert_same(value, theirs, version, f"{cls.__name__} v{version}")
        out = BytesIO()
        write(out, theirs)
        assert out.getvalue() == raw
        assert decode_message(cls, version, out.getvalue()) == value


def test_bytes_are_those_of_kio() -> None:
    # FRM-17, FRM-18
    compared, lacking = 0, set()
    for cls in declared_messages():
        for version in versions_of(cls):
            schema = kio_class(cls, version)
            if schema is None:
                lacking.add(cls.__name__)
            else:
                compare(cls, version, schema)
                compared += 1
    print(f"compared {compared} message versions; kio lacks versions of {', '.join(sorted(lacking))}")
    assert compared >= 620
