"""The examples as a user would run them: `pytest` in each directory."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARIES = {
    "aiokafka": "aiokafka",
    "confluent-kafka": "confluent_kafka",
    "faststream": "faststream",
    "kafka-python": "kafka",
    "quixstreams": "quixstreams",
    "testcontainers": "testcontainers",
}
IS_INSTALLED = bool(entry_points(group="pytest11", name="pykbroker"))


def test_every_example_is_run() -> None:
    assert {path.parent.name for path in (ROOT / "examples").glob("*/test_*.py")} == set(LIBRARIES)


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_example_passes(name: str) -> None:
    if find_spec(LIBRARIES[name]) is None:
        pytest.skip(f"{name} is not installed; `make examples` has it")
    plugin = () if IS_INSTALLED else ("-p", "pykbroker.testing.pytest_plugin")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider"],
        cwd=ROOT / "examples" / name,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
