"""The benchmark's own parts: the C programs compile without warnings and work together; tables say what is true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.build import FLAGS, HERE, compiled, compiler
from bench.directories import HollowFiles, a_batch, append, core_on, create_topic
from bench.run import TABLE
from bench.servers import Running, floor
from bench.shapes import Metric
from bench.storage import PARTS
from bench.updates import Updates
from pykbroker.wire.batch import peek, verify
from pykbroker.wire.records import records_of

needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C compiler ($CC or cc)")


@pytest.fixture
def server() -> Iterator[Running]:
    with Running(floor()) as running:
        yield running


def load(server: Running, *arguments: str) -> dict[str, Any]:
    command = [str(compiled("load")), *arguments, "--port", str(server.port)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    result: dict[str, Any] = json.loads(output)
    return result


@needs_compiler
@pytest.mark.parametrize("name", ["floor", "load", "tail"])
def test_sources_compile_without_warnings(name: str, tmp_path: Path) -> None:
    command = [str(compiler()), *FLAGS, "-Werror", "-o", str(tmp_path / name), str(HERE / f"{name}.c")]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""


@needs_compiler
def test_load_produces_every_request_and_reports_them(server: Running) -> None:
    result = load(server, "produce", "--requests", "300", "--warmup", "20")
    assert (result["mode"], result["requests"], result["bytes"]) == ("produce", 300, 300 * 100)
    assert result["seconds"] > 0
    assert 0 < result["p50_us"] <= result["p99_us"] <= result["p999_us"] <= result["max_us"]


@needs_compiler
def test_a_terminated_load_reports_what_it_has_done(server: Running) -> None:
    command = [str(compiled("load")), "rtt", "--port", str(server.port), "--seconds", "3600", "--gate"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate("go\n", timeout=60)
    assert running.returncode == 0
    assert json.loads(output)["mode"] == "rtt"


@needs_compiler
def test_fetch_reads_what_was_produced_from_the_start_again_and_again(server: Running) -> None:
    load(server, "produce", "--requests", "40", "--connections", "4", "--batch-bytes", "16384", "--records", "16")
    # Each of four partitions holds ten batches, so one fetch gets them all.
    result = load(server, "fetch", "--requests", "12", "--connections", "4")
    assert result["bytes"] == 12 * 10 * 16384


@needs_compiler
def test_batches_of_a_megabyte_and_partial_last_batches_are_carried(server: Running) -> None:
    produced = load(server, "rtt", "--requests", "3", "--batch-bytes", "1048576", "--records", "100")
    fetched = load(server, "fetch", "--requests", "3", "--connections", "1", "--max-bytes", "1572864")
    assert produced["bytes"] == 3 * 1048576
    # Offset 0: a batch and a half; then from the second: the same; then from the third: one batch.
    assert fetched["bytes"] == 2 * 1572864 + 1048576


@needs_compiler
def test_load_fails_rather_than_measure_answers_that_are_not_what_it_asked_for(server: Running) -> None:
    command = [str(compiled("load")), "fetch", "--port", str(server.port)]  # from a topic without records
    failed = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "nothing to read" in failed.stderr


@needs_compiler
def test_a_running_server_tells_its_cpu_time_and_memory(server: Running) -> None:
    before = server.cpu_ns()
    load(server, "produce", "--requests", "2000")
    assert server.cpu_ns() > before > 0
    assert server.resident_mb() > 0
    assert server.startup_ms > 0


def test_ratio_above_one_means_that_pykbroker_costs_more_whichever_way_the_unit_points() -> None:
    results = {
        "pykbroker": [{"small": 10.0, "1m": 1000.0}, {"small": 12.0, "1m": 3000.0}, {"small": 14.0, "1m": 1500.0}],
        "floor": [{"small": 2.0, "1m": 3000.0}, {"small": 2.0, "1m": 3000.0}, {"small": 2.0, "1m": 3000.0}],
    }
    small, large = TABLE.rows(results)
    assert small[2:] == ("12.0 (10.0–14.0)", "2.0 (2.0–2.0)", "6.0", "≤ 12", "yes")
    assert large[2:] == ("1,500 (1,000–3,000)", "3,000 (3,000–3,000)", "2.0", "≥ 2,000", "no")


def test_a_table_that_compares_with_nothing_has_no_columns_for_it() -> None:
    table = report.Table([Metric("start", "start-up", "ms", 10.0)])
    assert table.headings == ("shape", "unit", "pykbroker", "target", "met")
    assert table.rows({"pykbroker": [{"start": 12.0}]}) == [("start-up", "ms", "12.0 (12.0–12.0)", "≤ 10", "no")]


def test_a_tool_replaces_only_its_own_part_of_the_document() -> None:
    before = "# Benchmarks\n\nIntroduction.\n\n## Requests\n\nold\n\n### More\n\nold\n\n## Storage\n\nkept\n"
    after = report.with_part(before, "Requests", "new\n")
    assert after == "# Benchmarks\n\nIntroduction.\n\n## Requests\n\nnew\n\n## Storage\n\nkept\n"
    assert report.with_part(after, "Requests", "new\n") == after


def test_a_new_part_comes_at_the_end_of_the_document() -> None:
    assert report.with_part("# Benchmarks\n", "Storage", "first\n") == "# Benchmarks\n\n## Storage\n\nfirst\n"


@pytest.mark.parametrize("codec", [0, 4])
def test_updates_are_sound_batches_of_one_size_for_many_keys(codec: int) -> None:
    updates = Updates(record_bytes=100, keys=50, codec=codec)
    keys = set()
    for _ in range(3):
        batch = updates.next_batch()
        verify(batch, peek(batch))
        records = list(records_of(batch, peek(batch)))
        assert len(records) == updates.records == 163
        keys |= {record.key for record in records}
    assert len(keys) > 40
    assert 0.95 * 16 * 1024 < updates.batch_bytes < 1.05 * 16 * 1024


def test_a_hollow_log_has_all_its_headers(tmp_path: Path) -> None:
    batch = a_batch(100_000, records=10)
    with core_on(tmp_path, HollowFiles()) as services:
        create_topic(services, "hollow", 1)
        for _ in range(5):
            append(services.partitions.get("hollow", 0), batch)
    with core_on(tmp_path) as services:
        partition = services.partitions.get("hollow", 0)
        assert partition.log_end_offset == 50
        assert partition.size_bytes == 5 * len(batch)
        assert [header.base_offset for header in partition.log.headers(0)] == [0, 10, 20, 30, 40]


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_storage_benchmark_runs(part: str) -> None:
    document = report.DOCUMENT.read_text()
    command = [sys.executable, str(HERE / "storage.py"), "--quick", "--part", part]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "pykbroker" in done.stdout and " nan" not in done.stdout
    assert report.DOCUMENT.read_text() == document
