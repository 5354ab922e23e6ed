"""The command line: what it passes on, and that every mistake is one line and exit status 2."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

from pykbroker import cli
from pykbroker.config import Config, StartError


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations that `serve` was called with; nothing is opened."""
    configs: list[Config] = []

    def serve(config: Config) -> int:
        configs.append(config)
        if config.integer("num.partitions") == 13:
            raise StartError("127.0.0.1:9092 is in use")
        return 0

    loop = types.ModuleType("pykbroker.server.loop")
    loop.serve = serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pykbroker.server.loop", loop)
    return configs


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "server.properties"
    path.write_text("num.partitions=3\nlog.dirs=/there\n")
    return str(path)


def test_serve_without_anything_uses_the_defaults(served: list[Config]) -> None:
    assert cli.main(["serve"]) == 0
    assert served[0].log_dirs == ("./data",)


@pytest.mark.parametrize(
    "order",
    [
        ["{file}", "--override", "num.partitions=4", "--override=broker.rack=a=b"],
        ["--override", "num.partitions=4", "{file}", "--override", "broker.rack=a=b"],
    ],
)
def test_overrides_win_over_the_file_wherever_they_stand(served: list[Config], file: str, order: list[str]) -> None:
    assert cli.main(["serve", *(each.format(file=file) for each in order)]) == 0
    (config,) = served
    assert (config.integer("num.partitions"), config.text("broker.rack"), config.log_dirs) == (4, "a=b", ("/there",))


def test_setting_nobody_knows_is_a_warning(served: list[Config], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--override", "num.partitons=4"]) == 0
    assert capsys.readouterr().err == "pykbroker: num.partitons: is not a setting; ignored\n"


def _line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pykbroker: ")
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("pykbroker: ").rstrip("\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--override", "num.partitions=x"], "num.partitions: must be a whole number of 32 bits, not 'x'"),
        (["--override", "num.partitions"], "--override: 'num.partitions' is not NAME=VALUE"),
        (["--override", "=3"], "--override: '=3' is not NAME=VALUE"),
        (["--override", "listeners=SSL://:1"], "listeners: SSL needs SSL, which is not supported yet"),
        (["--override", "num.partitions=13"], "127.0.0.1:9092 is in use"),
        (["no-such-file"], "no-such-file: No such file or directory"),
    ],
)
def test_mistake_is_one_line_and_status_two(
    served: list[Config], capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert cli.main(["serve", *arguments]) == 2
    assert _line(capsys) == line


@pytest.mark.parametrize(
    "arguments", [[], ["sreve"], ["serve", "a", "b"], ["serve", "--override"], ["serve", "--what"], ["--what"]]
)
def test_malformed_command_line_is_one_line_and_status_two(
    served: list[Config], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert _line(capsys)
    assert served == []


def test_malformed_file_is_one_line(served: list[Config], file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).write_text("a=\\u12\n")
    assert cli.main(["serve", file]) == 2
    assert _line(capsys) == "server.properties: \\u12 is not a character"


@pytest.mark.parametrize(("option", "start"), [("--version", "pykbroker "), ("--help", "usage: pykbroker ")])
def test_version_and_help_go_to_stdout(option: str, start: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pykbroker", option], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith(start)
    assert done.stderr == ""
