"""`Later` and `gather`."""

import pytest

from pykbroker.errors import NOT_COORDINATOR, KafkaError
from pykbroker.later import Later, gather, resolved


def test_callbacks_run_in_order_when_it_is_resolved() -> None:
    later: Later[int] = Later()
    seen: list[str] = []
    later.then(lambda done: seen.append(f"a{done.result()}"))
    later.then(lambda done: seen.append(f"b{done.result()}"))
    assert seen == []
    later.resolve(1)
    assert seen == ["a1", "b1"]


def test_a_callback_added_late_runs_at_once() -> None:
    seen: list[int] = []
    resolved(5).then(lambda done: seen.append(done.result()))
    assert seen == [5]


def test_a_failure_is_raised_by_result() -> None:
    later: Later[int] = Later()
    later.fail(KafkaError(NOT_COORDINATOR))
    with pytest.raises(KafkaError) as caught:
        later.result()
    assert caught.value.code == NOT_COORDINATOR


def test_resolving_twice_is_a_bug() -> None:
    later = resolved(1)
    with pytest.raises(RuntimeError):
        later.resolve(2)


def test_gather_keeps_the_order_of_its_parts() -> None:
    first: Later[int] = Later()
    second: Later[int] = Later()
    whole = gather([first, second])
    second.resolve(2)
    assert not whole.done
    first.resolve(1)
    assert whole.result() == [1, 2]


def test_gather_of_nothing_is_there_at_once() -> None:
    assert gather([]).result() == []


def test_gather_fails_with_the_first_failure_once_all_are_done() -> None:
    first: Later[int] = Later()
    second: Later[int] = Later()
    whole = gather([first, second])
    second.fail(KafkaError(NOT_COORDINATOR))
    assert not whole.done
    first.resolve(1)
    assert isinstance(whole.error, KafkaError)
