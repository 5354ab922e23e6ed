"""The comparison's own parts: what it draws from rounds, and that its loads do what they are called."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.build import compiled, compiler
from bench.compare import document, goals, growth, plots, resting
from bench.compare.measuring import Target, Trouble, measure, numbers
from bench.compare.results import Results, rows_of, short, spread
from bench.compare.rivals import KAFKA, KAFKA_WARM, KFAKE, PYKBROKER, RIVALS
from bench.compare.running import Plan, run_shapes
from bench.compare.shapes import FAMILIES, SHAPES
from bench.compare.shapes.batches import batch_file
from bench.servers import Running, floor, pykbroker
from pykbroker.wire.batch import peek, verify
from pykbroker.wire.records import records_of

needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C compiler ($CC or cc)")
_BY_KEY = {shape.key: shape for shape in SHAPES}
_PLAN = Plan(rounds=1, scale=0.005, quick=True, say=lambda line: None)


def some_results(**costs: dict[str, list[float]]) -> Results:
    """Return results with the CPU costs of rows, by rival."""
    results = Results({
        "date": "2026-01-02T03:04:05", "machine": "a machine", "python": "CPython", "java": "Java", "go": "Go",
        "libraries": {}, "versions": {rival.key: "1" for rival in RIVALS if rival.key != KFAKE},
        "missing": {KFAKE: "needs go"}, "minutes": 1.0, "rounds": 3, "scale": 1.0, "load_before": 0.0,
        "load_after": 0.0,
    })
    for row, rivals in costs.items():
        for rival, values in rivals.items():
            for value in values:
                results.add(row, rival, {"cpu_us": value, "rate": 1e6 / value, "peak_mb": 20.0})
    return results


def load(server: Running, program: str, *arguments: str) -> dict[str, Any]:
    command = [str(compiled(program)), *arguments, "--port", str(server.port)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    result: dict[str, Any] = json.loads(output)
    return result


@pytest.fixture
def server() -> Iterator[Running]:
    with Running(floor(partitions=40)) as running:
        yield running


@pytest.fixture
def broker() -> Iterator[Running]:
    with Running(pykbroker()) as running:
        yield running


def test_costs_come_from_the_brokers_clock_and_amounts_from_the_load() -> None:
    report = {"requests": 200, "bytes": 2 * 2**20, "seconds": 0.5, "p50_us": 7.0, "load_cpu_seconds": 0.1}
    kept = numbers(report, cpu_ns=4_000_000, peak_mb=30.0)
    assert kept == {"cpu_us": 20.0, "cpu_us_per_mb": 2000.0, "rate": 400.0, "mb_per_s": 4.0, "peak_mb": 30.0,
                    "server_busy": 0.008, "load_busy": 0.2, "p50_us": 7.0}


def test_results_survive_being_saved(tmp_path: Path) -> None:
    results = some_results(small={PYKBROKER: [10.0, 12.0]})
    results.explain("small", KFAKE, "failed", "it did not start")
    results.save(tmp_path / "results.json")
    loaded = Results.load(tmp_path / "results.json")
    assert loaded.cell("small", PYKBROKER).values("cpu_us") == [10.0, 12.0]
    assert [(row, rival, cell.reason) for row, rival, cell in loaded.explained()] == [
        ("small", KFAKE, "it did not start")]


def test_numbers_are_short_and_a_single_one_has_no_spread() -> None:
    assert [short(value) for value in (0.0312, 1.234, 12.34, 1234.5)] == ["0.031", "1.23", "12.3", "1,234"]
    assert (spread([], short), spread([2.0], short), spread([1.0, 3.0, 2.0], short)) == (
        "—", "2.00", "2.00 (1.00–3.00)")


def test_a_goal_is_missed_where_pykbroker_costs_more_and_says_by_how_much() -> None:
    results = some_results(small={PYKBROKER: [10.0], KAFKA: [40.0], KAFKA_WARM: [20.0]},
                           rtt={PYKBROKER: [60.0], KAFKA: [80.0], KAFKA_WARM: [40.0]})
    cold, warm = [goal for goal in goals.goals(results) if goal.text.startswith("CPU per request")]
    assert (cold.met, warm.met) == (True, False)
    assert warm.remark.endswith("not on rtt (× 1.50)")


def test_a_goal_without_numbers_is_neither_met_nor_missed() -> None:
    assert {goal.met for goal in goals.goals(some_results())} == {None}


def test_a_curve_is_flat_if_its_last_point_costs_little_more_than_its_first() -> None:
    curve = growth.PARTITIONS_CURVE
    costs = {curve.row("produce", at): {PYKBROKER: [10.0 + index]} for index, at in enumerate(curve.points)}
    (goal,) = [goal for goal in goals.goals(some_results(**costs)) if curve.title in goal.text]
    assert (goal.met, goal.remark) == (False, "× 1.30 from the first point to the last")


def test_the_document_has_a_table_for_each_family_and_says_what_is_missing() -> None:
    results = some_results(small={PYKBROKER: [10.0], KAFKA: [40.0], KAFKA_WARM: [20.0]},
                           commits={PYKBROKER: [30.0], KAFKA: [90.0]})
    results.explain("commits", KAFKA_WARM, "failed", "no answer")
    results.add(resting.ROW, PYKBROKER, {"ready_ms": 70.0, "idle_mb": 22.0})
    text = document.markdown(results)
    assert "| 100-byte batches, 4 connections × 5 in flight | request | 10.0 | 40.0 | 20.0 | — | 0.25 | 0.50 |" in text
    assert f"| {FAMILIES['coordinators']} | per |" in text
    assert "- kfake as a whole: needs go" in text
    assert "- commits, Apache Kafka, warm: failed: no answer" in text


def test_every_plot_that_has_numbers_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib (the extra `bench`)")
    at = growth.PARTITIONS_CURVE.row("produce", 10)
    results = some_results(**{"small": {PYKBROKER: [10.0], KAFKA_WARM: [40.0]}, at: {PYKBROKER: [10.0]}})
    results.add("rate-small", PYKBROKER, {"p50_us": 80.0, "p99_us": 200.0, "p999_us": 900.0})
    results.add(resting.ROW, PYKBROKER, {"ready_ms": 70.0, "idle_mb": 22.0})
    drawn = plots.draw(results, tmp_path)
    assert sorted(drawn) == ["cpu", "growth", "latency", "resting", "throughput"]
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == sorted(drawn)


def test_every_shape_has_a_family_and_rows_of_its_own() -> None:
    rows = [row.key for shape in SHAPES for _, row in rows_of(shape)]
    assert len(set(rows)) == len(rows)
    assert {shape.family for shape in SHAPES} == set(FAMILIES)


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_batches_of_every_codec_are_sound(codec: int) -> None:
    batch = bytearray(batch_file(codec).read_bytes())
    verify(batch, peek(batch))
    assert len(list(records_of(batch, peek(batch)))) == 100


@needs_compiler
def test_bursts_without_acks_count_every_request(server: Running) -> None:
    result = load(server, "load", "produce", "--acks", "0", "--requests", "320", "--connections", "2")
    assert (result["requests"], result["bytes"]) == (320, 32000)


@needs_compiler
def test_requests_for_several_partitions_reach_all_of_them(server: Running) -> None:
    several = ("--partitions", "40", "--connections", "4", "--per-request", "10")
    produced = load(server, "load", "produce", *several, "--requests", "8")
    fetched = load(server, "load", "fetch", *several, "--requests", "4")
    assert (produced["bytes"], fetched["bytes"]) == (8 * 10 * 100, 4 * 10 * 2 * 100)


@needs_compiler
def test_a_fixed_rate_ends_with_its_requests(server: Running) -> None:
    result = load(server, "load", "produce", "--rate", "20000", "--requests", "100", "--depth", "50")
    assert result["requests"] == 100


@needs_compiler
def test_a_load_says_that_a_broker_offers_too_little(server: Running) -> None:
    command = [str(compiled("load")), "produce", "--idempotent", "--port", str(server.port)]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 3


@needs_compiler
@pytest.mark.slow
def test_idempotent_batches_are_accepted_in_sequence(broker: Running) -> None:
    assert load(broker, "load", "produce", "--idempotent", "--requests", "200")["requests"] == 200


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("session", [(), ("--session",)])
def test_every_message_reaches_every_waiting_consumer(broker: Running, session: tuple[str, ...]) -> None:
    result = load(broker, "tail", "--requests", "20", "--consumers", "3", "--partitions", "5", *session)
    assert (result["requests"], result["bytes"]) == (20, 20 * 3 * 100)
    assert 0 < result["p50_us"] <= result["max_us"]


@needs_compiler
@pytest.mark.slow
def test_a_measurement_that_fails_tells_why(server: Running) -> None:
    shape = _BY_KEY["idempotent"]
    with pytest.raises(Trouble, match="does not offer") as failure:
        measure(shape, server, Target(server.port, "bench", 0.01, 5, 5))
    assert failure.value.cannot


@needs_compiler
@pytest.mark.slow
def test_a_comparison_goes_round_by_round_and_explains_its_holes() -> None:
    results = some_results()
    rivals = [rival for rival in RIVALS if rival.fresh and rival.key != KFAKE]
    run_shapes([_BY_KEY["small"], _BY_KEY["idempotent"]], rivals, _PLAN, results)
    assert results.cell("small", PYKBROKER).values("cpu_us")
    assert [(row, rival, cell.kind) for row, rival, cell in results.explained()] == [("idempotent", "floor", "cannot")]
