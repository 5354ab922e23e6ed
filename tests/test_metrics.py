"""Timings and their quantiles; the text format."""

from __future__ import annotations

from math import isnan

import pytest

from pykbroker.metrics import COUNTER, GAUGE, QUANTILES, SUMMARY, WINDOW_SECONDS, Family, Page, Timings
from tests.exposition import parsed


def test_timings_count_and_add_up() -> None:
    timings = Timings()
    for seconds in (0.25, 0.5, 0.25):
        timings.add(seconds, now=0.0)
    assert (timings.count, timings.seconds) == (3, 1.0)


@pytest.mark.parametrize("unit", [1e-6, 1e-5, 1e-3, 1.0])
def test_quantiles_are_off_by_three_percent_at_most(unit: float) -> None:
    timings = Timings()
    for number in range(1, 1001):
        timings.add(number * unit, now=0.0)
    for quantile, found in zip(QUANTILES, timings.quantiles(0.0), strict=True):
        exact = round(quantile * 1000) * unit
        assert abs(found - exact) <= max(0.032 * exact, 1e-6)


def test_quantiles_of_nothing_are_not_a_number() -> None:
    assert all(map(isnan, Timings().quantiles(0.0)))


def test_quantiles_forget_what_is_two_windows_old() -> None:
    timings = Timings()
    timings.add(1.0, now=0.0)
    timings.add(0.001, now=WINDOW_SECONDS)
    assert timings.quantiles(WINDOW_SECONDS)[-1] == pytest.approx(1.0, rel=0.04)
    assert timings.quantiles(2 * WINDOW_SECONDS)[-1] == pytest.approx(0.001, rel=0.04)
    assert isnan(timings.quantiles(3 * WINDOW_SECONDS)[-1])


def test_quantiles_forget_everything_after_a_long_silence() -> None:
    timings = Timings()
    timings.add(1.0, now=0.0)
    assert isnan(timings.quantiles(10 * WINDOW_SECONDS)[0])
    assert timings.count == 1


FAMILIES = (
    Family("a_total", COUNTER, "Things\nin \\ lines"),
    Family("b", GAUGE, "Nothing"),
    Family("c", SUMMARY, "Times"),
    Family("d", GAUGE, "Others"),
)


def text_of(page: Page) -> str:
    return b"".join(page.pieces()).decode()


def test_page_is_written_family_by_family() -> None:
    page = Page(FAMILIES)
    page.add("d", 0.5)
    page.add("a_total", 3, topic="x")
    page.add("d", 2.0, partition="1")
    assert text_of(page) == (
        "# HELP a_total Things\\nin \\\\ lines\n# TYPE a_total counter\n"
        'a_total{topic="x"} 3\n'
        "# HELP d Others\n# TYPE d gauge\n"
        "d 0.5\n"
        'd{partition="1"} 2\n'
    )


@pytest.mark.parametrize("value", ['"', "\\", "\n", '\\"\n\\n', "ü 円", "}{=,"])
def test_label_values_are_escaped(value: str) -> None:
    page = Page(FAMILIES)
    page.add("d", 1, topic=value, other="x")
    assert parsed(text_of(page)).value("d", topic=value, other="x") == 1


def test_timings_are_a_summary_in_milliseconds() -> None:
    timings = Timings()
    timings.add(0.004, now=0.0)
    page = Page(FAMILIES)
    page.add_timings("c", timings, 0.0, request="Produce")
    found = parsed(text_of(page))
    assert found.value("c_count", request="Produce") == 1
    assert found.value("c_sum", request="Produce") == 4
    quantiles = [labels["quantile"] for labels in found.labelled("c")]
    assert quantiles == ["0.50", "0.75", "0.95", "0.98", "0.99", "0.999"]  # as the exporter writes them
    assert found.value("c", request="Produce", quantile="0.99") == pytest.approx(4, rel=0.04)


def test_a_large_family_comes_in_pieces_and_is_one_text() -> None:
    page = Page(FAMILIES)
    for number in range(2500):
        page.lines("d").append(f'd{{partition="{number}"}} {number}\n')
    assert len(list(page.pieces())) == 3
    assert len(parsed(text_of(page)).samples) == 2500


def test_a_family_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Page(FAMILIES).add("e", 1)
