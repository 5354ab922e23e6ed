"""Command lines for the C and Go loads.

Each has a number of requests, for what a run takes about a second of a broker, and a limit in seconds for brokers (and
busy machines) that take much longer. A third as many warm up; the warm JVM gets its warm-up in seconds.
"""

from __future__ import annotations

from bench.build import compiled
from bench.compare.measuring import Command, Target
from bench.compare.programs import go_program

MB = 1 << 20
_FEWEST = 20


def load(requests: int, mode: str, *arguments: str | int, partitions: int = 4) -> Command:
    """Return the command of `load` in a mode: so many requests, times the target's scale."""
    return _timed("load", (mode,), requests, arguments, partitions)


def tail(messages: int, *arguments: str | int, partitions: int = 1) -> Command:
    """Return the command of `tail`: so many messages, times the target's scale."""
    return _timed("tail", (), messages, arguments, partitions)


def fill(count: int, *arguments: str | int, partitions: int = 4) -> Command:
    """Return the command that puts so many batches (times the target's scale) into the topic."""

    def command(target: Target) -> list[str]:
        requests = max(_FEWEST, int(count * target.scale))
        return [*_program("load", ("produce",), target, partitions), *map(str, arguments), "--requests", str(requests)]

    return command


def franz(load_name: str, count: int, *arguments: str | int) -> Command:
    """Return the command of one of franz's loads, with so much to do, times the target's scale."""

    def command(target: Target) -> list[str]:
        number = max(1, int(count * target.scale))
        return [str(go_program("franz")), load_name, "-port", str(target.port), "-topic", target.topic,
                "-count", str(number), *map(str, arguments)]

    return command


def _timed(name: str, mode: tuple[str, ...], count: int, arguments: tuple[str | int, ...], partitions: int) -> Command:
    def command(target: Target) -> list[str]:
        requests = max(_FEWEST, int(count * target.scale))
        warmup = ["--warmup-seconds", str(target.warmup_seconds)]
        if not target.long_warmup:
            warmup += ["--warmup", str(max(_FEWEST, requests // 3))]
        return [*_program(name, mode, target, partitions), *map(str, arguments), *warmup,
                "--requests", str(requests), "--seconds", str(target.seconds), "--gate"]

    return command


def _program(name: str, mode: tuple[str, ...], target: Target, partitions: int) -> list[str]:
    return [str(compiled(name)), *mode, "--port", str(target.port), "--topic", target.topic,
            "--partitions", str(partitions)]
