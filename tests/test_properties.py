"""Java's properties syntax."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykbroker.properties import parse


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", {}),
        (b"a=1\nb: 2\nc 3\nd\n", {"a": "1", "b": "2", "c": "3", "d": ""}),
        (b"  a \t=\t 1 \n", {"a": "1 "}),
        (b"a = = b\na : : c\n", {"a": ": c"}),
        (b"a==1", {"a": "=1"}),
        (b"# a=1\n  ! b=2\nc=3 # not a comment", {"c": "3 # not a comment"}),
        (b"a=1,\\\n   2,\\\n\t3\nb=4", {"a": "1,2,3", "b": "4"}),
        (b"a=1\\\\\nb=2", {"a": "1\\", "b": "2"}),
        (b"a=1\\\n# no comment\n", {"a": "1# no comment"}),
        (b"a=1\\", {"a": "1"}),
        (b"a\\ b\\=c\\:d=e\\ f", {"a b=c:d": "e f"}),
        (b"a=\\t\\n\\r\\f\\q\\u00e9", {"a": "\t\n\r\fqé"}),
        (b"a=1\rb=2\r\nc=3", {"a": "1", "b": "2", "c": "3"}),
        (b"a=1\na=2", {"a": "2"}),
        (b"=1", {"": "1"}),
        ("a=dätä".encode(), {"a": "dätä"}),
        ("a=dätä".encode("latin-1"), {"a": "dätä"}),
        (b"\xef\xbb\xbfa=1", {"a": "1"}),
        (b"a=x\xc2\x85y\xe2\x80\xa8z", {"a": "x\x85y\u2028z"}),
    ],
)
def test_syntax(content: bytes, expected: dict[str, str]) -> None:
    assert parse(content) == expected


@pytest.mark.parametrize("content", [b"a=\\u12", b"a=\\u12g4", b"a=\\u+123"])
def test_malformed_unicode_escape_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a character"):
        parse(content)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        parse(content)
    except ValueError:
        assert b"\\u" in content


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(char):04x}" if char in "\\=: \t\f\n\r#!" or ord(char) > 126 else char for char in text)


@given(st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), st.text(st.characters(max_codepoint=0xD7FF))))
def test_what_is_escaped_comes_back(properties: dict[str, str]) -> None:
    lines = [f"{_escaped(key)}={_escaped(value)}\n" for key, value in properties.items()]
    assert parse("".join(lines).encode()) == properties
