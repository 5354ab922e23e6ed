"""What patterns fit, and how content is shown."""

from __future__ import annotations

import pytest

from pykbroker.testing.matching import Pattern, matches, shown


@pytest.mark.parametrize(
    ("pattern", "content", "fits"),
    [
        (..., None, True),
        (..., b"", True),
        (None, None, True),
        (None, b"", False),
        (b"", None, False),
        ("", b"", True),
        ("é", "é".encode(), True),
        (b"a", b"a", True),
        (b"a", b"ab", False),
        ({"a": [1]}, b' {"a" : [1]} ', True),
        ({"a": 1}, b'{"a": 1, "b": 2}', False),
        ({}, b"no JSON", False),
        ({}, b"\xff", False),
        ({}, None, False),
        ([], b"[]", True),
        (lambda content: content is None, None, True),
        (lambda content: content, b"", False),
    ],
)
def test_patterns(pattern: Pattern, content: bytes | None, fits: bool) -> None:
    assert matches(pattern, content) is fits


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "None"),
        (b"", "''"),
        (b"it's", '"it\'s"'),
        ("naïve".encode(), "'naïve'"),
        (b"\xff", "b'\\xff'"),
        (b"\0\1", "b'\\x00\\x01'"),
        (b"x" * 1000, f"'{'x' * 119}… (1000 bytes)"),
    ],
)
def test_content_is_shown_as_text_if_it_is(content: bytes | None, text: str) -> None:
    assert shown(content) == text
