"""docs/commands.md shows what the commands really print: every `$ line` in it is run, in order, on one broker."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.code_blocks import code_blocks
from tests.compat.process import free_port

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "commands.md"

CHANGING = (
    (re.compile(r"\b[\w-]{22}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r'"timestamp": \d+'), '"timestamp": <time>'),
    (re.compile(r"[\d.]+ ms"), "<duration>"),
    (re.compile(r"on (localhost:\d+), data in \S+"), r"on \1, data in <directory>"),
    (re.compile(r"localhost is [\d.:, ]+"), "localhost is <addresses>"),
    (re.compile(r"^ok    \S+ accepts connections\n(?=ok    \S+ accepts)", re.MULTILINE), ""),  # a second address
    (re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):\d+"), "localhost:9092"),
    (re.compile(r", and it answers there|, the address you gave"), ", <as it should be>"),
    (re.compile(r"\d+ APIs"), "<n> APIs"),
)
"""What is not the same from one run to the next."""


def normal(text: str) -> str:
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return text.rstrip()


class Shell:
    """Runs command lines in bash, with a `pykbroker` that knows where the broker is."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        python = f"PYTHONPATH='{ROOT}' '{sys.executable}' -m pykbroker"
        (directory / "bin").mkdir()
        script = directory / "bin" / "pykbroker"
        script.write_text(
            f"""#!/bin/sh
case "$1" in
    serve) shift; exec env {python} serve --port {self.port} "$@" ;;
    check) exec env {python} check localhost:{self.port} ;;
    topics | groups | produce | consume) exec env {python} "$@" --bootstrap localhost:{self.port} ;;
    *) exec env {python} "$@" ;;
esac
"""
        )
        script.chmod(0o755)
        self._environment = {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}"}

    def start(self, line: str) -> subprocess.Popen[str]:
        """Start a command line."""
        return subprocess.Popen(
            ["bash", "-c", f"exec {line}"], stdout=subprocess.PIPE, text=True, cwd=self.directory, env=self._environment
        )

    def run(self, line: str) -> str:
        """Return what a command line prints, on stdout and stderr."""
        done = subprocess.run(
            ["bash", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.directory,
            env=self._environment, timeout=60,
        )  # fmt: skip
        return done.stdout


def shown(page: str) -> Iterator[tuple[str, str]]:
    """Yield each command line of the page, and the output that it shows."""
    for block in code_blocks(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            while line.endswith("\\"):
                more, _, output = output.partition("\n")
                line = f"{line[:-1]}{more}"
            yield line, output


@pytest.mark.slow
def test_page_shows_what_commands_print(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (serve, banner), *others = shown(PAGE.read_text())
    with shell.start(serve) as broker:
        try:
            assert broker.stdout is not None
            assert normal(broker.stdout.readline()) == normal(banner)
            for line, output in others:
                assert (line, normal(shell.run(line))) == (line, normal(output))
        finally:
            broker.send_signal(signal.SIGTERM)
    assert broker.returncode == 0
