"""The declarations say what Kafka's own schemas say: for every message, in every version, field by field.

The schemas are inside Apache Kafka's jars, which are no part of the repository. `PYKBROKER_KAFKA_JARS` names a
directory made by `tools/fetch_kafka_jars.sh`, whose `schemas/` has those that the declarations were made from; else
Maven's local repository is searched.
"""

import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pykbroker.wire.codegen_source import Kind
from pykbroker.wire.message import ZERO_UUID, Message, fields_of
from tests.wire.values import declared_messages, versions_of

JARS = ("clients", "group-coordinator", "metadata", "raft", "share-coordinator", "storage", "transaction-coordinator")
BY_HAND = {"RequestHeader", "ResponseHeader"}
TIERED_STORAGE = {
    "RemoteLogSegmentMetadataRecord",
    "RemoteLogSegmentMetadataSnapshotRecord",
    "RemoteLogSegmentMetadataUpdateRecord",
    "RemotePartitionDeleteMetadataRecord",
}
CODES = {"bool": "?", "int8": "b", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
         "float64": "d", "uuid": "16s"}  # fmt: skip
Schema = dict[str, Any]


def find_jars() -> list[Path]:
    """Return the newest jar of each kind, or nothing unless all are there."""
    named = os.environ.get("PYKBROKER_KAFKA_JARS")
    places = [Path(named) / "schemas"] if named else Path("~/.m2/repository/org/apache/kafka").expanduser().glob("*/*/")
    jars = [jar for place in places for jar in place.glob("kafka-*.jar")]
    found = []
    for name in JARS:
        mine = [jar for jar in jars if re.fullmatch(rf"kafka-{name}-[\d.]+\.jar", jar.name)]
        found.append(max(mine, key=lambda jar: [int(n) for n in re.findall(r"\d+", jar.name)], default=None))
    return [jar for jar in found if jar is not None] if None not in found else []


def schemas() -> dict[str, Schema]:
    """Return the schemas of all jars by message name."""
    found: dict[str, Schema] = {}
    for jar in find_jars():
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.endswith(".json") and ("message/" in name or "metadata/" in name):
                    schema = json.loads(re.sub(r"(?m)^\s*//.*$", "", archive.read(name).decode()))
                    found[schema["name"]] = schema
    return found


SCHEMAS = schemas()
DECLARED = {cls.__name__: cls for cls in declared_messages()}
needs_jars = pytest.mark.skipif(
    not SCHEMAS, reason="no Kafka jars: set PYKBROKER_KAFKA_JARS to a directory made by tools/fetch_kafka_jars.sh"
)


def within(versions: str | None, version: int) -> bool:
    """Tell if a version is in a range as Kafka writes it."""
    if versions in (None, "none"):
        return False
    low, _, high = versions.partition("-")
    if low.endswith("+"):
        return version >= int(low[:-1])
    return int(low) <= version <= int(high or low)


def kafka_shape(fields: list[Schema], common: dict[str, list[Schema]], version: int) -> list[Any]:
    """Return what a schema says about one version: a comparable tree."""
    shape = []
    for field in fields:
        if not within(field.get("versions", field.get("taggedVersions")), version):
            continue
        depth, bare = field["type"].count("[]"), field["type"].replace("[]", "")
        is_struct = bare[0].isupper()
        inner = field.get("fields") or common.get(bare)
        tag = field.get("tag") if within(field.get("taggedVersions"), version) else None
        nullable = within(field.get("nullableVersions"), version)
        shape.append(
            (
                field["name"].lower(),
                depth,
                kafka_shape(inner or [], common, version) if is_struct else CODES.get(bare, bare),
                nullable,
                tag,
                kafka_default(field, bare, depth, is_struct, tag is not None),
            )
        )
    return shape


def kafka_default(field: Schema, bare: str, depth: int, is_struct: bool, tagged: bool) -> object:
    """Return the default that Kafka's generated class has."""
    given = field.get("default")
    text = "" if given is None else str(given)
    if text == "null":
        return None
    if depth:
        return []
    if is_struct:
        return "absent" if tagged and "nullableVersions" not in field else "made"
    if bare == "string":
        return text
    if bare == "uuid":
        return ZERO_UUID
    if bare == "bool":
        return text.lower() == "true"
    if bare == "bytes":
        return b""
    if bare == "records":
        return None
    return float(text or 0) if bare == "float64" else int(text or "0", 0)


def our_shape(cls: type[Message], version: int) -> list[Any]:
    """Return the same tree for a declaration."""
    shape: list[Any] = []
    for field in fields_of(cls):
        if not field.versions[0] <= version <= field.versions[1]:
            continue
        kind, depth = Kind(field.annotation), 0
        while kind.element is not None:
            kind, depth = kind.element, depth + 1
        tag = field.tag if field.tagged[0] <= version <= field.tagged[1] else None
        nullable = field.nullable[0] <= version <= field.nullable[1]
        default = field.default if field.factory is None else field.factory()
        if kind.struct is not None and not depth and default is not None:
            assert default == kind.struct()
            default = "made"
        elif kind.struct is not None and not depth and tag is not None and not nullable:
            default = "absent"
        what = our_shape(kind.struct, version) if kind.struct else kind.fixed.code if kind.fixed else kind.name
        name = field.name.replace("_", "")
        shape.append((name, depth, {"str": "string"}.get(str(what), what), nullable, tag, default))
    return shape


@needs_jars
def test_every_message_is_declared() -> None:
    valid = {name for name, schema in SCHEMAS.items() if schema["validVersions"] != "none"}
    assert valid - BY_HAND - TIERED_STORAGE == set(DECLARED)


@needs_jars
@pytest.mark.parametrize("name", sorted(set(SCHEMAS) & set(DECLARED)))
def test_declaration_is_that_of_kafka(name: str) -> None:
    schema, cls = SCHEMAS[name], DECLARED[name]
    assert cls.__key__ == schema.get("apiKey")
    assert [v for v in range(50) if within(schema["validVersions"], v)] == list(versions_of(cls))
    common = {each["name"]: each["fields"] for each in schema.get("commonStructs", ())}
    for version in versions_of(cls):
        low, high = cls.__flexible__
        assert within(schema.get("flexibleVersions"), version) == (low <= version <= high)
        assert our_shape(cls, version) == kafka_shape(schema["fields"], common, version), version
