"""What the operating system says about this process. Beyond the CPU time that is known on Linux only."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

_START_TIME_FIELD: Final = 19  # of /proc/self/stat, counted from behind the program's name


def process_values() -> Iterator[tuple[str, float]]:
    """Yield name and value of the metrics about this process, as far as they are known here."""
    yield "process_cpu_seconds_total", time.process_time()
    with suppress(OSError, ImportError):
        import resource

        yield "process_max_fds", resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        pages_in_all, pages_resident = _content("statm").split()[:2]
        page = resource.getpagesize()
        yield "process_virtual_memory_bytes", int(pages_in_all) * page
        yield "process_resident_memory_bytes", int(pages_resident) * page
        yield "process_open_fds", len(os.listdir("/proc/self/fd")) - 1  # without the one that this takes
        ticks = int(_content("stat").rpartition(")")[2].split()[_START_TIME_FIELD])
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        yield "process_start_time_seconds", time.time() - since_boot + ticks / os.sysconf("SC_CLK_TCK")


def _content(name: str) -> str:
    with open(f"/proc/self/{name}") as file:
        return file.read()
