"""Consumer groups: every assignor, static members, members that join, leave and die, patterns, topics that grow."""

import time
from collections.abc import Callable

from tests.compat.matrix.driver import Session
from tests.compat.matrix.records import Record, decoded, numbered
from tests.compat.matrix.scenario import World, scenario

PARTITIONS = 4


class Member:
    """A member of a group: a driver that runs, and what it told."""

    def __init__(self, world: World, group: str, topics: list[str], **arguments: object) -> None:
        source: dict[str, object] = {"topics": topics} if topics else {}
        self.session: Session = world.driver.open("group", group=group, **source, **arguments)

    @property
    def owned(self) -> set[tuple[str, int]]:
        """What the member owns now, as its library's callbacks tell."""
        owned: set[tuple[str, int]] = set()
        for event in self.session.events:
            partitions = {(topic, index) for topic, index in event.get("partitions", ())}
            if event["event"] == "assigned":
                owned |= partitions
            elif event["event"] == "revoked":
                owned -= partitions
            elif event["event"] == "owned":
                owned = partitions
        return owned

    @property
    def got(self) -> list[Record]:
        """The records that it got."""
        return decoded(self.session.events)

    def commit(self, **metadata: str) -> None:
        """Commit the positions of what it owns."""
        before = len(self.session.told("committed"))
        self.session.send({"do": "commit", **metadata})
        self.session.until(
            lambda: len(self.session.told("committed")) > before or self.session.told("commit-failed"), "a commit", 20
        )
        assert not self.session.told("commit-failed"), self.session.told("commit-failed")

    def stop(self) -> None:
        """Close it as its users would."""
        self.session.send({"do": "stop"})
        self.session.finish("the member's close", 30)


class Group:
    """Members, followed together."""

    def __init__(self, world: World, topics: list[str], **arguments: object) -> None:
        self.world = world
        self.members: list[Member] = []
        self.gone: list[Member] = []
        self._topics = topics
        self._arguments = arguments

    def join(self, **arguments: object) -> Member:
        """Start a member."""
        member = Member(self.world, self.world.name, self._topics, **{**self._arguments, **arguments})
        self.members.append(member)
        return member

    def leave(self, member: Member) -> None:
        """Let a member close."""
        member.stop()
        self._remove(member)

    def kill(self, member: Member) -> None:
        """Let a member die."""
        member.session.kill()
        self._remove(member)

    def until(self, holds: Callable[[], object], what: str, limit_s: float = 45.0) -> None:
        """Follow the members until something holds."""
        end = time.monotonic() + limit_s
        while not holds():
            owned = [sorted(member.owned) for member in self.members]
            assert time.monotonic() < end, f"{what}: they own {owned}, got {len(self.got)}"
            moved = False
            for member in self.members:
                while member.session.take(0 if moved else 0.02):
                    moved = True
                assert not member.session.is_over, "a member ended on its own"

    def until_shared(self, *counts: int, topic: str | None = None) -> None:
        """Follow until the members own so many partitions each, in any order, and each partition is owned once."""
        everything = {(topic or self._topics[0], index) for index in range(sum(counts))}

        def is_shared() -> bool:
            owned = [member.owned for member in self.members]
            return sorted(map(len, owned)) == sorted(counts) and set().union(*owned) == everything

        self.until(is_shared, f"partitions shared as {counts}")

    def until_read(self, count: int) -> None:
        """Follow until so many different records have come to all members, also those that are gone."""
        self.until(lambda: len(self.got) >= count, f"{count} records")

    @property
    def got(self) -> set[tuple[str, int, int]]:
        """Topic, partition and offset of every record that came."""
        return {(r.topic, r.partition, r.offset) for member in (*self.gone, *self.members) for r in member.got}

    def _remove(self, member: Member) -> None:
        self.members.remove(member)
        self.gone.append(member)


def reading(world: World, count: int, partitions: int = 1, **arguments: object) -> tuple[str, Group, Member]:
    """Return a topic with `count` records in partition 0, and a group whose one member has read them."""
    topic = world.topic(partitions)
    world.produce(topic, [record._replace(partition=0) if partitions > 1 else record for record in numbered(count)])
    group = Group(world, [topic], **arguments)
    member = group.join()
    group.until_read(count)
    return topic, group, member


