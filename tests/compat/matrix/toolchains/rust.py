"""Rust clients: rust-rdkafka, the binding of librdkafka, which it compiles, and rskafka, in Rust alone.

A client's directory gets a copy of its driver's package and of the one that drivers share, because cargo writes its
lock file beside the manifest; what is compiled is shared by all. Versions are the manifest's. Debug builds, because
they are quick to make.
"""

import os
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.compat.cells import BUILD
from tests.compat.matrix.client import SOURCES, Client, run

RUST = SOURCES / "rust"
TARGET = BUILD.absolute() / "rust" / "target"


def _client(name: str) -> Client:
    manifest = tomllib.loads((RUST / name / "Cargo.toml").read_text())
    library = manifest["dependencies"][name]
    version = (library if isinstance(library, str) else library["version"]).lstrip("=")

    def install(directory: Path) -> Sequence[str]:
        return installed(name, version, directory)

    return Client("rust", name, version, install, needs=("cargo", "cc", "make"))


def installed(name: str, version: str, directory: Path) -> list[str]:
    """Compile a driver unless that is done and as new as the sources; return its command."""
    sources = [path for part in ("driving", name) for path in sorted((RUST / part).rglob("*")) if path.is_file()]
    driver = directory / "driver"
    if driver.exists() and driver.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return [str(driver)]
    for source in sources:
        copy = directory / source.relative_to(RUST)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    run(["cargo", "build", "--quiet"], directory / name, environment(version))
    shutil.copy(TARGET / "debug" / f"{name}-driver", driver)
    os.utime(driver)
    return [str(driver)]


def environment(version: str) -> dict[str, str]:
    """Return the environment of cargo; drivers take their library's version from it."""
    return os.environ | {"CARGO_TARGET_DIR": str(TARGET), "CLIENT_VERSION": version}


CLIENTS = [_client("rdkafka"), _client("rskafka")]
