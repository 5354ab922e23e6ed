"""Write `pykbroker/wire/messages/*.py` and `pykbroker/wire/catalog.py` from Apache Kafka's own message schemas.

    python tools/generate_messages.py kafka-clients-4.4.0.jar kafka-metadata-4.4.0.jar kafka-raft-4.4.0.jar \\
        kafka-storage-4.4.0.jar kafka-group-coordinator-4.4.0.jar kafka-share-coordinator-4.4.0.jar \\
        kafka-transaction-coordinator-4.4.0.jar

The jars carry one JSON file (with comments) per message. Facts are taken from them: names, types, versions, tags,
defaults. Their prose is not. Each API becomes a module of its own; the records of the internal topics become one
module per topic. Fields and messages that no valid version carries are left out.

What a declaration says is explained in `pykbroker/wire/message.py`; `tests/wire/test_declarations.py` compares the
result with the jars, version by version.
"""

import argparse
import json
import keyword
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
Versions = tuple[int, int]

LATEST = 0x7FFF
WIDTH = 120
WIRE = Path(__file__).resolve().parent.parent / "pykbroker" / "wire"
FIXED = {"int8", "int16", "int32", "int64", "uint16", "uint32", "float64", "uuid"}
PYTHON_TYPES = {"bool": "bool", "string": "str", "bytes": "bytes", "records": "batches"}
PLAIN_DEFAULTS = {"bool": "False", "string": '""', "bytes": 'b""', "records": "None", "float64": "0.0"}
RESERVED = FIXED | {"batches", "struct", "message", "since", "list", "str", "bytes", "bool"}
BY_JAR = {
    "kafka-group-coordinator": ("group_records", "Keys and values of `__consumer_offsets`"),
    "kafka-share-coordinator": ("share_records", "Keys and values of `__share_group_state`"),
    "kafka-transaction-coordinator": ("transaction_records", "Keys and values of `__transaction_state`"),
    "kafka-metadata": ("metadata_records", "Values of `__cluster_metadata`: what KRaft's controller stores"),
}
CONTROL = ("control_records", "Control records: what is in control batches")
CONSUMER_PROTOCOL = ("consumer_protocol", "What members of a classic consumer group tell each other")
BY_NAME = {
    "ControlRecordTypeSchema": CONTROL,
    "EndTxnMarker": CONTROL,
    "KRaftVersionRecord": CONTROL,
    "LeaderChangeMessage": CONTROL,
    "SnapshotFooterRecord": CONTROL,
    "SnapshotHeaderRecord": CONTROL,
    "VotersRecord": CONTROL,
    "ConsumerProtocolAssignment": CONSUMER_PROTOCOL,
    "ConsumerProtocolSubscription": CONSUMER_PROTOCOL,
    "AbortedTxn": ("aborted_txn", "One entry of a transaction index (`.txnindex`)"),
    "DefaultPrincipalData": ("default_principal_data", "A principal, as Envelope carries it"),
    "ProducerSnapshot": ("producer_snapshot", "The producers of a partition (`.snapshot`)"),
    "QuorumStateData": ("quorum_state_data", "The `quorum-state` file of KRaft"),
}
LEFT_OUT = re.compile(r"RequestHeader|ResponseHeader|Remote(LogSegment|Partition)\w+Record")  # by hand; tiered storage


def versions_of(text: str) -> Versions:
    """Return the inclusive range that Kafka writes as `3+`, `0-4`, `7` or `none` (an empty range)."""
    if text == "none":
        return (1, 0)
    if text.endswith("+"):
        return (int(text[:-1]), LATEST)
    low, _, high = text.partition("-")
    return (int(low), int(high or low))


def both(one: Versions, other: Versions) -> Versions:
    """Return the versions that are in both ranges; empty if the first number is above the second."""
    return (max(one[0], other[0]), min(one[1], other[1]))


