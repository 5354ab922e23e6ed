"""Open a damaged log directory, and compare what the store makes of it with what plain code says it must."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fuzz.log_directories import (
    CLEAN,
    COMPACTED,
    CONFIG,
    LEADER_EPOCHS,
    META,
    POINTS,
    ROOT,
    STARTS,
    Layout,
    Tree,
    partition_files,
    read_tree,
    write_tree,
)
from fuzz.recovery_reading import fetched, read_everything, read_what_can_be_read, sent_again
from pykbroker.env import Env, Files
from pykbroker.errors import KafkaError
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store, StoreError
from pykbroker.testing.sim_files import SimFiles
from tests.fakes import NOW_MS, FakeClock, fake_env
from tests.storage.builders import TOPIC_ID, a_batch
from tests.storage.compacting import Cleaning, contents
from tests.storage.plain_log import PlainLog, all_batches, base_offsets, checkpoint, log_name, recovered

PARTITION_METADATA = "t-0/partition.metadata"


def check(layout: Layout, tree: Tree, files: Files | None = None, root: str = ROOT) -> str:
    """Run one case, in memory unless `files` are given; return how it ended. Any exception is a failure."""
    clock = FakeClock()
    env = fake_env(clock, files or SimFiles(clock))
    write_tree(env.files, root, tree)
    with _log_lines() as lines:
        try:
            store = _open(env, root)
        except StoreError as error:
            assert tree.get(META) != layout.tree[META], error
            assert "\n" not in str(error)
            assert read_tree(env.files, root) | {".lock": b""} == tree | {".lock": b""}, "refused, and yet changed"
            return "refused"
        partition = _partition(store)
        after = read_tree(env.files, root)
        _bystander_is_well(store, tree, after)
        if any("-stray" in path for path in after):
            assert tree.get(PARTITION_METADATA) != layout.tree[PARTITION_METADATA]
            return "set aside"
        end = _compare(layout, tree, after, partition, lines)
        _go_on(env, root, store, partition, lines)
        return end


def _open(env: Env, root: str) -> Store:
    store = Store(env, [root], node_id=1, cluster_id="c")
    store.open()
    return store


def _partition(store: Store, index: int = 0, config: LogConfig = CONFIG) -> Partition:
    return store.partition("t", index, TOPIC_ID, config, LEADER_EPOCHS[-1])


@contextmanager
def _log_lines() -> Iterator[list[str]]:
    """Collect what the storage package logs."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("pykbroker.storage"), Collect()
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _bystander_is_well(store: Store, tree: Tree, after: Tree) -> None:
    """Check that damage to one log is not seen in another."""
    partition = _partition(store, 1)
    starts = checkpoint(tree.get(STARTS)) or {}
    if starts.get("t-1", 0) <= 6:
        assert partition.log_end_offset == 6
        assert partition_files(after, "t-1")[log_name(0)] == partition_files(tree, "t-1")[log_name(0)]


def _compare(layout: Layout, tree: Tree, after: Tree, partition: Partition, lines: list[str]) -> str:
    """Compare a log that was opened with what must be left of it; return which way it went."""
    before, left = partition_files(tree), partition_files(after)
    log_start = (checkpoint(tree.get(STARTS)) or {}).get("t-0", 0)
    point = (checkpoint(tree.get(POINTS)) or {}).get("t-0")
    cuts = sum("/t-0: cut at" in line for line in lines)
    if not base_offsets(before):
        assert (partition.log_start_offset, partition.log_end_offset, cuts) == (log_start, log_start, 0)
        return "empty"
    kept = {log_name(base): left[log_name(base)] for base in base_offsets(left)}
    expected = recovered(before, max(point or 0, log_start))
    if CLEAN in tree and point == partition.log_end_offset and kept.items() <= before.items():
        expected = PlainLog(kept, partition.log_end_offset, False)  # a clean stop is believed
    if expected.end < log_start:
        assert (partition.log_start_offset, partition.log_end_offset) == (log_start, log_start)
        assert {name: left.get(f"{name}.stray") for name in expected.kept} == expected.kept
        assert not base_offsets(left)
        return "below its start"
    assert kept == expected.kept, _difference(kept, expected.kept)
    assert partition.log_end_offset == expected.end, (partition.log_end_offset, expected.end)
    assert partition.log_start_offset == max(log_start, base_offsets(kept)[0])
    assert cuts == expected.is_cut, lines
    read_everything(layout, before, kept, partition)
    return "cut" if expected.is_cut else "whole"


def _difference(found: Tree, expected: Tree) -> str:
    parts = []
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            sizes = [len(each[name]) if name in each else "no" for each in (found, expected)]
            parts.append(f"{name} has {sizes[0]} bytes, expected {sizes[1]}")
    return "; ".join(parts)


def _go_on(env: Env, root: str, store: Store, partition: Partition, lines: list[str]) -> None:
    """Append, stop, start, compact, be killed: the new batches stay, and nothing more is found to be wrong."""
    end, start = partition.log_end_offset, partition.log_start_offset
    new = [a_batch(2, producer=9, sequence=2 * number, value=b"n" * 90, codec=number % 5) for number in range(15)]
    for number, batch in enumerate(new):
        assert partition.append(memoryview(batch), NOW_MS).base_offset == end + 2 * number
    raw = b"".join(new)
    assert fetched(partition, end, 1000) == raw
    store.close()
    lines.clear()
    store = _open(env, root)
    partition = _partition(store)
    assert (partition.log_start_offset, partition.log_end_offset) == (start, end + 30)
    assert fetched(partition, end, 1000) == raw, "not as it was before the stop"
    assert partition.append(sent_again(new[-1]), NOW_MS).duplicate
    _compact(env, partition, all_batches(partition_files(read_tree(env.files, root))) is not None)
    for directory in store.directories:
        directory.release()
    partition = _partition(_open(env, root), config=COMPACTED)
    assert partition.log_end_offset == end + 30
    read_what_can_be_read(partition)
    assert not any("cut at" in line for line in lines), lines


def _last_values(partition: Partition) -> dict[bytes | None, tuple[int, bytes | None]]:
    return {key: (offset, value) for offset, key, value in contents(partition)}


def _compact(env: Env, partition: Partition, is_sound: bool) -> None:
    """Compact: each key's last value stays. A log with damaged batches may refuse; it loses nothing then."""
    before = _last_values(partition) if is_sound else {}
    partition.reconfigure(COMPACTED)
    cleaning = Cleaning(env, partition)
    env.clock.advance(0)  # type: ignore[attr-defined]
    if is_sound:
        assert cleaning.result.result() is not None
        assert _last_values(partition) == before
    else:
        with suppress(KafkaError):
            cleaning.result.result()
