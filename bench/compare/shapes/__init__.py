"""The shapes of load, by family. Each is a command for the same program whichever broker it goes to."""

from __future__ import annotations

from bench.compare.measuring import Shape
from bench.compare.shapes import coordinators, fetch, produce, tools

FAMILIES = {
    "produce": "Produce",
    "fetch": "Fetch",
    "coordinators": "Groups and topics",
    "tools": "Real tools and clients",
}

SHAPES: tuple[Shape, ...] = (*produce.SHAPES, *fetch.SHAPES, *coordinators.SHAPES, *tools.SHAPES)
