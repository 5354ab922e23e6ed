"""Kafka's tools in one JVM, run after run: starting a JVM for each costs more than everything that they do."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

SOURCE = Path(__file__).with_name("Host.java")
GRACE_S = 20.0
_FLAGS = ("-Xmx768m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.timezone=UTC")


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of a program ended. `hung` says where it was when its time was up, and is empty otherwise."""

    status: int
    out: str
    err: str
    hung: str = ""


class Host:
    """`Host.java` as a process. It is started by the first run, and again after one that hung."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, main: str, arguments: Sequence[str], stdin: str = "", limit_s: float = 60.0) -> Ended:
        """Run a tool's main method and return how it ended."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"main": main, "arguments": list(arguments), "stdin": stdin, "limit_ms": int(limit_s * 1000)}
        deadline = Timer(limit_s + GRACE_S, process.kill)
        deadline.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        finally:
            deadline.cancel()
        if not reply:
            self.close()
            return Ended(-1, "", "", hung="the JVM ended")
        outcome = json.loads(reply)
        status = outcome["status"] if "status" in outcome else self._ended(hung="hung" in outcome)
        return Ended(status, outcome["out"], outcome["err"], outcome.get("hung", ""))

    def _ended(self, *, hung: bool) -> int:
        """Let go of a JVM that is of no more use, and return its exit status."""
        assert self._process is not None
        if hung:
            self._process.kill()
        status = self._process.wait(GRACE_S)
        self._process = None
        return status

    def _start(self) -> subprocess.Popen[str]:
        jars = Path(os.environ["PYKBROKER_KAFKA_JARS"])
        (tools,) = (jars / "broker").glob("kafka-tools-[0-9]*.jar")
        others = [str(jar) for name in ("broker", "logging") for jar in (jars / name).glob("*.jar") if jar != tools]
        self._process = subprocess.Popen(
            ["java", *_FLAGS, *_LOGGING, "-cp", ":".join(others), str(SOURCE), str(tools)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return self._process

    def close(self) -> None:
        """End the JVM."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


_LOGGING = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)
"""As Kafka's scripts set it up: warnings, to stderr."""
