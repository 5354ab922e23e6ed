"""`MeasuredDispatcher`: a dispatcher that counts requests and errors, and takes their times.

A broker without metrics has the plain one, and pays nothing. Time is taken around the whole dispatcher: from the
frame's arrival to its encoded answer, for a request that waits until that is there. Errors are counted where every
answer passes, in the encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from pykbroker.apis.context import Services, Session
from pykbroker.apis.dispatch import Dispatcher
from pykbroker.apis.registry import Route
from pykbroker.apis.traffic import ApiTraffic, Traffic
from pykbroker.errors import Disconnect
from pykbroker.later import Later
from pykbroker.wire.codegen import Encode
from pykbroker.wire.codegen_source import Kind
from pykbroker.wire.frame import Answer
from pykbroker.wire.message import Message, fields_of
from pykbroker.wire.primitives import Buffer

_unpack_api = Struct(">I").unpack_from
_API_BYTES: Final = 4


class MeasuredDispatcher(Dispatcher):
    """Serves request frames, and tells a `Traffic` about them. `now` gives seconds, and never goes back."""

    def __init__(self, services: Services, traffic: Traffic, now: Callable[[], float]) -> None:
        super().__init__(services)
        self._traffic = traffic
        self._now = now
        self._counts: dict[int, ApiTraffic] = {}

    def handle(self, session: Session, frame: Buffer) -> Answer | Later[Answer | None] | None:
        """Serve one request frame as `Dispatcher.handle` does. Hot path."""
        now = self._now
        began = now()
        try:
            answer = super().handle(session, frame)
        except Disconnect:
            self._count(frame, began)
            raise
        if isinstance(answer, Later):
            self._count_later(frame, began, answer)
        else:
            self._count(frame, began)
        return answer

    def _count(self, frame: Buffer, began: float) -> None:
        if len(frame) < _API_BYTES:
            return
        (api,) = _unpack_api(frame)
        counts = self._counts.get(api)
        if counts is not None:  # else it is not served
            counts.versions[api & 0xFFFF] += 1
            ended = self._now()
            counts.timings.add(ended - began, ended)

    def _count_later(self, frame: Buffer, began: float, answer: Later[Answer | None]) -> None:
        counts = self._counts[_unpack_api(frame)[0]]
        counts.waiting += 1

        def answered(_: Later[Answer | None]) -> None:
            counts.waiting -= 1
            self._count(frame, began)

        answer.then(answered)

    def _new_route(self, api: int) -> Route | None:
        found = super()._new_route(api)
        if found is not None:
            counts = self._counts[api] = self._traffic.api(found.key)
            counts.versions[found.version] = 0
            found.encode = _counting(found.encode, ErrorCodes(found.response_class), counts.errors)
        return found


def _counting(encode: Encode, codes: ErrorCodes, counts: dict[int, int]) -> Encode:
    def encode_and_count(response: Any, out: bytearray, cuts: list[Any]) -> None:
        encode(response, out, cuts)
        codes.count(response, counts)

    return encode_and_count


class ErrorCodes:
    """Where a response has its error codes: at its top, and in the structures of its lists (`errorCounts` in Java)."""

    __slots__ = ("_below", "_has_own")

    def __init__(self, cls: type[Message]) -> None:
        self._has_own = False
        self._below: list[tuple[str, ErrorCodes]] = []
        for field in fields_of(cls):
            if field.name == "error_code":
                self._has_own = True
                continue
            element = Kind(field.annotation).element
            if element is not None and element.struct is not None:
                below = ErrorCodes(element.struct)
                if below._has_own or below._below:
                    self._below.append((field.name, below))

    def count(self, message: Any, counts: dict[int, int]) -> None:
        """Count every error code of a response, 0 too. Hot path: a call for each partition would double its cost."""
        if self._has_own:
            code = message.error_code
            counts[code] = counts.get(code, 0) + 1
        for name, below in self._below:
            items = getattr(message, name) or ()
            if below._below:
                for item in items:
                    below.count(item, counts)
            else:
                for item in items:
                    code = item.error_code
                    counts[code] = counts.get(code, 0) + 1
