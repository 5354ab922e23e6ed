"""What is sent comes back as it was: codecs, keys, nulls, headers, timestamps, sizes, acks, idempotence."""

from tests.compat.matrix.lossy import LossyProxy
from tests.compat.matrix.records import Record, numbered
from tests.compat.matrix.scenario import World, scenario
from tests.compat.process import free_port

LIMIT = 1_048_588
"""`message.max.bytes`, the default of Kafka and ours: a batch with its overhead."""

START_MS = 1_600_000_000_000


@scenario("codec-none", "none", core=True)
def codec_none(world: World) -> None:
    """Produce and consume without compression."""
    _codec(world, "none")


@scenario("codec-gzip", "gzip", core=True)
def codec_gzip(world: World) -> None:
    """Produce and consume with gzip."""
    _codec(world, "gzip")


@scenario("codec-snappy", "snappy")
def codec_snappy(world: World) -> None:
    """Produce and consume with snappy."""
    _codec(world, "snappy")


@scenario("codec-lz4", "lz4")
def codec_lz4(world: World) -> None:
    """Produce and consume with lz4."""
    _codec(world, "lz4")


@scenario("codec-zstd", "zstd")
def codec_zstd(world: World) -> None:
    """Produce and consume with zstd."""
    _codec(world, "zstd")


def _codec(world: World, codec: str) -> None:
    topic = world.topic()
    sent = [Record(f"value {n} ".encode() * 20, f"key {n % 7}".encode()) for n in range(300)]
    offsets = world.produce(topic, sent, codec=codec)
    assert {stored.codec for stored in world.witness.batches(topic)} == {codec}
    got = world.consume(topic, len(sent))
    assert [record.body for record in got] == [record.body for record in sent]
    assert [record.offset for record in got] == list(range(300))
    if "reports-offsets" in world.can:
        assert offsets == list(range(300)), offsets


@scenario("keys-and-nulls")
def keys_and_nulls(world: World) -> None:
    """Keys, null and empty keys and values come back as they were."""
    topic = world.topic()
    sent = [Record(b"value", b"key"), Record(b"\x00\xff\xfe binary \x80", b"\x00\x01")]
    if "tombstones" in world.can:  # some libraries read an empty value as null
        sent += [Record(b"", b"empty value"), Record(None, b"tombstone")]
    if "null-keys" in world.can:
        sent.append(Record(b"value only"))
    if "empty-keys" in world.can:
        sent.append(Record(b"empty key", b""))
    world.produce(topic, sent)
    assert [record.body for record in world.consume(topic, len(sent))] == [record.body for record in sent]


@scenario("headers", "headers", core=True)
def headers(world: World) -> None:
    """Headers, repeated and empty and null ones too, come back in order."""
    topic = world.topic()
    repeated = (("one", b"1"), ("one", b"again"), ("empty", b""))
    sent = [Record(b"three", b"k", repeated), Record(b"none"), Record(b"one", None, (("h", b"x"),))]
    if "null-headers" in world.can:
        sent.append(Record(b"null", None, (("none", None),)))
    if "null-keys" not in world.can:
        sent = [record._replace(key=b"k") for record in sent]
    world.produce(topic, sent)
    assert [record.body for record in world.consume(topic, len(sent))] == [record.body for record in sent]


@scenario("timestamps", "timestamps")
def timestamps(world: World) -> None:
    """The sender's timestamps are kept; a topic with LogAppendTime has its own."""
    sent = [Record(b"x", timestamp=START_MS + step) for step in (0, 5, 3, 1000, 2)]
    kept = world.topic(retention_ms="-1")
    stamped = world.topic(suffix="-stamped", message_timestamp_type="LogAppendTime")
    for topic in (kept, stamped):
        world.produce(topic, sent)
    assert [record.timestamp for record in world.consume(kept, 5)] == [record.timestamp for record in sent]
    assert all(record.timestamp > START_MS + 10**11 // 2 for record in world.consume(stamped, 5))


@scenario("partitions")
def partitions(world: World) -> None:
    """Records go to the partitions that they name, each with offsets of its own."""
    topic = world.topic(3)
    sent = numbered(30, partitions=3)
    world.produce(topic, sent)
    got = world.consume(topic, 30, partitions=[0, 1, 2])
    for partition in range(3):
        mine = [record for record in got if record.partition == partition]
        assert [record.offset for record in mine] == list(range(10))
        assert [record.value for record in mine] == [record.value for record in sent if record.partition == partition]


@scenario("acks", "acks")
def acks(world: World) -> None:
    """acks 0, 1 and all store what was sent."""
    for level in ("0", "1", "all"):
        topic = world.topic(suffix=f"-{level}")
        sent = numbered(50)
        world.driver.call("produce", topic=topic, records=[{"value": "eA=="}] * len(sent), acks=level)
        assert len(world.consume(topic, len(sent))) == len(sent)


@scenario("large-message", core=True)
def large_message(world: World) -> None:
    """A message at the limit of 1 MB is taken; one beyond is MESSAGE_TOO_LARGE and the next one is fine."""
    topic = world.topic()
    large = {"topic": topic, "count": 1, "max_bytes": 4 * LIMIT, "codec": "none"}
    at_limit = LIMIT - 100  # of a batch: its header takes 61 bytes, a record at most 39 more
    assert _settled(world.driver.call("produce", size=at_limit, **large)) == ["delivered"]
    events = world.driver.call("produce", size=LIMIT + 1, **large)
    refused = [event.get("error", "") for event in events if event["event"] == "failed"]
    assert refused == ["MESSAGE_TOO_LARGE"], events
    world.produce(topic, [Record(b"after")])
    got = world.consume(topic, 2, max_bytes=4 * LIMIT)
    assert [len(record.value or b"") for record in got] == [at_limit, 5]


def _settled(events: list[dict[str, object]]) -> list[object]:
    return [event["event"] for event in events if event["event"] in ("delivered", "failed")]


@scenario("auto-created")
def auto_created(world: World) -> None:
    """A topic that is not there is created when it is first produced to."""
    world.produce(world.name, numbered(10))
    assert [record.value for record in world.consume(world.name, 10)] == [record.value for record in numbered(10)]


@scenario("idempotent-over-lost-replies", "idempotence")
def idempotent_over_lost_replies(world: World) -> None:
    """An idempotent producer whose replies get lost stores each record once, in order."""
    broker_port, proxy_port = free_port(), free_port()
    sent = numbered(100)
    with LossyProxy(proxy_port, broker_port) as proxy:
        world.start_broker(port=broker_port, advertised_listeners=f"PLAINTEXT://127.0.0.1:{proxy_port}")
        topic = world.topic()
        world.use(f"127.0.0.1:{proxy_port}")
        world.produce(topic, sent, idempotent=True, pause_ms=2, timeout_ms=60_000)
        assert proxy.lost >= 3, f"only {proxy.lost} replies were lost"
        batches = world.witness.batches(topic)
    assert [record.value for batch in batches for record in batch.records] == [record.value for record in sent]
    assert all(stored.batch.producer_id >= 0 for stored in batches)
