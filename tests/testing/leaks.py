"""What a broker could leave behind in this process: threads, descriptors, directories, and work on an event loop."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir

from pykbroker.testing.temporary import MEMORY


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def descriptors() -> dict[str, str]:
    """Open descriptors of this process, and what they are of."""
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:  # the one that lists
            continue
    return found


def directories() -> set[str]:
    """Temporary directories of brokers."""
    return {
        os.path.join(parent, name)
        for parent in (MEMORY, gettempdir())
        if os.path.isdir(parent)
        for name in os.listdir(parent)
        if name.startswith("pykbroker-")
    }


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fail if there are more threads, descriptors or directories in the end; the garbage collector does not help."""
    gc.collect()  # what other tests dropped does not count
    before = threads(), descriptors(), directories()
    gc.disable()
    try:
        yield
        assert threads() - before[0] == set()
        assert {fd: path for fd, path in descriptors().items() if fd not in before[1]} == {}
        assert directories() - before[2] == set()
    finally:
        gc.enable()


def pending_on(loop: asyncio.AbstractEventLoop) -> set[object]:
    """Tasks and timers: what holds on to a loop."""
    timers = {timer for timer in loop._scheduled if not timer.cancelled()}  # type: ignore[attr-defined]
    return asyncio.all_tasks(loop) | timers
