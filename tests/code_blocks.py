"""The programs that a Markdown page shows."""

from __future__ import annotations

from itertools import groupby


def code_blocks(text: str) -> list[str]:
    """Return what is indented by four blanks, block by block."""
    blocks = []
    for is_code, lines in groupby(text.splitlines(), key=lambda line: line.startswith("    ") or not line):
        block = "\n".join(line.removeprefix("    ") for line in lines).strip("\n")
        if is_code and block:
            blocks.append(block)
    return blocks
