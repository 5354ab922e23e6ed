"""Groups, commits, and many topics."""

from __future__ import annotations

from bench.compare.measuring import Shape
from bench.compare.rivals import FLOOR
from bench.compare.shapes.loads import franz

FAMILY = "coordinators"
MEMBERS, TOPICS = 100, 10_000
_NO_GROUPS = {FLOOR: "has no groups"}

SHAPES = (
    Shape("group", FAMILY, f"a group of {MEMBERS}", franz("rebalance", 20, "-members", MEMBERS), unit="rebalance",
          phases={"form": f"{MEMBERS} consumers form a group", "rebalance": f"a rebalance of {MEMBERS} consumers"},
          impossible=_NO_GROUPS),
    Shape("commits", FAMILY, "offset commits, 4 connections × 5 in flight", franz("commits", 20_000), unit="commit",
          impossible=_NO_GROUPS),
    Shape("topics", FAMILY, f"{TOPICS:,} topics", franz("topics", TOPICS), unit="topic", rounds=1,
          phases={"create": f"creation of {TOPICS:,} topics, 100 in a request",
                  "metadata": f"metadata of all {TOPICS:,} topics, per request",
                  "delete": f"deletion of {TOPICS:,} topics, 100 in a request"},
          impossible={FLOOR: "has one topic"}),
)
