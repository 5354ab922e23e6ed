"""What was there, one after the other: which topics, and what groups have committed.

Both are logs of changes. After a kill they are as they were last, or as a change makes them that was interrupted; after
a power cut as they were at some time since they were safe for sure.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.sim.model import TopicModel, require

State = Mapping[str, tuple[bytes | None, int, tuple[tuple[str, str], ...]]]
"""Topics by name: id (None for any), partitions, configs."""

NOTHING_COMMITTED = -1


class Metadata:
    """Which topics there are. Owns the states that there were; from `safe` on a power cut may bring each of them back.

    `interrupted` are states that an interrupted change may have brought about.
    """

    def __init__(self) -> None:
        self.topics: dict[str, TopicModel] = {}
        self.by_id: dict[bytes, TopicModel] = {}
        self.states: list[State] = [{}]
        self.interrupted: list[State] = []
        self.safe = 0

    @property
    def state(self) -> State:
        """What there is now."""
        return self.states[-1]

    def changed(self, state: State) -> None:
        """Take in what there is from now on."""
        self.states.append(state)
        self._follow(state)

    def _follow(self, state: State) -> None:
        self.topics = {}
        for name, (topic_id, partitions, config) in state.items():
            assert topic_id is not None
            topic = self.by_id.get(topic_id)
            if topic is None:
                topic = self.by_id[topic_id] = TopicModel(name, topic_id, partitions, dict(config))
            topic.grow(partitions)
            topic.configure(dict(config))
            self.topics[name] = topic

    def restarted(self, state: State, *, power_cut: bool) -> None:
        """Take in what there is after a restart."""
        allowed = self.states[self.safe :] if power_cut else self.states[-1:]
        if any(_matches(state, each) for each in self.interrupted) and state != self.states[-1]:
            self.states.append(state)
        else:
            require(state in allowed, "there are the topics", _named(state), "after", _named(self.states[-1]))
            while self.states[-1] != state:
                self.states.pop()
        self.interrupted.clear()
        if power_cut:
            self.safe = len(self.states) - 1
        self._follow(state)


def _matches(state: State, pattern: State) -> bool:
    """Tell if a state is as expected, where None is any id."""
    return state.keys() == pattern.keys() and all(
        state[name][1:] == pattern[name][1:] and pattern[name][0] in (None, state[name][0]) for name in state
    )


def _named(state: State) -> dict[str, object]:
    return {name: (topic_id and topic_id.hex()[:6], count, config) for name, (topic_id, count, config) in state.items()}


class Commit:
    """One offset that was committed, or the removal of what was."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.is_stored: bool | None = None  # nobody knows
        self.is_safe = False


class Committed:
    """What a group committed for one partition, in the order of asking."""

    def __init__(self) -> None:
        first = Commit(NOTHING_COMMITTED)
        first.is_stored = first.is_safe = True
        self._commits = [first]

    def sent(self, offset: int) -> Commit:
        """Take in that a commit is being sent."""
        commit = Commit(offset)
        self._commits.append(commit)
        return commit

    def _since(self, last: int) -> list[int]:
        return [each.offset for each in self._commits[last:] if each.is_stored is not False]

    def check(self, offset: int) -> None:
        """What is fetched is what was stored last."""
        last = max(at for at, each in enumerate(self._commits) if each.is_stored)
        allowed = self._since(last)
        require(offset in allowed, "offset", offset, "is committed, and not one of", allowed)
        for each in self._commits[last:]:
            if each.offset == offset:
                each.is_stored = True

    def all_is_safe(self) -> None:
        """Take in that all that is stored is on the device."""
        for each in self._commits:
            each.is_safe |= bool(each.is_stored)

    def restarted(self, offset: int, *, power_cut: bool) -> None:
        """Take in what is there after a restart."""
        if power_cut:
            allowed = self._since(max(at for at, each in enumerate(self._commits) if each.is_safe))
            require(offset in allowed, "offset", offset, "is committed after a power cut, and not one of", allowed)
        else:
            self.check(offset)
        found = Commit(offset)
        found.is_stored = True
        found.is_safe = power_cut or all(each.is_safe for each in self._commits if each.is_stored)
        self._commits = [*(self._commits if not found.is_safe else ()), found]
