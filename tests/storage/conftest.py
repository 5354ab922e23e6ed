from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pykbroker.env import Env
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from tests.fakes import FakeClock, fake_env
from tests.storage.builders import open_partition, open_store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def env(clock: FakeClock) -> Env:
    return fake_env(clock)


@pytest.fixture
def store(tmp_path: Path, env: Env) -> Iterator[Store]:
    store = open_store(tmp_path / "logs", env)
    yield store
    store.close()


@pytest.fixture
def partition(store: Store) -> Partition:
    return open_partition(store)


@pytest.fixture
def reopened(store: Store) -> Callable[..., Partition]:
    """Stop the store, start it again, and return partition `t-0`."""

    def reopen(config: LogConfig | None = None) -> Partition:
        store.close()
        for directory in store.directories:
            directory.partitions.clear()
        store.open()
        return open_partition(store, config)

    return reopen
