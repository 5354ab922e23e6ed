"""Frames: the request header on the way in, size and response header on the way out.

    request  = size:int32  api_key:int16 api_version:int16 correlation_id:int32 client_id:nullable-string [tags] body
    response = size:int32  correlation_id:int32 [tags] body

A request header has tags (v2) when the request's version is flexible, and even then its client id is a classic int16
string (FRM-04). A response header has tags (v1) when the response's version is flexible, except for ApiVersions, whose
response header is always v0: the client does not know yet what we speak (FRM-06, KIP-511).
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from pykbroker.wire.codegen import Cut

REQUEST_HEADER: Final = Struct(">Iih")
"""API key and version as one number (`api_of`), correlation id, length of the client id."""

_pack_plain = Struct(">ii").pack
_pack_tagged = Struct(">iiB").pack
_pack_size = Struct(">i").pack_into


class Reply:
    """A response frame with holes: at each cut, the bytes of a file-backed object (`Slices`) go in."""

    __slots__ = ("cuts", "head", "nbytes")

    def __init__(self, head: bytearray, cuts: list[Cut]) -> None:
        self.head = head
        self.cuts = cuts
        self.nbytes: int = len(head) + sum([content.nbytes for _, content in cuts])

    def pieces(self) -> list[Any]:
        """Return the frame in order: memoryviews, and the objects at the cuts."""
        whole, at, out = memoryview(self.head), 0, []
        for position, content in self.cuts:
            out.append(whole[at:position])
            out.append(content)
            at = position
        out.append(whole[at:])
        return out


Answer = bytearray | Reply


def api_of(key: int, version: int) -> int:
    """Return the number that `REQUEST_HEADER` reads for an API key and version."""
    return key << 16 | version


def open_response(correlation_id: int, tags: bool) -> bytearray:
    """Return the start of a response frame; `close_response` fills in its size."""
    return bytearray(_pack_tagged(0, correlation_id, 0) if tags else _pack_plain(0, correlation_id))


def close_response(out: bytearray, cuts: list[Cut]) -> Answer:
    """Put the size in front and return the frame."""
    if not cuts:
        _pack_size(out, 0, len(out) - 4)
        return out
    reply = Reply(out, cuts)
    _pack_size(out, 0, reply.nbytes - 4)
    return reply
