"""Tasks in turns: `run_in_steps`."""

from __future__ import annotations

import pytest

from pykbroker.later import Later
from pykbroker.steps import Task, at_once, run_in_steps
from tests.fakes import FakeClock


def counting(seen: list[int], turns: int) -> Task[str]:
    for turn in range(turns):
        seen.append(turn)
        yield None
    return "counted"


def test_nothing_happens_inside_the_call_itself() -> None:
    seen: list[int] = []
    run_in_steps(FakeClock(), counting(seen, 1))
    assert seen == []


def test_two_tasks_take_turns() -> None:
    clock, seen = FakeClock(), list[int]()
    run_in_steps(clock, counting(seen, 3))
    run_in_steps(clock, counting(seen, 3))
    clock.advance(0)
    assert seen == [0, 0, 1, 1, 2, 2]


def test_the_result_is_what_the_task_returns() -> None:
    clock = FakeClock()
    later = run_in_steps(clock, counting([], 2))
    clock.advance(0)
    assert later.result() == "counted"


def test_a_task_gets_the_value_that_it_waited_for() -> None:
    clock, asked = FakeClock(), Later[int]()

    def waiting() -> Task[int]:
        return 1 + (yield asked)

    later = run_in_steps(clock, waiting())
    clock.advance(1000)
    assert not later.done
    asked.resolve(41)
    assert not later.done, "a turn of its own"
    clock.advance(0)
    assert later.result() == 42


def test_a_task_may_catch_the_failure_that_it_waited_for() -> None:
    clock, asked = FakeClock(), Later[int]()

    def catching() -> Task[str]:
        try:
            yield asked
        except OSError as error:
            return str(error)
        return "no error"

    later = run_in_steps(clock, catching())
    clock.advance(0)
    asked.fail(OSError("the disk is gone"))
    clock.advance(0)
    assert later.result() == "the disk is gone"


def test_an_error_of_the_task_is_the_result() -> None:
    clock = FakeClock()

    def failing() -> Task[None]:
        yield None
        raise OSError("no space")

    later = run_in_steps(clock, failing())
    clock.advance(0)
    with pytest.raises(OSError, match="no space"):
        later.result()


def test_waiting_for_what_is_there_already_does_not_make_one_long_turn() -> None:
    clock, seen = FakeClock(), list[str]()
    ready: Later[int] = Later()
    ready.resolve(1)

    def eager() -> Task[None]:
        for _ in range(5000):  # deeper than Python's stack
            yield ready

    run_in_steps(clock, eager()).then(lambda later: seen.append("eager"))
    run_in_steps(clock, counting([], 1)).then(lambda later: seen.append("short"))
    clock.advance(0)
    assert seen == ["short", "eager"]


def test_a_closed_task_ends_with_none() -> None:
    clock, seen = FakeClock(), list[int]()
    task = counting(seen, 5)
    later = run_in_steps(clock, task)
    task.close()
    clock.advance(0)
    assert seen == []
    assert later.result() is None


def test_a_task_that_waits_for_nothing_can_be_run_at_once() -> None:
    def counted() -> Task[int]:
        yield None
        yield None
        return 3

    assert at_once(counted()) == 3
