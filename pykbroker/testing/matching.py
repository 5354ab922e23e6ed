"""What a test expects of a record, and how records are shown when they are not what it expects.

    ...               anything, and it need not be there
    bytes             these bytes
    str               this text, in UTF-8
    dict or list      JSON that reads as this
    None              null: the value of a tombstone, or no key
    a function        whatever it says yes to; it gets the bytes, or None
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import EllipsisType
from typing import Any, Final

from pykbroker.testing.records import Record

Json = dict[str, Any] | list[Any]  # any JSON below the top
Content = bytes | str | Json | None
Pattern = Content | Callable[[bytes | None], object] | EllipsisType

_MOST_CHARS: Final = 120
_MOST_RECORDS: Final = 20


def encoded(content: Content) -> bytes | None:
    """Return a key, a value or a header as it is stored."""
    if content is None or isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (dict, list)):
        import json

        return json.dumps(content).encode()
    raise TypeError(f"keys and values are bytes, text, None, or for JSON a dict or a list, not {content!r}")


class Wanted:
    """A description that records fit or not: what `Topic.expect` was given."""

    def __init__(
        self, key: Pattern, value: Pattern, headers: Mapping[str, Pattern] | None, partition: int | None
    ) -> None:
        self._key = key
        self._value = value
        self._headers = headers or {}
        self._partition = partition

    def fits(self, record: Record) -> bool:
        """Tell if a record is as wanted. Headers may be more than those asked for, and one name may be there twice."""
        return (
            self._partition in (None, record.partition)
            and matches(self._key, record.key)
            and matches(self._value, record.value)
            and all(
                any(name == given and matches(pattern, content) for given, content in record.headers)
                for name, pattern in self._headers.items()
            )
        )

    def __str__(self) -> str:
        parts = [
            f"{name} {shown_pattern(pattern)}"
            for name, pattern in (
                ("key", self._key),
                ("value", self._value),
                *((f"header {name}", pattern) for name, pattern in self._headers.items()),
            )
            if pattern is not ...
        ]
        if self._partition is not None:
            parts.append(f"partition {self._partition}")
        return "with " + ", ".join(parts) if parts else "at all"


def matches(pattern: Pattern, content: bytes | None) -> bool:
    """Tell if a key, a value or a header is what the pattern says."""
    if isinstance(pattern, EllipsisType):
        return True
    if isinstance(pattern, (dict, list)):
        import json

        try:
            return bool(json.loads(content or b"") == pattern)
        except ValueError:
            return False
    if callable(pattern):
        return bool(pattern(content))
    return content == encoded(pattern)


def shown_pattern(pattern: Pattern) -> str:
    """Return how a pattern is named in a failure."""
    if callable(pattern):
        return f"that {getattr(pattern, '__name__', repr(pattern))} says yes to"
    return repr(pattern)


def shown(content: bytes | None) -> str:
    """Return a key, a value or a header on one line: as text if it is text, and cut if it is long."""
    if content is None:
        return "None"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    whole = repr(text) if text.isprintable() and (text or not content) else repr(content)
    return whole if len(whole) <= _MOST_CHARS else f"{whole[:_MOST_CHARS]}… ({len(content)} bytes)"


def shown_records(records: Sequence[Record]) -> str:
    """Return a table of the newest records, a line for each."""
    lines = [_line(record) for record in records[-_MOST_RECORDS:]]
    left_out = len(records) - len(lines)
    if left_out:
        lines.insert(0, f"  … {left_out} before these …")
    return "\n".join(lines)


def _line(record: Record) -> str:
    parts = [f"  {record.partition}:{record.offset}", f"key={shown(record.key)}", f"value={shown(record.value)}"]
    if record.headers:
        parts.append(f"headers={{{_headers(record.headers)}}}")
    return "  ".join(parts)


def _headers(headers: Iterable[tuple[str, bytes | None]]) -> str:
    return ", ".join(f"{name!r}: {shown(content)}" for name, content in headers)
