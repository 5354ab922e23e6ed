"""Steps on topics and configs."""

from pykbroker.wire.messages.create_partitions import CreatePartitionsRequest
from pykbroker.wire.messages.describe_configs import DescribeConfigsRequest
from pykbroker.wire.messages.incremental_alter_configs import IncrementalAlterConfigsRequest
from pykbroker.wire.messages.metadata import MetadataRequest
from pykbroker.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from tests.compat.oracle.asking import APPEND, DELETE, SET, SUBTRACT, TOPIC, alter, await_topic, create, delete
from tests.compat.oracle.generated.world import TOPICS_AT_MOST, World, step
from tests.compat.oracle.statements.configs import describe
from tests.compat.oracle.statements.metadata import ask_metadata
from tests.compat.oracle.statements.topics import grow

CONFIGS = [
    {},
    {},
    {"cleanup_policy": "compact"},
    {"max_message_bytes": "200"},
    {"message_timestamp_after_max_ms": "10"},
    {"cleanup_policy": "compact,delete"},
    {"segment_bytes": "1048576"},
]

CHANGES = [
    ("max.message.bytes", SET, "150"),
    ("max.message.bytes", DELETE, None),
    ("cleanup.policy", APPEND, "compact"),
    ("cleanup.policy", SUBTRACT, "compact"),
    ("cleanup.policy", SET, "burn"),
    ("retention.ms", SET, "soon"),
    ("nonsense", SET, "1"),
    ("retention.bytes", SET, "-1"),
    ("min.insync.replicas", SET, "2"),
    ("cleanup.policy", SET, None),
]


@step(4)
def create_topic(world: World) -> None:
    if len(world.topics) < TOPICS_AT_MOST:
        world.created += 1
        partitions = world.random.randint(1, 3)
        topic = create(world.node, f"-{world.created}", partitions, **world.random.choice(CONFIGS))
        world.topics[topic] = partitions


@step(1)
def delete_topic(world: World) -> None:
    if len(world.topics) > 1:
        topic = world.random.choice(sorted(world.topics))
        delete(world.node, topic)
        del world.topics[topic]
        world.sessions.clear()  # which error a session has for it, and for how long, is a matter of time
        await_no_offsets(world, topic)


def await_no_offsets(world: World, topic: str) -> None:
    """Return when no group has offsets of a deleted topic any more: Kafka deletes them a little later."""
    wanted = [OffsetFetchRequestGroup(group_id=f"{world.node.name}-group-{n}", topics=None) for n in (1, 2)]

    def gone() -> bool:
        groups = world.node.ask(OffsetFetchRequest(groups=wanted), 9).groups
        return all(each.name != topic for found in groups for each in found.topics)

    world.node.until(gone, "the offsets are gone")


@step(2)
def add_partitions(world: World) -> None:
    world.show(CreatePartitionsRequest)
    topic = world.topic()
    count = world.topics.get(topic, 1) + world.random.randint(-1, 1)
    if not grow(world.node, topic, count).error_code:
        await_topic(world.node, topic, count)
        world.topics[topic] = count


@step(4)
def change_config(world: World) -> None:
    world.show(IncrementalAlterConfigsRequest)
    alter(world.node, TOPIC, world.topic(), world.random.choice(CHANGES), validate_only=world.chance(10))


@step(3)
def describe_config(world: World) -> None:
    world.show(DescribeConfigsRequest)
    keys = world.random.choice([None, ["cleanup.policy", "max.message.bytes"], []])
    describe(world.node, TOPIC, world.topic(), keys, include_synonyms=world.chance(50))


@step(4)
def metadata(world: World) -> None:
    world.show(MetadataRequest, low=4)
    ask_metadata(world.node, world.topic(), world.topic())
