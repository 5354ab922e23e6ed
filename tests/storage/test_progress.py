"""Long work tells how far it has come, and short work does not."""

import logging
from pathlib import Path

import pytest

from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.progress import EVERY_MS, Progress
from pykbroker.storage.store import Wanted
from tests.fakes import FakeClock, fake_env
from tests.storage.builders import TOPIC_ID, a_batch, append, kill, open_partition, open_store


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


class HurryingClock(FakeClock):
    """Whatever is done takes long: time passes between any two looks at it."""

    def now_ms(self) -> int:
        self.advance(EVERY_MS)
        return super().now_ms()


def test_a_start_after_a_kill_tells_how_many_logs_are_checked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(tmp_path)
    for index in range(3):
        append(open_partition(store, index=index), a_batch())
    kill(store)
    store = open_store(tmp_path, fake_env(HurryingClock()))
    caplog.set_level(logging.INFO, "pykbroker")
    store.recover([Wanted("t", index, TOPIC_ID, LogConfig()) for index in range(3)], threads=1)
    assert [line for line in lines(caplog) if line.startswith("checked ")] == [
        "checked 1 of 3 logs", "checked 2 of 3 logs", "checked 3 of 3 logs",
    ]  # fmt: skip
