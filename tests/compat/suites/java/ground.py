"""What a test of Kafka's jars stands on: a broker, and a JVM that runs one main class at a time."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.compat.matrix.client import run
from tests.compat.polling import eventually
from tests.compat.suites.running import install_directory, run_logged

POM = Path(__file__).with_name("pom.xml")
FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
LIMIT_S = 120.0
"""How long one program may take."""


class Hung(Exception):
    """A program was not done when its time was up."""


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs, and the file with what it said so far."""

    process: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        """Return its output so far."""
        return self.output.read_text(errors="replace")

    def is_over(self) -> bool:
        """Return whether it has ended."""
        return self.process.poll() is not None


@dataclass(frozen=True, slots=True)
class Ground:
    """One test's surroundings. `name` is for its topics and groups; `log` has what all its programs said."""

    name: str
    bootstrap: str
    jars: Path
    log: Path

    def command(self, main_class: str, *arguments: str) -> list[str]:
        """Return the command line of one of Kafka's programs."""
        return ["java", *FLAGS, "-cp", f"{self.jars}/*", f"org.apache.kafka.{main_class}", *arguments]

    @contextmanager
    def running(self, main_class: str, *arguments: str, end: int = signal.SIGTERM) -> Iterator["Running"]:
        """Run a program meanwhile, and `end` it."""
        output = self.log.with_name(f"{self.log.stem}-{uuid4().hex[:8]}.log")
        with output.open("wb") as out:
            process = subprocess.Popen(
                self.command(main_class, *arguments), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            yield Running(process, output)
            process.send_signal(end)
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Hung(f"{main_class} did not end on a signal") from None
        finally:
            process.kill()
            process.wait()
            with self.log.open("ab") as log:
                log.write(output.read_bytes())
            output.unlink()

    def run(self, main_class: str, *arguments: str) -> str:
        """Run a program to its end and return its output; AssertionError when it fails, Hung when it does not end."""
        ended = run_logged(self.command(main_class, *arguments), self.log, LIMIT_S)
        if ended.status is None:
            raise Hung(f"{main_class} did not end within {LIMIT_S:.0f} s")
        assert ended.status == 0, f"{main_class} ended with {ended.status}"
        return ended.output


@dataclass(frozen=True, slots=True)
class Test:
    """A cell's work: raises AssertionError when the broker and Kafka's program did not do together what they should."""

    row: str
    column: str
    run: Callable[[Ground], None]
    waits_for: str = ""
    """What the broker has not yet."""


def wait(question: Callable[[], bool], what: str) -> None:
    """Wait until the answer is yes; Hung when it takes too long."""
    try:
        eventually(question, LIMIT_S, what)
    except AssertionError as error:
        raise Hung(str(error)) from None


def jars() -> Path:
    """Return the directory of Kafka's tools and all that they need; Maven fetches them if the pom is newer."""
    directory = install_directory("java")
    done = directory / "installed"
    if not done.exists() or done.stat().st_mtime < POM.stat().st_mtime:
        run(
            [
                "mvn", "--quiet", "--batch-mode", "--file", POM, "dependency:copy-dependencies",
                f"-DoutputDirectory={directory / 'jars'}", "-DincludeScope=runtime",
            ]
        )  # fmt: skip
        done.touch()
    return directory / "jars"