def snake(name: str) -> str:
    """Return `group_instance_id` for `GroupInstanceId`."""
    name = name.replace("KRaft", "Kraft").replace("2Pc", "_2pc")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def schemas_in(jar: Path) -> Iterator[Schema]:
    """Yield every message schema of a jar that has valid versions, in order of name."""
    with zipfile.ZipFile(jar) as archive:
        for name in sorted(archive.namelist()):
            if re.fullmatch(r"(common/)?(message|metadata)/\w+\.json", name):
                schema: Schema = json.loads(re.sub(r"^\s*//.*$", "", archive.read(name).decode(), flags=re.M))
                if schema["validVersions"] != "none" and not LEFT_OUT.fullmatch(schema["name"]):
                    schema["jar"] = re.sub(r"-\d.*", "", jar.name)
                    yield schema


class Declaration:
    """One message: its schema, taken apart into structs in an order in which Python can define them."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.name: str = schema["name"]
        self.valid = versions_of(schema["validVersions"])
        self.fields: dict[str, list[Schema]] = {}  # by struct; the message itself first
        self.reach: dict[str, Versions] = {}  # in which versions a struct occurs
        self.common = {common["name"]: common["fields"] for common in schema.get("commonStructs", ())}
        self._collect(self.name, schema["fields"], self.valid)

    def _collect(self, struct: str, fields: list[Schema], where: Versions) -> None:
        known = self.reach.get(struct, where)
        where = self.reach[struct] = (min(known[0], where[0]), max(known[1], where[1]))
        kept = []
        for field in fields:
            field.setdefault("versions", field.get("taggedVersions"))
            there = both(versions_of(field["versions"]), where)
            if there[0] > there[1]:
                continue
            kept.append(field)
            inner = field["type"].removeprefix("[]")
            if inner[0].isupper():
                self._collect(inner, field.get("fields") or self.common[inner], there)
        self.fields[struct] = kept

    def structs(self, above: str = "") -> list[str]:
        """Return the names of the structs inside one (default: the message), those that others need first."""
        found: list[str] = []
        for field in self.fields[above or self.name]:
            inner = field["type"].removeprefix("[]")
            if inner[0].isupper():
                found += [name for name in [*self.structs(inner), inner] if name not in found]
        return found

    def lines(self, names: dict[str, str], used: set[str]) -> Iterator[str]:
        """Yield the source; `names` are the Python names of the structs, `used` collects what is to be imported."""
        for struct in [*self.structs(), self.name]:
            fields = self.fields[struct]
            if struct == self.name:
                used.add("message")
                key = f"key={self.schema['apiKey']}, " if "apiKey" in self.schema else ""
                flexible = self.schema.get("flexibleVersions", "none")
                extra = f', flexible="{flexible}"' if flexible != "none" else ""
                yield f'@message({key}versions="{self.schema["validVersions"]}"{extra})'
            else:
                used.add("struct")
                yield "@struct"
            used.add("Message")
            yield f"class {names.get(struct, struct)}(Message):"
            for field in fields:
                yield "    " + self._field(field, self.reach[struct], names, used)
            if not fields:
                yield "    pass"
            yield ""
            yield ""

    def _field(self, field: Schema, reach: Versions, names: dict[str, str], used: set[str]) -> str:
        name = snake(field["name"])
        assert not keyword.iskeyword(name) and name not in RESERVED, name
        bare = field["type"].removeprefix("[]")
        is_list = bare != field["type"]
        is_struct = bare[0].isupper()
        tagged = "tag" in field
        nullable = field.get("nullableVersions", "none")
        spelled = PYTHON_TYPES.get(bare) or names.get(bare, bare)
        if bare in FIXED or bare == "records":
            used.add(spelled)
        said = []
        if both(versions_of(field["versions"]), reach) != reach:
            said.append(f'"{field["versions"]}"')
        if nullable != "none":
            said.append(f'nullable="{nullable}"')
        if tagged:
            said.append(f"tag={field['tag']}")
            assert field["taggedVersions"] == field["versions"], name
        optional = nullable != "none" or (tagged and is_struct and not is_list)
        default = self._default(field, bare, is_list, is_struct, spelled, optional)
        if default == "ZERO_UUID":
            used.add(default)
        factory = default == "list" or default == spelled
        if said or factory:
            used.add("since")
            said.append(f"{'default_factory' if factory else 'default'}={default}")
            default = f"since({', '.join(said)})"
        kind = f"list[{spelled}]" if is_list else spelled
        line = f"{name}: {kind}{' | None' if optional else ''} = {default}"
        if len(line) > WIDTH - 4:
            line = f"{name}: {kind}{' | None' if optional else ''} = since(\n        {', '.join(said)}\n    )"
        return line

    def _default(
        self, field: Schema, bare: str, is_list: bool, is_struct: bool, spelled: str, optional: bool
    ) -> str:
        given = field.get("default")
        text = "" if given is None else str(given)
        if text == "null":
            return "None"
        if is_list:
            return "list"
        if is_struct:
            return "None" if optional and "tag" in field and "nullableVersions" not in field else spelled
        if bare == "uuid":
            return "ZERO_UUID"
        if text == "":
            return PLAIN_DEFAULTS.get(bare, "0")
        if bare == "bool":
            return text.capitalize()
        return text if bare == "float64" else str(int(text, 0))


def module_source(title: str, messages: Sequence[Declaration]) -> str:
    """Return the source of a module that declares these messages."""
    taken: dict[str, int] = {}
    for declared in messages:
        for name in [declared.name, *declared.structs()]:
            taken[name] = taken.get(name, 0) + 1
    used: set[str] = set()
    body: list[str] = []
    for declared in messages:
        names = {name: declared.name + name for name in declared.structs() if taken[name] > 1}
        body.extend(declared.lines(names, used))
    order = sorted(used, key=import_order)
    imports = f"from pykbroker.wire.message import {', '.join(order)}"
    if len(imports) > WIDTH:
        imports = "from pykbroker.wire.message import (\n" + "".join(f"    {name},\n" for name in order) + ")"
    heading = f'"""{title}\n\nWritten by `tools/generate_messages.py`.\n"""'
    return f"{heading}\n\n{imports}\n\n\n{chr(10).join(body).rstrip()}\n"


def import_order(name: str) -> tuple[bool, bool, str, int]:
    """Sort constants first, then classes, then the rest; `int8` before `int16`."""
    digits = re.sub(r"\D", "", name)
    return (not name.isupper(), name.islower(), name.removesuffix(digits), int(digits or 0))


def api_title(request: Declaration, response: Declaration) -> str:
    """Return the first line of an API's module."""
    schema = request.schema
    flexible = versions_of(schema.get("flexibleVersions", "none"))
    text = f"{api_name(request)}, API key {schema['apiKey']}: versions {schema['validVersions']}, "
    text += "never flexible" if flexible[0] > flexible[1] else f"flexible from {flexible[0]}"
    if schema.get("latestVersionUnstable"):
        text += ", the latest unstable"
    assert response.schema["apiKey"] == schema["apiKey"] and response.valid == request.valid
    return text + "."


