"""What admin clients do: topics, configs, records, groups."""

from tests.compat.matrix.driver import Refused
from tests.compat.matrix.records import numbered
from tests.compat.matrix.scenario import World, scenario
from tests.compat.matrix.scenarios.groups import Group, reading


@scenario("admin-topics", "create-topic", "delete-topic", core=True)
def admin_topics(world: World) -> None:
    """Create a topic, be refused to create it again, delete it, be refused to delete it again."""
    driver, topic = world.driver, world.name
    driver.admin("create-topic", topic=topic, partitions=3, configs={"retention.ms": "77000"})
    assert world.witness.partitions(topic) == 3
    assert world.witness.config(topic, "retention.ms") == "77000"
    assert _refusal(world, "create-topic", topic=topic, partitions=3, configs={}) == "TOPIC_ALREADY_EXISTS"
    driver.admin("delete-topic", topic=topic)
    assert topic not in world.witness.topics()
    assert _refusal(world, "delete-topic", topic=topic) == "UNKNOWN_TOPIC_OR_PARTITION"


@scenario("admin-describe", "describe-topic")
def admin_describe(world: World) -> None:
    """Describe a topic."""
    found = world.driver.admin("describe-topic", topic=world.topic(3))
    assert found["partitions"] == 3
    assert len(set(found["leaders"])) == 1


@scenario("admin-grow", "grow-topic")
def admin_grow(world: World) -> None:
    """Add partitions to a topic; fewer are refused."""
    topic = world.topic(2)
    world.driver.admin("grow-topic", topic=topic, partitions=5)
    assert world.witness.partitions(topic) == 5
    assert _refusal(world, "grow-topic", topic=topic, partitions=3) == "INVALID_PARTITIONS"


@scenario("admin-configs", "get-configs", "set-config")
def admin_configs(world: World) -> None:
    """Read and change a topic's configs; a bad value is refused."""
    topic = world.topic()
    assert world.driver.admin("get-configs", topic=topic)["configs"]["cleanup.policy"] == "delete"
    world.driver.admin("set-config", topic=topic, name="cleanup.policy", value="compact")
    assert world.witness.config(topic, "cleanup.policy") == "compact"
    assert world.driver.admin("get-configs", topic=topic)["configs"]["cleanup.policy"] == "compact"
    assert _refusal(world, "set-config", topic=topic, name="retention.ms", value="soon") == "INVALID_CONFIG"


@scenario("admin-delete-records", "delete-records")
def admin_delete_records(world: World) -> None:
    """Delete the records before an offset."""
    topic = world.topic()
    world.produce(topic, numbered(20))
    found = world.driver.admin("delete-records", topic=topic, partition=0, before=8)
    assert found.get("low_watermark", 8) == 8
    assert [record.offset for record in world.consume(topic, 12)] == list(range(8, 20))


@scenario("admin-groups", "list-groups", "describe-group", "group")
def admin_groups(world: World) -> None:
    """List and describe a group with a member and without."""
    topic = world.topic()
    group = Group(world, [topic])
    member = group.join()
    group.until_shared(1)
    assert world.name in world.driver.admin("list-groups")["groups"]
    found = world.driver.admin("describe-group", group=world.name)
    assert (found["state"], found["members"]) == ("Stable", 1)
    group.leave(member)
    found = world.driver.admin("describe-group", group=world.name)
    assert (found["state"], found["members"]) == ("Empty", 0)


@scenario("admin-delete-group", "delete-group", "group", "manual-commit")
def admin_delete_group(world: World) -> None:
    """Delete a group: refused with a member in it, done without."""
    topic, group, member = reading(world, 3)
    member.commit()
    assert _refusal(world, "delete-group", group=world.name) == "NON_EMPTY_GROUP"
    group.leave(member)
    world.driver.admin("delete-group", group=world.name)
    assert world.witness.committed(world.name, topic)[0] == -1


@scenario("admin-reset-group", "reset-group", "group", "manual-commit")
def admin_reset_group(world: World) -> None:
    """Set a group back: its next member reads from there."""
    topic, group, first = reading(world, 10)
    first.commit()
    group.leave(first)
    world.driver.admin("reset-group", group=world.name, topic=topic, partition=0, offset=4)
    second = group.join()
    group.until(lambda: len(second.got) >= 6, "six records")
    assert [record.offset for record in second.got] == list(range(4, 10))


def _refusal(world: World, action: str, **arguments: object) -> str:
    try:
        world.driver.admin(action, **arguments)
    except Refused as refusal:
        return refusal.error
    return "not refused"
