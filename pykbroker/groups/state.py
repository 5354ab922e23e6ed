"""What one group shard knows, and what an operation on it looks like while it is being decided.

Hard state, changed by `replay` alone: `stored` (the last `GroupMetadataValue` of each group) and `offsets`.
Soft state, started from the hard one by `restore`: `live`, the groups as they are right now, with the requests that
they hold and their timers. A rebalance runs in soft state only; it is stored when the leader's SyncGroup ends it, or
when the group becomes Empty. So a restart brings back the last generation that was complete, and its members' sessions
start anew.

An operation collects its records and the answers to held requests in a `Step`. Answers are released last, when all
state is consistent, because releasing one may bring in the client's next request at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from pykbroker import errors
from pykbroker.env import Clock, Random
from pykbroker.errors import KafkaError
from pykbroker.groups.classic import ClassicGroup
from pykbroker.groups.offsets import Offsets
from pykbroker.groups.records import GroupRecord, MetadataRecord
from pykbroker.later import Later
from pykbroker.shard import Outcome
from pykbroker.wire.messages.group_records import GroupMetadataValue

T = TypeVar("T")
R = TypeVar("R")


class GroupSettings:
    """The broker settings that groups obey. Times in milliseconds."""

    __slots__ = (
        "initial_rebalance_delay_ms", "max_session_timeout_ms", "max_size", "min_session_timeout_ms",
        "new_member_join_timeout_ms", "offset_metadata_max_chars", "offsets_retention_ms",
        "retention_check_interval_ms",
    )

    def __init__(
        self,
        *,
        min_session_timeout_ms: int = 6_000,
        max_session_timeout_ms: int = 1_800_000,
        initial_rebalance_delay_ms: int = 3_000,
        max_size: int = 2_147_483_647,
        offset_metadata_max_chars: int = 4_096,
        offsets_retention_ms: int = 10_080 * 60_000,
        retention_check_interval_ms: int = 600_000,
    ) -> None:
        self.min_session_timeout_ms = min_session_timeout_ms
        self.max_session_timeout_ms = max_session_timeout_ms
        self.initial_rebalance_delay_ms = initial_rebalance_delay_ms
        self.max_size = max_size
        self.offset_metadata_max_chars = offset_metadata_max_chars
        self.offsets_retention_ms = offsets_retention_ms
        self.retention_check_interval_ms = retention_check_interval_ms
        self.new_member_join_timeout_ms = 300_000  # not a setting of Kafka's either (GRP-31)


class Timers(Protocol):
    """Operations that are due later, by key; `ShardRunner` is one."""

    def schedule(self, key: object, delay_ms: float, operation: Callable[[], Outcome[GroupRecord, None]]) -> None:
        """Run an operation later; one of the same key is replaced."""

    def cancel(self, key: object) -> None:
        """Drop the operation of that key, if there is one."""


class Step:
    """One operation being decided: what to store, what to do then, whom to answer at the very end."""

    __slots__ = ("_answers", "_failed", "_stored", "records")

    def __init__(self) -> None:
        self.records: list[GroupRecord] = []
        self._stored: Callable[[], None] | None = None
        self._failed: Callable[[KafkaError], None] | None = None
        self._answers: list[Callable[[], None]] = []

    def answer(self, held: Later[T], response: T) -> None:
        """Resolve a held request at the end of the operation."""
        self._answers.append(lambda: held.resolve(response))

    def when_stored(self, effect: Callable[[], None]) -> None:
        """Run a soft effect once the records are stored and replayed."""
        self._stored = effect

    def when_failed(self, effect: Callable[[KafkaError], None]) -> None:
        """Run a soft effect if the records could not be stored."""
        self._failed = effect

    def outcome(self, reply: R | Later[R]) -> Outcome[GroupRecord, R]:
        """Return the decision, for the runner to carry out."""
        return Outcome(reply, self.records, self._finish)

    def _finish(self, error: KafkaError | None) -> None:
        if error is None and self._stored is not None:
            self._stored()
        if error is not None and self._failed is not None:
            self._failed(error)
        for release in self._answers:
            release()


class ShardState:
    """The groups of one shard. Owned by `GroupShard`; see the module for which part is hard and which soft."""

    __slots__ = ("clock", "live", "offsets", "random", "settings", "stored", "timers")

    def __init__(self, settings: GroupSettings, clock: Clock, random: Random) -> None:
        self.settings = settings
        self.clock = clock
        self.random = random
        self.timers: Timers | None = None
        self.stored: dict[str, GroupMetadataValue] = {}
        self.offsets = Offsets()
        self.live: dict[str, ClassicGroup] = {}

    def replay(self, record: GroupRecord) -> None:
        """Apply one stored record to the hard state."""
        if not isinstance(record, MetadataRecord):
            self.offsets.replay(record)
        elif record.value is not None:
            self.stored[record.group_id] = record.value
        else:
            self.stored.pop(record.group_id, None)

    def restore(self) -> None:
        """Start the soft state from the hard one; a group that only has offsets is a simple one."""
        self.live = {group_id: ClassicGroup.restored(group_id, value) for group_id, value in self.stored.items()}
        for group_id in self.offsets.groups():
            if group_id not in self.live:
                self.live[group_id] = ClassicGroup(group_id, self.clock.now_ms())

    def get_or_create(self, group_id: str) -> ClassicGroup:
        """Return a live group, new and Empty if there was none."""
        group = self.live.get(group_id)
        if group is None:
            group = self.live[group_id] = ClassicGroup(group_id, self.clock.now_ms())
        return group

    def member_of(self, group_id: str) -> ClassicGroup:
        """Return a live group that may have members, or raise UNKNOWN_MEMBER_ID: a member of no group is unknown."""
        group = self.live.get(group_id)
        if group is None:
            raise KafkaError(errors.UNKNOWN_MEMBER_ID)
        return group

    def schedule(self, key: object, delay_ms: float, operation: Callable[[], Outcome[GroupRecord, None]]) -> None:
        """Run an operation later; one of the same key is replaced."""
        assert self.timers is not None, "the shard has no timers yet"
        self.timers.schedule(key, delay_ms, operation)

    def cancel(self, key: object) -> None:
        """Drop the operation of that key, if there is one."""
        assert self.timers is not None, "the shard has no timers yet"
        self.timers.cancel(key)


def require_group_id(group_id: str) -> None:
    """Raise INVALID_GROUP_ID for the empty id, which only offsets and administration may use (GRP-01)."""
    if not group_id:
        raise KafkaError(errors.INVALID_GROUP_ID)
