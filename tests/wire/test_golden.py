"""Frames that real clients and Apache Kafka exchanged are read to their last byte, and written again as they were.

The frames and how they were recorded: `tests/golden`. A file is a whole frame: size, header, body.
"""

from pathlib import Path
from struct import unpack_from

import pytest

from pykbroker.wire.catalog import APIS
from pykbroker.wire.codegen import decoder, encode_message

GOLDEN = Path(__file__).parent.parent / "golden"
FRAMES = sorted(GOLDEN.glob("*/*.bin"))
API_VERSIONS = 18

TRAILING = {
    ("confluent", "003-Metadata-v13-request"): 3,
    ("confluent", "051-AlterUserScramCredentials-v0-request"): 1,
}
"""Bytes that librdkafka 2.16 sends behind the body; the Metadata one has an int32 for a compact array's length, so that
it means all topics. Kafka ignores what follows a body, and so must we."""


def named(path: Path) -> tuple[int, int, str]:
    """Return API key, version and direction from a file's name."""
    key, _, version, direction = path.stem.split("-")
    return int(key), int(version[1:]), direction


def test_frames_are_there() -> None:
    assert {path.parent.name for path in FRAMES} >= {"kafka-python", "confluent", "aiokafka", "kcat"}
    assert {named(path)[0] for path in FRAMES} >= {0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 18, 19, 22}
    assert sum(path.stat().st_size for path in FRAMES) < 400_000


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_frame_is_read_to_the_last_byte_and_written_again_as_it_was(path: Path) -> None:
    """FRM-01, FRM-03, FRM-04, FRM-05, FRM-06, FRM-17, FRM-18"""
    key, version, direction = named(path)
    api, frame = APIS[key], path.read_bytes()
    assert unpack_from(">i", frame) == (len(frame) - 4,)
    if direction == "request":
        assert unpack_from(">hh", frame, 4) == (key, version)
        (client_id,) = unpack_from(">h", frame, 12)
        body = 14 + max(client_id, 0)
        cls, flexible = api.request(), version >= api.flexible_request
    else:
        body = 8
        cls, flexible = api.response(), version >= api.flexible_response and key != API_VERSIONS
    if flexible:
        assert frame[body] == 0  # no tagged fields: none of these clients sends any in the header
        body += 1
    message, end = decoder(cls, version)(frame, body)
    assert end == len(frame) - TRAILING.get((path.parent.name, path.stem), 0)
    assert encode_message(message, version) == frame[body:end]