@scenario("group-range", "group", "range", core=True)
def group_range(world: World) -> None:
    """Two members with `range` join, share, leave, and the next one goes on after their commits."""
    _join_share_leave(world, "range")


@scenario("group-roundrobin", "group", "roundrobin")
def group_roundrobin(world: World) -> None:
    """The same with `roundrobin`."""
    _join_share_leave(world, "roundrobin")


@scenario("group-sticky", "group", "sticky")
def group_sticky(world: World) -> None:
    """The same with `sticky`."""
    _join_share_leave(world, "sticky")


@scenario("group-cooperative", "group", "cooperative-sticky", core=True)
def group_cooperative(world: World) -> None:
    """The same with `cooperative-sticky`, in two rebalances and without giving up what stays."""
    _join_share_leave(world, "cooperative-sticky")


@scenario("group-default", "group")
def group_default(world: World) -> None:
    """The same with the library's default assignor."""
    _join_share_leave(world, None)


def _join_share_leave(world: World, assignor: str | None) -> None:
    topic = world.topic(PARTITIONS)
    world.produce(topic, numbered(40, partitions=PARTITIONS))
    commits = "manual-commit" in world.can
    group = Group(world, [topic], **({"assignor": assignor} if assignor else {}))
    first = group.join()
    group.until_shared(4)
    group.until_read(40)
    if commits:
        first.commit()
    second = group.join()
    group.until_shared(2, 2)
    world.produce(topic, numbered(20, "more", PARTITIONS))
    group.until_read(60)
    if commits:
        first.commit()
        second.commit()
    group.leave(first)
    group.until_shared(4)
    group.leave(second)
    if commits:
        world.produce(topic, numbered(4, "last", PARTITIONS))
        third = group.join()
        group.until_read(64)
        assert sorted(record.value or b"" for record in third.got) == [b"last%d" % n for n in range(4)]
        group.leave(third)


@scenario("group-static", "group", "static")
def group_static(world: World) -> None:
    """A static member that restarts gets its partitions back, and the other one is not disturbed."""
    topic = world.topic(PARTITIONS)
    assignor = {"assignor": "range"} if "range" in world.can else {}
    group = Group(world, [topic], session_timeout_ms=20_000, **assignor)
    stays, goes = group.join(instance="stays"), group.join(instance="goes")
    group.until_shared(2, 2)
    kept, returned = stays.owned, goes.owned
    told = len(stays.session.events)
    group.kill(goes)
    back = group.join(instance="goes")
    group.until_shared(2, 2)
    assert (stays.owned, back.owned) == (kept, returned)
    stays.session.drain()
    moved = [event for event in stays.session.events[told:] if event["event"] in ("assigned", "revoked", "owned")]
    assert not moved, f"the other member was disturbed: {moved}"


@scenario("group-member-dies", "group", core=True)
def group_member_dies(world: World) -> None:
    """When a member's process is killed, the others get its partitions after its session timeout."""
    topic = world.topic(PARTITIONS)
    group = Group(world, [topic])
    victim = group.join()
    group.until_shared(4)
    group.join()
    group.until_shared(2, 2)
    group.kill(victim)
    group.until_shared(4)
    world.produce(topic, numbered(8, partitions=PARTITIONS))
    group.until_read(8)


@scenario("group-pattern", "group", "regex")
def group_pattern(world: World) -> None:
    """A member that subscribes to a pattern reads topics that match, a new one too."""
    first = world.topic(suffix="-match-1")
    world.topic(suffix="-other")
    group = Group(world, [], pattern=f"{world.name}-match-.*")
    group.join()
    group.until_shared(1, topic=first)
    second = world.topic(suffix="-match-2")
    for topic in (first, second):
        world.produce(topic, numbered(5))
    group.until_read(10)
    assert {topic for topic, _, _ in group.got} == {first, second}


@scenario("group-topic-grows", "group")
def group_topic_grows(world: World) -> None:
    """Members get the partitions that are added to their topic."""
    topic = world.topic(1)
    group = Group(world, [topic])
    group.join()
    group.until_shared(1)
    world.witness.grow(topic, 3)
    group.until_shared(3)
    world.produce(topic, numbered(9, partitions=3))
    group.until_read(9)
