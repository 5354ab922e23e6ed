"""Many members that join, sync, beat, commit, leave, crash and come back in random order, and a broker that restarts.

GRP-47: every held JoinGroup and SyncGroup gets exactly one answer (a `Later` cannot have two), and a member that does
all it should is never dropped: not by a timer of an earlier generation, not by anybody else's timeouts.
"""

import random

import pytest

from pykbroker import errors
from pykbroker.groups.classic import COMPLETING_REBALANCE, EMPTY, PREPARING_REBALANCE, STABLE
from tests.groups.harness import Asked, World, check_reload

SESSION = 10_000
REBALANCE = 12_000
STEP = 500


class Client:
    """A consumer as clients are: one request at a time, and a heartbeat every 3 seconds while it has a generation."""

    def __init__(self, world: World, dice: random.Random, name: str, instance: str | None) -> None:
        self.world = world
        self.dice = dice
        self.name = name
        self.instance = instance
        self.member_id = ""
        self.generation = -1
        self.metadata = b"0"
        self.joining: Asked | None = None
        self.syncing: Asked | None = None
        self.beat_at = 0
        self.is_well = True  # it never crashed since it got its id: nobody may drop it
        self.assignment: bytes | None = None

    def step(self) -> None:
        """Do the next thing that a healthy client does."""
        if self.joining is not None:
            if not self.joining.is_held:
                self.joined(self.joining)
        elif self.syncing is not None:
            if not self.syncing.is_held:
                self.synced(self.syncing)
        elif self.generation < 0:
            self.join()
        self.beat()

    def join(self) -> None:
        self.assignment = None
        self.joining = self.world.join(
            self.member_id, instance=self.instance, protocols=(("range", self.metadata),), session=SESSION,
            rebalance=REBALANCE, client=self.name,
        )

    def joined(self, answer: Asked) -> None:
        self.joining = None
        if answer.error_code == errors.MEMBER_ID_REQUIRED:
            self.member_id = answer.member_id
            self.join()
        elif answer.error_code:
            self.refused(answer.error_code)
        else:
            self.member_id = answer.member_id
            self.generation = answer.generation_id
            self.beat_at = self.world.clock.now_ms() + 3_000
            assignments = {}
            if answer.leader == self.member_id and not answer.skip_assignment:
                assignments = {
                    one.member_id: b"%s@%d" % (one.member_id.encode(), self.generation) for one in answer.members
                }
                assert self.member_id in assignments
            self.syncing = self.world.sync(self.member_id, self.generation, assignments, instance=self.instance)

    def synced(self, answer: Asked) -> None:
        self.syncing = None
        if answer.error_code:
            self.refused(answer.error_code)
        else:
            self.assignment = answer.assignment
            if self.instance is None:
                assert answer.assignment == b"%s@%d" % (self.member_id.encode(), self.generation)

    def beat(self) -> None:
        if self.generation < 0 or self.world.clock.now_ms() < self.beat_at:
            return
        self.beat_at = self.world.clock.now_ms() + 3_000
        code = self.world.heartbeat(self.member_id, self.generation, instance=self.instance)
        if code and self.joining is None and self.syncing is None:
            self.refused(code)
        elif code == 0 and self.assignment is not None and self.dice.random() < 0.3:
            partition = int(self.name)
            committed = self.world.commit(
                self.world.clock.now_ms(), partition=partition, generation=self.generation, member_id=self.member_id,
                instance=self.instance,
            )
            assert committed in (0, errors.REBALANCE_IN_PROGRESS, errors.ILLEGAL_GENERATION), committed

    def refused(self, code: int) -> None:
        self.generation = -1
        if code == errors.REBALANCE_IN_PROGRESS:
            return
        assert code in (errors.UNKNOWN_MEMBER_ID, errors.ILLEGAL_GENERATION), code
        if code == errors.UNKNOWN_MEMBER_ID:
            assert not self.is_well, f"{self.name} was dropped and had done nothing wrong"
            self.member_id = ""
            self.is_well = True

    def leave(self) -> None:
        if self.member_id and self.joining is None and self.syncing is None and self.instance is None:
            self.world.leave(self.member_id)
            self.crash()
            self.member_id = ""
            self.is_well = True

    def crash(self) -> None:
        """Forget what was going on; a static member also forgets its id."""
        self.joining = self.syncing = None
        self.generation = -1
        self.is_well = False
        if self.instance is not None:
            self.member_id = ""
            self.is_well = True  # under its next id


