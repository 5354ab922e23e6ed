"""Writes encoders: `encode(o, out, cuts)`.

A pending run may be written in both branches of a condition, which is how the length of a string, the byte of a null
or the zero of an empty tag section gets into the same `struct` call as the numbers before it.
"""

from pykbroker.wire.codegen_source import Kind, Run, Source
from pykbroker.wire.message import Field, Message
from pykbroker.wire.primitives import uvarint


class EncoderSource(Source):
    """The source of one encoder."""

    def text(self) -> str:
        self.scope.update(uvarint=uvarint)
        self.structure(self.cls, "o")
        self.flush()
        return "\n".join(["def encode(o, out, cuts):", *(self.lines or ["    pass"])])

    def flush(self, *more: tuple[str, str], keep: bool = False, plus: str = "") -> None:
        """Write the pending run and `more` as one pack; `keep` it pending, for another branch; `plus` follows it."""
        run = [*self.run, *more]
        if len(run) == 1 and run[0][0] == "B" and not plus:
            self.emit(f"out.append({run[0][1]})")
        elif run or plus:
            self.emit("out += " + " + ".join(part for part in (self.packed(run), plus) if part))
        if not keep:
            self.run = []

    def packed(self, run: Run) -> str:
        """Return the expression for the bytes of a run."""
        codes = "".join(code for code, _ in run)
        return f"{self.layout(codes, 'pack')}({', '.join(expression for _, expression in run)})" if run else ""

    def structure(self, cls: type[Message], source: str) -> None:
        """Write the encoding of the structure in the variable `source`; its end may still be pending."""
        body, tagged, _ = self.carried(cls)
        for field in body:
            self.value(Kind(field.annotation), f"{source}.{field.name}", self.is_nullable(field))
        if tagged:
            self.tags(cls, source, tagged)
        elif self.flexible:
            self.run.append(("B", "0"))

    def tags(self, cls: type[Message], source: str, tagged: list[Field]) -> None:
        """Write the tag section: in ascending order, without those at their default (FRM-17)."""
        empty = [self.is_default(cls, field, f"{source}.{field.name}") for field in tagged]
        self.emit(f"if {' and '.join(empty)}:")
        self.depth += 1
        self.flush(("B", "0"), keep=True)
        self.depth -= 1
        self.emit("else:")
        self.depth += 1
        self.flush()
        found, whole = self.fresh("tags"), self.fresh("out")
        self.emit(f"{found} = []; {whole} = out")
        for field in tagged:
            value = self.fresh("v")
            self.emit(f"{value} = {source}.{field.name}")
            self.emit(f"if not ({self.is_default(cls, field, value, thoroughly=True)}):")
            self.depth += 1
            self.emit("out = bytearray()")
            kind, nullable = Kind(field.annotation), self.is_nullable(field)
            if kind.struct is not None:
                self.nested(kind.struct, value, nullable, null="0")
            else:
                self.value(kind, value, nullable)
            self.flush()
            self.emit(f"{found}.append(({field.tag}, out))")
            self.depth -= 1
        self.emit(f"out = {whole}")
        self.emit(f"out += uvarint(len({found}))")
        self.emit(f"for tag, part in {found}: out += uvarint(tag) + uvarint(len(part)) + part")
        self.depth -= 1

    def is_default(self, cls: type[Message], field: Field, value: str, thoroughly: bool = False) -> str:
        """Return the condition under which a tagged field is left out; if not `thoroughly`, a quick stricter one."""
        kind = Kind(field.annotation)
        if kind.struct is not None and not self.is_nullable(field):
            empty = self.known(f"{kind.struct.__name__}_default", kind.struct())
            return f"{value} is None or {value} == {empty}" if thoroughly else f"{value} is None"
        if field.factory is not None:
            return f"{value} == {self.known(f'{cls.__name__}_{field.name}_default', field.factory())}"
        return f"{value} is None" if field.default is None else f"{value} == {field.default!r}"

    def value(self, kind: Kind, expression: str, nullable: bool) -> None:
        """Write the encoding of one value."""
        if kind.fixed is not None:
            self.run.append((kind.fixed.code, expression))
            return
        variable = self.fresh("v")
        encoded = ".encode()" if kind.name == "str" and not nullable else ""
        self.emit(f"{variable} = {expression}{encoded}")
        if kind.struct is not None:
            self.nested(kind.struct, variable, nullable)
        elif kind.element is not None:
            self.list(kind.element, variable, nullable)
        else:
            self.blob(kind.name, variable, nullable)

    def nested(self, cls: type[Message], value: str, nullable: bool, null: str = "-1") -> None:
        """Write a structure that is a field; a nullable one is preceded by 1, or is just -1, in a tag section 0."""
        if nullable:
            self.null_branch(value, ("b", null))
            self.run.append(("b", "1"))
        self.structure(cls, value)
        if nullable:
            self.flush()
            self.depth -= 1

    def null_branch(self, value: str, null: tuple[str, str]) -> None:
        """Write the null case of a nullable field, and open the branch for the others."""
        self.emit(f"if {value} is None:")
        self.depth += 1
        self.flush(null, keep=True)
        self.depth -= 1
        self.emit("else:")
        self.depth += 1

    def length(self, count: str, classic_code: str) -> None:
        """Write all that is pending, and a length."""
        if not self.flexible:
            self.flush((classic_code, count))
            return
        name = self.fresh("n")
        self.emit(f"{name} = {count} + 1")
        self.emit(f"if {name} < 128:")
        self.depth += 1
        self.flush(("B", name), keep=True)
        self.depth -= 1
        self.emit("else:")
        self.depth += 1
        self.flush(plus=f"uvarint({name})")
        self.depth -= 1

    def blob(self, name: str, value: str, nullable: bool) -> None:
        """Write a string, bytes or records field."""
        classic_code = "h" if name == "str" else "i"
        if nullable:
            self.null_branch(value, ("B", "0") if self.flexible else (classic_code, "-1"))
        if name == "records":
            self.length(f"{value}.nbytes", "i")
            self.emit(f"if type({value}) is memoryview: out += {value}")
            self.emit(f"else: cuts.append((len(out), {value}))")
        else:
            if name == "str" and nullable:
                self.emit(f"{value} = {value}.encode()")
            self.length(f"len({value})", classic_code)
            self.emit(f"out += {value}")
        self.depth -= nullable

    def list(self, element: Kind, value: str, nullable: bool) -> None:
        """Write an array."""
        if nullable:
            self.null_branch(value, ("B", "0") if self.flexible else ("i", "-1"))
        self.length(f"len({value})", "i")
        item = self.fresh("o")
        if element.fixed is not None and element.fixed.code == "16s":
            self.emit(f"out += b''.join({value})")
        elif element.fixed is not None:
            self.emit(f"out += {self.array_layout(element.fixed.code, 'pack')}[len({value})](*{value})")
        elif element.struct is not None and self.fixed_codes(element.struct):
            self.structure(element.struct, item)
            self.emit(f"out += b''.join([{self.packed(self.run)} for {item} in {value}])")
            self.run = []
        else:
            self.emit(f"for {item} in {value}:")
            self.depth += 1
            before = len(self.lines)
            if element.struct is not None:
                self.structure(element.struct, item)
            else:
                self.value(element, item, False)
            self.flush()
            if len(self.lines) == before:
                self.emit("pass")
            self.depth -= 1
        self.depth -= nullable
