"""The comparison with Apache Kafka: that it misses nothing, and a quick part. All: `python -m tests.compat.oracle`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.oracle.compare import Comparison, Exchange
from tests.compat.oracle.generated.walk import walk
from tests.compat.oracle.not_shown import not_shown
from tests.compat.oracle.pair import Pair
from tests.compat.oracle.plain import Id, Plain
from tests.compat.oracle.report import AREAS
from tests.compat.oracle.runner import play_on
from tests.compat.oracle.statement import load
from tests.kafka_jars import reason_to_skip

QUICK = (
    "PROD-39",
    "PROD-41",
    "PROD-16",
    "FET-23",
    "FET-31",
    "LOFF-03",
    "GRP-20",
    "GRP-36",
    "OFF-05",
    "GAD-05",
    "TOP-07",
    "CONF-14",
    "MD-03",
    "API-02",
    "FRM-15",
    "CLA-04",
)
"""Statements of many areas that take no time."""


def test_every_statement_is_shown_or_has_a_reason() -> None:
    shown = {name for scenario in load() for name in scenario.ids}
    explained = [name for name, _, _ in not_shown()]
    assert not shown.intersection(explained)
    assert len(explained) == len(set(explained))
    everything = {f"{area}-{number:02}" for area, (_, count) in AREAS.items() for number in range(1, count + 1)}
    assert shown.union(explained) == everything


def test_scenarios_have_names_of_their_own() -> None:
    names = [scenario.name(0) for scenario in load()]
    assert len(names) == len(set(names))


def test_ids_are_equal_if_they_are_given_alike() -> None:
    ours = [answered(Id("uuid", b"1"), Id("uuid", b"2")), answered(Id("uuid", b"1"))]
    alike = [answered(Id("uuid", b"8"), Id("uuid", b"9")), answered(Id("uuid", b"8"))]
    other = [answered(Id("uuid", b"8"), Id("uuid", b"9")), answered(Id("uuid", b"9"))]
    assert Comparison().difference(ours, alike) is None
    assert Comparison().difference(ours, other) is not None


def test_a_field_may_differ_where_a_rule_says_so() -> None:
    ours, kafkas = [Exchange("A", 0, None, {"x": 1, "y": 1})], [Exchange("A", 0, None, {"x": 2, "y": 1})]
    assert str(Comparison().difference(ours, kafkas)) == "#0 A v0.x: 1 instead of 2"
    assert Comparison({"A.x": "a reason"}).difference(ours, kafkas) is None


def answered(*ids: Plain) -> Exchange:
    return Exchange("Api", 0, None, list(ids))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if why := reason_to_skip():
        pytest.skip(why)
    with Pair(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_statement_holds_for_both(pair: Pair, tmp_path: Path, name: str) -> None:
    scenarios = [each for each in load() if name in each.ids]
    assert [each.reason for each in play_on(pair, scenarios, tmp_path, newest_only=True)] == [""] * len(scenarios)


@pytest.mark.slow
def test_random_steps_have_the_same_answers(pair: Pair, tmp_path: Path) -> None:
    assert walk(pair, seed=1, steps=60, log=tmp_path / "log").reason == ""
