"""Any sequence of appends, cleanings, restarts and crashes, against a dict that knows the last value of every key."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pykbroker.env import Env
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.testing.sim_files import SimFiles
from tests.fakes import FakeClock, InlineWorkers, SeededRandom
from tests.storage.builders import kill, open_partition
from tests.storage.compacting import Cleaning, batches, cleaned, compacted, contents, put, roll

CONFIG = compacted(segment_bytes=5000, delete_retention_ms=1000)

keys = st.sampled_from([b"%d" % number for number in range(8)] + [b"long" * 20])
values = st.none() | st.binary(max_size=20) | st.just(b"x" * 300)
appends = st.tuples(st.lists(st.tuples(keys, values), min_size=1, max_size=12), st.integers(0, 4), st.booleans())
operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), appends),
        st.tuples(st.just("roll"), st.none()),
        st.tuples(st.just("clean"), st.integers(1, 12)),
        st.tuples(st.just("clean a while"), st.integers(0, 12)),
        st.tuples(st.just("wait"), st.integers(1, 1500)),
        st.tuples(st.just("restart"), st.booleans()),
    ),
    max_size=25,
)


class Model:
    """A partition, and what should be in it."""

    def __init__(self) -> None:
        self.files = SimFiles(FakeClock())
        self.written: list[tuple[int, bytes | None, bytes | None]] = []
        self.first_dirty = 0
        self.sequence = 0
        self.start()

    def start(self) -> None:
        self.clock = self.files.clock = FakeClock(self.files.clock.now_ms())
        self.env = Env(self.clock, self.files, InlineWorkers(), SeededRandom(1))
        self.store = Store(self.env, ["/logs"], node_id=1)
        self.store.open()
        self.partition: Partition = open_partition(self.store, CONFIG)

    def append(self, pairs: list[tuple[bytes, bytes | None]], codec: int, is_of_producer: bool) -> None:
        fields = {}
        if is_of_producer:
            fields = {"producer_id": 3, "producer_epoch": 0, "base_sequence": self.sequence}
            self.sequence += len(pairs)
        base_offset = put(self.partition, *pairs, codec=codec, timestamp=self.clock.now_ms(), **fields)
        self.written += [(base_offset + index, key, value) for index, (key, value) in enumerate(pairs)]

    def clean(self, most_keys: int) -> None:
        done = cleaned(self.env, self.partition, self.first_dirty, most_keys=most_keys)
        assert done.first_dirty_offset >= self.first_dirty
        self.first_dirty = done.first_dirty_offset
        # Of what is clean, there is one record of each key, and it is the newest.
        clean = [each for each in contents(self.partition) if each[0] < self.first_dirty]
        newest = {key: (offset, value) for offset, key, value in self.written if offset < self.first_dirty}
        assert len(clean) == len({key for _, key, _ in clean})
        assert all(newest[key] == (offset, value) for offset, key, value in clean)

    def clean_a_while(self, turns: int) -> None:
        """Begin to clean, and lose interest: the generator is closed."""
        cleaning = Cleaning(self.env, self.partition, self.first_dirty)
        for _ in range(turns):
            if cleaning.result.done:
                break
            due_ms, _, timer = min(self.clock._timers)
            assert due_ms <= self.clock.now_ms() and timer.callback is not None
            self.clock._timers.remove((due_ms, _, timer))
            timer.callback()
        is_begun = any(name.endswith(".swap") for name in self.files.list("/logs/t-0"))
        if not is_begun:  # then it must be brought to its end
            cleaning.task.close()
        self.clock.advance(0)

    def restart(self, is_clean: bool) -> None:
        if is_clean:
            self.store.close()
        else:
            kill(self.store)
        self.files.kill()
        self.start()

    def check(self) -> None:
        now = contents(self.partition)
        assert set(now) <= set(self.written)
        newest = {key: value for _, key, value in self.written}
        found = {key: value for _, key, value in now}
        for key, value in newest.items():
            assert found.get(key) == value
        assert self.partition.log_end_offset == len(self.written)
        batches(self.partition)
        known = {state.producer_id: state.last_sequence for state in self.partition.producers()}
        assert known == ({3: self.sequence - 1} if self.sequence else {})


@settings(max_examples=150, deadline=None)
@given(operations)
def test_the_last_value_of_each_key_is_always_there(steps: list[tuple[str, object]]) -> None:
    """STO-19, STO-21, STO-22, STO-26"""
    model = Model()
    for name, argument in steps:
        if name == "append":
            model.append(*argument)  # type: ignore[misc]
        elif name == "roll":
            if model.partition.log.segments and model.partition.log.segments[-1].size:
                roll(model.partition)
        elif name == "clean":
            model.clean(argument)  # type: ignore[arg-type]
        elif name == "clean a while":
            model.clean_a_while(argument)  # type: ignore[arg-type]
        elif name == "wait":
            model.clock.advance(argument)  # type: ignore[arg-type]
        else:
            model.restart(bool(argument))
        model.check()
