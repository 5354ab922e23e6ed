"""Log directories as a store leaves them, as trees of file contents; and all that can happen to one of them.

A tree maps paths inside the log directory to contents. Every layout has partition `t-0`, which has everything (several
segments, all codecs, idempotent producers, transactions, three leader epochs), and `t-1`, which is small, and there to
be left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from pykbroker.env import Files
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.testing.sim_files import SimFiles
from pykbroker.wire.batch import TRANSACTIONAL
from tests.fakes import NOW_MS, FakeClock, fake_env
from tests.storage.builders import TOPIC_ID, a_batch
from tests.storage.plain_log import PlainBatch, all_batches, recovered
from tests.storage.transactional import ABORT, COMMIT, a_marker

Tree = dict[str, bytes]

ROOT = "/logs"
CONFIG = LogConfig(segment_bytes=1200, index_interval_bytes=150)
COMPACTED = LogConfig(segment_bytes=1200, index_interval_bytes=150, cleanup_policy=("compact",))
LEADER_EPOCHS = (0, 1, 4)
TRANSACTION = {0: (4, 8), 1: (3, 5), 4: (12,)}  # after which batches of an epoch it begins, and ends
CLEAN = ".kafka_cleanshutdown"
POINTS = "recovery-point-offset-checkpoint"
STARTS = "log-start-offset-checkpoint"
META = "meta.properties"
INDEX_SUFFIXES = (".index", ".timeindex", ".txnindex")

_CHECKPOINTS = (POINTS, STARTS, "t-0/leader-epoch-checkpoint", "t-0/partition.metadata", META)
_NOT_COVERED = {"base offset": (0, 8), "length": (8, 12), "epoch": (12, 16), "magic": (16, 17)}
_ODD_NAMES = (
    "notes.txt", "5.log", "00000000000000000007", "99999999999999999999.log", "-0000000000000000001.log",
    "00000000000000000003.log.bak", "0000000000000000000٣.log", "00000000000000000004.snapshot", ".log", "x.index",
    "00000000000000000021.log.cleaned", "00000000000000000022.index.deleted", "00000000000000000000.log.swap",
    "00000000000000000002.timeindex", "99999999999999999999.snapshot", "00000000000000000011.txnindex",
)  # fmt: skip


class Layout(NamedTuple):
    """What a store left. `batches` are those of `t-0`."""

    name: str
    tree: Tree
    batches: list[PlainBatch]


def read_tree(files: Files, root: str) -> Tree:
    """Return the contents of all files below `root`."""
    tree: Tree = {}
    for name in files.list(root):
        try:
            tree[name] = files.read(f"{root}/{name}")
        except IsADirectoryError:
            tree |= {f"{name}/{path}": content for path, content in read_tree(files, f"{root}/{name}").items()}
    return tree


def write_tree(files: Files, root: str, tree: Tree) -> None:
    """Make the files of a tree below `root`."""
    for directory in {root, *(f"{root}/{path}".rpartition("/")[0] for path in tree)}:
        files.make_directory(directory)
    for path, content in tree.items():
        file = files.open(f"{root}/{path}")
        file.append(content)
        file.close()


def partition_files(tree: Tree, name: str = "t-0") -> Tree:
    """Return the files of one partition, by their names."""
    return {path.removeprefix(f"{name}/"): tree[path] for path in tree if path.startswith(f"{name}/")}


def layouts() -> list[Layout]:
    """Return the directories that cases start from."""
    killed, stopped = _left_by_a_store(delete_before=0)
    moved_killed, moved_stopped = _left_by_a_store(delete_before=20)
    unknown = {path: content for path, content in killed.items() if path != POINTS}
    midway = {**killed, POINTS: b"0\n2\nt 0 29\nt 1 0\n"}
    trees = {
        "killed": killed, "killed before any checkpoint": unknown, "killed, half checked": midway, "stopped": stopped,
        "start moved, killed": moved_killed, "start moved, stopped": moved_stopped,
    }  # fmt: skip
    found = []
    for name, tree in trees.items():
        batches = all_batches(recovered(partition_files(tree), 0).kept)
        assert batches is not None
        assert len(batches) == 45 + sum(map(len, TRANSACTION.values()))
        found.append(Layout(name, tree, batches))
    return found


def _left_by_a_store(delete_before: int) -> tuple[Tree, Tree]:
    """Return what is on disk before the store is stopped, and after."""
    random = Random(7)
    sequences = {7: 0, 8: 0}
    clock = FakeClock()
    env = fake_env(clock, SimFiles(clock))
    for epoch in LEADER_EPOCHS:
        store = Store(env, [ROOT], node_id=1, cluster_id="c")
        store.open()
        partition = store.partition("t", 0, TOPIC_ID, CONFIG, epoch)
        for number in range(15):
            count, producer = random.randint(1, 4), random.choice((-1, 7, 8))
            batch = a_batch(
                count,
                timestamp=NOW_MS - 100_000 + 1000 * epoch + 10 * number + random.choice((0, 0, 0, 25)),
                producer=producer,
                sequence=sequences.get(producer, 0),
                value=random.randbytes(random.choice((5, 40, 150))),
                codec=number % 5,
            )
            partition.append(memoryview(batch), NOW_MS)
            if producer >= 0:
                sequences[producer] += count
            if number in TRANSACTION[epoch]:
                _carry_on_transaction(partition, number, epoch)
        bystander = store.partition("t", 1, TOPIC_ID, CONFIG, epoch)
        bystander.append(memoryview(a_batch(2, value=b"bystander")), NOW_MS)
        if delete_before and epoch == LEADER_EPOCHS[-1]:
            partition.delete_records(delete_before)
        clock.advance(1000)  # the checkpoints are written
        killed = read_tree(env.files, ROOT)
        store.close()
    return killed, read_tree(env.files, ROOT)


def _carry_on_transaction(partition: Partition, number: int, epoch: int) -> None:
    """Store a batch of producer 5, or the marker that ends its transaction: an abort, a commit, then none."""
    timestamp = NOW_MS - 100_000 + 1000 * epoch + 10 * number
    if number == TRANSACTION[epoch][0]:
        sequence = 2 * LEADER_EPOCHS.index(epoch)
        batch = a_batch(2, producer=5, sequence=sequence, attributes=TRANSACTIONAL, timestamp=timestamp)
    else:
        batch = a_marker(5, ABORT if epoch == 0 else COMMIT, timestamp=timestamp)
    partition.append_own(batch)


def damaged(pristine: Sequence[Layout], seed: int) -> tuple[Layout, Tree, list[str]]:
    """Return one of the layouts, its tree after some accidents, and what happened to it."""
    random = Random(seed)
    layout = random.choice(pristine)
    tree = dict(layout.tree)
    what = [_accident(tree, random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    return layout, tree, what


def _accident(tree: Tree, random: Random) -> str:
    """Change one file of the tree; return what was done."""
    path = _any_path(tree, random)
    content = bytearray(tree[path])
    match random.randrange(10):
        case 0:
            del content[random.randint(0, len(content)) :]
            what = f"cut to {len(content)}"
        case 1 | 2:
            what = _flip(content, random, 0, len(content))
        case 3 | 4:
            logs = [each for each in tree if each.startswith("t-0/") and each.endswith(".log") and tree[each]]
            if not logs:
                return "nothing"
            path = random.choice(logs)
            content = bytearray(tree[path])
            what = _flip_field(content, random)
        case 5:
            at = random.randint(0, len(content))
            garbage = _garbage(tree, random)
            content[at : at + len(garbage)] = garbage
            what = f"{len(garbage)} bytes overwritten at {at}"
        case 6:
            content += _garbage(tree, random)
            what = "appended to"
        case 7:
            del tree[path]
            return f"{path} deleted"
        case 8:
            other = _any_path(tree, random)
            if path.endswith(".snapshot") and other.endswith(".snapshot"):
                return "nothing"  # sound, and wrong: nobody could know
            content = bytearray(tree[other])
            what = f"replaced by {other}"
        case _:
            path = f"t-0/{random.choice(_ODD_NAMES)}"
            content = bytearray(random.randbytes(random.randint(1, 100)))
            what = "added"
    tree[path] = bytes(content)
    return f"{path} {what}"


def _any_path(tree: Tree, random: Random) -> str:
    """Return the path of a file: a log, an index or a checkpoint, each kind about as often."""
    kinds = (
        [path for path in tree if path.startswith("t-0/") and path.endswith(".log")],
        [path for path in tree if path.startswith("t-0/") and path.endswith(INDEX_SUFFIXES)],
        [path for path in tree if path.startswith("t-0/") and path.endswith(".snapshot")],
        [path for path in tree if path in _CHECKPOINTS],
        [path for path in tree if not path.startswith("t-1/")],
    )
    return random.choice(random.choice([kind for kind in kinds if kind]))


def _flip(content: bytearray, random: Random, start: int, end: int) -> str:
    if start == end:
        return "not changed"
    bits = [random.randrange(8 * start, 8 * end) for _ in range(random.choice((1, 1, 2, 4)))]
    for bit in bits:
        content[bit // 8] ^= 1 << bit % 8
    return f"bits flipped in bytes {sorted(bit // 8 for bit in bits)}"


def _flip_field(content: bytearray, random: Random) -> str:
    """Flip bits that no checksum covers, in the header of some batch."""
    starts, at = [], 0
    while at + 61 <= len(content):
        starts.append(at)
        at += max(61, 12 + int.from_bytes(content[at + 8 : at + 12], "big"))
    if not starts:
        return "not changed"
    start = random.choice((random.choice(starts), starts[-1]))
    name = random.choice(list(_NOT_COVERED))
    first, last = _NOT_COVERED[name]
    return f"{name} of the batch at {start}: {_flip(content, random, start + first, start + last)}"


def _garbage(tree: Tree, random: Random) -> bytes:
    logs = [tree[path] for path in tree if path.endswith(".log") and tree[path]]
    match random.randrange(5):
        case 0:
            return bytes(random.randint(1, 200))
        case 1:
            return b"\xff" * random.randint(1, 200)
        case 2 if logs:  # part of a log, from its beginning on: looks like batches
            return random.choice(logs)[: random.randint(1, 400)]
        case 3:
            return random.choice((b"-1", b"9" * 30, b"0\n", b"\n", b" ", b"0\n1\nt 0 -7\n", b"0\n1\n-3 9\n"))
        case _:
            return random.randbytes(random.randint(1, 100))
