"""Replies that come at once, later, or not: `reply_of`."""

from __future__ import annotations

from pykbroker.apis.replies import reply_of
from pykbroker.errors import KAFKA_STORAGE_ERROR, KafkaError
from pykbroker.later import Later


def answer(run: object) -> object:
    return reply_of(run, lambda value: f"answer {value}", lambda error: f"refused {error.code}")  # type: ignore[arg-type]


def test_reply_is_answered_at_once() -> None:
    assert answer(lambda: 1) == "answer 1"


def test_reply_is_answered_when_it_comes() -> None:
    later: Later[int] = Later()
    answered = answer(lambda: later)
    assert isinstance(answered, Later)
    assert not answered.done
    later.resolve(2)
    assert answered.result() == "answer 2"


def test_failure_is_answered_by_its_error() -> None:
    def fails() -> int:
        raise KafkaError(KAFKA_STORAGE_ERROR)

    later: Later[int] = Later()
    answered = answer(lambda: later)
    later.fail(KafkaError(KAFKA_STORAGE_ERROR))
    assert isinstance(answered, Later)
    assert answer(fails) == answered.result() == f"refused {KAFKA_STORAGE_ERROR}"


def test_bug_is_passed_on() -> None:
    later: Later[int] = Later()
    answered = answer(lambda: later)
    later.fail(ValueError("a bug"))
    assert isinstance(answered, Later)
    assert isinstance(answered.error, ValueError)
