"""Committed offsets: by hand, on their own, with metadata."""

from tests.compat.matrix.records import numbered
from tests.compat.matrix.scenario import World, scenario
from tests.compat.matrix.scenarios.groups import reading


@scenario("commit-manual", "group", "manual-commit", core=True)
def commit_manual(world: World) -> None:
    """What was committed is where the group goes on; what was not is read again."""
    topic, group, first = reading(world, 10)
    first.commit()
    world.produce(topic, numbered(5, "again"))
    group.until_read(15)
    group.kill(first)
    assert world.witness.committed(world.name, topic)[0] == 10  # some libraries have metadata of their own
    second = group.join()
    group.until(lambda: len(second.got) >= 5, "five records again")
    assert [record.offset for record in second.got] == list(range(10, 15))


@scenario("commit-auto", "group", "auto-commit")
def commit_auto(world: World) -> None:
    """With automatic commits, a member that closes leaves its position behind."""
    topic, group, first = reading(world, 10, auto_commit=True)
    group.until(lambda: world.witness.committed(world.name, topic)[0] == 10, "an automatic commit")
    group.leave(first)
    world.produce(topic, numbered(5, "new"))
    second = group.join()
    group.until(lambda: len(second.got) >= 5, "the five new records")
    assert [record.offset for record in second.got] == list(range(10, 15))


@scenario("commit-metadata", "group", "manual-commit", "commit-metadata")
def commit_metadata(world: World) -> None:
    """The metadata of a commit comes back."""
    topic, group, member = reading(world, 3)
    member.commit(metadata="as far as it goes ✓")
    assert world.witness.committed(world.name, topic) == (3, "as far as it goes ✓")
    group.leave(member)


@scenario("committed", "group", "manual-commit", "committed")
def committed(world: World) -> None:
    """A client reads what a group has committed, and -1 where it has not."""
    topic, group, member = reading(world, 7, partitions=2)
    member.commit()
    group.leave(member)
    events = world.driver.call("committed", group=world.name, topic=topic, partitions=[0])
    assert [(e["partition"], e["offset"]) for e in events if e["event"] == "committed"] == [(0, 7)]
    events = world.driver.call("committed", group=f"{world.name}-none", topic=topic, partitions=[0])
    assert [e["offset"] for e in events if e["event"] == "committed"] == [-1]