def api_name(request: Declaration) -> str:
    """Return `Produce` for `ProduceRequest`."""
    return request.name.removesuffix("Request")


def catalog_source(requests: Sequence[Declaration], responses: dict[str, Declaration]) -> str:
    """Return the source of the table of APIs."""
    rows = []
    for request in requests:
        name = api_name(request)
        flexible = [
            str(low) if low <= high else "NEVER"
            for low, high in (
                versions_of(each.schema.get("flexibleVersions", "none")) for each in (request, responses[name])
            )
        ]
        listeners = request.schema["listeners"]
        named = f'({request.schema["apiKey"]}, "{name}", "{snake(name)}",'
        facts = (
            f"{request.valid[0]}, {request.valid[1]}, {', '.join(flexible)}, "
            f"{'BOTH' if len(listeners) == 2 else listeners[0].upper()}, "
            f"{bool(request.schema.get('latestVersionUnstable'))}),"
        )
        rows.append(f"    {named}{' ' if len(named) + len(facts) < WIDTH - 4 else chr(10) + ' ' * 5}{facts}")
    return CATALOG.replace("    ROWS", "\n".join(rows))


CATALOG = '''"""The APIs of Kafka's protocol: a table by API key, and their message classes, imported on first use.

Written by `tools/generate_messages.py`.
"""

from importlib import import_module
from typing import Final

from pykbroker.wire.message import Message

NEVER: Final = 0x7FFF  # above every version: not flexible in any of them
BROKER: Final = ("broker",)
CONTROLLER: Final = ("controller",)
BOTH: Final = ("broker", "controller")

_TABLE: Final = (
    # key, name, module, lowest and highest version, first flexible version of request and of response, listeners,
    # is the highest version unstable
    ROWS
)


class Api:
    """One API: its key, Kafka's name for it, the versions that are declared, the listeners that serve it in Kafka.

    A request has header v2 from version `flexible_request` on, a response header v1 from `flexible_response` on
    (ApiVersions excepted: always v0).
    """

    __slots__ = (
        "flexible_request", "flexible_response", "highest", "key", "latest_is_unstable", "listeners", "lowest",
        "module", "name",
    )

    def __init__(
        self, key: int, name: str, module: str, lowest: int, highest: int, flexible_request: int,
        flexible_response: int, listeners: tuple[str, ...], latest_is_unstable: bool,
    ) -> None:
        self.key = key
        self.name = name
        self.module = module
        self.lowest = lowest
        self.highest = highest
        self.flexible_request = flexible_request
        self.flexible_response = flexible_response
        self.listeners = listeners
        self.latest_is_unstable = latest_is_unstable

    def request(self) -> type[Message]:
        """Return the class of its request."""
        return self._load("Request")

    def response(self) -> type[Message]:
        """Return the class of its response."""
        return self._load("Response")

    def _load(self, which: str) -> type[Message]:
        found: type[Message] = getattr(import_module(f"pykbroker.wire.messages.{self.module}"), self.name + which)
        return found


APIS: Final[dict[int, Api]] = {row[0]: Api(*row) for row in _TABLE}
'''


