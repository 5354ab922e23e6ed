"""Damaged log directories open, and give the longest valid prefix; `fuzz/fuzz_recovery.py` does many more of these."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fuzz.fuzz_recovery import run
from fuzz.log_directories import (
    COMPACTED,
    CONFIG,
    LEADER_EPOCHS,
    POINTS,
    ROOT,
    Layout,
    Tree,
    layouts,
    read_tree,
    write_tree,
)
from fuzz.recovery_check import check
from pykbroker.errors import CORRUPT_MESSAGE, KafkaError
from pykbroker.storage.files import RealFiles
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.testing.sim_files import SimFiles
from tests.fakes import FakeClock, fake_env
from tests.storage.builders import TOPIC_ID, fetch
from tests.storage.compacting import Cleaning
from tests.storage.plain_log import sound_batches

COUNT = int(os.environ.get("PYKBROKER_FUZZ_RECOVERY_COUNT", "200"))


@pytest.fixture(scope="module")
def pristine() -> dict[str, Layout]:
    return {layout.name: layout for layout in layouts()}


def test_damaged_directories_open_and_give_the_longest_valid_prefix() -> None:
    # STO-24, STO-25
    ends = run(COUNT, seed=1)
    assert sum(ends.values()) == COUNT
    assert ends["cut"] > 0
    assert ends["whole"] > 0


def test_undamaged_directories_are_whole(pristine: dict[str, Layout], tmp_path: Path) -> None:
    for layout in pristine.values():
        assert check(layout, dict(layout.tree), RealFiles(), str(tmp_path / layout.name)) == "whole"


# -- What the fuzzer has found. Each was wrong once.


def segments(layout: Layout) -> list[str]:
    """The paths of the segments of `t-0`, without suffix."""
    return sorted(path.removesuffix(".log") for path in layout.tree if path[:4] == "t-0/" and path.endswith(".log"))


def flipped(content: bytes, *bits: tuple[int, int]) -> bytes:
    """Flip bits, each given as byte and bit."""
    out = bytearray(content)
    for at, bit in bits:
        out[at] ^= 1 << bit
    return bytes(out)


def changed(layout: Layout, changes: dict[str, bytes | None]) -> Tree:
    """The tree of a layout with other contents of some files; None is no file."""
    tree = {**layout.tree, **changes}
    return {path: content for path, content in tree.items() if content is not None}


def opened(tree: Tree) -> tuple[FakeClock, SimFiles, Partition]:
    """A store over a tree in memory, and its `t-0`."""
    clock = FakeClock()
    files = SimFiles(clock)
    write_tree(files, ROOT, tree)
    store = Store(fake_env(clock, files), [ROOT], node_id=1, cluster_id="c")
    store.open()
    return clock, files, store.partition("t", 0, TOPIC_ID, CONFIG, LEADER_EPOCHS[-1])


def second_batch_at(content: bytes) -> int:
    return 12 + int.from_bytes(content[8:12], "big")


def test_garbage_behind_a_log_whose_index_is_gone_is_cut_after_a_clean_stop(pristine: dict[str, Layout]) -> None:
    """The making of an index stopped at the garbage, and took that for the file's end; what came next was written
    behind the garbage."""
    layout = pristine["stopped"]
    active = segments(layout)[-1]
    changes = {f"{active}.log": layout.tree[f"{active}.log"] + bytes(5000), f"{active}.index": None}
    assert check(layout, changed(layout, {**changes, f"{active}.timeindex": None})) == "cut"


def test_batches_that_are_there_twice_are_cut_after_a_clean_stop(pristine: dict[str, Layout]) -> None:
    """They end where the recovery point says, so the log seemed to be as it should."""
    layout = pristine["stopped"]
    active = segments(layout)[-1]
    content = layout.tree[f"{active}.log"]
    assert check(layout, changed(layout, {f"{active}.log": content + content})) == "cut"


def test_last_batch_with_a_negative_offset_does_not_empty_the_log(pristine: dict[str, Layout]) -> None:
    """After a clean stop the end was taken from the last batch's header, of which the checksum does not cover this."""
    layout = pristine["stopped"]
    active = segments(layout)[-1]
    content = layout.tree[f"{active}.log"]
    last = content.rfind(layout.batches[-1].raw)
    assert check(layout, changed(layout, {f"{active}.log": flipped(content, (last, 7))})) == "cut"


@pytest.mark.parametrize("name", ["stopped", "killed"])
@pytest.mark.parametrize("where", [0, -1])
def test_offset_far_outside_a_segment_is_no_reason_to_fail(pristine: dict[str, Layout], name: str, where: int) -> None:
    """The making of its index raised struct.error: at the start, or when somebody read."""
    layout = pristine[name]
    path = segments(layout)[where]
    content = layout.tree[f"{path}.log"]
    second = second_batch_at(content)
    for bit in ((second, 6), (second + 3, 2)):
        changes = {f"{path}.log": flipped(content, bit), f"{path}.index": None, f"{path}.timeindex": None}
        assert check(layout, changed(layout, changes)) in ("cut", "whole")


