"""`Throttle`: so many bytes a second, by waiting after each piece of work for as long as it may take."""

from __future__ import annotations

from typing import Final

from pykbroker.env import Clock
from pykbroker.later import Later

_SHORTEST_MS: Final = 1
_LONGEST_MS: Final = 10_000


class Throttle:
    """A limit for one task, or for several together, such as `log.cleaner.io.max.bytes.per.second`.

    Time that was not used is not saved up. `bytes_per_second` may be changed at any time.
    """

    __slots__ = ("_clock", "_paid_until_ms", "bytes_per_second")

    def __init__(self, clock: Clock, bytes_per_second: float) -> None:
        self.bytes_per_second = bytes_per_second
        self._clock = clock
        self._paid_until_ms = 0.0

    def spend(self, nbytes: int) -> Later[None] | None:
        """Take in that this many bytes were read or written; return what to wait for before the next, or None."""
        now_ms = self._clock.now_ms()
        # The wall clock may be set back; nobody should have to wait for it to catch up.
        start_ms = min(max(self._paid_until_ms, now_ms), now_ms + _LONGEST_MS)
        self._paid_until_ms = start_ms + nbytes * 1000 / self.bytes_per_second
        delay_ms = self._paid_until_ms - now_ms
        if delay_ms < _SHORTEST_MS:
            return None
        paid: Later[None] = Later()
        self._clock.call_later(delay_ms, lambda: paid.resolve(None))
        return paid
