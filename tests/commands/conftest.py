"""A broker that the commands talk to, clean for each test, and the commands, run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pykbroker import cli
from pykbroker.testing import Broker


class Done(NamedTuple):
    """What a command returned and printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, which is JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The output, which is a table, word by word."""
        return [line.split() for line in self.out.splitlines()]


Run = Callable[..., Done]


@pytest.fixture(scope="session")
def shared_broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


@pytest.fixture
def kafka(shared_broker: Broker) -> Iterator[Broker]:
    yield shared_broker
    shared_broker.reset()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Run:
    """Runs a command: `run("topics", "list", stdin=b"...")`."""

    def run(*arguments: object, stdin: bytes = b"") -> Done:
        path = tmp_path / "stdin"
        path.write_bytes(stdin)
        with path.open() as file, monkeypatch.context() as patched:
            patched.setattr("sys.stdin", file)
            status = cli.main([str(each) for each in arguments])
        out, err = capsysbinary.readouterr()
        return Done(status, out.decode(), err.decode())

    return run


@pytest.fixture
def on(kafka: Broker, run: Run) -> Run:
    """Runs a command that talks to the broker."""

    def run_on(*arguments: object, stdin: bytes = b"") -> Done:
        return run(*arguments, "--bootstrap", kafka.bootstrap_servers, stdin=stdin)

    return run_on
