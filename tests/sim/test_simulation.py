"""Whole brokers in a simulated world, seed by seed: what clients may observe after whatever happens.

    make simulate SEEDS=5000                          many seeds
    PYKBROKER_SIM_SEED=17 python -m pytest tests/sim  one of them again; a failure ends with what happened before it

What failed once, and why, is in `test_found.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from tests.sim.simulation import Simulation

SEEDS = int(os.environ.get("PYKBROKER_SIM_SEEDS", "300"))
ONE = os.environ.get("PYKBROKER_SIM_SEED")
_SHOWN = 80


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Brokers that are killed have much to tell."""
    logger = logging.getLogger("pykbroker")
    level = logger.level
    logger.setLevel(logging.DEBUG if ONE else logging.CRITICAL)
    yield
    logger.setLevel(level)


def run(seed: int) -> Simulation:
    simulation = Simulation(seed)
    try:
        simulation.run()
    except Exception as error:
        replay = f"PYKBROKER_SIM_SEED={seed} python -m pytest tests/sim"
        error.add_note("\n".join([f"seed {seed} fails, see {replay}", *simulation.trace[-_SHOWN:]]))
        raise
    return simulation


@pytest.mark.parametrize("seed", [int(ONE)] if ONE else range(SEEDS))
def test_clients_observe_what_they_may(seed: int) -> None:
    # STO-24, STO-28, PROD-41
    run(seed)


@pytest.mark.parametrize("seed", range(3, 8))
def test_seed_is_one_course_of_events(seed: int) -> None:
    first, again = run(seed), run(seed)
    assert first.trace == again.trace
    assert first.world.files.operations == again.world.files.operations
    assert first.left_on_disk() == again.left_on_disk()


class Listener(logging.Handler):
    """Notes which kinds of things brokers tell."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.told.add(str(record.msg))


def test_everything_happens_that_is_to_be_survived() -> None:
    listener = Listener()
    logger = logging.getLogger("pykbroker")
    logger.setLevel(logging.INFO)
    logger.addHandler(listener)
    try:
        runs = [run(seed) for seed in range(60)]
    finally:
        logger.removeHandler(listener)
    for what in (
        "segments below offset",  # retention
        "cleaned up to offset",  # compaction
        "moved from",
        "snapshot up to offset",
        "because the broker was not stopped cleanly",
        "cut at offset",
        "the log directory %s is offline",
        "cannot save segment",  # on a full disk
    ):
        assert any(what in told for told in listener.told), what
    for what in ("crashed", "crashed at a start", "kill", "power cut"):
        assert sum(each.world.happened[what] for each in runs) > 10, what
    trace = "\n".join(line for each in runs for line in each.trace)
    for what in ("loses the answer", "KAFKA_STORAGE_ERROR", "in session", "OUT_OF_ORDER", "deletes records", "adds a"):
        assert what in trace, what
