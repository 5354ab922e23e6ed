"""What one setting is: its row in a table, and how its text becomes a value and a value becomes text again.

A row is `(name, type, default, allowed, scope, doc)`, all text:

    type     boolean, string, int, short, long, double, list, class or password
    default  canonical text; None where Kafka has none (null, or required)
    allowed  numbers: "1.." "0..1" "-1|1..9"; strings: "a|b", "~a|b" in any case, "+" not empty; lists: the same for
             each element, with "+" in front if there must be one; "replicas" and "reset" are explained at their checks
    scope    "" read-only, "broker" and "cluster" for what may change while the broker runs (for one broker only, or
             for all), "dynamic" for what can only be set that way; "internal" is read-only and not described unless set
    doc      one line for DescribeConfigs

Parsing follows `org.apache.kafka.common.config.ConfigDef`: surrounding blanks do not count, booleans are read in any
case, lists split at commas and have no empty elements; repeated ones count once.
"""

from __future__ import annotations

from typing import Final

Row = tuple[str, str, str | None, str, str, str]
Value = bool | int | float | str | tuple[str, ...] | None

_BITS: Final = {"short": 16, "int": 32, "long": 64}
_BLANKS: Final = "".join(map(chr, range(33)))  # what Java's String.trim takes off

# The numbers of DescribeConfigs v3 (CONF-04).
TYPE_NUMBERS: Final = {
    "boolean": 1,
    "string": 2,
    "int": 3,
    "short": 4,
    "long": 5,
    "double": 6,
    "list": 7,
    "class": 8,
    "password": 9,
}


class ConfigError(Exception):
    """A setting that cannot be: its name, and in one line what is wrong with it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(name, message)
        self.name = name
        self.message = message

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


class Setting:
    """One setting, from its row."""

    __slots__ = ("allowed", "default", "doc", "name", "scope", "type")

    def __init__(self, row: Row) -> None:
        self.name, self.type, self.default, self.allowed, self.scope, self.doc = row

    @property
    def is_sensitive(self) -> bool:
        """Whether its value is never shown."""
        return self.type == "password"

    @property
    def is_read_only(self) -> bool:
        """Whether it only changes with a restart."""
        return self.scope in ("", "internal")

    @property
    def is_list(self) -> bool:
        """Whether elements can be appended and subtracted (CONF-14)."""
        return self.type == "list"

    @property
    def type_number(self) -> int:
        """The number of its type in DescribeConfigs."""
        return TYPE_NUMBERS[self.type]

    def parse(self, text: str) -> Value:
        """Return the value that the text stands for; ConfigError if it is none, or not an allowed one."""
        text = text.strip(_BLANKS)
        match self.type:
            case "int" | "long" | "short":
                return self._integer(text)
            case "boolean":
                if text.lower() in ("true", "false"):
                    return text.lower() == "true"
                raise self._wrong(text, "must be true or false")
            case "double":
                return self._double(text)
            case "list":
                return self._list(text)
        self._check_text(text)
        return text

    def canonical(self, text: str) -> str:
        """Return the text in the form that DescribeConfigs shows (CONF-12); ConfigError as `parse`."""
        return text_of(self.parse(text))

    def _integer(self, text: str) -> int:
        digits = text[1:] if text[:1] in ("-", "+") else text
        value = int(text) if digits.isdecimal() and len(digits) < 40 else None
        limit = 1 << _BITS[self.type] - 1
        if value is None or not -limit <= value < limit:
            raise self._wrong(text, f"must be a whole number of {_BITS[self.type]} bits")
        if self.allowed and not any(_in_range(value, part) for part in self.allowed.split("|")):
            raise self._wrong(text, f"must be {_range_text(self.allowed)}")
        return value

    def _double(self, text: str) -> float:
        try:
            value = float(text.replace("_", "?"))
        except ValueError:
            raise self._wrong(text, "must be a number") from None
        if value != value or (self.allowed and not _in_range(value, self.allowed)):
            raise self._wrong(text, f"must be {_range_text(self.allowed)}" if self.allowed else "must be a number")
        return value

    def _list(self, text: str) -> tuple[str, ...]:
        elements = tuple(element.strip() for element in text.split(",")) if text else ()
        if self.allowed == "replicas":
            # Every replica, or partition:broker pairs (Kafka's ThrottledReplicaListValidator).
            if elements != ("*",) and not all(_is_replica(element) for element in elements):
                raise self._wrong(text, "must be * or a list of partition:broker")
            return elements
        if not elements and self.allowed.startswith("+"):
            raise self._wrong(text, "must not be empty")
        if "" in elements:
            raise self._wrong(text, "has an empty element")
        elements = tuple(dict.fromkeys(elements))
        choices = self.allowed.lstrip("+")
        for element in elements:
            if choices and element not in choices.split("|"):
                raise self._wrong(element, f"must be one of {', '.join(choices.split('|'))}")
        return elements

    def _check_text(self, text: str) -> None:
        allowed = self.allowed
        if allowed in ("", "reset"):
            if allowed and text not in ("latest", "earliest") and not _is_duration(text):
                raise self._wrong(text, "must be latest, earliest or by_duration:PnDTnHnMnS")
        elif allowed == "+":
            if not text:
                raise self._wrong(text, "must not be empty")
        elif allowed.startswith("~"):
            if text.lower() not in allowed[1:].lower().split("|"):
                raise self._wrong(text, f"must be one of {', '.join(allowed[1:].split('|'))} in any case")
        elif text not in allowed.split("|"):
            raise self._wrong(text, f"must be one of {', '.join(allowed.split('|'))}")

    def _wrong(self, text: str, rule: str) -> ConfigError:
        return ConfigError(self.name, f"{rule}, not {text!r}")  # passwords have no rules, so none is shown


def text_of(value: Value) -> str:
    """Return a value as Kafka writes it (`ConfigDef.convertToString`)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float):
        return _double_text(value)
    return "" if value is None else str(value)


def _double_text(value: float) -> str:
    """Java's `Double.toString`: at least one decimal, and an exponent below 0.001 and from 10 million on."""
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    from decimal import Decimal  # rare

    sign, figures, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, figures))
    return f"{'-' * sign}{digits[0]}.{digits[1:] or '0'}E{int(exponent) + len(digits) - 1}"


def _in_range(value: float, part: str) -> bool:
    low, dots, high = part.partition("..")
    if not dots:
        return value == float(low)
    return (not low or value >= int(low)) and (not high or value <= float(high))


def _range_text(allowed: str) -> str:
    words = []
    for part in allowed.split("|"):
        low, dots, high = part.partition("..")
        words.append(low if not dots else f"at least {low}" if not high else f"from {low} to {high}")
    return " or ".join(words)


def _is_replica(element: str) -> bool:
    partition, colon, broker = element.partition(":")
    return bool(colon) and partition.isdecimal() and broker.isdecimal()


def _is_duration(text: str) -> bool:
    import re

    # Java's Duration.parse, without a sign: KIP-932 refuses negative ones.
    form = r"by_duration:P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d{0,9})?S)?)?"
    return re.fullmatch(form, text, re.IGNORECASE) is not None
