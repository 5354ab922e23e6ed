"""What the tool says about damaged files: each of these is a complaint, so the tests next door can fail."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from pykbroker.wire.records import batches_in
from tests.oracle.dump import dump
from tests.oracle.written import Written

pytestmark = pytest.mark.slow

Change = Callable[[bytearray], bytes | bytearray]


def flip(position: int) -> Change:
    """Return a change that turns one bit over."""

    def change(content: bytearray) -> bytearray:
        content[position] ^= 1
        return content

    return change


DAMAGE: dict[str, tuple[str, Change, str, str]] = {
    # what: files, change, option, part of the complaint
    "a record": ("segments-0/*.log", flip(150), "--print-data-log", "isvalid: false"),
    "compressed records": ("producer-codec-0/*.log", flip(200), "--print-data-log", "isvalid: false"),
    "the CRC": ("segments-0/*.log", flip(18), "--deep-iteration", "isvalid: false"),
    "an unclear end": ("segments-0/*.log", lambda c: c[:-5], "--deep-iteration", "invalid bytes at the end"),
    "zeros at the end": ("segments-0/*.log", lambda c: c + bytes(99), "--deep-iteration", "CorruptRecordException"),
    "an entry's offset": ("segments-0/*.index", flip(3), "--verify-index-only", "Mismatches in :"),
    "an entry's position": ("segments-0/*.index", flip(7), "--verify-index-only", "Exception"),
    "a part of an entry": ("segments-0/*.index", lambda c: c[:-3], "--index-sanity-check", "CorruptIndexException"),
    "a timestamp": ("segments-0/*.timeindex", flip(7), "--verify-index-only", "Found timestamp mismatch in :"),
    "a time's offset": ("segments-0/*.timeindex", flip(11), "--verify-index-only", "offsets are not found in :"),
    "the order of times": (
        "segments-0/*.timeindex", lambda c: c[12:24] + c[:12] + c[24:], "--verify-index-only", "out of order timestamp",
    ),
    "the last time": (
        "segments-0/*.timeindex", lambda c: c[:-12] + bytes(12), "--index-sanity-check", "CorruptIndexException",
    ),
    "a producer": ("idempotent-0/*.snapshot", flip(-1), "--deep-iteration", "Snapshot is corrupt"),
    "a group": ("__consumer_offsets-*/*.log", flip(75), "--offsets-decoder", "isvalid: false"),
    "a topic": ("__cluster_metadata-0/*.log", flip(75), "--cluster-metadata-decoder", "isvalid: false"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_a_complaint(all_ours: dict[str, Written], tmp_path: Path, what: str) -> None:
    pattern, change, option, complaint = DAMAGE[what]
    source = sorted(all_ours["stopped"].data.glob(pattern))[0]
    copytree(source.parent, tmp_path / source.parent.name)
    path = tmp_path / source.parent.name / source.name
    path.write_bytes(change(bytearray(path.read_bytes())))
    found = dump(tmp_path, [f"{path.parent.name}/{path.name}"], option)
    assert any(complaint in line for line in found.complaints), found.complaints


def test_gap_between_batches_is_found(all_ours: dict[str, Written], tmp_path: Path) -> None:
    content = (all_ours["stopped"].data / "segments-0/00000000000000000000.log").read_bytes()
    (_, first), (at, _), (after, third), *_ = batches_in(content)
    name = "t-0/00000000000000000000.log"
    (tmp_path / "t-0").mkdir()
    (tmp_path / name).write_bytes(content[:at] + content[after:])
    found = dump(tmp_path, [name], "--deep-iteration")
    assert (found.gaps, found.complaints) == ({name: [(first.last_offset, third.base_offset)]}, [])