def generate(jars: Sequence[Path]) -> dict[Path, str]:
    """Return what is to be in which file."""
    declared = [Declaration(schema) for jar in jars for schema in schemas_in(jar)]
    requests = sorted((d for d in declared if d.schema["type"] == "request"), key=lambda d: int(d.schema["apiKey"]))
    responses = {d.name.removesuffix("Response"): d for d in declared if d.schema["type"] == "response"}
    files = {WIRE / "catalog.py": catalog_source(requests, responses)}
    for request in requests:
        response = responses[api_name(request)]
        files[WIRE / "messages" / f"{snake(api_name(request))}.py"] = module_source(
            api_title(request, response), [request, response]
        )
    modules: dict[tuple[str, str], list[Declaration]] = {}
    for each in declared:
        if each.schema["type"] not in ("request", "response"):
            place = BY_NAME.get(each.name) or BY_JAR[each.schema["jar"]]
            modules.setdefault(place, []).append(each)
    for (module, title), messages in modules.items():
        messages.sort(key=lambda d: (d.schema.get("apiKey", 0), d.name))
        files[WIRE / "messages" / f"{module}.py"] = module_source(title + ".", messages)
    return files


def main() -> None:
    """Parse the command line and write the files."""
    parser = argparse.ArgumentParser(description="Write the message declarations from Kafka's jars.")
    parser.add_argument("jars", nargs="+", type=Path)
    for path, text in generate(parser.parse_args().jars).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
