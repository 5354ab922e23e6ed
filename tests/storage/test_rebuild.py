"""Transactions across stops and crashes: what was open, stable and aborted before is so again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pykbroker.errors import KAFKA_STORAGE_ERROR, KafkaError
from pykbroker.storage.aborted import Aborted, AbortedIndex
from pykbroker.storage.checkpoints import RECOVERY_POINTS
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from tests.storage.builders import a_batch, append, kill, open_partition, open_store, records
from tests.storage.transactional import ABORT, COMMIT, aborted, committed, end, send

SMALL = LogConfig(segment_bytes=400)


def a_history(partition: Partition) -> None:
    """Transactions that were committed, aborted, and are open, in several segments."""
    for round_ in range(3):
        send(partition, 7, 2 * round_, 2)
        append(partition, a_batch(1))
        send(partition, 8, round_)
        end(partition, 8, COMMIT)
        end(partition, 7, ABORT)
    send(partition, 9, 0)
    append(partition, a_batch(1))
    send(partition, 8, 3)
    end(partition, 8, ABORT)
    assert len(partition.log.segments) > 3


def what_is_told(partition: Partition) -> tuple[int, object, list[int]]:
    told = [aborted(partition, offset, 1) for offset in range(partition.log_end_offset)]
    return partition.last_stable_offset, told, committed(partition)


def stopped(store: Store) -> None:
    store.close()


def txnindexes(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in sorted((path / "t-0").glob("*.txnindex"))}


@pytest.mark.parametrize("ending", [stopped, kill])
def test_restart_changes_nothing(tmp_path: Path, ending: Callable[[Store], None]) -> None:
    # STO-27, TXN-36
    store = open_store(tmp_path)
    partition = open_partition(store, SMALL)
    a_history(partition)
    before, files = what_is_told(partition), txnindexes(tmp_path)
    assert before[0] == 18
    ending(store)
    again = open_partition(open_store(tmp_path), SMALL)
    assert what_is_told(again) == before
    assert txnindexes(tmp_path) == files


@pytest.mark.parametrize("ending", [stopped, kill])
def test_open_transaction_goes_on_after_a_restart(tmp_path: Path, ending: Callable[[Store], None]) -> None:
    # STO-27: its marker still knows where it began, and its producer which sequence comes next
    store = open_store(tmp_path)
    send(open_partition(store), 7, 0, 3)
    ending(store)
    partition = open_partition(open_store(tmp_path))
    assert partition.last_stable_offset == 0
    send(partition, 7, 3)
    end(partition, 7, ABORT)
    assert (aborted(partition), partition.last_stable_offset, committed(partition)) == ([(7, 0)], 5, [])


def test_nothing_is_read_before_it_is_needed(tmp_path: Path) -> None:
    # STO-27: thousands of partitions are opened, and few of them used
    store = open_store(tmp_path)
    send(open_partition(store), 7, 0)
    store.close()
    [snapshot] = (tmp_path / "t-0").glob("*.snapshot")
    content = snapshot.read_bytes()
    snapshot.unlink()
    snapshot.mkdir()  # to read it now would fail
    partition = open_partition(open_store(tmp_path))
    snapshot.rmdir()
    snapshot.write_bytes(content)
    assert partition.last_stable_offset == 0


def test_marker_that_is_cut_off_leaves_its_transaction_open(tmp_path: Path) -> None:
    # STO-24: the index had it
    store = open_store(tmp_path)
    partition = open_partition(store)
    send(partition, 7, 0)
    end(partition, 7, ABORT)
    send(partition, 7, 1)
    end(partition, 7, ABORT)
    kill(store)
    log = tmp_path / "t-0" / f"{0:020d}.log"
    log.write_bytes(log.read_bytes()[:-1])
    again = open_partition(open_store(tmp_path))
    assert (again.log_end_offset, again.last_stable_offset, aborted(again)) == (3, 2, [(7, 0)])
    index = AbortedIndex.of([Aborted(7, 0, 1, last_stable_offset=2)])
    assert txnindexes(tmp_path) == {f"{0:020d}.txnindex": bytes(index.entries)}
    end(again, 7, COMMIT)
    assert (committed(again), aborted(again)) == ([2], [(7, 0)])


def test_index_without_any_marker_left_is_removed(tmp_path: Path) -> None:
    # STO-07, STO-24
    store = open_store(tmp_path)
    partition = open_partition(store)
    send(partition, 7, 0)
    end(partition, 7, ABORT)
    kill(store)
    log = tmp_path / "t-0" / f"{0:020d}.log"
    log.write_bytes(log.read_bytes()[:-1])
    open_partition(open_store(tmp_path))
    assert txnindexes(tmp_path) == {}


def damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
        path.with_suffix(".index").unlink(missing_ok=True)
    else:
        changes = {"cut": content[:-1], "zeros": bytes(len(content)), "longer": content + content, "foreign": None}
        late = AbortedIndex.of([Aborted(7, 900, 999, last_stable_offset=1000)])
        path.write_bytes(changes[how] or bytes(late.entries))


@pytest.mark.parametrize("how", ["cut", "zeros", "longer", "foreign", "gone"])
@pytest.mark.parametrize("with_snapshots", [True, False])
@pytest.mark.parametrize("ending", [stopped, kill])
def test_bad_index_is_made_anew(
    tmp_path: Path, how: str, with_snapshots: bool, ending: Callable[[Store], None]
) -> None:
    # STO-25, STO-07: also of segments below the recovery point, and of transactions that began in an earlier one
    store = open_store(tmp_path)
    partition = open_partition(store, SMALL)
    a_history(partition)
    before, files = what_is_told(partition), txnindexes(tmp_path)
    store.directories[0].checkpoint()
    ending(store)
    assert len(files) > 2
    for name in files:
        damaged(tmp_path / "t-0" / name, how)
    if not with_snapshots:
        for path in (tmp_path / "t-0").glob("*.snapshot"):
            path.unlink()
    again = open_partition(open_store(tmp_path), SMALL)
    assert txnindexes(tmp_path) == files
    assert what_is_told(again) == before


def is_read_anew(call: Callable[[], object], path: Path) -> bool:
    """Whether a call looks into a file that it has no reason to believe then."""
    content = path.read_bytes()
    path.write_bytes(b"bad")
    try:
        call()
    except KafkaError as error:
        assert error.code == KAFKA_STORAGE_ERROR
        return True
    finally:
        path.write_bytes(content)
    return False


def test_aborted_transactions_of_two_segments_are_kept_in_memory(partition: Partition) -> None:
    partition.reconfigure(SMALL)
    a_history(partition)
    log = partition.log
    paths = sorted(Path(partition.directory).glob("*.txnindex"))
    assert len(paths) > 3
    log.aborted_between(0, log.end_offset)
    # The active one stays, and of the others the one that was looked at last: that is always another one here.
    anew = [is_read_anew(lambda: log.aborted_between(0, log.end_offset), path) for path in paths]
    assert anew == [True] * (len(paths) - 1) + [False]


def test_rolled_segment_lets_go_of_its_aborted_transactions(partition: Partition) -> None:
    send(partition, 7, 0)
    end(partition, 7, ABORT)
    [path] = Path(partition.directory).glob("*.txnindex")
    assert not is_read_anew(lambda: aborted(partition), path)
    partition.reconfigure(LogConfig(segment_bytes=200))
    append(partition, a_batch(1))
    assert is_read_anew(lambda: aborted(partition), path)


def test_only_what_is_bad_is_made_anew(tmp_path: Path) -> None:
    # STO-25: each from what was open where its segment begins
    store = open_store(tmp_path)
    partition = open_partition(store, SMALL)
    send(partition, 6, 0)
    a_history(partition)
    end(partition, 6, ABORT)
    before, files = what_is_told(partition), txnindexes(tmp_path)
    store.close()
    names = list(files)
    for name in (names[0], names[-1]):
        damaged(tmp_path / "t-0" / name, "cut")
    again = open_partition(open_store(tmp_path), SMALL)
    assert txnindexes(tmp_path) == files
    assert what_is_told(again) == before


def test_all_five_batches_are_known_after_a_recovery(tmp_path: Path) -> None:
    # PROD-41, STO-24: it walked the log, and need not go by a snapshot, which has one
    store = open_store(tmp_path)
    partition = open_partition(store)
    for sequence in range(3):
        append(partition, a_batch(1, producer=7, sequence=sequence))
    store.close()
    store = open_store(tmp_path)
    append(open_partition(store), a_batch(1, producer=7, sequence=3))
    kill(store)
    again = open_partition(open_store(tmp_path))
    assert [append(again, a_batch(1, producer=7, sequence=sequence)) for sequence in range(4)] == [0, 1, 2, 3]


def test_transaction_whose_first_records_are_gone(tmp_path: Path) -> None:
    # STO-27: after a stop, and when only the log itself tells
    store = open_store(tmp_path)
    partition = open_partition(store)
    send(partition, 7, 0, 4)
    append(partition, a_batch(1))
    send(partition, 7, 4)
    partition.delete_records(2)
    store.close()
    store = open_store(tmp_path)
    assert open_partition(store).last_stable_offset == 2
    store.close()
    for path in (tmp_path / "t-0").glob("*.snapshot"):
        path.unlink()
    again = open_partition(open_store(tmp_path))
    assert again.last_stable_offset == 2
    end(again, 7, ABORT)
    assert (committed(again), aborted(again, 2)) == ([4], [(7, 0)])


def test_snapshot_that_a_recovery_begins_with_is_kept(tmp_path: Path) -> None:
    # STO-08, STO-24: else every batch below would have to be looked at
    for sequence in range(10):
        store = open_store(tmp_path)
        append(open_partition(store, SMALL), a_batch(1, producer=7, sequence=sequence))
        store.close()
    [_, base] = open_partition(open_store(tmp_path), SMALL).log.bases
    names = [int(path.stem) for path in (tmp_path / "t-0").glob("*.snapshot")]
    assert sorted(names) == [base, 9, 10]


class TransactionsAgainstAList(RuleBasedStateMachine):
    """The model: for each record its transaction, for each transaction how it ended, or None if it is open."""

    @initialize(segment_bytes=st.integers(200, 900), interval=st.sampled_from([1, 100, 4096]))
    def begin(self, segment_bytes: int, interval: int) -> None:
        self.directory = TemporaryDirectory()
        self.config = LogConfig(segment_bytes=segment_bytes, index_interval_bytes=interval)
        self.records: list[tuple[int, int]] = []  # offset, and number of its transaction or -1
        self.fates: list[int | None] = []
        self.open_now: dict[int, int] = {}  # producer to number of its transaction
        self.sequences = {1: 0, 2: 0, 3: 0}
        self.start = self.end = 0
        self.open()

    def open(self) -> None:
        self.store = open_store(Path(self.directory.name))
        self.partition = open_partition(self.store, self.config)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            kill(self.store)
            self.directory.cleanup()

    @rule(count=st.integers(1, 3))
    def plain(self, count: int) -> None:
        append(self.partition, a_batch(count))
        self.note(count, -1)

    @rule(producer=st.integers(1, 3), count=st.integers(1, 3), size=st.integers(0, 100))
    def send(self, producer: int, count: int, size: int) -> None:
        if producer not in self.open_now:
            self.open_now[producer] = len(self.fates)
            self.fates.append(None)
        send(self.partition, producer, self.sequences[producer], count, value=bytes(size))
        self.sequences[producer] += count
        self.note(count, self.open_now[producer])

    def note(self, count: int, transaction: int) -> None:
        self.records += [(self.end + index, transaction) for index in range(count)]
        self.end += count

    @rule(producer=st.integers(1, 3), kind=st.sampled_from([ABORT, COMMIT]))
    def finish(self, producer: int, kind: int) -> None:
        end(self.partition, producer, kind)
        self.end += 1
        if producer in self.open_now:
            self.fates[self.open_now.pop(producer)] = kind

    @rule(where=st.floats(0, 0.6))
    def delete(self, where: float) -> None:
        offset = round(where * self.end)
        self.start = max(self.start, offset)
        self.partition.delete_records(offset)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.open()

    @rule(recover_all=st.booleans())
    def crash(self, recover_all: bool) -> None:
        self.store.directories[0].checkpoint()
        kill(self.store)
        if recover_all:
            Path(self.directory.name, RECOVERY_POINTS).unlink(missing_ok=True)
        self.open()

    @precondition(lambda self: self.end)
    @rule(lost=st.sampled_from([(".snapshot",), (".index", ".txnindex"), (".index", ".txnindex", ".snapshot")]))
    def lose(self, lost: tuple[str, ...]) -> None:
        self.store.close()
        for path in Path(self.directory.name).glob("t-0/*"):
            if path.suffix in lost:
                path.unlink()
        self.open()

    @precondition(lambda self: self.end)
    @rule(cut=st.integers(1, 33))
    def damage(self, cut: int) -> None:
        self.store.close()
        for path in Path(self.directory.name).glob("t-0/*.txnindex"):
            path.write_bytes(path.read_bytes()[:-cut])
        self.open()

    @invariant()
    def stable_offset_agrees(self) -> None:
        assert (self.partition.log_start_offset, self.partition.log_end_offset) == (self.start, self.end)
        stable = self.partition.last_stable_offset
        undecided = [at for at, number in self.records if number >= 0 and self.fates[number] is None]
        assert max(self.start, min(undecided, default=self.end)) <= stable
        # That a transaction began below the log's start may be forgotten, and it has nothing to wait for there.
        assert stable <= min((at for at in undecided if at >= self.start), default=self.end)

    @invariant()
    def readers_get_what_was_committed(self) -> None:
        stable = self.partition.last_stable_offset
        expected = [
            at
            for at, number in self.records
            if self.start <= at < stable and (number < 0 or self.fates[number] == COMMIT)
        ]
        assert committed(self.partition) == expected
        assert committed(self.partition, max_bytes=1) == expected
        assert [each.offset for each in records(self.partition) if each.offset >= self.start] == [
            at for at, _ in self.records if at >= self.start
        ]


TestTransactionsAgainstAList = TransactionsAgainstAList.TestCase
TestTransactionsAgainstAList.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
