"""When, where and with what the comparison was made."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from typing import Any

from bench.compare.rivals import RIVALS
from bench.report import cpu_model

_LIBRARIES = ("crc32c", "confluent-kafka")


def facts(absent: Mapping[str, str]) -> dict[str, Any]:
    """Return what a reader has to know about a run. `absent`: the rivals that are missing, and why."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{cpu_model()}, {os.cpu_count()} cores, {_memory_gb()} GB, "
                   f"Linux {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "java": _first_line("java", "-version"),
        "go": _first_line("go", "version"),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "versions": {rival.key: rival.version() for rival in RIVALS if rival.key not in absent},
        "missing": dict(absent),
        "load_before": os.getloadavg()[0],
    }


def _memory_gb() -> int:
    total = Path("/proc/meminfo").read_text().split()[1]
    return round(int(total) / 2**20)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _first_line(*command: str) -> str:
    if which(command[0]) is None:
        return "missing"
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return (done.stdout + done.stderr).strip().splitlines()[0]
