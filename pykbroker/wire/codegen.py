"""Compile a declared message and a version into a decoder and an encoder: plain Python source, exec'd on first use.

    decode(buffer, position) -> (message, position)     buffer: bytes or bytearray; raises Malformed, nothing else
    encode(message, out, cuts) -> None                  out: bytearray that grows

On the way in a records field is a memoryview of `buffer`. On the way out it is a memoryview, or any object with
`nbytes`, for which only `(len(out), object)` is noted in `cuts`: whoever writes the frame puts its bytes there,
straight from a file.

`codegen_decode` and `codegen_encode` write the source; `source_of` shows it. It is registered with `linecache`, so that
a traceback shows it too.
"""

import linecache
from collections.abc import Callable
from typing import Any, TypeVar

from pykbroker.wire.codegen_decode import DecoderSource
from pykbroker.wire.codegen_encode import EncoderSource
from pykbroker.wire.codegen_source import Source
from pykbroker.wire.message import Message
from pykbroker.wire.primitives import Buffer

Cut = tuple[int, Any]
Decode = Callable[[Buffer, int], tuple[Any, int]]
Encode = Callable[[Any, bytearray, list[Cut]], None]
M = TypeVar("M", bound=Message)


def decoder(cls: type[Message], version: int) -> Decode:
    """Return the decoder of one version; compiled on the first call."""
    decode: Decode | None = cls.__decoders__.get(version)
    if decode is None:
        decode = cls.__decoders__[version] = _compile(DecoderSource(cls, version), "decode")
    return decode


def encoder(cls: type[Message], version: int) -> Encode:
    """Return the encoder of one version; compiled on the first call."""
    encode: Encode | None = cls.__encoders__.get(version)
    if encode is None:
        encode = cls.__encoders__[version] = _compile(EncoderSource(cls, version), "encode")
    return encode


def encode_message(value: Message, version: int) -> bytes:
    """Return the bytes of a message that has no file slices in it."""
    out = bytearray()
    cuts: list[Cut] = []
    encoder(type(value), version)(value, out, cuts)
    assert not cuts, "file slices need a frame"
    return bytes(out)


def decode_message(cls: type[M], version: int, buffer: Buffer) -> M:
    """Return the message that a whole buffer holds; what follows it is ignored, as Kafka does."""
    value: M = decoder(cls, version)(buffer, 0)[0]
    return value


def source_of(cls: type[Message], version: int) -> str:
    """Return the generated source of both directions, for reading."""
    return DecoderSource(cls, version).text() + "\n\n" + EncoderSource(cls, version).text()


def _compile(source: Source, name: str) -> Any:
    text = source.text()
    filename = f"<{name} {source.cls.__name__} v{source.version}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec"), source.scope)  # the source is made of declarations only
    return source.scope[name]