@pytest.mark.parametrize("name", ["stopped", "killed"])
def test_index_of_another_segment_leads_nobody_astray(pristine: dict[str, Layout], name: str) -> None:
    """Sound by itself, and wrong: fetches failed for good, or passed over records."""
    layout = pristine[name]
    paths = segments(layout)
    for suffix in (".index", ".timeindex"):
        for mine in paths[:-1]:
            for other in (paths[0], paths[2], paths[-2]):
                changes = {f"{mine}{suffix}": layout.tree[f"{other}{suffix}"]}
                assert check(layout, changed(layout, changes)) == "whole"


def test_each_flipped_bit_of_an_index_is_noticed_or_no_matter(pristine: dict[str, Layout]) -> None:
    layout = pristine["stopped"]
    path = segments(layout)[1]
    for suffix in (".index", ".timeindex"):
        content = layout.tree[f"{path}{suffix}"]
        for bit in range(0, 8 * len(content), 5):
            damaged = flipped(content, (bit // 8, bit % 8))
            assert check(layout, changed(layout, {f"{path}{suffix}": damaged})) == "whole", bit


def test_damaged_batch_below_the_recovery_point_does_not_refuse_idempotent_producers(
    pristine: dict[str, Layout],
) -> None:
    """Their states are read from the log where the snapshots are gone; that failed, and with it every append."""
    layout = pristine["stopped"]
    path = segments(layout)[2]
    content = layout.tree[f"{path}.log"]
    changes: dict[str, bytes | None] = dict.fromkeys(name for name in layout.tree if name.endswith(".snapshot"))
    changes[f"{path}.log"] = flipped(content, (second_batch_at(content) + 16, 1))
    assert check(layout, changed(layout, changes)) == "whole"


def test_nobody_passes_over_the_rest_of_a_damaged_segment(pristine: dict[str, Layout]) -> None:
    """The making of its index took the first damaged batch for the segment's end, and readers went on behind it."""
    layout = pristine["stopped"]
    path = segments(layout)[1]
    content = layout.tree[f"{path}.log"]
    changes: dict[str, bytes | None] = {f"{path}.index": None, f"{path}.timeindex": None}
    changes[f"{path}.log"] = flipped(content, (second_batch_at(content) + 16, 1))
    _, _, partition = opened(changed(layout, changes))
    damaged = sound_batches(content, 0, 0)[1].base_offset
    for offset in (damaged, damaged + 4):
        for _ in range(2):
            with pytest.raises(KafkaError) as caught:
                fetch(partition, offset)
            assert caught.value.code == CORRUPT_MESSAGE


def test_offset_beyond_its_segment_is_not_compacted(pristine: dict[str, Layout]) -> None:
    """A copy with it, and a kill before that was in place: the next start took it for all segments up to that offset,
    and removed them."""
    layout = pristine["stopped"]
    path = segments(layout)[0]
    content = layout.tree[f"{path}.log"]
    last = len(content) - len(sound_batches(content, 0, 0)[-1].raw)
    clock, files, partition = opened(changed(layout, {f"{path}.log": flipped(content, (last + 6, 0))}))
    partition.reconfigure(COMPACTED)
    before = read_tree(files, ROOT)
    cleaning = Cleaning(fake_env(clock, files), partition)
    clock.advance(0)
    with pytest.raises(KafkaError) as caught:
        cleaning.result.result()
    assert caught.value.code == CORRUPT_MESSAGE
    assert read_tree(files, ROOT) == before


def test_damage_below_the_log_start_costs_nothing(pristine: dict[str, Layout]) -> None:
    layout = pristine["start moved, killed"]
    first = segments(layout)[0]
    changes = {f"{first}.log": layout.tree[f"{first}.log"][:-1], POINTS: None}
    assert check(layout, changed(layout, changes)) == "whole"


def test_log_that_ends_below_its_start_is_set_aside(pristine: dict[str, Layout]) -> None:
    layout = pristine["killed"]
    changes: dict[str, bytes | None] = {"log-start-offset-checkpoint": b"0\n1\nt 0 9999\n"}
    assert check(layout, changed(layout, changes)) == "below its start"


@pytest.mark.parametrize("name", ["stopped", "killed"])
@pytest.mark.parametrize("content", [None, b"", b"0\n1\n0 -4\n", b"0\n2\n0 0\n"])
def test_leader_epochs_come_back_from_the_log(pristine: dict[str, Layout], name: str, content: bytes | None) -> None:
    """After a clean stop they were forgotten, but for the latest."""
    layout = pristine[name]
    assert check(layout, changed(layout, {"t-0/leader-epoch-checkpoint": content})) == "whole"


def test_swap_that_is_no_segment_does_not_stop_the_start(pristine: dict[str, Layout]) -> None:
    layout = pristine["killed"]
    changes: dict[str, bytes | None] = {f"{segments(layout)[1]}.log.swap": b"garbage" * 20}
    assert check(layout, changed(layout, changes)) == "whole"
