"""Completion scripts: what bash offers at each place, and that the others say as much."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.commands.conftest import Run


@pytest.fixture
def bash(run: Run, tmp_path: Path) -> Path:
    script = tmp_path / "completion.bash"
    script.write_text(run("completion", "bash").out)
    return script


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["pykbroker", "to"], ["topics"]),
        (["pykbroker", "topics", ""], ["list", "describe", "create", "delete"]),
        (["pykbroker", "topics", "create", "t", "--part"], ["--partitions"]),
        (["pykbroker", "topics", "describe", "list", "--part"], []),
        (["pykbroker", "serve", "--log-format", ""], ["text", "json"]),
        (["pykbroker", "produce", "t", "--codec", "z"], ["zstd"]),
        (["pykbroker", "completion", ""], ["bash", "zsh", "fish"]),
        (["pykbroker", "dump-log", "data/"], []),
    ],
)
def test_bash_offers_what_may_follow(bash: Path, line: list[str], offered: list[str]) -> None:
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pykbroker; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", str(bash), *line], capture_output=True, text=True)
    assert done.stderr == ""
    found = [word for word in done.stdout.split() if not word.startswith("-") or line[-1]]
    assert found == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_same(run: Run, tmp_path: Path, shell: str) -> None:
    text = run("completion", shell).out
    for word in ("serve", "topics", "create", "reset-offsets", "partitions", "zstd", "print JSON instead"):
        assert word in text
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(text)
        subprocess.run([shell, "-n", str(script)], check=True)
