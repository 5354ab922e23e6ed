"""The only place of these tests that sleeps: processes have no clock that a test could advance."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STEP_S = 0.02


def eventually(question: Callable[[], T], timeout_s: float = 30.0, why: str = "") -> T:
    """Return the first truthy answer of `question`, asked again and again; AssertionError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {why or question}; last answer {answer!r}")
        time.sleep(STEP_S)


def deadline_in(seconds: float) -> Callable[[], bool]:
    """Return a function that says whether `seconds` have passed."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end
