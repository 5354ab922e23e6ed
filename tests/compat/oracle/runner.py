"""Plays scenarios on both brokers, compares the records, and writes what was said into logs."""

import json
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from tests.compat.oracle.compare import Comparison, Difference, Exchange
from tests.compat.oracle.node import Node
from tests.compat.oracle.pair import Pair
from tests.compat.oracle.statement import Scenario
from tests.compat.process import Broker

AT_ONCE = 4
"""So many scenarios are played at the same time: most of them wait for something."""


def say(line: str) -> None:
    """Print a line at once: a run takes minutes."""
    print(line, flush=True)


@dataclass(slots=True)
class Played:
    """How one scenario went in one version."""

    scenario: Scenario
    version: int
    seconds: float = 0.0
    differences: list[Difference] = field(default_factory=list)
    wrong_on_kafka: str = ""
    """Why Kafka does not do what the statement says: then the scenario is wrong, or the statement."""
    wrong_on_ours: str = ""

    @property
    def reason(self) -> str:
        """Return in a line what is wrong; empty if nothing is."""
        at = f"v{self.version}: " if self.scenario.api is not None else ""
        if self.wrong_on_kafka:
            return f"{at}Kafka: {self.wrong_on_kafka.splitlines()[-1]}"
        if self.differences:
            more = f" and {len(self.differences) - 1} more" if len(self.differences) > 1 else ""
            return f"{at}{self.differences[0]}{more}"
        return f"{at}{self.wrong_on_ours.splitlines()[-1]}" if self.wrong_on_ours else ""


class _Playing:
    """One scenario in one version on both brokers, which may stop for a restart."""

    def __init__(self, pair: Pair, scenario: Scenario, version: int) -> None:
        self.pair = pair
        self.played = Played(scenario, version)
        name = scenario.name(version).replace("_", "-")
        self.nodes: dict[Broker, Node] = {}
        self.going: dict[Broker, Iterator[None] | None] = {}
        self.errors: dict[Broker, str] = {}
        for broker in (pair.ours, pair.kafka):
            self.nodes[broker] = Node(broker, pair.versions, name, scenario.api, version)

    def go_on(self) -> None:
        """Play to the end, or to where it waits for a restart."""
        started = time.monotonic()
        self.pair.both(self._go_on)
        self.played.seconds += time.monotonic() - started

    def _go_on(self, broker: Broker) -> None:
        if broker in self.errors:
            return
        node = self.nodes[broker]
        try:
            if broker not in self.going:
                self.going[broker] = self.played.scenario.play(node)
            else:
                node.reconnect()
            if (steps := self.going[broker]) is not None:
                next(steps, None)
        except Exception:
            self.errors[broker] = traceback.format_exc()

    def finish(self) -> Played:
        """Compare, and return how it went."""
        for node in self.nodes.values():
            node.close()
        ours, kafkas = self.nodes[self.pair.ours].record, self.nodes[self.pair.kafka].record
        self.played.wrong_on_kafka = self.errors.get(self.pair.kafka, "")
        self.played.wrong_on_ours = self.errors.get(self.pair.ours, "")
        if not self.played.wrong_on_kafka:
            self.played.differences = list(Comparison(self.played.scenario.may_differ).differences(ours, kafkas))
        return self.played

    def records(self) -> tuple[list[Exchange], list[Exchange]]:
        """Return what was recorded on pykbroker and on Kafka."""
        return self.nodes[self.pair.ours].record, self.nodes[self.pair.kafka].record


def play_all(
    scenarios: Iterable[Scenario], directory: Path, logs: Path, progress: Callable[[str], None] = say
) -> list[Played]:
    """Play scenarios, on a pair of brokers for each set of settings; return how they went."""
    results: list[Played] = []
    by_settings = sorted(scenarios, key=lambda each: sorted(each.settings.items()))
    for number, (settings, group) in enumerate(groupby(by_settings, lambda each: sorted(each.settings.items()))):
        with Pair(directory / str(number), dict(settings)) as pair:
            results += play_on(pair, list(group), logs, progress)
    return results


def play_on(
    pair: Pair, scenarios: list[Scenario], logs: Path, progress: Callable[[str], None] = say, newest_only: bool = False
) -> Iterator[Played]:
    """Play scenarios on a running pair, in all their versions or the newest only; yield how they went."""

    def begun(part: tuple[Scenario, int]) -> _Playing:
        playing = _Playing(pair, *part)
        playing.go_on()
        return playing

    def play(part: tuple[Scenario, int]) -> Played:
        return _finished(begun(part), logs, progress)

    versions = -1 if newest_only else 0
    parts = [(each, version) for each in scenarios for version in each.at_versions(pair.versions)[versions:]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(play, [part for part in parts if not (part[0].restarts or part[0].alone)])
    yield from map(play, [part for part in parts if part[0].alone])
    waiting = [begun(part) for part in parts if part[0].restarts]
    if waiting:
        pair.restart()
    for playing in waiting:
        playing.go_on()
        yield _finished(playing, logs, progress)


def _finished(playing: _Playing, logs: Path, progress: Callable[[str], None]) -> Played:
    played = playing.finish()
    ours, kafkas = playing.records()
    name = played.scenario.name(played.version)
    write_log(
        logs / f"{name}.log", [played.wrong_on_kafka, played.wrong_on_ours, *map(str, played.differences)], ours, kafkas
    )
    if played.reason:
        progress(f"{', '.join(played.scenario.ids)} {name}: {played.reason}")
    return played


def write_log(path: Path, said: Iterable[str], ours: list[Exchange], kafkas: list[Exchange]) -> None:
    """Write what was found wrong, and then all requests with both answers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as out:
        out.writelines(f"{line}\n" for line in said if line)
        for index in range(max(len(ours), len(kafkas))):
            for who, record in (("pykbroker", ours), ("kafka", kafkas)):
                if index < len(record):
                    each = record[index]
                    if who == "pykbroker":
                        out.write(f"\n#{index} {each.api} v{each.version} {_text(each.request)}\n")
                    out.write(f"  {who}: {_text(each.answer)}\n")


def _text(value: object) -> str:
    return json.dumps(value, default=lambda each: f"{each.kind}:{each.value!r}", ensure_ascii=False)
