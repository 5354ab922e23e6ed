"""From a request frame to its answer: header, route, decoding, handler, encoding. The one gate in front of handlers.

`Dispatcher.handle` returns the answer's frame, a `Later` of it, or None when the request gets no answer. It raises
`Disconnect` when the connection must be closed: an unknown key or version (FRM-12, FRM-13), a malformed body
(FRM-15), an acks=0 produce that failed (FRM-11). An exception that is neither `KafkaError` nor `Disconnect` is our
bug: it is logged, and answered with UNKNOWN_SERVER_ERROR (FRM-23).
"""

from __future__ import annotations

from struct import error as StructError
from typing import Any

from pykbroker import errors
from pykbroker.apis.context import Context, Services, Session
from pykbroker.apis.errors_in import error_response
from pykbroker.apis.registry import API_VERSIONS, Route, route
from pykbroker.errors import Disconnect, KafkaError, Malformed
from pykbroker.later import Later
from pykbroker.wire.codegen import Cut
from pykbroker.wire.frame import REQUEST_HEADER, Answer, api_of, close_response, open_response
from pykbroker.wire.primitives import Buffer, skip_tags

_unpack_header = REQUEST_HEADER.unpack_from
_HEADER_SIZE = REQUEST_HEADER.size


class Dispatcher:
    """Serves request frames. Owns the table of routes used so far."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._routes: dict[int, Route] = {}

    def handle(self, session: Session, frame: Buffer) -> Answer | Later[Answer | None] | None:
        """Serve one request frame (without its size). Hot path."""
        try:
            api, correlation_id, length = _unpack_header(frame, 0)
            at = _HEADER_SIZE
            if length > 0:
                at += length
                client_id = frame[_HEADER_SIZE:at].decode()
            else:
                client_id = ""  # FRM-19: null is the empty string
        except (StructError, UnicodeDecodeError) as error:
            raise Malformed(f"request header: {error}") from error
        found = self._routes.get(api) or self._new_route(api)
        if found is None:
            return self._unknown(api, correlation_id)
        if found.request_tags:
            at = at + 1 if frame[at : at + 1] == b"\0" else _after_tags(frame, at)
        request = found.decode(frame, at)[0]
        try:
            response = found.handler(Context(self._services, session, found.version, client_id), request)
        except Disconnect:
            raise
        except Exception as error:  # the edge: every other exception is a bug of ours, answered as such
            response = refuse(found, request, error)
        if type(response) is found.response_class:
            out = open_response(correlation_id, found.response_tags)
            cuts: list[Cut] = []
            found.encode(response, out, cuts)
            return close_response(out, cuts)
        if response is None:
            return None
        return _answer_later(found, correlation_id, request, response)

    def _new_route(self, api: int) -> Route | None:
        found = route(api >> 16, api & 0xFFFF)
        if found is not None:
            self._routes[api] = found
        return found

    def _unknown(self, api: int, correlation_id: int) -> Answer:
        key, version = api >> 16, api & 0xFFFF
        newest = self._routes.get(api_of(API_VERSIONS, 0)) or self._new_route(api_of(API_VERSIONS, 0))
        if key != API_VERSIONS or newest is None:
            raise Disconnect(f"API {key} version {version} is not served")
        # FRM-14: a client that knows a newer ApiVersions than we do learns our range in a v0 body, and stays.
        from pykbroker.apis.api_versions import newer_than_ours

        out = open_response(correlation_id, False)
        newest.encode(newer_than_ours(), out, [])
        return close_response(out, [])


def _framed(found: Route, correlation_id: int, response: Any) -> Answer:
    """Return the response as a frame; one that cannot be encoded is a bug of ours, and ends the connection."""
    out = open_response(correlation_id, found.response_tags)
    cuts: list[Cut] = []
    try:
        found.encode(response, out, cuts)
    except Exception as error:
        _log_bug(f"{found.response_class.__name__} v{found.version} cannot be encoded", error)
        raise Disconnect(f"the answer cannot be encoded: {error}") from error
    return close_response(out, cuts)


def _after_tags(frame: Buffer, at: int) -> int:
    """Return the position after the request header's tag section."""
    try:
        return skip_tags(frame, at + 1)
    except IndexError:
        raise Malformed("request header: its tags run off the end") from None


def refuse(found: Route, request: Any, error: Exception) -> Any:
    """Return the error response of a request that failed as a whole, or raise Disconnect where it has no room."""
    if not isinstance(error, KafkaError):
        _log_bug(f"{type(request).__name__} v{found.version} failed", error)
        error = KafkaError(errors.UNKNOWN_SERVER_ERROR)
    return error_response(found.key, found.version, request, found.response_class, error)


def _log_bug(what: str, error: Exception) -> None:
    import logging

    logging.getLogger(__name__).error("%s", what, exc_info=(type(error), error, error.__traceback__))


def _answer_later(found: Route, correlation_id: int, request: Any, response: Later[Any]) -> Later[Answer | None]:
    answer: Later[Answer | None] = Later()

    def done(later: Later[Any]) -> None:
        try:
            value = later.result() if later.error is None else refuse(found, request, later.error)
            if value is None:
                answer.resolve(None)
                return
            framed = _framed(found, correlation_id, value)
        except Disconnect as gone:
            answer.fail(gone)
        else:
            answer.resolve(framed)

    response.then(done)
    return answer
