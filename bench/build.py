"""The two C programs, compiled when their source is newer: `floor` (the server to compare with) and `load`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra")


def compiler() -> str | None:
    """Return the C compiler's path ($CC, or cc), or None where there is none."""
    return shutil.which(os.environ.get("CC", "cc"))


def compiled(name: str, directory: Path = BUILD) -> Path:
    """Return the program made of `<name>.c`, compiled into `directory` if that has not happened yet.

    Raises SystemExit without a compiler, and CalledProcessError (the messages are on stderr) if it refuses.
    """
    cc = compiler()
    if cc is None:
        raise SystemExit("bench: no C compiler; install cc or set CC")
    program = directory / name
    sources = [HERE / f"{name}.c", *HERE.glob("*.h")]
    if not program.exists() or program.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        directory.mkdir(parents=True, exist_ok=True)
        subprocess.run([cc, *FLAGS, "-o", str(program), str(sources[0])], check=True)
    return program
