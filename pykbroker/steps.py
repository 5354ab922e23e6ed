"""Long work in short turns, on the core's own thread, so that requests never wait long for it.

A task is a generator. Where it yields `None` others may go first; where it yields a `Later` it waits for it, gets its
value, or has its error raised. Everything a task sees is as consistent as in any other call from the core; only what it
saw before a `yield` may have changed after it. A turn should take about a millisecond: `TURN_BYTES` of bytes touched,
or `TURN_RECORDS` of records walked.

A thread would not do: it would hold the interpreter's lock for 5 ms at a time, and no seed would replay it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, TypeVar

from pykbroker.env import Clock
from pykbroker.later import Later

T = TypeVar("T")

Task = Generator[Later[Any] | None, Any, T]

TURN_BYTES: Final = 256 * 1024
TURN_RECORDS: Final = 500


def at_once(task: Task[T]) -> T:
    """Run a task that waits for nothing, without a pause, and return its result."""
    try:
        while True:
            waits_for = next(task)
            assert waits_for is None, "this task waits for something"
    except StopIteration as end:
        result: T = end.value
        return result


def run_in_steps(clock: Clock, task: Task[T]) -> Later[T]:
    """Run a task, one turn after the other, the first one later too; return its result, or its error.

    Closing the generator ends the task at its present `yield`; its next turn then finds it over, with None.
    """
    result: Later[T] = Later()

    def turn(value: object = None, error: Exception | None = None) -> None:
        try:
            waits_for = task.throw(error) if error is not None else task.send(value)
        except StopIteration as end:
            result.resolve(end.value)
        except Exception as failure:
            result.fail(failure)
        else:
            if waits_for is None:
                clock.call_later(0, turn)
            else:
                waits_for.then(resume)

    def resume(later: Later[Any]) -> None:
        # Never deeper in the stack: what is there already would otherwise run a whole task as one turn.
        clock.call_later(0, lambda: turn(None, later.error) if later.error is not None else turn(later.result()))

    clock.call_later(0, turn)
    return result
