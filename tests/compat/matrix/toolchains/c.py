"""The C library that half of the other languages' clients are made of, and kcat: the distribution's packages."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from tests.compat.matrix.client import SOURCES, Client, Missing, run
from tests.compat.matrix.toolchains.python import LIBRDKAFKA, driver_command

LIBRARIES = ("rdkafka", "jansson")
"""What the driver in C is linked with, by pkg-config's names."""


def debian(*packages: str) -> None:
    """Install Debian packages, which only root can."""
    if os.geteuid() or not which("apt-get"):
        raise Missing(f"needs {' and '.join(packages)} of the distribution")
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], env=quietly)
    run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], env=quietly)


def _found(*libraries: str) -> bool:
    try:
        run(["pkg-config", "--exists", *libraries])
    except Missing:
        return False
    return True


def _librdkafka(directory: Path) -> Sequence[str]:
    if not _found(*LIBRARIES):
        debian("librdkafka-dev", "libjansson-dev", "pkg-config")
    driver = directory / "driver"
    sources = sorted((SOURCES / "c" / "librdkafka").glob("*.[ch]"))
    if not driver.exists() or driver.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        flags = run(["pkg-config", "--cflags", "--libs", *LIBRARIES]).split()
        parts = [source for source in sources if source.suffix == ".c"]
        run(["cc", "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-o", driver, *parts, *flags])
    return [str(driver)]


def _kcat(_directory: Path) -> Sequence[str]:
    if not which("kcat"):
        debian("kcat")
    return driver_command(sys.executable, SOURCES / "c" / "kcat" / "driver.py")


CLIENTS = [
    Client("c", "librdkafka", "debian", _librdkafka, needs=("cc",), core=True, configs=LIBRDKAFKA),
    Client("c", "kcat", "debian", _kcat, needs=("setpriv",), configs=LIBRDKAFKA),
]