def check(world: World) -> None:
    """What must be true after every step."""
    for group in world.state.live.values():
        timers = world.runner._timers
        assert (group.state == EMPTY) == (not group.members) or group.state == PREPARING_REBALANCE
        assert (("join", group.group_id) in timers) == (group.state == PREPARING_REBALANCE)
        for member_id, member in group.members.items():
            is_waiting = member.held_join is not None or member.held_sync is not None
            assert is_waiting or ("session", group.group_id, member_id) in timers
            assert member.held_join is None or group.state == PREPARING_REBALANCE
            assert member.held_sync is None or group.state == COMPLETING_REBALANCE
        for member_id in group.pending_members:
            assert ("session", group.group_id, member_id) in timers
        assert group.pending_sync <= group.members.keys()
        assert group.leader in group.members or (group.leader is None and not group.members)


@pytest.mark.parametrize("seed", range(40))
def test_members_in_random_order(seed: int) -> None:  # GRP-47, GRP-30, GRP-29
    dice = random.Random(seed)
    world = World(initial_rebalance_delay_ms=dice.choice([0, 3_000]))
    instances = [f"static-{at}" if dice.random() < 0.3 else None for at in range(dice.randint(2, 12))]
    clients = [Client(world, dice, str(at), instance) for at, instance in enumerate(instances)]
    for _ in range(800):
        client = dice.choice(clients)
        chance = dice.random()
        if chance < 0.01:
            client.leave()
        elif chance < 0.02:
            client.crash()
        elif chance < 0.03:
            client.metadata = b"%d" % dice.randint(0, 9)
            if client.joining is None and client.syncing is None:
                client.generation = -1
        elif chance < 0.032:
            world = world.restart()  # what was held is gone with its connections
            for one in clients:
                one.world = world
                one.joining = one.syncing = None
                one.generation = -1
                one.is_well = False
        check(world)
        for one in dice.sample(clients, len(clients)):
            one.step()
            check(world)
        world.advance(STEP)
        check(world)

    for _ in range(300):  # everybody behaves from here on
        for one in clients:
            one.step()
        world.advance(STEP)
    group = world.group()
    assert (group.state, len(group.members)) == (STABLE, len(clients))
    assert {one.generation for one in clients} == {group.generation_id}
    assert {one.member_id for one in clients} == set(group.members)
    assert not any(one.is_held for one in world.asked)
    check_reload(world)


def test_hundred_members_join_at_once() -> None:  # GRP-47
    world = World()
    joins = [world.join(version=3) for _ in range(100)]
    world.advance(0)
    assert {one.generation_id for one in joins} == {1}
    assert len(joins[0].members) == 100
    world.finish([one.member_id for one in joins])
    again = [world.join(one.member_id) for one in joins]
    assert {one.generation_id for one in again} == {2}
    world.finish([one.member_id for one in again])
    check_reload(world)


def test_answers_are_released_when_all_state_is_consistent() -> None:  # GRP-47
    """A client whose next request is there already is served inside of its answer."""
    world = World()
    joins = [world.join(version=3) for _ in range(3)]
    synced: list[Asked] = []

    def sync_at_once(at: int) -> None:
        answer = joins[at]
        synced.append(world.sync(answer.member_id, answer.generation_id, {answer.member_id: b"all"}))

    for at, one in enumerate(joins):
        one.later.then(lambda _, at=at: sync_at_once(at))  # type: ignore[misc]
    world.advance(0)
    assert [one.error_code for one in synced] == [0, 0, 0]
    assert world.group().state == STABLE
    check_reload(world)
