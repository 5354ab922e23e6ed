"""`pykbroker serve`: what its options make of the configuration, what it says, and what it leaves behind."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pykbroker import __version__, cli
from pykbroker.config import Config, StartError
from pykbroker.env import Files


class Served:
    """What `serve` was called with; nothing is opened."""

    def __init__(self) -> None:
        self.configs: list[Config] = []
        self.files: Files | None = None
        self.directory_was_there = False

    def __call__(self, config: Config, ready: Callable[[Any], None], files: Files | None = None) -> int:
        self.configs.append(config)
        self.files = files
        self.directory_was_there = os.path.isdir(config.log_dirs[0])
        if config.integer("num.partitions") == 13:
            raise StartError("127.0.0.1:9092 is in use")
        return 0


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    served = Served()
    loop = types.ModuleType("pykbroker.server.loop")
    loop.serve = served  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pykbroker.server.loop", loop)
    root, ours = logging.getLogger(), logging.getLogger("pykbroker")
    handlers, level = list(root.handlers), ours.level
    yield served
    root.handlers[:] = handlers
    ours.setLevel(level)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "server.properties"
    path.write_text("num.partitions=3\nlog.dirs=/there\n")
    return str(path)


def test_serve_without_anything_uses_the_defaults(served: Served) -> None:
    assert cli.main(["serve"]) == 0
    assert served.configs[0].log_dirs == ("./data",)


@pytest.mark.parametrize(
    "order",
    [
        ["{file}", "--override", "num.partitions=4", "--override=broker.rack=a=b"],
        ["--override", "num.partitions=4", "{file}", "--override", "broker.rack=a=b"],
    ],
)
def test_overrides_win_over_the_file_wherever_they_stand(served: Served, file: str, order: list[str]) -> None:
    assert cli.main(["serve", *(each.format(file=file) for each in order)]) == 0
    (config,) = served.configs
    assert (config.integer("num.partitions"), config.text("broker.rack"), config.log_dirs) == (4, "a=b", ("/there",))


def test_data_is_where_the_option_says(served: Served, file: str) -> None:
    assert cli.main(["serve", file, "--data", "/elsewhere"]) == 0
    assert served.configs[0].log_dirs == ("/elsewhere",)


@pytest.mark.parametrize(
    ("overrides", "listeners", "advertised"),
    [
        ([], ["PLAINTEXT://localhost:19092"], ["PLAINTEXT://localhost:19092"]),
        (
            ["listeners=IN://[::1]:1,OUT://:2", "listener.security.protocol.map=IN:PLAINTEXT,OUT:PLAINTEXT",
             "advertised.listeners=OUT://box:2,IN://host:1"],
            ["IN://[::1]:19092", "OUT://:2"],
            ["OUT://box:2", "IN://host:19092"],
        ),
    ],
)  # fmt: skip
def test_port_is_that_of_the_first_listener(
    served: Served, overrides: list[str], listeners: list[str], advertised: list[str]
) -> None:
    assert cli.main(["serve", "--port", "19092", *(f"--override={each}" for each in overrides)]) == 0
    (config,) = served.configs
    assert [str(each) for each in config.listeners] == listeners
    assert [str(each) for each in config.advertised_listeners] == advertised


def test_memory_is_a_directory_that_is_gone_afterwards(served: Served) -> None:
    assert cli.main(["serve", "--memory"]) == 0
    assert served.directory_was_there
    assert not os.path.exists(served.configs[0].log_dirs[0])


def test_memory_takes_the_metadata_too(served: Served) -> None:
    assert cli.main(["serve", "--memory", "--override", "metadata.log.dir=/elsewhere"]) == 0
    assert (served.configs[0].text("metadata.log.dir"),) == served.configs[0].log_dirs


def test_setting_nobody_knows_is_a_warning(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--override", "num.partitons=4"]) == 0
    assert capsys.readouterr().err.endswith(" WARNING num.partitons: is not a setting; ignored\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--override", "num.partitions=x"], "num.partitions: must be a whole number of 32 bits, not 'x'"),
        (["--override", "num.partitions"], "--override: 'num.partitions' is not NAME=VALUE"),
        (["--override", "=3"], "--override: '=3' is not NAME=VALUE"),
        (["--override", "listeners=SSL://:1"], "listeners: SSL needs SSL, which is not supported yet"),
        (["--override", "num.partitions=13"], "127.0.0.1:9092 is in use"),
        (["no-such-file"], "no-such-file: No such file or directory"),
        (["--memory", "--data", "x"], "--data: does not go with --memory, which keeps nothing"),
    ],
)
def test_mistake_is_one_line_and_status_two(
    served: Served, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert cli.main(["serve", *arguments]) == 2
    assert capsys.readouterr() == ("", f"pykbroker: {line}\n")


def test_malformed_file_is_one_line(served: Served, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text("a=\\u12\n")
    assert cli.main(["serve", file]) == 2
    assert capsys.readouterr() == ("", "pykbroker: server.properties: \\u12 is not a character\n")


def start(*options: str) -> subprocess.Popen[str]:
    """Start a broker on a free port."""
    command = [sys.executable, "-m", "pykbroker", "serve", "--port", "0", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_banner_says_version_address_and_directory(tmp_path: Path) -> None:
    with start("--data", str(tmp_path / "d")) as broker:
        assert broker.stdout is not None
        banner = broker.stdout.readline()
        broker.send_signal(signal.SIGTERM)
        assert broker.communicate() == ("", "")
    assert broker.returncode == 0
    assert re.fullmatch(rf"pykbroker {re.escape(__version__)} on localhost:\d+, data in {tmp_path}/d\n", banner)


def test_banner_names_the_listeners_if_there_are_several(tmp_path: Path) -> None:
    listeners = "listeners=PLAINTEXT://127.0.0.1:0,LAN://0.0.0.0:0"
    told = "advertised.listeners=PLAINTEXT://127.0.0.1:1,LAN://127.0.0.1:2"
    protocols = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LAN:PLAINTEXT"
    overrides = [f"--override={each}" for each in (listeners, told, protocols)]
    with start("--data", str(tmp_path), *overrides) as broker:
        assert broker.stdout is not None
        banner = broker.stdout.readline()
        broker.send_signal(signal.SIGTERM)
    assert re.search(r" on PLAINTEXT 127\.0\.0\.1:\d+, LAN 0\.0\.0\.0:\d+, data in ", banner)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_memory_leaves_nothing_behind_when_it_is_stopped(how: signal.Signals) -> None:
    with start("--memory") as broker:
        assert broker.stdout is not None
        found = re.search(r", data in (\S+), gone when it stops\n", broker.stdout.readline())
        assert found
        assert os.path.isdir(found[1])
        broker.send_signal(how)
        assert broker.communicate() == ("", "")
    assert broker.returncode == 0
    assert not os.path.exists(found[1])


def test_json_log_is_an_object_a_line_and_has_the_banner(tmp_path: Path) -> None:
    with start("--data", str(tmp_path), "--log-format", "json", "--override", "num.partitons=4") as broker:
        assert broker.stdout is not None and broker.stderr is not None
        warning, banner = (json.loads(broker.stderr.readline()) for _ in range(2))
        broker.send_signal(signal.SIGTERM)
        assert broker.communicate()[0] == ""
    assert (warning["level"], warning["message"]) == ("WARNING", "num.partitons: is not a setting; ignored")
    assert (banner["level"], banner["logger"]) == ("INFO", "pykbroker")
    assert banner["message"].endswith(f", data in {tmp_path}")


def test_data_of_another_broker_is_one_line(tmp_path: Path) -> None:
    with start("--data", str(tmp_path)) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with start("--data", str(tmp_path)) as second:
            out, err = second.communicate()
        first.send_signal(signal.SIGTERM)
    assert (second.returncode, out, err) == (2, "", f"pykbroker: another broker uses the log directory {tmp_path}\n")
