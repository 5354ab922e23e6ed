"""The lines of the log: text for people, JSON for collectors."""

import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pykbroker.server import logs

LOG = logging.getLogger("pykbroker.storage")


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    monkeypatch.setattr(logs, "sys", SimpleNamespace(stderr=stream))  # pytest puts its own in place for each phase
    root = logging.getLogger()
    handlers, level = list(root.handlers), logs.logger().level
    yield stream
    root.handlers[:] = handlers
    logs.logger().setLevel(level)


def test_text_has_time_level_and_message(stderr: io.StringIO) -> None:
    logs.log_to_stderr("text", "info")
    LOG.warning("checking %d logs", 3)
    assert stderr.getvalue()[:4].isdecimal()
    assert stderr.getvalue().endswith(" WARNING checking 3 logs\n")


def test_json_has_fields_of_the_record_and_what_it_is_about(stderr: io.StringIO) -> None:
    logs.log_to_stderr("json", "info")
    LOG.info("two\nlines", extra={"topic_partition": "orders-0"})
    line = json.loads(stderr.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "INFO", "logger": "pykbroker.storage", "message": "two\nlines", "topic_partition": "orders-0",
    }  # fmt: skip
    assert stderr.getvalue().count("\n") == 1


def test_json_has_the_traceback_in_its_line(stderr: io.StringIO) -> None:
    logs.log_to_stderr("json", "info")
    try:
        raise KeyError("a bug")
    except KeyError:
        LOG.exception("request failed")
    assert stderr.getvalue().count("\n") == 1
    assert json.loads(stderr.getvalue())["exception"].endswith("KeyError: 'a bug'")


def test_level_holds_for_us_and_others_are_heard_when_they_warn(stderr: io.StringIO) -> None:
    logs.log_to_stderr("text", "error")
    LOG.warning("ours")
    LOG.error("ours, worse")
    logging.getLogger("asyncio").info("theirs")
    logging.getLogger("asyncio").warning("theirs, worse")
    assert [line.split(" ", 3)[-1] for line in stderr.getvalue().splitlines()] == ["ours, worse", "theirs, worse"]
