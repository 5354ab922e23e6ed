"""Consumer groups: joining, sharing, leaving, committing and resuming, with every client and assignor."""

import contextlib
import signal
from collections.abc import Iterator

import pytest

from tests.compat.clients import CLIENTS, Client, Member, Record, client_named, reason_to_skip
from tests.compat.clients.kcat import KcatMember
from tests.compat.clients.model import by_partition
from tests.compat.conftest import usable
from tests.compat.polling import eventually
from tests.compat.process import Broker
from tests.compat.topics import create_topic

ASSIGNORS = ("range", "roundrobin", "sticky", "cooperative-sticky")


def some_records(partitions: int, each: int, mark: str = "") -> list[Record]:
    """Return records whose values tell partition and position."""
    return [
        Record(f"{mark}{partition}/{number}".encode(), partition=partition)
        for partition in range(partitions)
        for number in range(each)
    ]


class Group:
    """Members of one group, polled in turn until something holds."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.got: list[Record] = []

    def add(self, member: Member) -> Member:
        """Take a member in; it is closed when the test ends."""
        self.members.append(member)
        return member

    def poll(self) -> None:
        """Give each member its turn."""
        for member in self.members:
            self.got += member.poll()

    def until_shared(self, topic: str, *counts: int) -> None:
        """Poll until the members own these numbers of partitions (in any order), each partition owned once."""

        def shared() -> bool:
            self.poll()
            owned = [member.assignment() for member in self.members]
            everything = {(topic, partition) for partition in range(sum(counts))}
            return sorted(map(len, owned)) == sorted(counts) and set().union(*owned) == everything

        eventually(shared, 45, f"members own {counts} partitions")

    def until_read(self, count: int) -> list[Record]:
        """Poll until `count` records have come, and return them."""

        def enough() -> bool:
            self.poll()
            return len(self.got) >= count

        eventually(enough, 45, f"{count} records are read")
        return self.got

    def leave(self, member: Member) -> None:
        """Close one member."""
        self.members.remove(member)
        member.close()


@pytest.fixture
def group() -> Iterator[Group]:
    """An empty group; members still in it at the end are closed."""
    members = Group()
    yield members
    for member in members.members:
        with contextlib.suppress(Exception):
            member.close()


@pytest.mark.parametrize("assignor", ASSIGNORS)
def test_two_members_share_leave_and_resume(
    client: Client, broker: Broker, name: str, group: Group, assignor: str,
) -> None:
    """GRP-03, GRP-12, GRP-13, GRP-17, GRP-24, GRP-33, OFF-30, OFF-31, COORD-02"""
    if assignor not in client.assignors:
        pytest.skip(f"{client.name} has no {assignor} assignor")
    create_topic(broker.bootstrap, name, partitions=4)
    client.produce(broker.bootstrap, name, some_records(4, 10))
    first = group.add(client.member(broker.bootstrap, name, name, assignor=assignor, heartbeat_ms=300))
    group.until_shared(name, 4)
    group.until_read(40)
    first.commit()
    second = group.add(client.member(broker.bootstrap, name, name, assignor=assignor, heartbeat_ms=300))
    group.until_shared(name, 2, 2)
    client.produce(broker.bootstrap, name, some_records(4, 5, "more "))
    got = group.until_read(60)
    assert sorted(record.value or b"" for record in got[40:]) == sorted(
        record.value or b"" for record in some_records(4, 5, "more ")
    )
    for member in (first, second):
        member.commit()
    group.leave(first)
    group.until_shared(name, 4)
    group.leave(second)
    # The group is empty now; whoever comes next starts after what was committed.
    client.produce(broker.bootstrap, name, some_records(4, 1, "last "))
    group.got.clear()
    group.add(client.member(broker.bootstrap, name, name, assignor=assignor))
    group.until_read(4)
    assert sorted(record.value or b"" for record in group.got) == [f"last {p}/0".encode() for p in range(4)]


def test_members_on_default_settings_read_everything(broker: Broker, name: str) -> None:
    """GRP-07, GRP-08, GRP-28, OFF-17: no committed offset sends the consumer to its auto.offset.reset.

    A group per client, all at once: on defaults a member hears of a rebalance within the 3 s between its heartbeats.
    """
    create_topic(broker.bootstrap, name, partitions=2)
    usable("kafka-python").produce(broker.bootstrap, name, some_records(2, 100))
    clients = [client_named(which) for which in CLIENTS if not reason_to_skip(which)]
    groups = [Group() for _ in clients]
    for client, group in zip(clients, groups, strict=True):
        group.add(client.member(broker.bootstrap, f"{name}-{client.name}", name))
    for group in groups:
        got = by_partition(group.until_read(200))
        assert {p: [r.offset for r in rs] for p, rs in got.items()} == {p: list(range(100)) for p in range(2)}
    for client, group in zip(clients, groups, strict=True):
        group.add(client.member(broker.bootstrap, f"{name}-{client.name}", name))

    def all_shared() -> bool:
        for group in groups:
            group.poll()
        owned = [sorted(member.assignment() for member in group.members) for group in groups]
        return all(sorted(map(len, sets)) == [1, 1] and set.union(*sets) == {(name, 0), (name, 1)} for sets in owned)

    eventually(all_shared, 45, "each group's two members own a partition each")
    for group in groups:
        for member in group.members:
            member.close()


def test_members_of_different_clients_share_a_group(broker: Broker, name: str, group: Group) -> None:
    """GRP-15, GRP-48: all clients but aiokafka, whose round-robin default has no other speaker, know `range`."""
    create_topic(broker.bootstrap, name, partitions=4)
    clients = [usable(which) for which in ("kafka-python", "confluent")]
    clients[0].produce(broker.bootstrap, name, some_records(4, 10))
    for client in clients:
        group.add(client.member(broker.bootstrap, name, name, assignor="range", heartbeat_ms=300))
    group.until_shared(name, 2, 2)
    group.until_read(40)
    group.add(usable("kcat").member(broker.bootstrap, name, name, assignor="range"))
    group.until_shared(name, 1, 1, 2)


@pytest.mark.parametrize("which", ["kafka-python", "confluent", "kcat"])
def test_static_member_keeps_its_partitions_over_a_restart(
    broker: Broker, name: str, group: Group, which: str,
) -> None:
    """GRP-36, GRP-37, GRP-40: aiokafka sends LeaveGroup for static members too, so it is not among them."""
    client = usable(which)
    create_topic(broker.bootstrap, name, partitions=4)
    client.produce(broker.bootstrap, name, some_records(4, 1))
    stays = group.add(client.member(broker.bootstrap, name, name, assignor="range", instance="stays", heartbeat_ms=300))
    goes = group.add(client.member(broker.bootstrap, name, name, assignor="range", instance="goes", heartbeat_ms=300))
    group.until_shared(name, 2, 2)
    kept, returned = stays.assignment(), goes.assignment()
    group.leave(goes)
    for _ in range(5):
        group.poll()
    assert stays.assignment() == kept
    back = group.add(client.member(broker.bootstrap, name, name, assignor="range", instance="goes", heartbeat_ms=300))
    group.until_shared(name, 2, 2)
    assert (stays.assignment(), back.assignment()) == (kept, returned)


def test_member_that_is_killed_is_replaced_when_its_session_ends(broker: Broker, name: str, group: Group) -> None:
    """GRP-29: kcat is the victim, since it is a process that can be killed."""
    kcat, survivor = usable("kcat"), usable("confluent")
    create_topic(broker.bootstrap, name, partitions=4)
    kcat.produce(broker.bootstrap, name, some_records(4, 1))
    arguments = ["-b", broker.bootstrap, "-X", "partition.assignment.strategy=range", "-X", "session.timeout.ms=6000"]
    victim = group.add(KcatMember([*arguments, "-X", "heartbeat.interval.ms=1000", "-G", name, name]))
    group.until_shared(name, 4)
    group.members.remove(victim)
    assert isinstance(victim, KcatMember)
    victim.process.send_signal(signal.SIGKILL)
    victim.process.wait()
    group.add(survivor.member(broker.bootstrap, name, name, assignor="range"))
    group.until_shared(name, 4)


@pytest.mark.parametrize("reader", CLIENTS)
def test_offsets_committed_by_one_client_are_resumed_by_another(
    client: Client, broker: Broker, name: str, group: Group, reader: str,
) -> None:
    """OFF-09, OFF-24"""
    usable(reader)
    create_topic(broker.bootstrap, name, partitions=2)
    client.produce(broker.bootstrap, name, some_records(2, 20))
    first = group.add(client.member(broker.bootstrap, name, name))
    group.until_read(40)
    first.commit()
    group.leave(first)
    client.produce(broker.bootstrap, name, some_records(2, 3, "new "))
    group.got.clear()
    group.add(client_named(reader).member(broker.bootstrap, name, name))
    got = group.until_read(6)
    assert {(record.partition, record.offset) for record in got} == {(p, 20 + n) for p in range(2) for n in range(3)}
