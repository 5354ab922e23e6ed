"""`Later`: an answer that is not there yet. The core's only asynchronous primitive.

A handler returns its response, or a `Later` that some event (an append, a timer, another member's request) resolves.
There is no event loop in it: callbacks run at once, in the order they were added, inside `resolve` or `fail`.
A `Later` is resolved once; resolving it again is a bug and raises.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """A value of type `T`, or a failure, that comes later."""

    __slots__ = ("_callbacks", "_error", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Later[T]], None]] = []

    def resolve(self, value: T) -> None:
        """Give the value, and run every waiting callback."""
        self._finish(value, None)

    def fail(self, error: Exception) -> None:
        """Give an error instead of a value, and run every waiting callback."""
        self._finish(None, error)

    def result(self) -> T:
        """Return the value, or raise the error; only once `done`."""
        assert self.done, "not resolved yet"
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # done without an error: the value is a T

    @property
    def error(self) -> Exception | None:
        """The failure, or None."""
        return self._error

    def then(self, callback: Callable[["Later[T]"], None]) -> None:
        """Call `callback(self)` when done; at once if it is done already."""
        if self.done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def _finish(self, value: T | None, error: Exception | None) -> None:
        if self.done:
            raise RuntimeError("a Later is resolved once")
        self.done, self._value, self._error = True, value, error
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


def resolved(value: T) -> Later[T]:
    """Return a `Later` that is done already."""
    later: Later[T] = Later()
    later.resolve(value)
    return later


def gather(parts: Sequence[Later[T]]) -> Later[list[T]]:
    """Return a `Later` of all values, in the order of `parts`; the first failure, in that order, fails it."""
    whole: Later[list[T]] = Later()
    missing = len(parts)

    def one_more(_: Later[T]) -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            finish()

    def finish() -> None:
        error = next((part.error for part in parts if part.error is not None), None)
        if error is not None:
            whole.fail(error)
        else:
            whole.resolve([part.result() for part in parts])

    if not parts:
        whole.resolve([])
    for part in parts:
        part.then(one_more)
    return whole
