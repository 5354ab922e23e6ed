"""Frames as a client sees them: a request to send, a response to read. `frame.py` draws both.

For the commands and the tests that talk to a broker; the broker itself goes the other way.
"""

from __future__ import annotations

from typing import Any, Final

from pykbroker.errors import Malformed
from pykbroker.wire import catalog
from pykbroker.wire.codegen import decoder, encode_message
from pykbroker.wire.frame import REQUEST_HEADER, api_of
from pykbroker.wire.message import Message

API_VERSIONS: Final = 18
_HEADER_BYTES: Final = 4


def request_frame(request: Message, version: int, correlation_id: int, client_id: str) -> bytes:
    """Return a request as a frame without its size."""
    key = type(request).__key__
    assert key is not None, "only requests have a key"
    name = client_id.encode()
    header = REQUEST_HEADER.pack(api_of(key, version), correlation_id, len(name)) + name
    tags = b"\0" if version >= catalog.APIS[key].flexible_request else b""
    return header + tags + encode_message(request, version)


def correlation_id_of(frame: bytes) -> int:
    """Return which request a response frame, without its size, answers. Malformed if it is too short."""
    if len(frame) < _HEADER_BYTES:
        raise Malformed("a response without a header")
    return int.from_bytes(frame[:_HEADER_BYTES], "big")


def response_in(frame: bytes, key: int, version: int) -> Any:
    """Return the message in a response frame, without its size; Malformed if it is none, or something follows it."""
    api = catalog.APIS[key]
    has_tags = version >= api.flexible_response and key != API_VERSIONS
    response, end = decoder(api.response(), version)(frame, _HEADER_BYTES + has_tags)
    if end != len(frame):
        raise Malformed("bytes left over after the response")
    return response
