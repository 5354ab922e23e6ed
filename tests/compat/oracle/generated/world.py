"""`World`: what the random steps know of one broker, by the broker's own ids."""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from pykbroker.wire.message import Message
from tests.compat.oracle.groups import Member
from tests.compat.oracle.node import Node

T = TypeVar("T")

TOPICS_AT_MOST = 4
MEMBERS_AT_MOST = 4


class World:
    """One broker under random steps. `random` is seeded anew for each step, alike at both brokers."""

    def __init__(self, node: Node, seed: int) -> None:
        self.node = node
        self.seed = seed
        self.random = Random(seed)
        self.topics: dict[str, int] = {}
        """Partitions by topic; deleted topics have none."""
        self.created = 0
        self.cut: set[str] = set()
        """Topics of which records were deleted."""
        self.sequences: dict[tuple[str, int, int], tuple[int, int]] = {}
        """Producer epoch and next sequence, by topic, partition and producer id."""
        self.groups: dict[str, list[Member]] = {}
        self.sessions: list[tuple[int, int, int]] = []
        """Session id, epoch and version of the fetch sessions."""

    def begin(self, step: int) -> None:
        """Seed the choices of one step."""
        self.random = Random(f"{self.seed}-{step}")

    def show(self, request: type[Message], low: int = 0) -> int:
        """Choose the version of an API for this step, and return it."""
        key = request.__key__
        assert key is not None
        lowest, highest = self.node.versions[key]
        self.node.api = key
        self.node.version = self.random.randint(max(low, lowest), highest)
        return self.node.version

    def chance(self, percent: int) -> bool:
        """Return True in so many of 100 cases."""
        return self.random.randrange(100) < percent

    def topic(self) -> str:
        """Return a topic, rarely one that does not exist."""
        if not self.topics or self.chance(3):
            return f"{self.node.name}-none"
        return self.random.choice(sorted(self.topics))

    def partition(self, topic: str) -> int:
        """Return a partition of a topic, rarely one that does not exist."""
        return 77 if self.chance(3) else self.random.randrange(max(1, self.topics.get(topic, 1)))


Step = Callable[[World], None]
STEPS: list[tuple[int, Step]] = []
"""Every step with its weight."""


def step(weight: int) -> Callable[[Step], Step]:
    """Declare a step that is taken as often as its weight says."""

    def declare(function: Step) -> Step:
        STEPS.append((weight, function))
        return function

    return declare
