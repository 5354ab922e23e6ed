"""Where reading begins: an offset, a time, the ends; and what happens outside of the log."""

from tests.compat.matrix.driver import Refused
from tests.compat.matrix.records import Record, decoded, numbered
from tests.compat.matrix.scenario import World, scenario

START_MS = 1_600_000_000_000


@scenario("seek-offset", "seek")
def seek_offset(world: World) -> None:
    """Reading begins at an offset in the middle of a batch."""
    topic = world.topic()
    world.produce(topic, numbered(100))
    assert [record.offset for record in world.consume(topic, 30, {"offset": 70})] == list(range(70, 100))


@scenario("seek-beginning")
def seek_beginning(world: World) -> None:
    """The beginning is the first offset that is still there."""
    topic = world.topic()
    world.produce(topic, numbered(20))
    _delete_before(world, topic, 5)
    assert [record.offset for record in world.consume(topic, 15, "beginning")] == list(range(5, 20))


@scenario("seek-end")
def seek_end(world: World) -> None:
    """From the end, only what comes afterwards is read."""
    topic = world.topic()
    world.produce(topic, numbered(20))
    reader = world.reader(topic, 3, "end")
    world.produce(topic, numbered(3, "new"))
    got = decoded(reader.finish("three records"))
    assert [(record.offset, record.value) for record in got] == [(20 + n, b"new%d" % n) for n in range(3)]


@scenario("seek-time", "seek-time", "timestamps", core=True)
def seek_time(world: World) -> None:
    """Reading begins at the first record that is at least so late."""
    topic = world.topic(retention_ms="-1")
    world.produce(topic, [Record(b"r%d" % n, timestamp=START_MS + 1000 * n) for n in range(100)])
    got = world.consume(topic, 58, {"time": START_MS + 41_500})
    assert [record.offset for record in got] == list(range(42, 100))


@scenario("list-offsets", "list-offsets")
def list_offsets(world: World) -> None:
    """The earliest and latest offset, and the one of a time."""
    topic = world.topic(retention_ms="-1")
    stamps = "timestamps" in world.can
    world.produce(topic, [Record(b"x", timestamp=START_MS + 1000 * n if stamps else -1) for n in range(20)])
    _delete_before(world, topic, 5)

    def offset(at: object) -> int:
        events = world.driver.call("list-offsets", topic=topic, partition=0, at=at)
        (found,) = (event["offset"] for event in events if event["event"] == "offset")
        return int(found)

    assert (offset("earliest"), offset("latest")) == (5, 20)
    if stamps and "seek-time" in world.can:
        assert offset(START_MS + 9500) == 10


@scenario("reset-earliest", "seek")
def reset_earliest(world: World) -> None:
    """Out of range with auto.offset.reset=earliest: reading goes on at the beginning."""
    got = world.consume(_shortened(world), 15, {"offset": 2}, reset="earliest")
    assert [record.offset for record in got] == list(range(5, 20))


@scenario("reset-latest", "seek")
def reset_latest(world: World) -> None:
    """Out of range with auto.offset.reset=latest: reading goes on at the end."""
    topic = _shortened(world)
    reader = world.reader(topic, 1, {"offset": 2}, reset="latest")
    writer = world.driver.open("produce", topic=topic, count=40, size=10, pause_ms=150)  # it may take a moment to reset
    got = decoded(reader.finish("a record from the end"))
    assert [record.offset >= 20 for record in got] == [True], got
    writer.kill()


@scenario("reset-none", "offset-reset-none", core=True)
def reset_none(world: World) -> None:
    """Out of range with auto.offset.reset=none: the client is told OFFSET_OUT_OF_RANGE."""
    topic = _shortened(world)
    try:
        got = world.consume(topic, 1, {"offset": 2}, reset="none", timeout_ms=15_000)
    except Refused as refusal:
        assert refusal.error == "OFFSET_OUT_OF_RANGE", refusal
    else:
        raise AssertionError(f"it read {got}")


def _shortened(world: World) -> str:
    """Return a topic of which the offsets 5 to 19 are left."""
    topic = world.topic()
    world.produce(topic, numbered(20))
    _delete_before(world, topic, 5)
    return topic


def _delete_before(world: World, topic: str, offset: int) -> None:
    """DeleteRecords, by the witness: it is not the client's part here."""
    assert world.witness.delete_records(topic, 0, offset) == offset
