"""Server processes under measurement: started on a core of their own, asked for their CPU time, stopped by their pid.

`Server` says how to start one kind; `Running` is one fresh process, with an empty data directory or on one that is
there. The load runs on another core where there is one, so that the two do not share a cache or a time slice.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.build import BUILD, HERE, compiled

TOPIC, PARTITIONS = "bench", 4
PATIENCE_S = 15.0
_MANY_FILES = 200_000
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = _CORES[0], _CORES[-1]

# ApiVersions v3, correlation id 1, client id "bench", client software "bench" 1.
_API_VERSIONS = struct.pack(">hhih5sB", 18, 3, 1, 5, b"bench", 0) + b"\x06bench\x021\x00"


def on_core(core: int) -> Callable[[], None]:
    """Return what `Popen(preexec_fn=...)` needs to pin the child to `core`, with as many files as it may have."""

    def prepare() -> None:
        os.sched_setaffinity(0, {core})
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for limit in (_MANY_FILES, most):  # only root may have more than the most
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
                return

    return prepare


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of server: its name in tables, and its command line for a port and a data directory.

    `prepare` is what has to be done for these before the process can start, and does not count as its start.
    """

    name: str
    command: Callable[[int, Path], list[str]]
    prepare: Callable[[int, Path], None] | None = None


def floor(partitions: int = PARTITIONS) -> Server:
    """Return the minimal server in C, with one topic of so many partitions."""
    program = compiled("floor")
    return Server("floor", lambda port, data: [str(program), str(port), str(data), TOPIC, str(partitions)])


def pykbroker(settings: Mapping[str, str] | None = None) -> Server:
    """Return pykbroker, run by this interpreter from this checkout, with default settings but for `settings`."""

    def command(port: int, data: Path) -> list[str]:
        overrides = {"listeners": f"PLAINTEXT://127.0.0.1:{port}", "log.dirs": str(data), **(settings or {})}
        options = [part for name, value in overrides.items() for part in ("--override", f"{name}={value}")]
        return [sys.executable, "-m", "pykbroker", "serve", *options]

    return Server("pykbroker", command)


class Running:
    """One fresh server process; a context manager that leaves neither the process nor its files behind.

    `data` is a directory to run on, which stays; without it an empty one is made. `startup_ms` is the time from just
    before the process was made to its first ApiVersions reply, which may take `patience_s`.
    """

    def __init__(self, server: Server, data: Path | None = None, patience_s: float = PATIENCE_S) -> None:
        BUILD.mkdir(exist_ok=True)
        self.server = server
        self._patience_s = patience_s
        self.port = _free_port()
        # Beside the programs, so that it is on a disk and not on a /tmp that lives in memory.
        self._directory = Path(tempfile.mkdtemp(prefix=f"{server.name}-", dir=BUILD))
        if data is None:
            data = self._directory / "data"
            data.mkdir()
        self.data = data
        self._log = self._directory / "output"
        # Users have compiled modules; so has the process that is measured.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        if server.prepare is not None:
            server.prepare(self.port, data)
        with self._log.open("wb") as output:
            begun = time.perf_counter()
            self._process = subprocess.Popen(
                server.command(self.port, data), cwd=HERE.parent, env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, preexec_fn=on_core(SERVER_CORE),
            )
        try:
            self._first_reply(begun + patience_s)
        except BaseException:
            self.stop()
            raise
        self.startup_ms = (time.perf_counter() - begun) * 1e3

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def pause(self) -> None:
        """Let the process stand still, so that it does not disturb another one."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def forget_peak(self) -> None:
        """Let the most memory that the process ever had count from now on."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def cpu_ns(self) -> int:
        """Return the CPU time that all threads of the process have used so far, finished ones included."""
        # clock_getcpuclockid(3): the id of another process's CPU-time clock is its pid, inverted, and the clock's kind.
        return time.clock_gettime_ns((~self._process.pid << 3) | 2)

    def kept_waiting_ns(self) -> int:
        """Return for how long its main thread wanted to run, and other threads or processes had its core."""
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[1])

    def resident_mb(self, *, most: bool = False) -> float:
        """Return the process's resident memory, in units of 2**20 bytes: now, or the most that it ever was."""
        field = "VmHWM:" if most else "VmRSS:"
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        raise self._failure("it has no memory any more")

    def open_files(self) -> int:
        """Return how many file descriptors the process has."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def stop_cleanly(self) -> float:
        """Ask the process to end, and return the milliseconds that this took."""
        begun = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(self._patience_s) != 0:
            raise self._failure(f"it ended with status {self._process.returncode}")
        return (time.perf_counter() - begun) * 1e3

    def stop(self) -> None:
        """Kill the process, if it runs, and remove its files (nothing of them is needed, so nothing is flushed)."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()

    def _first_reply(self, deadline: float) -> None:
        while True:
            if self._process.poll() is not None:
                raise self._failure(f"it ended with status {self._process.returncode}")
            if time.perf_counter() > deadline:
                raise self._failure(f"no ApiVersions reply within {self._patience_s:.0f} s")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
                    connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
                    if len(connection.recv(65536)) >= 10:
                        return
            except OSError:
                time.sleep(0.0005)  # not listening yet

    def _failure(self, what: str) -> SystemExit:
        output = self._log.read_text(errors="replace")[-2000:]
        return SystemExit(f"bench: {self.server.name}: {what}\n{output}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
