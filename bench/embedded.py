"""Measure what a broker inside a test costs: import, start, stop, a clean state; write that part of docs/benchmarks.md.

    python bench/embedded.py [--quick]

Start and stop are of the process's own brokers, data in memory; the first start of a process imports most of it. What
500 tests spend in the fixture is the time that pytest takes for 500 empty tests with `kafka_topic`, less that for 500
without.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import report
from bench.shapes import Metric

TABLE = report.Table(
    (
        Metric("import", "`from pykbroker.testing import Broker`, bare interpreter", "ms", 80),
        Metric("first", "first start of a process", "ms", 50),
        Metric("start", "each further start", "ms", 50),
        Metric("stop", "stop", "ms", 50),
        Metric("reset", "clean state, with a topic that holds a record", "ms", 2, digits=2),
        Metric("suite", "500 tests with a topic each, in the fixture", "s", 2, digits=2),
    )
)
_FIRST = """
from time import perf_counter
start = perf_counter()
from pykbroker.testing import Broker
broker = Broker()
imported = perf_counter()
broker.start()
print((imported - start) * 1000, (perf_counter() - imported) * 1000)
broker.stop()
"""
_SUITE = "import pytest\n@pytest.mark.parametrize('n', range(500))\ndef test_one({fixture}n): pass\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and unless --quick write docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round, docs/ stays as it is")
    options = parser.parse_args(arguments)
    rounds = 1 if options.quick else 7
    results: report.Rounds = {"pykbroker": [_round() for _ in range(rounds)], "floor": []}
    print(TABLE.plain(results))
    if not options.quick:
        text = f"Written by `make bench-embedded`; medians of {rounds} rounds, with the least and the most.\n"
        report.publish("In tests", f"{text}\n{TABLE.markdown(results)}\n\n{report.circumstances()}\n")
    return 0


def _round() -> dict[str, float]:
    from pykbroker.testing import Broker

    import_ms, first_ms = map(float, _output([sys.executable, "-c", _FIRST]).split())
    broker = Broker()
    start_ms = _milliseconds(broker.start)
    broker.create_topic("t").produce("one")
    reset_ms = _milliseconds(broker.reset)
    return {
        "import": import_ms,
        "first": first_ms,
        "start": start_ms,
        "reset": reset_ms,
        "stop": _milliseconds(broker.stop),
        "suite": _suite_seconds("kafka_topic, ") - _suite_seconds(""),
    }


def _milliseconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return (perf_counter() - start) * 1000


def _suite_seconds(fixture: str) -> float:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "test_many.py"
        path.write_text(_SUITE.format(fixture=fixture))
        start = perf_counter()
        _output([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)])
        return perf_counter() - start


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
