"""Writes decoders: `decode(buffer, at) -> (message, at)`.

Slices are not checked one by one: one that runs off the end comes out short and moves `at` beyond the end, where every
further read fails (IndexError, struct.error) or the last line of the decoder does. An array's count is believed only
as far as the bytes that are left allow, so that no small frame makes a large list.
"""

import struct

from pykbroker.errors import Malformed
from pykbroker.wire.codegen_source import Kind, Source
from pykbroker.wire.message import Field, Message
from pykbroker.wire.primitives import more_uvarint, read_uvarint, required_uvarint, skip_tags


class DecoderSource(Source):
    """The source of one decoder."""

    def text(self) -> str:
        self.scope.update(
            Malformed=Malformed, StructError=struct.error, more=more_uvarint, new=object.__new__,
            required=required_uvarint, skip_tags=skip_tags, uvarint=read_uvarint,
        )
        self.depth = 2
        self.structure(self.cls, "o")
        self.flush()
        return "\n".join(
            [
                "def decode(buffer, at):",
                "    end = len(buffer)",
                "    try:",
                *self.lines,
                "    except (StructError, IndexError, UnicodeDecodeError) as error:",
                f"        raise Malformed(f'{self.cls.__name__} v{self.version}: {{error}}') from error",
                f"    if at > end: raise Malformed('{self.cls.__name__} v{self.version} ends too early')",
                "    return o, at",
            ]
        )

    def flush(self) -> None:
        """Write the pending run as one unpack."""
        if not self.run:
            return
        codes = "".join(code for code, _ in self.run)
        targets = ", ".join(target for _, target in self.run)
        if codes == "B":
            self.emit(f"{targets} = buffer[at]; at += 1")
        else:
            comma = "," if len(self.run) == 1 else ""
            name = self.layout(codes, "unpack_from")
            self.emit(f"{targets}{comma} = {name}(buffer, at); at += {struct.calcsize('>' + codes)}")
        self.run = []

    def structure(self, cls: type[Message], target: str) -> None:
        """Write the decoding of a structure into the variable `target`; its end may still be pending."""
        self.emit(f"{target} = new({self.known(cls.__name__, cls)})")
        body, tagged, missing = self.carried(cls)
        self.defaults(cls, target, missing + tagged)
        for field in body:
            self.value(Kind(field.annotation), f"{target}.{field.name}", self.is_nullable(field))
        if self.flexible:
            self.tags(target, tagged)

    def defaults(self, cls: type[Message], target: str, fields: list[Field]) -> None:
        """Write the defaults of fields that are not in the body."""
        for field in fields:
            if field.factory is None:
                value = repr(field.default)
            elif field.factory is list:
                value = "[]"
            else:
                value = self.known(f"{cls.__name__}_{field.name}", field.factory) + "()"
            self.emit(f"{target}.{field.name} = {value}")

    def tags(self, target: str, tagged: list[Field]) -> None:
        """Write the reading of the tag section: the known tags, and skipping of all others (FRM-16)."""
        count = self.fresh("tags")
        self.run.append(("B", count))
        self.flush()
        if not tagged:
            self.emit(f"if {count}: at = skip_tags(buffer, at)")
            return
        tag, size, stop = (self.fresh(stem) for stem in ("tag", "size", "stop"))
        self.emit(f"if {count}:")
        self.depth += 1
        self.emit(f"if {count} > 127: {count}, at = more(buffer, at)")
        self.emit(f"for _ in range({count}):")
        self.depth += 1
        self.emit(f"{tag}, at = uvarint(buffer, at)")
        self.emit(f"{size}, at = uvarint(buffer, at)")
        self.emit(f"{stop} = at + {size}")
        for field in tagged:
            self.emit(f"if {tag} == {field.tag}:")
            self.depth += 1
            kind, place, nullable = Kind(field.annotation), f"{target}.{field.name}", self.is_nullable(field)
            if kind.struct is not None:
                self.nested(kind.struct, place, nullable, null="< 1")
            else:
                self.value(kind, place, nullable)
            self.flush()
            self.emit(f"if at != {stop}: raise Malformed('a tagged field has another size than it says')")
            self.depth -= 1
        self.emit(f"at = {stop}")
        self.depth -= 2

    def value(self, kind: Kind, place: str, nullable: bool) -> None:
        """Write the decoding of one value into `place`."""
        if kind.fixed is not None:
            self.run.append((kind.fixed.code, place))
        elif kind.struct is not None:
            self.nested(kind.struct, place, nullable)
        elif kind.element is not None:
            self.list(kind.element, place, nullable)
        else:
            self.blob(kind.name, place, nullable)

    def nested(self, cls: type[Message], place: str, nullable: bool, null: str = "< 0") -> None:
        """Write a structure that is a field. A nullable one is preceded by a byte: -1 for null, in a tag section 0."""
        inner = self.fresh("o")
        if nullable:
            flag = self.fresh("n")
            self.run.append(("b", flag))
            self.flush()
            self.emit(f"if {flag} {null}: {place} = None")
            self.emit("else:")
            self.depth += 1
        self.structure(cls, inner)
        self.emit(f"{place} = {inner}")
        if nullable:
            self.flush()
            self.depth -= 1

    def length(self, place: str, classic_code: str, nullable: bool) -> str:
        """Write the reading of a length and what null means, opening a branch if nullable. Return its variable.

        The variable is one more than the length in a flexible version, as on the wire.
        """
        name = self.fresh("n")
        if self.flexible:
            self.run.append(("B", name))
            self.flush()
            if nullable:
                self.emit(f"if {name} > 127: {name}, at = more(buffer, at)")
                self.emit(f"if not {name}: {place} = None")
            else:
                self.emit(f"if {name} > 127 or not {name}: {name}, at = required(buffer, at)")
        else:
            self.run.append((classic_code, name))
            self.flush()
            if nullable:
                self.emit(f"if {name} == -1: {place} = None")
                self.emit(f"elif {name} < 0: raise Malformed('negative length')")
            else:
                self.emit(f"if {name} < 0: raise Malformed('null or negative length')")
        if nullable:
            self.emit("else:")
            self.depth += 1
        return name

    def blob(self, name: str, place: str, nullable: bool) -> None:
        """Write a string, bytes or records field."""
        count = self.length(place, "h" if name == "str" else "i", nullable)
        taken = f"[at:(at := at + {count}{' - 1' if self.flexible else ''})]"
        if name == "str":
            self.emit(f"{place} = buffer{taken}.decode()")
        elif name == "bytes":
            self.emit(f"{place} = bytes(buffer{taken})")
        else:
            self.emit(f"{place} = memoryview(buffer){taken}")
        self.depth -= nullable

    def list(self, element: Kind, place: str, nullable: bool) -> None:
        """Write an array."""
        count = self.length(place, "i", nullable)
        if self.flexible:
            self.emit(f"{count} -= 1")
        least = max(1, self.least(element))
        self.emit(f"if {count} * {least} > end - at: raise Malformed('an array runs off the end')")
        if element.fixed is not None and element.fixed.code == "16s":
            self.emit(f"{place} = [bytes(buffer[i:i + 16]) for i in range(at, at + {count} * 16, 16)]")
            self.emit(f"at += {count} * 16")
        elif element.fixed is not None:
            layouts = self.array_layout(element.fixed.code, "unpack_from")
            self.emit(f"{place} = list({layouts}[{count}](buffer, at)); at += {count} * {element.fixed.width}")
        else:
            items = self.fresh("l")
            self.emit(f"{items} = {place} = []")
            codes = self.fixed_codes(element.struct) if element.struct is not None else ""
            if element.struct is not None and codes:
                self.fixed_items(element.struct, codes, items, count)
            else:
                self.items(element, items, count)
        self.depth -= nullable

    def items(self, element: Kind, items: str, count: str) -> None:
        """Write the loop over the elements of an array."""
        item = self.fresh("o")
        self.emit(f"for _ in range({count}):")
        self.depth += 1
        if element.struct is not None:
            self.structure(element.struct, item)
        else:
            self.value(element, item, False)
        self.flush()
        self.emit(f"{items}.append({item})")
        self.depth -= 1

    def fixed_items(self, cls: type[Message], codes: str, items: str, count: str) -> None:
        """Write the loop over structures of fixed width: twice as quick, unless one of them has tagged fields."""
        item, stop = self.fresh("o"), self.fresh("e")
        width = struct.calcsize(">" + codes) + self.flexible
        self.emit(f"{stop} = at + {count} * {width}")
        if self.flexible:
            self.emit(f"if buffer[at + {width - 1}:{stop}:{width}].count(0) == {count}:")
            self.depth += 1
        body, tagged, missing = self.carried(cls)
        row = self.layout(codes + "x" * self.flexible, "iter_unpack")
        self.emit(f"for row in {row}(buffer[at:{stop}]):")
        self.depth += 1
        self.emit(f"{item} = new({self.known(cls.__name__, cls)})")
        self.emit(f"{', '.join(f'{item}.{field.name}' for field in body)}{',' if len(body) == 1 else ''} = row")
        self.defaults(cls, item, missing + tagged)
        self.emit(f"{items}.append({item})")
        self.depth -= 1
        self.emit(f"at = {stop}")
        if self.flexible:
            self.depth -= 1
            self.emit("else:")
            self.depth += 1
            self.items(Kind(cls), items, count)
            self.depth -= 1

    def least(self, kind: Kind) -> int:
        """Return the fewest bytes that a value can take in this version."""
        if kind.fixed is not None:
            return kind.fixed.width
        if kind.struct is not None:
            body, _, _ = self.carried(kind.struct)
            inner = sum(self.least_of(field) for field in body)
            return inner + self.flexible
        if self.flexible:
            return 1
        return 2 if kind.name == "str" else 4

    def least_of(self, field: Field) -> int:
        """Return the fewest bytes that a field can take: a null structure is one byte."""
        kind = Kind(field.annotation)
        return 1 if kind.struct is not None and self.is_nullable(field) else self.least(kind)
