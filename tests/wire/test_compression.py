"""Codecs: what we write others read, what others write we read; bombs and garbage end early."""

import gzip
import struct
import subprocess
import sys

import kafka.codec
import lz4.frame
import pytest
import snappy
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.wire.compression import GZIP, LZ4, NAMES, NONE, SNAPPY, ZSTD, compress, decompress

CODECS = (NONE, GZIP, SNAPPY, LZ4, ZSTD)
PACKED = CODECS[1:]
TEXT = b"a stitch in time " * 9000
MANY = 1 << 30

THEIR_ENCODERS = {
    GZIP: kafka.codec.gzip_encode,
    SNAPPY: kafka.codec.snappy_encode,
    LZ4: kafka.codec.lz4_encode,
    ZSTD: kafka.codec.zstd_encode,
}
THEIR_DECODERS = {
    GZIP: kafka.codec.gzip_decode,
    SNAPPY: kafka.codec.snappy_decode,
    LZ4: kafka.codec.lz4_decode,
    ZSTD: kafka.codec.zstd_decode,
}


def refusal(codec: int, compressed: bytes, limit: int = MANY) -> int:
    with pytest.raises(KafkaError) as caught:
        decompress(codec, compressed, limit)
    return caught.value.code


@given(st.sampled_from(CODECS), st.binary(max_size=400), st.integers(1, 400))
def test_bytes_come_back(codec: int, piece: bytes, times: int) -> None:
    """PROD-57."""
    raw = piece * times
    assert decompress(codec, compress(codec, raw), len(raw)) == raw
    assert decompress(codec, memoryview(compress(codec, memoryview(raw))), MANY) == raw


@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize("raw", [b"x", TEXT])
def test_kafka_python_and_we_read_each_other(codec: int, raw: bytes) -> None:
    assert bytes(THEIR_DECODERS[codec](compress(codec, raw))) == raw
    assert decompress(codec, THEIR_ENCODERS[codec](raw), MANY) == raw


@pytest.mark.parametrize("codec", CODECS)
def test_output_beyond_the_limit_is_refused_and_at_the_limit_is_not(codec: int) -> None:
    compressed = compress(codec, TEXT)
    assert len(decompress(codec, compressed, len(TEXT))) == len(TEXT)
    assert refusal(codec, compressed, len(TEXT) - 1) == errors.MESSAGE_TOO_LARGE


def test_snappy_of_other_clients_is_one_raw_block() -> None:
    assert decompress(SNAPPY, snappy.compress(TEXT), MANY) == TEXT


def test_snappy_streams_may_follow_one_another() -> None:
    assert decompress(SNAPPY, compress(SNAPPY, b"one") + compress(SNAPPY, b"two"), MANY) == b"onetwo"


def test_snappy_size_that_lies_costs_nothing() -> None:
    """A block of six bytes that says it has 4 GiB inside is refused before anything is allocated for it."""
    lie = b"\xff\xff\xff\xff\x0f\x00"
    assert refusal(SNAPPY, lie) == errors.MESSAGE_TOO_LARGE
    assert refusal(SNAPPY, lie, 1 << 40) == errors.INVALID_RECORD
    framed = b"\x82SNAPPY\x00" + struct.pack(">iii", 1, 1, len(lie)) + lie
    assert refusal(SNAPPY, framed, 1 << 40) == errors.INVALID_RECORD


def test_gzip_members_may_follow_one_another_with_padding_at_the_end() -> None:
    assert decompress(GZIP, gzip.compress(b"one") + gzip.compress(b"two") + bytes(8), MANY) == b"onetwo"
    assert decompress(GZIP, gzip.compress(b"") + gzip.compress(b"two"), MANY) == b"two"


def test_lz4_with_sizes_checksums_and_linked_blocks_is_read() -> None:
    framed = lz4.frame.compress(TEXT, content_checksum=True, block_checksum=True, block_linked=True, store_size=True)
    assert decompress(LZ4, framed, MANY) == TEXT


def test_lz4_frame_has_independent_blocks_and_no_size() -> None:
    """What Java's reader accepts."""
    info = lz4.frame.get_frame_info(compress(LZ4, TEXT))
    assert not info["block_linked"]
    assert info["content_size"] == 0


def test_zstd_without_content_size_and_in_several_frames_is_read() -> None:
    writer = zstandard.ZstdCompressor(write_content_size=False)
    assert decompress(ZSTD, writer.compress(TEXT) + writer.compress(b"x"), MANY) == TEXT + b"x"


@pytest.mark.parametrize("codec", PACKED)
def test_garbage_is_refused(codec: int) -> None:
    """PROD-27."""
    assert refusal(codec, b"not compressed at all" * 20) == errors.INVALID_RECORD


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4])
def test_bytes_that_are_cut_short_are_refused(codec: int) -> None:
    """PROD-27; zstd's reader ends instead, and the count of records notices."""
    compressed = compress(codec, TEXT)
    for cut in [0, 1, 7, 17, len(compressed) // 2, len(compressed) - 1]:
        assert refusal(codec, compressed[:cut]) == errors.INVALID_RECORD


@given(st.sampled_from(PACKED), st.binary(max_size=200), st.booleans())
def test_no_bytes_raise_anything_but_a_kafka_error(codec: int, tail: bytes, cut: bool) -> None:
    start = compress(codec, b"some text to start with")
    try:
        decompress(codec, start[: len(start) // 2 if cut else len(start)] + tail, 1 << 20)
    except KafkaError as error:
        assert error.code in (errors.INVALID_RECORD, errors.MESSAGE_TOO_LARGE)


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_number_without_a_codec_is_refused(codec: int) -> None:
    """PROD-57."""
    assert refusal(codec, b"") == errors.UNSUPPORTED_COMPRESSION_TYPE
    with pytest.raises(KafkaError):
        compress(codec, b"")


@pytest.mark.parametrize(
    ("codec", "levels"), [(GZIP, (-1, 1, 9)), (LZ4, (1, 9, 10, 17)), (ZSTD, (-131072, -5, 1, 22)), (SNAPPY, (None,))]
)
def test_every_level_of_kafka_is_accepted(codec: int, levels: tuple[int | None, ...]) -> None:
    for level in levels:
        assert decompress(codec, compress(codec, TEXT, level), MANY) == TEXT


@pytest.mark.parametrize("codec", PACKED)
def test_a_bomb_costs_its_limit_in_memory_and_no_more(codec: int) -> None:
    """A little that stands for 96 MiB, with a limit of 8 MiB, in a process of its own."""
    script = f"""
import resource, sys
from pykbroker.errors import KafkaError
from pykbroker.wire.compression import compress, decompress
decompress({codec}, compress({codec}, b"warm up"), 100)
bomb = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decompress({codec}, bomb, 8 << 20)
except KafkaError as error:
    print(error.code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    bomb = compress(codec, bytes(96 << 20))
    done = subprocess.run([sys.executable, "-c", script], input=bomb, capture_output=True, check=True)
    code, grown_kib = map(int, done.stdout.split())
    assert code == errors.MESSAGE_TOO_LARGE, NAMES[codec]
    assert grown_kib < 32 << 10


def test_libraries_are_imported_on_first_use() -> None:
    libraries = "{'zlib', 'snappy', 'lz4', 'zstandard', 'cramjam'}"
    script = f"import sys, pykbroker.wire.records; print(*sorted({libraries} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
