"""Long work tells how far it has come, and short work does not."""

import logging

import pytest

from pykbroker.storage.progress import EVERY_MS, Progress
from tests.fakes import FakeClock


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]


def test_a_line_comes_every_few_seconds_with_the_count_so_far(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pykbroker")
    clock = FakeClock()
    progress = Progress(clock, "checked %s of %s logs", 3000)
    slow = progress.counting(lambda: clock.advance(EVERY_MS / 1000))
    for _ in range(2500):
        slow()
    assert lines(caplog) == ["checked 1,000 of 3,000 logs", "checked 2,000 of 3,000 logs"]


def test_quick_work_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pykbroker")
    progress = Progress(FakeClock(), "checked %s of %s logs", 2)
    assert [progress.counting(lambda: "done")() for _ in range(2)] == ["done", "done"]
    assert lines(caplog) == []
