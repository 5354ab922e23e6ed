"""A client of the matrix: which library and version, and how its driver comes to be on this machine.

Each toolchain (`toolchains/go.py`, …) lists its clients. `install(directory)` makes the driver in a directory of the
client's own under `build/compat/`, through the ecosystem's ordinary package client, and returns the command that runs
it, without verb and bootstrap. It is called before every run, so it returns at once when everything is there already.
"""

import fcntl
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

SOURCES = Path(__file__).resolve().parents[1] / "clients"
"""Where the drivers are: `SOURCES / language / client`."""

INSTALL_LIMIT_S = 900.0


class Missing(Exception):
    """A client cannot be had here; the text says why, in a few words for the page."""


@dataclass(frozen=True, slots=True)
class Client:
    """One library in one version. `name` and `version` are the page's; the driver reports what really runs."""

    language: str
    name: str
    version: str
    install: Callable[[Path], Sequence[str]]
    needs: Sequence[str] = ()
    """Programs that must be on the PATH."""
    core: bool = False
    """Whether CI runs it each time: one version of each of the most used libraries, quick to install."""
    configs: Mapping[str, Mapping[str, object]] | None = None
    """Settings of the library's own by scenario name, where its defaults cannot do what the scenario is about."""

    @property
    def id(self) -> str:
        """`language/name@version`: names the cells, the directory and the logs."""
        return f"{self.language}/{self.name}@{self.version}"

    def driver(self, build: Path) -> list[str]:
        """Install if need be and return the command; Missing when it cannot be had here."""
        for program in self.needs:
            if not which(program):
                raise Missing(f"needs {program}")
        directory = build / self.language / f"{self.name}-{self.version}"
        directory.mkdir(parents=True, exist_ok=True)
        with (directory.parent / f".{directory.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once would install over each other
            return [str(part) for part in self.install(directory)]


def run(command: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run one step of an installation and return its stdout; Missing, with the last line it said, when it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise Missing(f"{Path(command[0]).name}: {said[-1][:200] if said else f'status {done.returncode}'}")
    return done.stdout
