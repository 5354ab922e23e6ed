"""Replies of a shard that come at once, or once its log is flushed (`log.flush.interval.messages`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pykbroker.errors import KafkaError
from pykbroker.later import Later

T = TypeVar("T")
R = TypeVar("R")


def reply_of(
    run: Callable[[], T | Later[T]], answer: Callable[[T], R], refuse: Callable[[KafkaError], R]
) -> R | Later[R]:
    """Return the answer made of what `run` returns, now or later; or of the KafkaError that it raises, or ends with."""
    try:
        reply = run()
    except KafkaError as error:
        return refuse(error)
    if not isinstance(reply, Later):
        return answer(reply)
    answered: Later[R] = Later()

    def done(later: Later[T]) -> None:
        try:
            answered.resolve(answer(later.result()))
        except KafkaError as error:
            answered.resolve(refuse(error))
        except Exception as error:  # ours to find: the dispatcher logs and answers it
            answered.fail(error)

    reply.then(done)
    return answered
