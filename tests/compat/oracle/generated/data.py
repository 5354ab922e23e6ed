"""Steps on records: produce, fetch, look up, delete."""

import struct

from pykbroker.wire.messages.delete_records import DeleteRecordsRequest
from pykbroker.wire.messages.describe_producers import DescribeProducersRequest, TopicRequest
from pykbroker.wire.messages.fetch import FetchRequest
from pykbroker.wire.messages.list_offsets import ListOffsetsRequest
from pykbroker.wire.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from pykbroker.wire.messages.produce import ProduceRequest
from tests.compat.oracle.asking import (
    NOW_MS,
    batch,
    delete_records,
    fetch,
    list_offset,
    produce,
    produce_many,
    timed,
)
from tests.compat.oracle.generated.world import World, step
from tests.compat.oracle.statements.produce import with_crc

MAX_TIMESTAMP = -3
CHECKSUM, ATTRIBUTES, LAST_OFFSET_DELTA, COUNT = 17, 21, 23, 57
FIELDS = {CHECKSUM: ">I", ATTRIBUTES: ">h", LAST_OFFSET_DELTA: ">i", COUNT: ">i"}
"""Where in a batch's header some of its fields are, and how wide."""


def some_batch(world: World) -> bytearray:
    """Return a batch that should be taken."""
    random = world.random
    codec = random.choice([0, 0, 1, 2, 3, 4]) if world.node.version >= 7 else random.choice([0, 0, 1, 2, 3])
    if world.chance(40):
        return timed(*[NOW_MS + random.randrange(-50, 50) for _ in range(random.randint(1, 5))], codec=codec)
    values = [random.randbytes(random.randrange(60)) for _ in range(random.randint(1, 5))]
    key = None if world.chance(15) else b"key %d" % random.randrange(5)
    return batch(*values, key=key, codec=codec, headers=[("h", b"1")] if world.chance(20) else ())


@step(12)
def produce_records(world: World) -> None:
    world.show(ProduceRequest)
    topic = world.topic()
    produce(world.node, topic, some_batch(world), world.partition(topic), acks=world.random.choice([-1, -1, 1, 3]))


@step(3)
def produce_to_several(world: World) -> None:
    world.show(ProduceRequest)
    places = {(topic := world.topic(), world.partition(topic)) for _ in range(3)}
    produce_many(world.node, *[(topic, index, some_batch(world)) for topic, index in sorted(places)])


@step(5)
def produce_damaged(world: World) -> None:
    """Change one field of the header, with the right checksum or not."""
    world.show(ProduceRequest)
    topic = world.topic()
    content = batch(*[b"v"] * world.random.randint(1, 3))
    field = world.random.choice(list(FIELDS))
    if field == ATTRIBUTES:
        changed = world.random.choice([0x20, 0x08, 0x80])
    else:
        changed = struct.unpack_from(FIELDS[field], content, field)[0]
        changed = changed ^ 1 if field == CHECKSUM else changed + world.random.choice([-2, -1, 1, 2])
    struct.pack_into(FIELDS[field], content, field, changed)
    produce(world.node, topic, content if field == CHECKSUM else with_crc(content), world.partition(topic))


@step(12)
def produce_in_sequence(world: World) -> None:
    """Send the next batch of a producer, or repeat one, or leave a gap, or begin a new epoch."""
    world.show(ProduceRequest)
    topic, producer = world.topic(), world.random.choice([1001, 1002])
    index, count = world.partition(topic), world.random.randint(1, 3)
    place = (topic, index, producer)
    epoch, sequence = world.sequences.get(place, (0, world.random.choice([0, 0, 5])))
    what = world.random.choices(["next", "again", "gap", "bump", "old", "early"], [60, 15, 8, 8, 5, 4])[0]
    if what == "again":
        sequence = max(0, sequence - count * world.random.randint(1, 7))
    elif what == "gap":
        sequence += world.random.randint(1, 3)
    elif what == "bump":
        epoch, sequence = epoch + 1, 0
    elif what == "early":
        epoch, sequence = epoch + 1, 3
    elif what == "old":
        epoch = max(0, epoch - 1)
    content = batch(*[b"s"] * count, producer=producer, epoch=epoch, sequence=sequence)
    answer = produce(world.node, topic, content, index)
    if not answer.error_code and what in ("next", "bump"):
        world.sequences[place] = (epoch, sequence + count)


@step(12)
def fetch_records(world: World) -> None:
    world.show(FetchRequest)
    topic = world.topic()
    limit = world.random.choice([0, 100, 500, 1 << 20])
    wanted = sorted({(topic, world.partition(topic), world.random.randrange(-1, 30)) for _ in range(2)})
    fetch(
        world.node,
        *{(name, index): (name, index, at) for name, index, at in wanted}.values(),
        partition_max_bytes=limit,
        max_bytes=world.random.choice([1, 1000, 1 << 20]),
        isolation_level=world.random.randint(0, 1),
    )


@step(4)
def open_session(world: World) -> None:
    version = world.show(FetchRequest, low=7)
    topic = world.topic()
    answer = fetch(world.node, *[(topic, n, 0) for n in range(world.topics.get(topic, 1))], session_epoch=0)
    if answer.session_id:
        world.sessions.append((answer.session_id, 1, version))


@step(10)
def use_session(world: World) -> None:
    if not world.sessions:
        return
    at = world.random.randrange(len(world.sessions))
    session, epoch, version = world.sessions[at]
    world.show(FetchRequest)
    world.node.version = version
    topic = world.topic()
    wanted = [(topic, world.partition(topic), world.random.randrange(20))] if world.chance(50) else []
    forget = [(topic, 0)] if world.chance(15) else []
    if world.chance(8):
        epoch += 1
    answer = fetch(world.node, *wanted, session_id=session, session_epoch=epoch, forget=forget)
    if answer.error_code or not answer.session_id:
        world.sessions.pop(at)
    else:
        world.sessions[at] = (session, epoch + 1, version)


@step(8)
def look_up(world: World) -> None:
    world.show(ListOffsetsRequest)
    topic = world.topic()
    timestamp = world.random.choice(
        [-1, -2, -3, -4, -5, NOW_MS, NOW_MS + 20, NOW_MS - 50, NOW_MS + world.random.randrange(60)]
    )
    isolation = world.random.randint(0, 1) if world.node.version >= 2 else 0
    if timestamp == MAX_TIMESTAMP and topic in world.cut:
        return  # Kafka may tell of a record that was deleted: docs/skipped.md
    list_offset(world.node, topic, timestamp, world.partition(topic), isolation)


@step(4)
def cut(world: World) -> None:
    world.show(DeleteRecordsRequest)
    topic = world.topic()
    world.cut.add(topic)
    delete_records(world.node, topic, world.random.randrange(-2, 12), world.partition(topic))


@step(2)
def ends_of_epochs(world: World) -> None:
    world.show(OffsetForLeaderEpochRequest)
    topic = world.topic()
    part = OffsetForLeaderPartition(partition=world.partition(topic), leader_epoch=world.random.randint(-1, 2))
    topics = [OffsetForLeaderTopic(topic=topic, partitions=[part])]
    world.node.send(OffsetForLeaderEpochRequest(replica_id=-2, topics=topics))


@step(2)
def producers(world: World) -> None:
    world.show(DescribeProducersRequest)
    topic = world.topic()
    wanted = [TopicRequest(name=topic, partition_indexes=[world.partition(topic)])]
    world.node.send(DescribeProducersRequest(topics=wanted))
