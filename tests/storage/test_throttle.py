"""Waiting for as long as the work may take."""

from __future__ import annotations

from pykbroker.storage.throttle import Throttle
from tests.fakes import FakeClock


def test_bytes_take_their_time() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, 1000)
    paid = throttle.spend(500)
    assert paid is not None
    clock.advance(499)
    assert not paid.done
    clock.advance(1)
    assert paid.done


def test_several_tasks_share_the_limit() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, 1000)
    first, second = throttle.spend(500), throttle.spend(500)
    assert first is not None and second is not None
    clock.advance(500)
    assert (first.done, second.done) == (True, False)
    clock.advance(500)
    assert second.done


def test_without_a_limit_nobody_waits() -> None:
    assert Throttle(FakeClock(), 1.7976931348623157e308).spend(1 << 40) is None


def test_time_is_not_saved_up() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, 1000)
    clock.advance(60000)
    paid = throttle.spend(1000)
    assert paid is not None
    clock.advance(999)
    assert not paid.done


def test_many_small_pieces_add_up() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, 10_000_000)
    waits = [throttle.spend(1000) for _ in range(25)]
    assert waits[0] is None
    assert waits[-1] is not None


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, 1000)
    throttle.spend(1000)
    clock._now_ms -= 86400000
    paid = throttle.spend(1000)
    assert paid is not None
    clock.advance(11000)
    assert paid.done
