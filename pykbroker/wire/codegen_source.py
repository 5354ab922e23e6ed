"""What the two code generators share: field types taken apart, and lines of a function being written.

A generator collects fixed-width items in `run` for as long as it can, the length of a string or the count of a tag
section included, and writes them as one `struct` call.
"""

import struct
from types import UnionType
from typing import Any, get_args, get_origin

from pykbroker.wire.message import Field, Fixed, Message, RecordsKind, fields_of

Run = list[tuple[str, str]]


class Kind:
    """A field's type, taken apart: exactly one of `fixed`, `element`, `struct`, or a `name` is set."""

    __slots__ = ("element", "fixed", "name", "struct")

    def __init__(self, annotation: Any) -> None:
        self.fixed: Fixed | None = None
        self.element: Kind | None = None
        self.struct: type[Message] | None = None
        self.name = ""
        if get_origin(annotation) is UnionType or type(None) in get_args(annotation):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        marks = getattr(annotation, "__metadata__", ())
        if marks and isinstance(marks[0], Fixed):
            self.fixed = marks[0]
        elif marks and isinstance(marks[0], RecordsKind):
            self.name = "records"
        elif get_origin(annotation) is list:
            self.element = Kind(get_args(annotation)[0])
        elif annotation is bool:
            self.fixed = Fixed("?", 1)
        elif annotation in (str, bytes):
            self.name = annotation.__name__
        elif issubclass(annotation, Message):
            self.struct = annotation
        else:
            raise TypeError(f"no wire type for {annotation!r}")


class Layouts(dict[int, Any]):
    """Bound `struct` methods for arrays of one type, by count; counts come from outside: only small ones are kept."""

    def __init__(self, code: str, method: str) -> None:
        self.code = code
        self.method = method

    def __missing__(self, count: int) -> Any:
        found = getattr(struct.Struct(f">{count}{self.code}"), self.method)
        if count <= 64:
            self[count] = found
        return found


class Source:
    """Lines of a function being written, and the objects that it refers to."""

    def __init__(self, cls: type[Message], version: int) -> None:
        self.cls = cls
        self.version = version
        low, high = cls.__flexible__
        self.flexible = low <= version <= high
        self.lines: list[str] = []
        self.depth = 1
        self.scope: dict[str, Any] = {}
        self.run: Run = []  # fixed-width items not written yet: (struct code, target or expression)
        self.counter = 0

    def text(self) -> str:
        """Return the whole function."""
        raise NotImplementedError

    def fresh(self, stem: str) -> str:
        """Return a variable name not used yet."""
        self.counter += 1
        return f"{stem}{self.counter}"

    def emit(self, line: str, deeper: int = 0) -> None:
        """Add a line at the present depth."""
        self.lines.append("    " * (self.depth + deeper) + line)

    def known(self, name: str, value: Any) -> str:
        """Make an object known to the function under a name."""
        self.scope[name] = value
        return name

    def layout(self, codes: str, method: str) -> str:
        """Make a bound method of a `struct` known."""
        name = f"{method}_{codes.replace('?', 'o')}"
        return self.known(name, getattr(struct.Struct(">" + codes), method))

    def array_layout(self, code: str, method: str) -> str:
        """Make the bound methods of arrays of one type known."""
        return self.known(f"{method}_array_{code}", Layouts(code, method))

    def carried(self, cls: type[Message]) -> tuple[list[Field], list[Field], list[Field]]:
        """Return the fields that this version has in the body, in the tag section (by tag), and not at all."""
        body: list[Field] = []
        tagged: list[Field] = []
        missing: list[Field] = []
        for field in fields_of(cls):
            there = field.versions[0] <= self.version <= field.versions[1]
            if there and field.tag is not None and field.tagged[0] <= self.version <= field.tagged[1] and self.flexible:
                tagged.append(field)
            else:
                (body if there else missing).append(field)
        return body, sorted(tagged, key=lambda field: field.tag or 0), missing

    def is_nullable(self, field: Field) -> bool:
        """Tell if the field may be null in this version."""
        return field.nullable[0] <= self.version <= field.nullable[1]

    def fixed_codes(self, cls: type[Message]) -> str:
        """Return the `struct` codes of a structure that has nothing but fixed-width fields; else an empty string."""
        body, tagged, _ = self.carried(cls)
        fixed = [Kind(field.annotation).fixed for field in body]
        return "" if tagged or None in fixed else "".join(each.code for each in fixed if each is not None)
