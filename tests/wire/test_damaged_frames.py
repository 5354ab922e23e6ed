"""Damaged and hostile bytes give a value or `Malformed`, in memory that is proportional to the bytes."""

import os
import tracemalloc
from contextlib import suppress
from random import Random

import pytest

from fuzz.fuzz_frames import run, samples
from pykbroker.errors import Malformed
from pykbroker.wire.codegen import decode_message
from pykbroker.wire.messages.metadata import MetadataRequest
from pykbroker.wire.messages.offset_fetch import OffsetFetchRequest
from pykbroker.wire.messages.produce import ProduceRequest

COUNT = int(os.environ.get("PYKBROKER_FUZZ_COUNT", "20000"))
HUGE_COUNTS = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x10", b"\0\xff\xff\xff")


def test_damaged_frames_are_decoded_or_malformed() -> None:
    # FRM-15
    assert 0 < run(COUNT, seed=1) < COUNT


def test_a_promised_count_takes_no_memory() -> None:
    random = Random(2)
    chosen = random.sample([sample for sample in samples(random, each=1) if len(sample[2]) > 8], 500)
    for cls, version, raw in chosen:  # compile the decoders before measuring
        decode_message(cls, version, raw)
    tracemalloc.start()
    try:
        for cls, version, raw in chosen:
            at = random.randrange(len(raw) - 4)
            huge = random.choice(HUGE_COUNTS)
            hostile = raw[:at] + huge + raw[at + len(huge) :]
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with suppress(Malformed):
                decode_message(cls, version, hostile)
            assert tracemalloc.get_traced_memory()[1] - before < 100 * len(hostile) + 50_000, (cls, version, hostile)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("cls", "version", "raw"),
    [
        (MetadataRequest, 1, b"\x7f\xff\xff\xff"),  # 2^31 - 1 topics
        (MetadataRequest, 1, b"\x80\0\0\0"),  # -2^31 topics
        (MetadataRequest, 1, b"\0\0\0\1\xff\xff"),  # a null name where none may be
        (MetadataRequest, 1, b"\0\0\0\1\0\5abc"),  # a name that runs off the end
        (MetadataRequest, 1, b"\0\0\0\1\0\1\xff"),  # not UTF-8
        (MetadataRequest, 9, b"\xff\xff\xff\xff\x7f\0\0\0\0"),  # a varint above 32 bits
        (MetadataRequest, 9, b"\x80\x80\x80\x80\x80\0\0\0\0"),  # a varint of six bytes
        (ProduceRequest, 9, b"\0\0\1\0\0\0\0\0\0"),  # null topics
        (ProduceRequest, 9, b"\0\0\1\0\0\0\0\1\x80\x80\x80\x80\x0f"),  # 2^32 - 2^28 unknown tagged fields
        (OffsetFetchRequest, 6, b""),
    ],
)
def test_hostile_frame_is_malformed(cls: type, version: int, raw: bytes) -> None:
    # FRM-15
    with pytest.raises(Malformed):
        decode_message(cls, version, raw)
