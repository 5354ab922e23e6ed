from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.compat.process import Broker


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Start a broker process with settings, `max_connections="5"` sets max.connections; all are killed in the end."""
    started: list[Broker] = []

    def start(**settings: str) -> Broker:
        overrides = {name.replace("_", "."): value for name, value in settings.items()}
        broker = Broker(tmp_path / str(len(started)), overrides)
        started.append(broker)
        return broker.start()

    yield start
    for broker in started:
        if broker.process is not None:
            broker.process.kill()
            broker.process.wait()
        assert "Traceback" not in broker.log(), broker.log()[-4000:]
