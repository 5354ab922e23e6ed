"""The four codecs of record batches: gzip, snappy, lz4, zstd. Each library is imported on first use.

What Kafka's clients put into a batch, and what we put there:

    1 gzip    RFC 1952 members, one after the other
    2 snappy  xerial framing (the Java client): magic, two versions, then blocks of int32 length + raw snappy;
              other clients send one raw snappy block. Both are read; xerial framing is written.
    3 lz4     one LZ4 frame, independent blocks (Java's reader refuses linked ones)
    4 zstd    frames, with or without the size of their content

The codec numbers are those of the batch's attributes (`org.apache.kafka.common.record.CompressionType`). Sizes found in
compressed bytes are claims of a stranger: nothing is allocated on their word alone, and nothing grows past `limit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pykbroker.errors import INVALID_RECORD, MESSAGE_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE, KafkaError

NONE: Final = 0
GZIP: Final = 1
SNAPPY: Final = 2
LZ4: Final = 3
ZSTD: Final = 4

NAMES: Final = ("none", "gzip", "snappy", "lz4", "zstd")

Buffer = bytes | bytearray | memoryview

_STEP: Final = 1 << 20  # how much output is asked for at a time, so that a bomb costs its real size and no more
_LZ4_DEFAULT_LEVEL: Final = 9
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = _XERIAL_MAGIC + b"\x00\x00\x00\x01\x00\x00\x00\x01"
_XERIAL_BLOCK_BYTES: Final = 32 * 1024


def compress(codec: int, raw: Buffer, level: int | None = None) -> bytes:
    """Return `raw` as the codec writes it; `level` None means the codec's default. Snappy has no levels.

    Levels are Kafka's (`compression.gzip.level` and its like): gzip -1 or 1-9, lz4 1-17, zstd -131072-22.
    """
    if codec == NONE:
        return bytes(raw)
    try:
        write = _COMPRESSORS[codec]
    except KeyError:
        raise _unknown(codec) from None
    return write(raw, level)


def decompress(codec: int, compressed: Buffer, limit: int) -> bytes:
    """Return the bytes that `compressed` stands for.

    Raises KafkaError: MESSAGE_TOO_LARGE when they are more than `limit`, INVALID_RECORD when `compressed` is not what
    the codec writes, UNSUPPORTED_COMPRESSION_TYPE for a codec number that means nothing. Bytes that were cut short are
    noticed except with zstd, whose reader then just ends; a batch that lost records that way is noticed by their count.
    """
    if codec == NONE:
        if len(compressed) > limit:
            raise _too_large(limit)
        return bytes(compressed)
    try:
        read = _DECOMPRESSORS[codec]
    except KeyError:
        raise _unknown(codec) from None
    return read(compressed, limit)


def _unknown(codec: int) -> KafkaError:
    return KafkaError(UNSUPPORTED_COMPRESSION_TYPE, f"no compression type has the number {codec}")


def _too_large(limit: int) -> KafkaError:
    return KafkaError(MESSAGE_TOO_LARGE, f"the records decompress to more than {limit} bytes")


def _garbage(codec: int, reason: object) -> KafkaError:
    return KafkaError(INVALID_RECORD, f"the records are not valid {NAMES[codec]}: {reason}")


class _Output:
    """Collects decompressed pieces, and refuses the one that would pass the limit."""

    __slots__ = ("_limit", "_parts", "size")

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        self.size += len(part)
        if self.size > self._limit:
            raise _too_large(self._limit)
        self._parts.append(part)

    def joined(self) -> bytes:
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


def _gzip(raw: Buffer, level: int | None) -> bytes:
    import zlib

    writer = zlib.compressobj(-1 if level is None else level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return writer.compress(raw) + writer.flush()


def _gunzip(compressed: Buffer, limit: int) -> bytes:
    import zlib

    out = _Output(limit)
    rest: Buffer = compressed
    # As Java's GZIPInputStream: members follow one another; what is no member after the first one is padding.
    while not out.size or bytes(rest[:2]) == b"\x1f\x8b":
        reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            out.add(reader.decompress(rest, limit - out.size + 1))
            while not reader.eof and reader.unconsumed_tail:
                out.add(reader.decompress(reader.unconsumed_tail, limit - out.size + 1))
        except zlib.error as error:
            raise _garbage(GZIP, error) from None
        if not reader.eof:
            raise _garbage(GZIP, "cut short")
        rest = reader.unused_data
        if not rest:
            break
    return out.joined()


def _snappy(raw: Buffer, level: int | None) -> bytes:
    import snappy

    parts = [_XERIAL_HEADER]
    view = memoryview(raw)
    for start in range(0, len(view), _XERIAL_BLOCK_BYTES):
        block = snappy.compress(bytes(view[start : start + _XERIAL_BLOCK_BYTES]))
        parts += [len(block).to_bytes(4, "big"), block]
    return b"".join(parts)


def _unsnappy(compressed: Buffer, limit: int) -> bytes:
    out = _Output(limit)
    view = memoryview(compressed)
    if bytes(view[:8]) != _XERIAL_MAGIC:
        out.add(_raw_unsnappy(view, limit))
        return out.joined()
    position, end = len(_XERIAL_HEADER), len(view)
    if end < position:
        raise _garbage(SNAPPY, "cut short")
    while position < end:
        if bytes(view[position : position + 8]) == _XERIAL_MAGIC:  # streams may follow one another
            position += len(_XERIAL_HEADER)
            continue
        length = int.from_bytes(view[position : position + 4], "big")
        position += 4
        if length > end - position:
            raise _garbage(SNAPPY, "cut short")
        out.add(_raw_unsnappy(view[position : position + length], limit - out.size))
        position += length
    return out.joined()


def _raw_unsnappy(block: memoryview, limit: int) -> bytes:
    import snappy

    # A raw block starts with its uncompressed size (uvarint, 32 bits). The library allocates that much at once,
    # so it is held against the limit, and against the format: no three bytes of snappy stand for more than 64.
    size = shift = 0
    for index in range(min(5, len(block))):
        size |= (block[index] & 0x7F) << shift
        shift += 7
        if block[index] < 0x80:
            break
    else:
        raise _garbage(SNAPPY, "no uncompressed size")
    if size > limit:
        raise _too_large(limit)
    if size > 64 * len(block):
        raise _garbage(SNAPPY, "impossible uncompressed size")
    try:
        raw: bytes = snappy.decompress(bytes(block))
    except snappy.UncompressError as error:
        raise _garbage(SNAPPY, error.__cause__ or error) from None
    return raw


def _lz4(raw: Buffer, level: int | None) -> bytes:
    import lz4.frame

    # Kafka takes its default level, 9, to mean the quick compressor, and any other the slow one of that strength
    # (Lz4BlockOutputStream); the library's 0 is the quick one. The content size stays out: old readers refuse it.
    strength = 0 if level is None or level == _LZ4_DEFAULT_LEVEL else min(max(level, 3), lz4.frame.COMPRESSIONLEVEL_MAX)
    frame: bytes = lz4.frame.compress(raw, compression_level=strength, block_linked=False, store_size=False)
    return frame


def _unlz4(compressed: Buffer, limit: int) -> bytes:
    import lz4.frame

    out = _Output(limit)
    reader = lz4.frame.LZ4FrameDecompressor()
    pending: bytes = bytes(compressed)
    try:
        while not reader.eof:
            part = reader.decompress(pending, max_length=_STEP)
            pending = b""
            out.add(part)
            if not part and not reader.eof and reader.needs_input:
                raise _garbage(LZ4, "cut short")
    except (RuntimeError, EOFError) as error:
        raise _garbage(LZ4, error) from None
    return out.joined()


def _zstd(raw: Buffer, level: int | None) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=3 if level is None else level).compress(raw)


def _unzstd(compressed: Buffer, limit: int) -> bytes:
    import zstandard

    out = _Output(limit)
    try:
        reader = zstandard.ZstdDecompressor().stream_reader(bytes(compressed), read_across_frames=True)
        while part := reader.read(_STEP):
            out.add(part)
    except zstandard.ZstdError as error:
        raise _garbage(ZSTD, error) from None
    return out.joined()


_COMPRESSORS: Final[dict[int, Callable[[Buffer, int | None], bytes]]] = {
    GZIP: _gzip,
    SNAPPY: _snappy,
    LZ4: _lz4,
    ZSTD: _zstd,
}
_DECOMPRESSORS: Final[dict[int, Callable[[Buffer, int], bytes]]] = {
    GZIP: _gunzip,
    SNAPPY: _unsnappy,
    LZ4: _unlz4,
    ZSTD: _unzstd,
}
