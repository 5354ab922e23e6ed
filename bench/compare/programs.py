"""What the comparison builds and fetches before it can run: the Go programs, and Apache Kafka's jars."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from bench.build import BUILD

HERE = Path(__file__).resolve().parent
JARS = BUILD / "jars"
_PATIENCE_S = 900


class Missing(Exception):
    """Something that this machine does not have, and why; the comparison goes on without it."""


def go_program(name: str) -> Path:
    """Return the program made of the Go package `name`, built if its source is newer; `Missing` without Go."""
    go = shutil.which("go")
    if go is None:
        raise Missing("needs go")
    program = BUILD / name
    sources = [HERE / "go.mod", HERE / "go.sum", *(HERE / name).glob("*.go")]
    if not program.exists() or program.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        BUILD.mkdir(exist_ok=True)
        _run([go, "build", "-o", str(program), f"./{name}"], HERE)
    return program


def kafka_jars() -> Path:
    """Return the directory of Kafka's jars: the one that PYKBROKER_KAFKA_JARS names, or our own, filled if need be."""
    if shutil.which("java") is None:
        raise Missing("needs java")
    named = os.environ.get("PYKBROKER_KAFKA_JARS")
    if named:
        return Path(named)
    if shutil.which("mvn") is None:
        raise Missing("needs mvn, or PYKBROKER_KAFKA_JARS")
    _run([str(HERE.parent.parent / "tools" / "fetch_kafka_jars.sh"), str(JARS)], HERE)
    return JARS


def kafka_class(main_class: str, *arguments: str, flags: tuple[str, ...] = ()) -> list[str]:
    """Return a command line that runs one of Kafka's classes, which logs to stderr what it warns of."""
    jars = kafka_jars()
    class_path = ":".join(str(jars / name / "*") for name in ("broker", "logging"))
    return ["java", *flags, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", class_path, main_class, *arguments]


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_PATIENCE_S)
    if done.returncode != 0:
        raise Missing(f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}")
