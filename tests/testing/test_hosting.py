"""Ways to the core: calls from any thread, waits that do not block an event loop by mistake."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pykbroker.testing import Broker, hosting


def test_a_call_runs_on_the_brokers_thread_and_raises_here(kafka: Broker) -> None:
    assert kafka._call(lambda _: threading.current_thread().name) == "pykbroker"
    with pytest.raises(ZeroDivisionError):
        kafka._call(lambda _: 1 / 0)
    with pytest.raises(TimeoutError):  # not mistaken for a loop that does not answer
        kafka._call(lambda _: (_ for _ in ()).throw(TimeoutError()))


def test_a_call_in_the_callers_loop_runs_at_once() -> None:
    async def scenario() -> None:
        async with Broker() as kafka:
            assert kafka._call(lambda _: threading.current_thread()) is threading.main_thread()
            kafka.topic("orders").produce("x")
            assert kafka.topic("orders").count() == 1

    asyncio.run(scenario())


def test_a_wait_that_would_block_the_broker_is_refused() -> None:
    async def scenario() -> None:
        async with Broker() as kafka:
            with pytest.raises(RuntimeError, match=r"await the coroutine of the same name \(aexpect, "):
                kafka.topic("orders").expect()
            with pytest.raises(AssertionError, match="There is no topic orders"):
                kafka.topic("orders").expect(within=0)

    asyncio.run(scenario())


def test_a_wait_can_be_awaited_while_the_loop_goes_on() -> None:
    async def scenario() -> None:
        async with Broker() as kafka:
            waits = asyncio.gather(
                kafka.topic("orders").aexpect(value="x"), kafka.topic("orders").arecords(at_least=1)
            )
            kafka.topic("orders").produce("x")
            found, records = await waits
            assert records == [found]

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_wait_that_blocked_some_other_event_loop_says_so(kafka: Broker) -> None:
    async def scenario() -> str:
        with pytest.raises(AssertionError) as raised:
            kafka.topic("orders").expect(within=0)
        return str(raised.value)

    assert "The wait has blocked the running event loop." in asyncio.run(scenario())


def test_a_loop_that_is_blocked_is_named_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "_CALL_SECONDS", 0.01)

    async def scenario() -> None:
        async with Broker() as kafka:
            failed = []

            def look() -> None:
                with pytest.raises(RuntimeError, match=r"event loop has been blocked for 0\.01 s") as raised:
                    kafka.topics()
                failed.append(raised)

            thread = threading.Thread(target=look)
            thread.start()
            thread.join()  # in the loop that the other thread waits for
            assert failed

    asyncio.run(scenario())


def test_coroutines_are_documented_as_what_they_do() -> None:
    from pykbroker.testing import Topic

    assert Topic.aexpect.__doc__ == "As `expect`, for `async` code: the event loop goes on meanwhile."
