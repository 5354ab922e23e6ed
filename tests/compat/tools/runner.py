"""Runs flows: each on both brokers at the same time, a thread for each broker."""

import signal
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TypeVar

from tests.compat.polling import deadline_in, eventually
from tests.compat.process import Broker, KafkaBroker
from tests.compat.tools.catalogue import tool_named
from tests.compat.tools.host import Ended, Host
from tests.compat.tools.judge import Outcome, Said, Verdict, judge
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import normalised
from tests.compat.tools.place import SETTINGS, Place
from tests.compat.tools.programs import command_of
from tests.kafka_jars import java

T = TypeVar("T")

UNTIL_S = 10.0


class Bench:
    """One broker with a JVM for Kafka's tools."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.place = Place(broker, directory)
        self.host = Host()

    def start(self) -> None:
        """Start the broker."""
        self.place.start()
        if not isinstance(self.place.broker, KafkaBroker):
            # Kafka's first start does it, together with the feature eligible.leader.replicas.version: docs/skipped.md
            change = "--alter --broker-defaults --add-config min.insync.replicas=1 --bootstrap-server"
            done = self.host.run("kafka.admin.ConfigCommand", [*change.split(), self.place.broker.bootstrap])
            assert done.status == 0, done

    def outcome(self, tool: Tool, flow: Flow) -> Outcome:
        """Run a flow and return what it came to; what breaks it is told in the outcome."""
        begun = monotonic()
        said: list[Said] = []
        broke = ""
        self.place.begin(tool.name, flow.name)
        try:
            for step in flow.steps:
                if isinstance(step, Run):
                    said.append(self._said(tool, flow, step))
                    if said[-1].hung:
                        break
                else:
                    step.do(self.place)
        except Exception as error:  # a preparation failed: the cell says so, and the other flows go on
            broke = f"{type(error).__name__}: {error}"
        seconds = monotonic() - begun
        try:
            self.place.end()
        except Exception as error:
            broke = broke or f"afterwards: {type(error).__name__}: {error}"
        return Outcome(said, broke, seconds)

    def _said(self, tool: Tool, flow: Flow, run: Run) -> Said:
        if not run.until:
            return self._said_once(tool, flow, run)
        over = deadline_in(UNTIL_S)
        while True:
            said = self._said_once(tool, flow, run)
            if run.until in said.out or over():
                return said

    def _said_once(self, tool: Tool, flow: Flow, run: Run) -> Said:
        used = tool_named(run.tool) if run.tool else tool
        place = self.place
        arguments = [*([] if run.tool else place.words(tool.always)), *place.words(run.arguments)]
        stdin = place.fill(run.stdin)
        if run.interrupt_at:
            ended = run_until(java(used.program, *arguments), place, run.interrupt_at, flow.limit_s)
        elif used.is_java:
            ended = self.host.run(used.program, arguments, stdin, flow.limit_s)
        else:
            ended = run_program([*command_of(used.program), *arguments], place, stdin, flow.limit_s)
        rules = (*run.rules, *used.rules)
        known = place.known()
        return Said(
            replace(run, refused=normalised(place.fill(run.refused), known, ())),
            normalised(f"{used.name} {' '.join(arguments)}", known, ()),
            ended.status,
            normalised(ended.out, known, rules, run.any_order),
            normalised(ended.err, known, rules, run.any_order),
            ended.hung,
        )

    def close(self) -> None:
        """End broker and JVM."""
        self.host.close()
        self.place.stop()


def run_program(command: Sequence[str], place: Place, stdin: str, limit_s: float) -> Ended:
    """Run a program in the flow's directory, which is its home as well, and return how it ended."""
    scratch = place.values["dir"]
    try:
        done = subprocess.run(
            list(command),
            cwd=scratch,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
            env=place.environment(),
        )
    except subprocess.TimeoutExpired as late:
        out, err = ((part or b"").decode(errors="replace") for part in (late.stdout, late.stderr))
        return Ended(-1, out, err, hung="its time was up")
    return Ended(done.returncode, done.stdout, done.stderr)


def run_until(command: Sequence[str], place: Place, said: str, limit_s: float) -> Ended:
    """Run a program, press Ctrl-C once it has said something, and return how it ended."""
    out, err = (Path(place.values["dir"], name) for name in ("stdout", "stderr"))
    hung = ""
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(list(command), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        try:
            eventually(lambda: process.poll() is not None or said in out.read_text(), limit_s)
            process.send_signal(signal.SIGINT)
            process.wait(limit_s)
        except (AssertionError, subprocess.TimeoutExpired) as late:
            hung = str(late)
            process.kill()
            process.wait()
    return Ended(process.returncode, out.read_text(), err.read_text(), hung)


class Benches:
    """Both brokers, as a context manager."""

    def __init__(self, directory: Path) -> None:
        self.ours = Bench(Broker(directory / "pykbroker", SETTINGS), directory / "pykbroker-files")
        self.kafkas = Bench(KafkaBroker(directory / "kafka", SETTINGS), directory / "kafka-files")
        self._threads = ThreadPoolExecutor(2)

    def __enter__(self) -> "Benches":
        try:
            self._both(Bench.start)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for bench in (self.ours, self.kafkas):
            bench.close()
        self._threads.shutdown(cancel_futures=True)

    def verdict(self, tool: Tool, flow: Flow) -> tuple[Verdict, Outcome, Outcome]:
        """Run a flow; return its verdict, and what it came to here and on Kafka."""
        ours, kafkas = self._both(lambda bench: bench.outcome(tool, flow))
        return judge(flow, ours, kafkas), ours, kafkas

    def _both(self, do: Callable[[Bench], T]) -> list[T]:
        return list(self._threads.map(do, (self.ours, self.kafkas)))
