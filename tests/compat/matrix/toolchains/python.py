"""Python's clients: each in a virtual environment of its own, made with the Python that runs the matrix.

One driver serves all versions of a library. The codecs' packages are installed beside it, as users of all codecs do.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.compat.matrix.client import SOURCES, Client, run

CODECS = ("lz4", "python-snappy", "zstandard")
LIBRDKAFKA = {"idempotent-over-lost-replies": {"reconnect.backoff.max.ms": 200}}
"""It waits up to 10 s before it connects again, and the scenario's proxy disconnects it five times."""
SHARED = SOURCES / "python"
"""Where `driving.py` is, which every driver written in Python imports."""

RETRYING = {"retries": 20, "retry_backoff_ms": 200}
"""kafka-python before 3 gives a record up at the first lost connection."""

CONFIGS = {
    "confluent-kafka": LIBRDKAFKA,
    "kafka-python": {"restart-under-load": RETRYING, "kill-under-load": RETRYING},
    "kafka-python-ng": {"restart-under-load": RETRYING, "kill-under-load": RETRYING},
}


def driver_command(python: str | Path, driver: Path) -> list[str]:
    """Return the command that runs a driver written in Python."""
    return ["env", f"PYTHONPATH={SHARED}", str(python), str(driver)]


def in_environment(directory: Path, driver: Path, packages: Sequence[str]) -> list[str]:
    """Install packages into an environment in `directory`, if they are not there yet; return the driver's command."""
    python = directory / "venv" / "bin" / "python"
    installed = directory / "installed.txt"
    wanted = "\n".join(packages)
    if not installed.exists() or installed.read_text() != wanted:
        run([sys.executable, "-m", "venv", "--clear", directory / "venv"])
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
        installed.write_text(wanted)
    return driver_command(python, driver)


def _client(package: str, version: str, *codecs: str, driver: str = "", core: bool = False) -> Client:
    source = SHARED / (driver or package) / "driver.py"
    packages = [f"{package}=={version}", *codecs]

    def install(directory: Path) -> Sequence[str]:
        return in_environment(directory, source, packages)

    return Client("python", package, version, install, core=core, configs=CONFIGS.get(package))


CLIENTS = [
    _client("kafka-python", "3.0.12", *CODECS, core=True),
    _client("kafka-python", "2.3.3", *CODECS),
    _client("kafka-python", "2.2.21", *CODECS),
    _client("kafka-python", "2.0.2", *CODECS),
    # The fork that many moved to while kafka-python had no releases; it lives on in their requirements.
    _client("kafka-python-ng", "2.2.3", *CODECS, driver="kafka-python"),
    # librdkafka's: it brings its own codecs.
    _client("confluent-kafka", "2.16.1", core=True),
    _client("confluent-kafka", "2.6.1"),
    _client("confluent-kafka", "2.2.0"),
    _client("aiokafka", "0.14.0", "cramjam", core=True),
    _client("aiokafka", "0.10.0", "cramjam", "lz4"),
]
