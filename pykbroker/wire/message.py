"""Declarations of messages: typed classes that every version of a message shares.

    @message(key=12, versions="0-4", flexible="4+")
    class HeartbeatRequest:
        group_id: str = ""
        generation_id: int32 = 0
        member_id: str = ""
        group_instance_id: str | None = since("3+", nullable="3+", default=None)

A plain field is there in every version. `since` says more: the versions that carry it, those in which it may be null,
its tag if it is a tagged field (KIP-482), its default. What a version does not carry has its default after decoding and
is left out when encoding. A tagged struct that is absent is None.

`@message` and `@struct` build slotted classes whose constructor takes keywords and defaults everything; codecs are
compiled from the same declarations by `codegen`, on first use. Importing a declaration therefore costs little:
nothing is parsed or compiled until a message is made or coded. (`dataclasses` costs 0.34 ms a class.)

The classes in `messages/` are written by `tools/generate_messages.py` from Apache Kafka's own message schemas.
"""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final, TypeVar, dataclass_transform


class Fixed:
    """A type of fixed width: its character in Python's `struct` notation."""

    __slots__ = ("code", "width")

    def __init__(self, code: str, width: int) -> None:
        self.code = code
        self.width = width


class RecordsKind:
    """Marks a field that holds record batches: a memoryview, or file slices on their way out."""


int8 = Annotated[int, Fixed("b", 1)]
int16 = Annotated[int, Fixed("h", 2)]
uint16 = Annotated[int, Fixed("H", 2)]
int32 = Annotated[int, Fixed("i", 4)]
uint32 = Annotated[int, Fixed("I", 4)]
int64 = Annotated[int, Fixed("q", 8)]
float64 = Annotated[float, Fixed("d", 8)]
uuid = Annotated[bytes, Fixed("16s", 16)]
batches = Annotated[Any, RecordsKind()]

ZERO_UUID: Final = bytes(16)
LATEST: Final = 0x7FFF

Versions = tuple[int, int]
C = TypeVar("C", bound=type)


def versions_of(text: str) -> Versions:
    """Return the inclusive range that Kafka writes as `3+`, `0-4`, `7` or `none` (an empty range)."""
    if text in ("none", ""):
        return (1, 0)
    if text.endswith("+"):
        return (int(text[:-1]), LATEST)
    low, _, high = text.partition("-")
    return (int(low), int(high or low))


class Since:
    """What a declaration says about a field beyond its type."""

    __slots__ = ("default", "factory", "nullable", "tag", "tagged", "versions")

    def __init__(
        self, versions: str, nullable: str, default: object, factory: Callable[[], object] | None, tag: int | None,
        tagged: str,
    ) -> None:
        self.versions = versions
        self.nullable = nullable
        self.default = default
        self.factory = factory
        self.tag = tag
        self.tagged = tagged or versions


def since(
    versions: str = "0+",
    *,
    nullable: str = "none",
    default: object = None,
    default_factory: Callable[[], object] | None = None,
    tag: int | None = None,
    tagged: str = "",
) -> Any:
    """Declare a field that is not simply there in every version; see the module's example.

    `versions`, `nullable` and `tagged` are ranges as Kafka writes them. With a `tag`, the field is a tagged one in the
    versions `tagged` (default: all that carry it).
    """
    return Since(versions, nullable, default, default_factory, tag, tagged)


class Field:
    """One field of a message: name, annotation and everything `since` said."""

    __slots__ = ("annotation", "default", "factory", "name", "nullable", "tag", "tagged", "versions")

    def __init__(self, name: str, annotation: Any, declared: object) -> None:
        extra = declared if isinstance(declared, Since) else Since("0+", "none", declared, None, None, "")
        self.name = name
        self.annotation = annotation
        self.versions = versions_of(extra.versions)
        self.nullable = versions_of(extra.nullable)
        self.default = extra.default
        self.factory = extra.factory
        self.tag = extra.tag
        self.tagged = versions_of(extra.tagged) if extra.tag is not None else (1, 0)


class Message:
    """What all declared classes share: keyword construction, equality by value, a readable repr."""

    __slots__: ClassVar[tuple[str, ...]] = ()
    __declared__: ClassVar[dict[str, tuple[Any, object]]] = {}
    __versions__: ClassVar[Versions] = (0, LATEST)
    __flexible__: ClassVar[Versions] = (1, 0)
    __key__: ClassVar[int | None] = None
    __decoders__: ClassVar[dict[int, Any]] = {}
    __encoders__: ClassVar[dict[int, Any]] = {}

    def __init__(self, **values: object) -> None:
        # The first construction compiles the real constructor of this class and puts it in place of this one.
        compile_constructor(type(self))
        type(self).__init__(self, **values)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # mutable, compared by value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in self.__slots__)})"


def fields_of(cls: type[Message]) -> list[Field]:
    """Return the declared fields of a message or struct, in wire order."""
    return [Field(name, annotation, default) for name, (annotation, default) in cls.__declared__.items()]


@dataclass_transform(kw_only_default=True, field_specifiers=(since,))
def message(versions: str, *, key: int | None = None, flexible: str = "none") -> Callable[[C], C]:
    """Declare a request, a response, or a record of an internal topic."""

    def declare(cls: C) -> C:
        return _slotted(cls, versions_of(versions), versions_of(flexible), key)

    return declare


@dataclass_transform(kw_only_default=True, field_specifiers=(since,))
def struct(cls: C) -> C:
    """Declare a structure inside messages; it takes version and flexibility from the message around it."""
    return _slotted(cls, (0, LATEST), (1, 0), None)


def _slotted(cls: C, versions: Versions, flexible: Versions, key: int | None) -> C:
    annotations: dict[str, Any] = cls.__annotations__
    body = {
        "__slots__": tuple(annotations),
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__declared__": {name: (kind, cls.__dict__.get(name)) for name, kind in annotations.items()},
        "__versions__": versions,
        "__flexible__": flexible,
        "__key__": key,
        "__decoders__": {},
        "__encoders__": {},
    }
    return type(cls.__name__, (Message,), body)  # type: ignore[return-value]  # the same class, with slots


def compile_constructor(cls: type[Message]) -> None:
    """Give `cls` a constructor made for its fields: keyword arguments, all with defaults."""
    fields = fields_of(cls)
    scope: dict[str, Any] = {"_missing": object()}
    parameters, body = [], []
    for field in fields:
        if field.factory is not None:
            scope[f"_make_{field.name}"] = field.factory
            parameters.append(f"{field.name}=_missing")
            body.append(f"    self.{field.name} = _make_{field.name}() if {field.name} is _missing else {field.name}")
        else:
            scope[f"_default_{field.name}"] = field.default
            parameters.append(f"{field.name}=_default_{field.name}")
            body.append(f"    self.{field.name} = {field.name}")
    star = "*, " if parameters else ""
    source = f"def __init__(self, {star}{', '.join(parameters)}):\n" + ("\n".join(body) or "    pass")
    exec(source, scope)  # the source is made of declared field names only
    cls.__init__ = scope["__init__"]  # type: ignore[method-assign]  # replaces the stub of Message
