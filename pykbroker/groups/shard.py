"""`GroupShard`: the groups and offsets of one partition of `__consumer_offsets`.

The state machine that `ShardRunner` runs. Its state is in `state`; what it can be asked is in `joining` (JoinGroup),
`membership` (SyncGroup, Heartbeat, LeaveGroup), `commits` (offsets), `retention` (what disappears) and `describing`.
All of those are functions of `shard.state`.
"""

from __future__ import annotations

from pykbroker.env import Clock, Random
from pykbroker.groups import records, retention
from pykbroker.groups.rebalance import prepare, start_session
from pykbroker.groups.records import GroupRecord
from pykbroker.groups.state import GroupSettings, ShardState, Step, Timers


class GroupShard:
    """A shard of groups. Give it `timers` (its runner) before it is loaded."""

    __slots__ = ("state",)

    def __init__(self, settings: GroupSettings, clock: Clock, random: Random) -> None:
        self.state = ShardState(settings, clock, random)

    def use_timers(self, timers: Timers) -> None:
        """Take the runner's timers."""
        self.state.timers = timers

    def encode(self, record: GroupRecord) -> tuple[bytes, bytes | None]:
        """Return a record's key and value as they are stored."""
        return records.encode(record)

    def decode(self, key: bytes | None, value: bytes | None) -> GroupRecord | None:
        """Return a stored record, or None for one of another group protocol (INT-04)."""
        return records.decode(key, value)

    def replay(self, record: GroupRecord) -> None:
        """Apply one stored record to the hard state."""
        self.state.replay(record)

    def loaded(self) -> None:
        """Bring the groups back to life: sessions of all members start anew (GRP-42)."""
        state = self.state
        state.restore()
        for group in state.live.values():
            for member in group.members.values():
                start_session(state, group, member)
            if len(group.members) > state.settings.max_size:
                prepare(state, group, Step())  # the limit was lowered; the last to rejoin will be turned away
        retention.schedule_check(state)
