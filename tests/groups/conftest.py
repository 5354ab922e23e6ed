"""Every test on a `world` ends with a reload of its log."""

from collections.abc import Iterator

import pytest

from tests.groups.harness import World, check_reload


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    check_reload(made)
