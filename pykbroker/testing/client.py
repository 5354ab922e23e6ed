"""A client without a socket: encodes a request, hands the frame to a broker, decodes the answer.

It goes through everything but the event loop: header, route, both codecs, handler. For tests, ours and users'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pykbroker.apis.context import Session
from pykbroker.later import Later
from pykbroker.wire.client_frame import correlation_id_of, request_frame, response_in
from pykbroker.wire.frame import Answer, Reply
from pykbroker.wire.message import Message

Handle = Callable[[Session, bytes], Answer | Later[Answer | None] | None]


class Pending:
    """An answer that is not there yet: `response` raises until `done`."""

    def __init__(self, later: Later[Answer | None], decode: Callable[[Answer | None], Any]) -> None:
        self._later = later
        self._decode = decode

    @property
    def done(self) -> bool:
        """Whether the broker has answered."""
        return self._later.done

    @property
    def response(self) -> Any:
        """The decoded response."""
        return self._decode(self._later.result())


class Client:
    """One connection. `send` returns a decoded response, a `Pending`, or None for a request that gets no answer."""

    def __init__(
        self, handle: Handle, *, client_id: str = "test", listener: str = "PLAINTEXT", host: str = "127.0.0.1"
    ) -> None:
        self._handle = handle
        self.session = Session(listener, host)
        self.client_id = client_id
        self._correlation_id = 0

    def send(self, request: Message, version: int) -> Any:
        """Send a request in one version."""
        key = type(request).__key__
        assert key is not None, "only requests have a key"
        self._correlation_id += 1
        answer = self._handle(self.session, self.frame(request, version))

        def decode(answer: Answer | None) -> Any:
            return None if answer is None else self._decode(key, version, answer)

        return Pending(answer, decode) if isinstance(answer, Later) else decode(answer)

    def frame(self, request: Message, version: int) -> bytes:
        """Return the request as a frame without its size."""
        return request_frame(request, version, self._correlation_id, self.client_id)

    def _decode(self, key: int, version: int, answer: Answer) -> Any:
        frame = whole(answer)
        assert int.from_bytes(frame[:4], "big") == len(frame) - 4, "the frame's size is wrong"
        assert correlation_id_of(frame[4:]) == self._correlation_id, "the correlation id is another request's"
        return response_in(frame[4:], key, version)


def whole(answer: Answer) -> bytes:
    """Return an answer's frame with the file slices read into it."""
    if not isinstance(answer, Reply):
        return bytes(answer)
    return b"".join(bytes(piece) if isinstance(piece, memoryview) else piece.read() for piece in answer.pieces())
