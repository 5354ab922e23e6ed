"""The command line as a whole: which command it is, and that whatever goes wrong is one line and a status."""

import subprocess
import sys
import types
from collections.abc import Sequence
from importlib import import_module

import pytest

from pykbroker import __version__, cli
from pykbroker.commands.failure import CommandError
from pykbroker.commands.overview import COMMANDS
from pykbroker.errors import NOT_CONTROLLER, KafkaError


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """What the command `topics` was called with, and what it raises."""
    seen = types.SimpleNamespace(arguments=None, error=None)

    def run(arguments: Sequence[str]) -> int:
        seen.arguments = arguments
        if seen.error is not None:
            raise seen.error
        return 0

    module = types.ModuleType("pykbroker.commands.topics")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return seen


def test_command_gets_what_stands_behind_its_name(topics: types.SimpleNamespace) -> None:
    assert cli.main(["topics", "list", "--help"]) == 0
    assert topics.arguments == ["list", "--help"]


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (CommandError("no such topic"), 1, "no such topic"),
        (CommandError("--to: what?", 2), 2, "--to: what?"),
        (KafkaError(NOT_CONTROLLER, "ask another"), 1, "NOT_CONTROLLER: ask another"),
        (FileNotFoundError(2, "No such file or directory", "/nowhere"), 1, "/nowhere: No such file or directory"),
        (OSError("something else"), 1, "something else"),
    ],
)
def test_failure_is_one_line_and_a_status(
    topics: types.SimpleNamespace, capsys: pytest.CaptureFixture[str], error: Exception, status: int, line: str
) -> None:
    topics.error = error
    assert cli.main(["topics"]) == status
    assert capsys.readouterr() == ("", f"pykbroker: {line}\n")


def test_interrupted_command_says_nothing(topics: types.SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    topics.error = KeyboardInterrupt()
    assert cli.main(["topics"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["sreve"], ["--what"],
        ["serve", "a", "b"], ["serve", "--override"], ["serve", "--what"], ["serve", "--port", "x"],
        ["serve", "--port=65536"], ["serve", "--log-format", "xml"], ["serve", "--log-level", "loud"],
        ["topics", "lst"], ["topics", "create"], ["topics", "create", "t", "--partitions", "0"],
        ["topics", "create", "t", "--config", "x"], ["topics", "describe"],
        ["groups", "delete"], ["groups", "reset-offsets", "g"], ["groups", "reset-offsets", "g", "--to", "x"],
        ["produce"], ["produce", "t", "--codec", "zip"], ["produce", "t", "--key-separator", "\\q"],
        ["consume"], ["consume", "t", "--from", "then"], ["consume", "t", "--count", "-1"],
        ["consume", "t", "--format", "%x"], ["dump-log"], ["completion", "csh"], ["check", "a:1", "b:1"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_malformed_command_line_is_one_line_and_status_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith("pykbroker: ")) == ("", 1, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_that_its_parser_takes(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    examples = [line.strip() for line in out.split("\nexamples:\n")[1].splitlines() if line.startswith("  ")]
    lines = [line for line in examples if not line.startswith("# ")]
    assert lines
    for line in lines:
        for called in _calls(line):
            module = import_module(f"pykbroker.commands.{called[0].replace('-', '_')}")
            module.parser().parse_args(called[1:])


def _calls(line: str) -> list[list[str]]:
    """Return the arguments of each call of pykbroker in a shell's command line."""
    from shlex import shlex

    words = shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    calls: list[list[str]] = []
    inside = False
    for word in words:
        if word == "pykbroker":
            calls.append([])
            inside = True
        elif set(word) <= set("|;&<>()"):
            inside = False
        elif inside:
            calls[-1].append(word)
    return calls


@pytest.mark.parametrize(
    ("option", "start"), [("--version", f"pykbroker {__version__}\n"), ("--help", "usage: pykbroker ")]
)
def test_version_and_help_go_to_stdout(option: str, start: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pykbroker", option], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith(start)
    assert done.stderr == ""


def test_closed_pipe_ends_a_command_quietly() -> None:
    command = f"'{sys.executable}' -m pykbroker completion bash | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
