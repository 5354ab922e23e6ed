"""The broker goes away and comes back, in the middle of work."""

import signal

from tests.compat.matrix.scenario import World, scenario
from tests.compat.matrix.scenarios.groups import Group


@scenario("restart-under-load")
def restart_under_load(world: World) -> None:
    """The broker restarts while a client produces: every record is delivered, and read back."""
    _under_load(world, clean=True)


@scenario("kill-under-load")
def kill_under_load(world: World) -> None:
    """The same, when the broker is killed with SIGKILL."""
    _under_load(world, clean=False)


def _under_load(world: World, *, clean: bool) -> None:
    broker = world.start_broker()
    topic = world.topic()
    writer = world.driver.open("produce", topic=topic, count=300, size=20, pause_ms=5, timeout_ms=60_000)
    writer.until(lambda: len(writer.told("delivered")) >= 50, "fifty records")
    broker.restart(clean)
    writer.until(lambda: len(writer.told("delivered")) >= 150, "more records after the restart", 50)
    broker.restart(clean)
    writer.finish("all records", 50)
    failed = writer.told("failed")
    assert not failed, f"not delivered: {failed[:3]}"
    # A retry without idempotence may store a record twice, which is Kafka's promise too; none may be missing.
    stored = {record.value for record in world.witness.records(topic)}
    assert stored >= {b"%08d" % n + b"." * 12 for n in range(300)}


@scenario("group-over-restart", "group", "manual-commit")
def group_over_restart(world: World) -> None:
    """A member goes on after a restart of the broker, and its commits are still there."""
    broker = world.start_broker()
    topic = world.topic(2)
    world.driver.call("produce", topic=topic, count=10, size=10, partition=0)
    group = Group(world, [topic])
    member = group.join()
    group.until_read(10)
    member.commit()
    broker.stop(signal.SIGTERM)
    broker.start()
    world.driver.call("produce", topic=topic, count=10, size=10, partition=1)
    group.until_read(20)
    member.commit()
    assert world.witness.committed(world.name, topic, 0)[0] == 10
    assert world.witness.committed(world.name, topic, 1)[0] == 10
