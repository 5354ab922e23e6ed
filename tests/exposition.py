"""A strict reader of Prometheus' text format 0.0.4, as far as we write it: anything odd is an AssertionError."""

from __future__ import annotations

import re
from typing import NamedTuple

Labels = frozenset[tuple[str, str]]

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (NaN|-?[0-9.]+(?:e[-+][0-9]+)?)")
_ONE_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_KINDS = {"counter": ("",), "gauge": ("",), "summary": ("", "_sum", "_count")}
_UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Exposition(NamedTuple):
    """What a page says: the kind of each family, and all samples by name and labels."""

    kinds: dict[str, str]
    samples: dict[tuple[str, Labels], float]

    def value(self, name: str, **labels: str) -> float:
        """Return the one sample of that name with exactly these labels."""
        return self.samples[name, frozenset(labels.items())]

    def labelled(self, name: str) -> list[dict[str, str]]:
        """Return the labels of every sample of that name."""
        return [dict(labels) for found, labels in self.samples if found == name]


def parsed(page: str) -> Exposition:
    """Return what a page says."""
    assert page.endswith("\n"), "the last line has no end"
    kinds: dict[str, str] = {}
    samples: dict[tuple[str, Labels], float] = {}
    family, helped = "", ""
    for line in page[:-1].split("\n"):
        if line.startswith("# HELP "):
            _, _, helped, meaning = line.split(" ", 3)
            assert meaning and helped not in kinds, line
        elif line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family == helped and kind in _KINDS, line
            kinds[family] = kind
        else:
            match = _SAMPLE.fullmatch(line)
            assert match is not None, f"not a sample: {line!r}"
            name, labels, value = match.groups()
            assert name in [family + ending for ending in _KINDS[kinds[family]]], f"{name} among those of {family}"
            pairs = [(each[1], _unescaped(each[2])) for each in _ONE_LABEL.finditer(labels or "")]
            key = (name, frozenset(pairs))
            assert len(key[1]) == len(pairs) and key not in samples, f"twice: {line}"
            samples[key] = float(value)
    return Exposition(kinds, samples)


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda found: _UNESCAPED[found[0]], text)
