"""Random values of any declared message in any version; a seed repeats them.

Hypothesis draws integers and text well, but takes a hundred times longer than this over a whole message. Values at the
edges (null, empty, extremes, lengths around a varint's second byte) are drawn often. Every field that the version does
not carry keeps its default, so that decoding what was encoded gives an equal message.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pykbroker.wire.messages
from pykbroker.wire.codegen_source import Kind
from pykbroker.wire.message import LATEST, Field, Message, fields_of

TEXT = ("", "a", "topic-1", "ünïcode", "日本語", "\U0001f980", "x" * 126, "y" * 127, "z" * 128, "\0")
ERROR_CODES = (0, 3, 35, 74, 87)
_INTEGERS = {"b": (-(2**7), 2**7 - 1), "h": (-(2**15), 2**15 - 1), "H": (0, 2**16 - 1), "i": (-(2**31), 2**31 - 1),
             "I": (0, 2**32 - 1), "q": (-(2**63), 2**63 - 1)}  # fmt: skip


def declared_messages() -> Iterator[type[Message]]:
    """Yield every message (not the structs) of every module in `pykbroker.wire.messages`, in a stable order."""
    for path in sorted(Path(next(iter(pykbroker.wire.messages.__path__))).glob("*.py")):
        module = import_module(f"pykbroker.wire.messages.{path.stem}")
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, Message) and value.__module__ == module.__name__):
                continue
            if value.__versions__[1] != LATEST:  # a structure otherwise
                yield value


def versions_of(cls: type[Message]) -> range:
    """Return the versions of a message."""
    return range(cls.__versions__[0], cls.__versions__[1] + 1)


def carried(cls: type[Message], version: int) -> Iterator[Field]:
    """Yield the fields that a version carries, tagged or not."""
    return (field for field in fields_of(cls) if field.versions[0] <= version <= field.versions[1])


def random_message(cls: type[Message], version: int, random: Random, depth: int = 0) -> Message:
    """Return a message whose fields have random values as far as the version carries them."""
    found = cls()
    for field in carried(cls, version):
        if random.random() < 0.1 and field.default is not None:
            continue
        setattr(found, field.name, _field(field, version, random, depth))
    return found


def _field(field: Field, version: int, random: Random, depth: int) -> Any:
    kind = Kind(field.annotation)
    nullable = field.nullable[0] <= version <= field.nullable[1]
    if nullable and random.random() < 0.2:
        return None
    value = _value(kind, field.name, version, random, depth)
    if kind.struct is not None and field.tag is not None and not nullable and value == kind.struct():
        return None  # absent, which means the same
    return value


def _value(kind: Kind, name: str, version: int, random: Random, depth: int) -> Any:
    if kind.fixed is not None:
        return _fixed(kind.fixed.code, name, random)
    if kind.struct is not None:
        return random_message(kind.struct, version, random, depth + 1)
    if kind.element is not None:
        count = random.choice((0, 1, 1, 2, 3) if depth < 2 else (0, 1, 2))
        if depth == 0 and random.random() < 0.02:
            count = random.choice((126, 127, 128, 300)) if kind.element.struct is None else 130
        return [_value(kind.element, name, version, random, depth + 1) for _ in range(count)]
    if kind.name == "str":
        return random.choice(TEXT)
    raw = random.randbytes(random.choice((0, 1, 16, 126, 127, 200)))
    return memoryview(raw) if kind.name == "records" else raw


def _fixed(code: str, name: str, random: Random) -> Any:
    if code == "?":
        return random.random() < 0.5
    if code == "16s":
        return random.choice((bytes(16), random.randbytes(16)))
    if code == "d":
        return random.choice((0.0, -1.5, 1e300, random.random()))
    if name.endswith("error_code") or name == "error_code":
        return random.choice(ERROR_CODES)  # kio knows no others
    if code == "q" and ("timestamp" in name or name.endswith("_ms")):
        return random.choice((0, 1, random.randrange(4_000_000_000_000)))  # kio makes dates and durations of them
    low, high = _INTEGERS[code]
    return random.choice((low, -1 if low else 1, 0, 1, high, random.randint(low, high), random.randrange(100)))
