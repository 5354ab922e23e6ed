"""`@statement`: declares a scenario, the IDs that it shows, and the versions in which it is played."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pykbroker.wire.message import LATEST, Message
from tests.compat.oracle.node import Node, Versions

Play = Callable[[Node], Iterator[None] | None]
"""A scenario: asserts that the broker does what the statement says. One that yields goes on after a restart."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. `api` is the key of the API that is shown in several versions, from `since` to `until`."""

    ids: tuple[str, ...]
    play: Play
    api: int | None = None
    since: int = 0
    until: int = LATEST
    settings: Mapping[str, str] = field(default_factory=dict)
    may_differ: Mapping[str, str] = field(default_factory=dict)
    restarts: bool = False
    alone: bool = False

    def name(self, version: int) -> str:
        """Return what names a scenario in one version: its module and function."""
        return f"{self.play.__module__.rpartition('.')[2]}-{self.play.__name__}-v{version}"

    def at_versions(self, served: Versions) -> list[int]:
        """Return the lowest, a middle and the highest version to be played; [0] if no API is shown in particular."""
        if self.api is None:
            return [0]
        low, high = max(self.since, served[self.api][0]), min(self.until, served[self.api][1])
        return sorted({low, (low + high + 1) // 2, high}) if low <= high else []


SCENARIOS: list[Scenario] = []


def statement(
    *ids: str,
    api: type[Message] | None = None,
    since: int = 0,
    until: int = LATEST,
    settings: Mapping[str, str] | None = None,
    may_differ: Mapping[str, str] | None = None,
    restarts: bool = False,
    alone: bool = False,
) -> Callable[[Play], Play]:
    """Declare a scenario: the statements that it shows, and the request whose versions it is played in.

    `settings` are those of a pair of brokers beside the ordinary one; `may_differ` are fields, with reasons, that
    `normal` cannot know to be free here; `restarts` says that the scenario yields once, where the brokers are
    restarted; `alone` that others would see what it does to the whole broker.
    """

    def declare(play: Play) -> Play:
        key = api.__key__ if api is not None else None
        SCENARIOS.append(Scenario(ids, play, key, since, until, settings or {}, may_differ or {}, restarts, alone))
        return play

    return declare


def load() -> list[Scenario]:
    """Import all modules of `statements/` and return their scenarios."""
    package: Any = import_module("tests.compat.oracle.statements")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return SCENARIOS
