"""`GroupCoordinator`: which shard has a group, and the `__consumer_offsets` topic behind the shards.

A shard is loaded when it is first asked for; `load_existing`, at broker start, loads those that have records, because
the sessions of their members must run on (GRP-42). A fresh broker has no topic yet, and loads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, TypeVar

from pykbroker import errors
from pykbroker.env import Env
from pykbroker.errors import KafkaError
from pykbroker.later import Later
from pykbroker.metadata.elections import NO_LEADER
from pykbroker.shard import Outcome, ShardRunner

if TYPE_CHECKING:
    from pykbroker.config import Config
    from pykbroker.groups.records import GroupRecord
    from pykbroker.groups.state import GroupSettings, ShardState
    from pykbroker.metadata.image import Image
    from pykbroker.metadata.partitions import Partitions

OFFSETS_TOPIC: Final = "__consumer_offsets"

R = TypeVar("R")


class GroupCoordinator:
    """Finds and loads shards. Owns their runners."""

    __slots__ = ("_config", "_ensure_topic", "_env", "_image", "_loading", "_partitions", "_shards")

    def __init__(
        self, config: Config, env: Env, image: Image, partitions: Partitions, ensure_topic: Callable[[], object]
    ) -> None:
        """`ensure_topic` creates `__consumer_offsets` if it is missing, or raises KafkaError."""
        self._config = config
        self._env = env
        self._image = image
        self._partitions = partitions
        self._ensure_topic = ensure_topic
        self._shards: dict[int, LoadedShard] = {}
        self._loading: set[int] = set()

    def load_existing(self) -> None:
        """Load every shard that has records; call it once, at broker start."""
        topic = self._image.topics.get(OFFSETS_TOPIC)
        if topic is None:
            return
        for index in range(len(topic.partitions)):
            try:
                if self._partitions.get(OFFSETS_TOPIC, index).log_end_offset > 0:
                    self._load(index)
            except KafkaError:
                continue  # the broker starts without these groups; who asks for one of them hears why

    def release_parked(self) -> None:
        """Answer every held request with NOT_COORDINATOR, because the broker stops: members look for another one."""
        if not self._shards:
            return
        from pykbroker.groups.rebalance import release

        for shard in self._shards.values():
            shard.run(release)

    def close(self) -> None:
        """Stop all timers."""
        for shard in self._shards.values():
            shard.runner.close()

    def resign(self) -> None:
        """Give all groups up, as this broker leads nothing any more."""
        self.release_parked()
        self.close()
        self._shards.clear()

    def make_ready(self) -> None:
        """Create the topic if it is missing; COORDINATOR_NOT_AVAILABLE if that fails, or nobody leads it (COORD-02)."""
        self._find_topic()
        if self._is_leaderless(0):
            raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE)

    def _find_topic(self) -> None:
        if OFFSETS_TOPIC not in self._image.topics:
            try:
                self._ensure_topic()
            except KafkaError as error:
                raise KafkaError(errors.COORDINATOR_NOT_AVAILABLE, str(error)) from error

    def _is_leaderless(self, index: int) -> bool:
        return self._image.topics[OFFSETS_TOPIC].partitions[index].leader == NO_LEADER

    def run(self, group_id: str, operation: Callable[[ShardState], Outcome[GroupRecord, R]]) -> R | Later[R]:
        """Run an operation on the shard that has a group. Raises KafkaError, also that of a failed append."""
        return self.shard_for(group_id).run(operation)

    def shard_for(self, group_id: str) -> LoadedShard:
        """Return the shard of a group; creates the topic, and loads the shard, if it is the first time."""
        self._find_topic()
        return self._load(partition_for(group_id, len(self._image.topics[OFFSETS_TOPIC].partitions)))

    def state_for(self, group_id: str) -> ShardState | None:
        """Return what is known about a group, for reading; None as long as there is no topic."""
        return self.shard_for(group_id).state if OFFSETS_TOPIC in self._image.topics else None

    def shards(self) -> list[LoadedShard]:
        """Return every loaded shard; raises COORDINATOR_LOAD_IN_PROGRESS while one is being loaded."""
        if self._loading:
            raise KafkaError(errors.COORDINATOR_LOAD_IN_PROGRESS)
        return [shard for _, shard in sorted(self._shards.items())]

    def topics_deleted(self, names: Collection[str]) -> None:
        """Forget all offsets of topics that are gone (OFF-27)."""
        from pykbroker.groups.retention import forget_topics

        if OFFSETS_TOPIC in names:
            self.close()
            self._shards.clear()
        for shard in self.shards():
            try:
                shard.run(lambda state: forget_topics(state, names))
            except KafkaError:
                continue  # the topic is gone regardless; what could not be removed here expires some day

    def _load(self, index: int) -> LoadedShard:
        known = self._shards.get(index)
        if known is not None:
            return known
        if index in self._loading:
            raise KafkaError(errors.COORDINATOR_LOAD_IN_PROGRESS)
        if self._is_leaderless(index):
            raise KafkaError(errors.NOT_COORDINATOR)
        from pykbroker.groups.shard import GroupShard  # with its declarations, too much for a broker without groups

        partition = self._partitions.get(OFFSETS_TOPIC, index)
        shard = GroupShard(settings_of(self._config), self._env.clock, self._env.random)
        runner: ShardRunner[GroupRecord] = ShardRunner(shard, partition, self._env.clock)
        shard.use_timers(runner)
        self._loading.add(index)
        try:
            runner.load()
        finally:
            self._loading.discard(index)
        loaded = self._shards[index] = LoadedShard(runner, shard.state)
        return loaded


class LoadedShard:
    """A shard's state, for reading, and the runner that changes it."""

    __slots__ = ("runner", "state")

    def __init__(self, runner: ShardRunner[GroupRecord], state: ShardState) -> None:
        self.runner = runner
        self.state = state

    def run(self, operation: Callable[[ShardState], Outcome[GroupRecord, R]]) -> R | Later[R]:
        """Run an operation: append, replay, answer. Raises KafkaError, also that of a failed append."""
        return self.runner.submit(lambda: operation(self.state))


def partition_for(group_id: str, count: int) -> int:
    """Return the partition that has a group: Java's string hash, made positive (COORD-01, `Utils.abs`)."""
    return abs_of_java_hash(group_id) % count


def abs_of_java_hash(text: str) -> int:
    """Return `Utils.abs(text.hashCode())` of Java: over UTF-16 units, and 0 for the one int without an opposite."""
    code = 0
    if text.isascii():
        for unit in text.encode():
            code = code * 31 + unit & 0xFFFFFFFF
    else:
        raw = text.encode("utf-16-be")
        for at in range(0, len(raw), 2):
            code = code * 31 + (raw[at] << 8 | raw[at + 1]) & 0xFFFFFFFF
    if code == 0x80000000:
        return 0
    return code if code < 0x80000000 else 0x1_0000_0000 - code


def settings_of(config: Config) -> GroupSettings:
    """Return the settings that groups obey, as they are now."""
    from pykbroker.groups.state import GroupSettings

    return GroupSettings(
        min_session_timeout_ms=config.integer("group.min.session.timeout.ms"),
        max_session_timeout_ms=config.integer("group.max.session.timeout.ms"),
        initial_rebalance_delay_ms=config.integer("group.initial.rebalance.delay.ms"),
        max_size=config.integer("group.max.size"),
        offset_metadata_max_chars=config.integer("offset.metadata.max.bytes"),
        offsets_retention_ms=config.integer("offsets.retention.minutes") * 60_000,
        retention_check_interval_ms=config.integer("offsets.retention.check.interval.ms"),
    )

