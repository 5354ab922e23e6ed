"""Feed damaged encodings of every message to the decoders: a value or `Malformed` comes out, nothing else.

    python fuzz/fuzz_frames.py --count 1000000 [--seed 1]

A seed repeats a run. What decodes must also encode again. The normal test run does 20,000 of these
(`tests/wire/test_damaged_frames.py`).
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pykbroker.errors import Malformed
from pykbroker.wire.codegen import decode_message, encode_message
from pykbroker.wire.message import Message
from tests.wire.values import declared_messages, random_message, versions_of

EXTREMES = (
    b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\x7f\xff", b"\x80\0", b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x00", b"\xff" * 10, b"\0", b"\x01", b"\x80", b"\xff", b"\xed\xa0\x80",
)  # fmt: skip
Sample = tuple[type[Message], int, bytes]


def samples(random: Random, each: int = 3) -> list[Sample]:
    """Return valid encodings of every message in every version."""
    return [
        (cls, version, encode_message(random_message(cls, version, random), version))
        for cls in declared_messages()
        for version in versions_of(cls)
        for _ in range(each)
    ]


def damaged(raw: bytes, random: Random) -> bytes:
    """Return `raw` with one to four mistakes in it."""
    out = bytearray(raw)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.randrange(len(out) + 1)
        match random.randrange(6):
            case 0:
                out[at : at + 1] = bytes([random.randrange(256)])
            case 1:
                del out[at:]
            case 2:
                del out[at : at + random.randrange(1, 8)]
            case 3:
                out[at:at] = random.randbytes(random.randrange(1, 8))
            case 4:
                extreme = random.choice(EXTREMES)
                out[at : at + len(extreme)] = extreme
            case 5:
                start = random.randrange(len(out) + 1)
                out[at : at + 16] = out[start : start + random.randrange(64)]
    return bytes(out)


def mutations(count: int, seed: int) -> Iterator[Sample]:
    """Yield damaged encodings."""
    random = Random(seed)
    valid = samples(random)
    for _ in range(count):
        cls, version, raw = random.choice(valid)
        yield cls, version, damaged(raw, random)


def survives(cls: type[Message], version: int, raw: bytes) -> bool:
    """Decode, and encode what came out. Return False if it was Malformed; any other exception is a bug."""
    try:
        value = decode_message(cls, version, raw)
    except Malformed:
        return False
    encode_message(value, version)
    return True


def run(count: int, seed: int) -> int:
    """Return how many of the damaged encodings still gave a value; raises for the first that does anything else."""
    good = 0
    for cls, version, raw in mutations(count, seed):
        try:
            good += survives(cls, version, raw)
        except Exception as error:
            raise AssertionError(f"{cls.__name__} v{version}: {error!r} from {raw.hex()}") from error
    return good


def main() -> None:
    """Run as many as asked, and say what happened."""
    parser = argparse.ArgumentParser(description="Feed damaged encodings of every message to the decoders.")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    good = run(arguments.count, arguments.seed)
    print(f"{arguments.count} damaged encodings: {good} gave a value, {arguments.count - good} were Malformed")


if __name__ == "__main__":
    main()
