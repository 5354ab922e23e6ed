"""Tools that are not Kafka's: how each comes to be on this machine, and the command that runs it.

Go programs are built from a module of our own making that names the one version we want: `go install MODULE@VERSION`
would also ask for the list of all versions, which not every proxy has.
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from shutil import which

from tests.compat.matrix.client import Missing, run
from tests.compat.tools.telling import BUILD


def _on_the_path(name: str) -> list[str]:
    found = which(name)
    if not found:
        raise Missing(f"needs {name}")
    return [found]


def _python_module(module: str) -> list[str]:
    run([sys.executable, "-m", module, "--help"])
    return [sys.executable, "-m", module]


def _go(name: str, module: str, version: str, package: str) -> list[str]:
    _on_the_path("go")
    binary = BUILD / "tools" / "bin" / f"{name}-{version}"
    if not binary.exists():
        source = BUILD / "tools" / "go" / f"{name}-{version}"
        for directory in (source, binary.parent):
            directory.mkdir(parents=True, exist_ok=True)
        (source / "go.mod").write_text(f"module tool\n\ngo 1.21\n\nrequire {module} {version}\n")
        run(["go", "build", "-o", binary, f"{module}{package}"], source, {**os.environ, "GOFLAGS": "-mod=mod"})
    return [str(binary)]


_COMMANDS: Mapping[str, Callable[[], list[str]]] = {
    "kcat": lambda: _on_the_path("kcat"),
    "kafka-python": lambda: _python_module("kafka.admin"),
    "kafka-python-producer": lambda: _python_module("kafka.producer"),
    "kafka-python-consumer": lambda: _python_module("kafka.consumer"),
    "topicctl": lambda: _go("topicctl", "github.com/segmentio/topicctl", "v1.20.0", "/cmd/topicctl"),
    "kaf": lambda: _go("kaf", "github.com/birdayz/kaf", "v0.2.3", "/cmd/kaf"),
    "kafkactl": lambda: _go("kafkactl", "github.com/deviceinsight/kafkactl/v5", "v5.5.0", ""),
}


@cache
def command_of(program: str) -> tuple[str, ...]:
    """Install a program if need be and return the command that runs it; Missing when it cannot be had here."""
    return tuple(_COMMANDS[program]())
