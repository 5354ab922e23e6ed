"""Runs a client's driver: one process per step, JSON lines both ways. The protocol is in `../clients/README.md`.

`Driver.call` carries out one verb to its end and returns its events. `Driver.open` leaves a verb running (a member of a
group, a producer during a restart) and returns a `Session` to follow it. All of them end by the cell's deadline: a
driver that does not is killed, and the cell is a timeout.
"""

import contextlib
import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

Event = dict[str, Any]

CALL_LIMIT_S = 45.0
"""One step, if the cell's deadline is not earlier."""


class Refused(Exception):
    """The driver ended with `error`: what the client was told, or gave up on."""

    def __init__(self, event: Event) -> None:
        super().__init__(f"{event.get('error')}: {event.get('message', '')}"[:300])
        self.error: str = event.get("error", "")


class Unsupported(Exception):
    """The library cannot do what the step asks."""


class Broken(Exception):
    """The driver did not keep to the protocol: it crashed, or said something else."""


class TimeUp(Exception):
    """A step was not done when the time was up; its process is gone."""


class Session:
    """A driver process that runs. `events` has what it has told so far, in order."""

    def __init__(self, command: Sequence[str], arguments: Mapping[str, object], log: BinaryIO, deadline: float) -> None:
        self.events: list[Event] = []
        self.is_over = False
        self._deadline = deadline
        self._told: queue.Queue[bytes | None] = queue.Queue()
        self._name = " ".join(command[-2:])
        log.write(f"\n$ {' '.join(command)}  <<< {json.dumps(arguments)[:2000]}\n".encode())
        log.flush()
        self._log = log
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        threading.Thread(target=self._read, daemon=True).start()
        self.send(arguments)

    def send(self, command: Mapping[str, object]) -> None:
        """Give it a line: its arguments, or a command."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what it ended with is on its stdout
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
            self.process.stdin.flush()

    def until(self, question: Callable[[], Any], what: str, limit_s: float | None = None) -> Any:
        """Take in events until `question` has a truthy answer, and return that. TimeUp, Refused or Broken otherwise."""
        deadline = self._deadline if limit_s is None else min(self._deadline, time.monotonic() + limit_s)
        while not (answer := question()):
            if self.is_over:
                raise Broken(f"{self._name} ended before this: {what}")
            if not self.take(deadline - time.monotonic()) and time.monotonic() > deadline:
                self.kill()
                raise TimeUp(f"not in time: {what}")
        return answer

    def take(self, wait_s: float = 0.0) -> bool:
        """Take in the next event, waiting for it up to `wait_s`; return whether there was one."""
        if self.is_over:
            return False
        try:
            line = self._told.get(timeout=wait_s) if wait_s > 0 else self._told.get_nowait()
        except queue.Empty:
            return False
        if line is None:
            self.is_over = True
            raise Broken(f"{self._name} ended with status {self.process.wait()} and no word")
        self._log.write(b"> " + line[:500].rstrip() + b"\n")
        try:
            event: Event = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            raise Broken(f"{self._name} says {line[:200]!r}") from None
        if kind == "error":
            self.is_over = True
            raise Refused(event)
        if kind == "unsupported":
            self.is_over = True
            raise Unsupported(str(event.get("what", "")))
        self.events.append(event)
        self.is_over = kind == "done"
        return True

    def drain(self) -> None:
        """Take in what has come already."""
        while self.take():
            pass

    def told(self, kind: str) -> list[Event]:
        """Return the events of a kind that have been taken in."""
        return [event for event in self.events if event["event"] == kind]

    def finish(self, what: str = "the driver's end", limit_s: float | None = None) -> list[Event]:
        """Wait for `done`, and return all events."""
        self.until(lambda: self.is_over, what, limit_s)
        return self.events

    def kill(self) -> None:
        """SIGKILL it, as if the machine were gone; nothing is said to the broker. Harmless when it has ended."""
        self.is_over = True
        self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._told.put(line)
        self._told.put(None)


class Driver:
    """A client's driver, told which broker to speak to. Owns the processes that it started."""

    def __init__(
        self,
        command: Sequence[str],
        bootstrap: str,
        log: Path,
        deadline: float,
        config: Mapping[str, object] | None = None,
    ) -> None:
        self.bootstrap = bootstrap
        self.deadline = deadline
        self.security: dict[str, str] | None = None
        self._command = list(command)
        self._config = dict(config or {})
        self._sessions: list[Session] = []
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("ab", buffering=0)

    def open(self, verb: str, **arguments: object) -> Session:
        """Start a verb and leave it running."""
        extra: dict[str, object] = {"config": self._config} if self._config else {}
        if self.security:
            extra["security"] = self.security
        session = Session([*self._command, verb, self.bootstrap], {**extra, **arguments}, self._log, self.deadline)
        self._sessions.append(session)
        return session

    def call(self, verb: str, **arguments: object) -> list[Event]:
        """Carry out a verb to its end, and return what it told."""
        return self.open(verb, **arguments).finish(verb, CALL_LIMIT_S)

    def admin(self, action: str, **arguments: object) -> Event:
        """Carry out an action of the `admin` verb, and return its result."""
        events = self.call("admin", do=action, **arguments)
        results = [event for event in events if event["event"] == "result"]
        if not results:
            raise Broken(f"admin {action} has no result")
        return results[0]

    def close(self) -> None:
        """Kill what still runs."""
        for session in self._sessions:
            session.kill()
        self._log.close()
