"""Records as text: lines that `produce` reads, and lines that `consume` and `dump-log` write.

As JSON a record is one object a line:

    {"topic": "orders", "partition": 0, "offset": 7, "timestamp": 1700000000000, "key": "a", "value": "b",
     "headers": [["name", "content"]]}

Bytes that are UTF-8 are a string, others `{"base64": "..."}`, and null is null: what was written can be read back. A
value that is any other JSON stands for its own text. `headers` may be an object, too. Only `value` has to be there to
be read; `topic` and `offset` are passed over.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from typing import Final

from pykbroker.wire.records import Header, Record

NO_TIMESTAMP: Final = -1

_FIELDS: Final = frozenset({"topic", "partition", "offset", "timestamp", "key", "value", "headers"})


class Wanted:
    """A record that is to be written. Partition None: let the key decide; timestamp None: now."""

    __slots__ = ("headers", "key", "partition", "timestamp", "value")

    def __init__(
        self,
        value: bytes | None,
        key: bytes | None = None,
        headers: Sequence[Header] = (),
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        self.value = value
        self.key = key
        self.headers = headers
        self.partition = partition
        self.timestamp = timestamp


def wanted_in_json(line: bytes) -> Wanted:
    """Return the record that a line of JSON describes. ValueError, with what is wrong, if it does not."""
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at column {error.colno}") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if not isinstance(fields, dict) or "value" not in fields:
        raise ValueError('is not a JSON object with a "value"')
    unknown = fields.keys() - _FIELDS
    if unknown:
        raise ValueError(f'has "{min(unknown)}", which is not a part of a record')
    return Wanted(
        bytes_from(fields["value"]),
        bytes_from(fields.get("key")),
        _headers_from(fields.get("headers", [])),
        _number_from(fields, "partition"),
        _number_from(fields, "timestamp"),
    )


def _number_from(fields: dict[str, object], name: str) -> int | None:
    number = fields.get(name)
    if number is None or (isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 63):
        return number
    raise ValueError(f'has a "{name}" that is not a number of at least 0')


def _headers_from(value: object) -> list[Header]:
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list):
        raise ValueError('has "headers" that are neither an object nor a list')
    headers: list[Header] = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ValueError('has "headers" with something that is not ["name", "content"]')
        headers.append((pair[0], bytes_from(pair[1])))
    return headers


def bytes_from(value: object) -> bytes | None:
    """Return what a JSON value stands for as bytes."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
        try:
            return b64decode(value["base64"], validate=True)
        except NotBase64:
            raise ValueError("has something in base64 that is not") from None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")


def json_from(content: bytes | None) -> str | dict[str, str] | None:
    """Return the JSON value that stands for bytes."""
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(content).decode()}


def json_line(topic: str, partition: int, record: Record) -> bytes:
    """Return a record as a line of JSON."""
    fields = {
        "topic": topic,
        "partition": partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": json_from(record.key),
        "value": json_from(record.value),
        "headers": [[name, json_from(content)] for name, content in record.headers],
    }
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


class LineReader:
    """Reads records from lines: `[headers TAB] [key SEPARATOR] value`, as `kafka-console-producer` does.

    Headers are `name:content,name:content`. What equals the null marker is null, in a header, too.
    """

    def __init__(self, key_separator: str | None, has_headers: bool, null_marker: str | None) -> None:
        self._separator = None if key_separator is None else key_separator.encode()
        self._has_headers = has_headers
        self._null = None if null_marker is None else null_marker.encode()

    def __call__(self, line: bytes) -> Wanted:
        """Return the record in a line. ValueError, with what is wrong, if there is none."""
        headers: list[Header] = []
        if self._has_headers:
            text, tab, line = line.partition(b"\t")
            if not tab:
                raise ValueError("has no tab behind the headers")
            headers = [self._header(part) for part in text.split(b",") if part]
        key = None
        if self._separator is not None:
            found, separator, line = line.partition(self._separator)
            if not separator:
                raise ValueError("has no key separator")
            key = self._content(found)
        return Wanted(self._content(line), key, headers)

    def _header(self, part: bytes) -> Header:
        name, colon, content = part.partition(b":")
        if not colon:
            raise ValueError(f"has the header {part.decode(errors='replace')!r}, which is not NAME:CONTENT")
        try:
            return name.decode(), self._content(content)
        except UnicodeDecodeError:
            raise ValueError("has a header whose name is not UTF-8") from None

    def _content(self, text: bytes) -> bytes | None:
        return None if text == self._null else text


Write = Callable[[str, int, Record], bytes]
"""Returns what to print of a record of a topic's partition."""


def formatted(template: str, null_marker: str = "") -> Write:
    """Return what prints records as a template says; kcat's letters: %k %s %h, %t %p %o %T, %K %S, %%.

    Key, value, headers; topic, partition, offset, timestamp; the sizes of key and value, -1 for null. ValueError for
    another letter.
    """
    null = null_marker.encode()
    parts: list[Write] = []
    text = bytearray()
    at = 0
    while at < len(template):
        letter = template[at : at + 2]
        at += 1
        if not letter.startswith("%") or letter == "%%":
            text += letter[:1].encode()
            at += letter == "%%"
            continue
        if letter not in _LETTERS:
            raise ValueError(f"{letter} is not one of {' '.join(_LETTERS)} %%")
        if text:
            parts.append(_constant(bytes(text)))
            text.clear()
        parts.append(_letter(letter, null))
        at += 1
    if text:
        parts.append(_constant(bytes(text)))
    return lambda topic, partition, record: b"".join([part(topic, partition, record) for part in parts])


def _constant(text: bytes) -> Write:
    return lambda topic, partition, record: text


def _letter(letter: str, null: bytes) -> Write:
    give = _LETTERS[letter]

    def write(topic: str, partition: int, record: Record) -> bytes:
        content = give(topic, partition, record)
        return null if content is None else content

    return write


def _size(content: bytes | None) -> bytes:
    return b"%d" % (-1 if content is None else len(content))


def _headers_text(headers: Sequence[Header]) -> bytes:
    return b",".join(name.encode() + b"=" + (b"NULL" if content is None else content) for name, content in headers)


_LETTERS: Final[dict[str, Callable[[str, int, Record], bytes | None]]] = {
    "%k": lambda topic, partition, record: record.key,
    "%s": lambda topic, partition, record: record.value,
    "%h": lambda topic, partition, record: _headers_text(record.headers),
    "%t": lambda topic, partition, record: topic.encode(),
    "%p": lambda topic, partition, record: b"%d" % partition,
    "%o": lambda topic, partition, record: b"%d" % record.offset,
    "%T": lambda topic, partition, record: b"%d" % record.timestamp,
    "%K": lambda topic, partition, record: _size(record.key),
    "%S": lambda topic, partition, record: _size(record.value),
}
