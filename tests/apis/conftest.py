from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apis.running import Running


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A whole broker, started on an empty directory."""
    running = Running(tmp_path / "data")
    yield running
    running.stop()


@pytest.fixture
def topic(running: Running) -> Running:
    """A whole broker that has a topic `t` with three partitions."""
    running.create("t", partitions=3)
    return running
