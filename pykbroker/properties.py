"""Java's `.properties` syntax, as server.properties is written (`java.util.Properties.load`).

A line is `key=value`, `key: value` or `key value`; blanks around the key and before the value do not count, those after
the value do. `#` and `!` begin comments. A backslash at the end of a line joins the next one to it, without its leading
blanks; elsewhere it escapes: \\t \\n \\r \\f, \\uXXXX, and any other character stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_BLANKS: Final = " \t\f"
_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse(content: bytes) -> dict[str, str]:
    """Return the properties of a file; the last of several with the same key counts.

    Java reads ISO-8859-1; so do we where the bytes are not UTF-8, which is what people write today. Raises ValueError
    for a \\u without four hexadecimal digits.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return dict(_split(line) for line in _logical_lines(text))


def _logical_lines(text: str) -> Iterator[str]:
    joined = ""
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        line = line.lstrip(_BLANKS)
        if not joined and (not line or line[0] in "#!"):
            continue
        if (len(line) - len(line.rstrip("\\"))) % 2:  # an even number of backslashes escapes itself
            joined += line[:-1]
            continue
        yield joined + line
        joined = ""
    if joined:
        yield joined


def _split(line: str) -> tuple[str, str]:
    end = 0
    while end < len(line) and line[end] not in "=: \t\f":
        end += 2 if line[end] == "\\" else 1
    start = end
    while start < len(line) and line[start] in _BLANKS:
        start += 1
    if start < len(line) and line[start] in "=:":
        start += 1
    return _unescaped(line[:end]), _unescaped(line[start:].lstrip(_BLANKS))


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    out = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\" and at < len(text):
            char = text[at]
            at += 1
            if char == "u":
                digits = text[at : at + 4]
                if len(digits) < 4 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                    raise ValueError(f"\\u{digits} is not a character")
                char = chr(int(digits, 16))
                at += 4
            else:
                char = _ESCAPES.get(char, char)
        out.append(char)
    return "".join(out)
