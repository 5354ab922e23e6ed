"""PROD: Produce, and what may be appended."""

import struct

from pykbroker.wire.batch import CRC_START, HEADER_BYTES, crc32c
from pykbroker.wire.messages.produce import ProduceRequest
from pykbroker.wire.records import Record, batch_of
from tests.compat.oracle.asking import (
    NOW_MS,
    SET,
    TOPIC,
    alter,
    await_topic,
    batch,
    create,
    delete_records,
    fetch_one,
    fill,
    list_offset,
    produce,
    produce_many,
    produce_request,
    timed,
)
from tests.compat.oracle.node import Node
from tests.compat.oracle.settings import BUSY
from tests.compat.oracle.statement import statement

RECOMPRESSED = {
    "Fetch.responses.partitions.records.payload_bytes": "compressed by the broker: libraries differ",
    "Fetch.responses.partitions.records.payload_crc": "compressed by the broker: libraries differ",
}
APPENDED_NOW = {
    "Fetch.responses.partitions.records.max_timestamp": "the moment of the append",
    "Fetch.responses.partitions.records.records.timestamp": "the moment of the append",
}


def with_crc(content: bytearray) -> bytearray:
    """Return a batch whose CRC is right again after its bytes were changed."""
    struct.pack_into(">I", content, 17, crc32c(bytes(content[CRC_START:])))
    return content


def patched(content: bytearray, offset: int, layout: str, value: int) -> bytearray:
    """Return a batch with another value in one field of its header, and the right CRC."""
    struct.pack_into(layout, content, offset, value)
    return with_crc(content)


@statement("PROD-01", api=ProduceRequest, until=12)
def unknown_topic_or_partition(at: Node) -> None:
    topic = create(at)
    assert produce(at, f"{topic}-none", batch()).error_code == 3
    assert produce(at, topic, batch(), index=7).error_code == 3
    assert list_offset(at, f"{topic}-none", -1).error_code == 3


@statement("PROD-02", api=ProduceRequest, since=13)
def topics_by_id(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch()).error_code == 0
    assert produce(at, "nobody", batch()).error_code == 100
    assert produce(at, topic, batch(), index=3).error_code == 3


@statement("PROD-03", "PROD-31", api=ProduceRequest)
def partitions_are_independent(at: Node) -> None:
    one, other = create(at, "-a", 2), create(at, "-b")
    damaged = batch()
    damaged[-1] ^= 1
    answer = produce_many(at, (one, 0, batch()), (one, 1, damaged), (one, 9, batch()), (other, 0, batch()))
    parts = {(n, each.index): each for n, topic in enumerate(answer.responses) for each in topic.partition_responses}
    assert sorted(each.error_code for each in parts.values()) == [0, 0, 2, 3]
    assert {each.base_offset for each in parts.values() if each.error_code} == {-1}


@statement("PROD-04", api=ProduceRequest)
def illegal_acks(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(), acks=2).error_code == 21
    assert produce(at, topic, batch(), acks=-2).error_code == 21
    assert list_offset(at, topic, -1).offset == 0


@statement("PROD-05", api=ProduceRequest)
def no_batch(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, b"").error_code == 87  # null instead makes Kafka 4.3 never answer


@statement("PROD-06", api=ProduceRequest)
def two_batches(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch() + batch()).error_code == 87
    assert list_offset(at, topic, -1).offset == 0


@statement("PROD-07", api=ProduceRequest)
def old_magic(at: Node) -> None:
    topic = create(at)
    for magic in (0, 1):
        old = batch()
        old[16] = magic
        assert produce(at, topic, old).error_code in (2, 87)


@statement("PROD-08", api=ProduceRequest, until=6)
def zstd_too_early(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(codec=4)).error_code == 76


@statement("PROD-09", api=ProduceRequest)
def base_offset_from_client(at: Node) -> None:
    topic = create(at)
    shifted = batch()
    struct.pack_into(">q", shifted, 0, 5)
    assert produce(at, topic, shifted).error_code == 87


@statement("PROD-10", api=ProduceRequest)
def too_large(at: Node) -> None:
    topic = create(at, max_message_bytes="200")
    empty = len(batch(b""))
    exact = batch(b"x" * (200 - empty - 2))
    largest = next(batch(b"x" * n) for n in range(200 - empty, 0, -1) if len(batch(b"x" * n)) <= 200)
    assert len(exact) <= len(largest) == 200
    assert produce(at, topic, largest).error_code == 0
    assert produce(at, topic, batch(b"x" * 200)).error_code == 10
    assert produce(at, topic, batch(b"x" * 1000, codec=1)).error_code == 0


@statement("PROD-11", api=ProduceRequest)
def corrupt(at: Node) -> None:
    topic = create(at)
    damaged = batch(b"value")
    damaged[-1] ^= 1
    assert produce(at, topic, damaged).error_code == 2
    wrong_crc = batch()
    wrong_crc[17] ^= 1
    assert produce(at, topic, wrong_crc).error_code == 2
    assert produce(at, topic, batch()[: HEADER_BYTES - 10]).error_code
    short = batch()
    struct.pack_into(">i", short, 8, 20)
    assert produce(at, topic, short).error_code


@statement("PROD-12", api=ProduceRequest)
def trailing_bytes(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch() + b"\0\0\0").error_code == 0
    assert produce(at, topic, batch() + batch()[:40]).error_code == 0
    fetch_one(at, topic)


@statement("PROD-13", api=ProduceRequest)
def control_batch(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(attributes=0x20)).error_code == 87


@statement("PROD-14", api=ProduceRequest)
def counts_that_lie(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, patched(batch(), 57, ">i", 0)).error_code == 87
    assert produce(at, topic, patched(batch(), 57, ">i", -1)).error_code == 87
    assert produce(at, topic, patched(batch(), 23, ">i", -1)).error_code == 87
    assert produce(at, topic, patched(batch(), 23, ">i", 3)).error_code == 87
    assert produce(at, topic, patched(batch(b"a", b"b"), 57, ">i", 1)).error_code == 87


@statement("PROD-15", api=ProduceRequest)
def producer_without_sequence(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(producer=7, sequence=-1)).error_code == 87


@statement("PROD-16", "PROD-60", api=ProduceRequest)
def compacted_needs_keys(at: Node) -> None:
    topic = create(at, cleanup_policy="compact")
    mixed = batch_of([Record(0, NOW_MS, b"k", b"v"), Record(1, NOW_MS, None, b"v"), Record(2, NOW_MS, None, b"w")])
    assert produce(at, topic, mixed).error_code == 87
    assert produce(at, topic, batch(key=None, codec=1)).error_code == 87
    assert list_offset(at, topic, -1).offset == 0


@statement("PROD-17", api=ProduceRequest)
def empty_key(at: Node) -> None:
    topic = create(at, cleanup_policy="compact")
    assert produce(at, topic, batch(key=b"")).error_code == 0
    assert fetch_one(at, topic).records


@statement("PROD-18", "PROD-19", api=ProduceRequest)
def timestamps_out_of_bounds(at: Node) -> None:
    day = 86400000
    topic = create(at, message_timestamp_before_max_ms=str(day), message_timestamp_after_max_ms=str(day))
    for wrong in (NOW_MS - 3 * day, NOW_MS + 3 * day):
        assert produce(at, topic, batch(at_ms=wrong)).error_code == 32
        assert produce(at, topic, timed(NOW_MS, wrong, codec=1)).error_code == 32
    assert produce(at, topic, batch(at_ms=-1)).error_code == 0
    ordinary = create(at, "-default")
    assert produce(at, ordinary, batch(at_ms=NOW_MS + 2 * 3600000)).error_code == 32
    assert produce(at, ordinary, batch(at_ms=NOW_MS - 3 * day)).error_code == 0
    both = create(at, "-both", cleanup_policy="compact")
    mixed = batch_of([Record(0, NOW_MS, None, b"v"), Record(1, NOW_MS + 2 * day, b"k", b"v")])
    assert produce(at, both, mixed).error_code == 32


@statement("PROD-20", api=ProduceRequest)
def append_time_bit_from_client(at: Node) -> None:
    created, appended = create(at), create(at, "-b", message_timestamp_type="LogAppendTime")
    assert produce(at, created, batch(at_ms=-1, attributes=8)).error_code == 32
    assert produce(at, appended, batch(at_ms=-1, attributes=8)).error_code == 32


@statement("PROD-21", api=ProduceRequest)
def create_time(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, timed(NOW_MS - 5, NOW_MS, NOW_MS - 9)).log_append_time_ms == -1
    fetch_one(at, topic)


@statement(
    "PROD-22",
    api=ProduceRequest,
    may_differ={
        **APPENDED_NOW,
        "Fetch.responses.partitions.records.payload_crc": "holds differences to the moment of the append",
    },
)
def append_time(at: Node) -> None:
    topic = create(at, message_timestamp_type="LogAppendTime")
    assert produce(at, topic, timed(NOW_MS - 5, NOW_MS - 9)).log_append_time_ms > 0
    assert produce(at, topic, timed(NOW_MS - 5, NOW_MS - 9, codec=2)).log_append_time_ms > 0
    assert fetch_one(at, topic).records


@statement("PROD-23", "PROD-57", "PROD-55", api=ProduceRequest, since=7)
def codecs(at: Node) -> None:
    topic = create(at)
    for codec in range(5):
        content = batch(b"one", b"two" * 50, codec=codec)
        struct.pack_into(">i", content, 12, codec - 1)
        assert produce(at, topic, content).error_code == 0
    assert produce(at, topic, patched(batch(), 21, ">h", 5)).error_code
    stored = fetch_one(at, topic).records
    assert bytes(batch(b"one", b"two" * 50))[21:] in bytes(stored)


@statement("PROD-24", api=ProduceRequest, since=7, may_differ=RECOMPRESSED)
def recompressed(at: Node) -> None:
    for codec in ("gzip", "snappy", "lz4", "zstd", "uncompressed"):
        topic = create(at, f"-{codec}", compression_type=codec)
        assert produce(at, topic, batch(b"plain" * 20, b"b")).error_code == 0
        assert produce(at, topic, batch(b"gzip" * 20, b"b", codec=1)).error_code == 0
        assert fetch_one(at, topic).records


@statement("PROD-25", api=ProduceRequest)
def too_large_after_recompression(at: Node) -> None:
    topic = create(at, compression_type="uncompressed", max_message_bytes="500")
    assert produce(at, topic, batch(b"x" * 2000, codec=1)).error_code == 10


@statement(
    "PROD-27",
    api=ProduceRequest,
    settings=BUSY,
    may_differ={
        "Produce.responses.partition_responses.error_code": "Kafka's own failure, where it does not decompress"
    },
)
def garbage_under_a_right_crc(at: Node) -> None:
    topic = create(at)
    garbage = batch(b"x" * 40, codec=1)
    garbage[HEADER_BYTES + 12 : HEADER_BYTES + 20] = b"\xff" * 8
    assert produce(at, topic, with_crc(garbage)).error_code
    cut = batch(b"x" * 40)
    cut[HEADER_BYTES] = 0x7F
    assert produce(at, topic, with_crc(cut)).error_code
    assert list_offset(at, topic, -1).offset == 0


@statement("PROD-28", api=ProduceRequest)
def larger_than_a_segment(at: Node) -> None:
    topic = create(at, segment_bytes="1048576", max_message_bytes="3000000")
    assert produce(at, topic, batch(b"x" * 1100000)).error_code == 18


@statement("PROD-29", "PROD-32", api=ProduceRequest)
def offsets_count_up(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(b"a", b"b", b"c")).base_offset == 0
    assert produce(at, topic, batch(b"d"), acks=1).base_offset == 3
    assert produce(at, topic, batch(b"e", b"f", codec=3)).base_offset == 4
    fetch_one(at, topic)


@statement("PROD-30", api=ProduceRequest, since=5)
def log_start_offset(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a", b"b", b"c")
    delete_records(at, topic, 2)
    assert produce(at, topic, batch()).log_start_offset == 2
    assert produce(at, topic, patched(batch(), 57, ">i", 0)).error_code
    produce(at, topic, batch(producer=9))
    assert produce(at, topic, batch(producer=9, sequence=5)).error_code == 45
    damaged = batch()
    damaged[-1] ^= 1
    assert produce(at, topic, damaged).log_start_offset == -1
    assert produce(at, topic, batch(b"x" * 1100000)).log_start_offset == -1


@statement("PROD-33", api=ProduceRequest)
def min_insync_replicas_is_capped(at: Node) -> None:
    topic = create(at, min_insync_replicas="3")
    assert produce(at, topic, batch()).error_code == 0


@statement("PROD-35", api=ProduceRequest)
def internal_topic(at: Node) -> None:
    await_topic(at, "__consumer_offsets", 50)
    assert produce(at, "__consumer_offsets", batch()).error_code == 17


@statement("PROD-37", api=ProduceRequest, since=10)
def no_leader_hint(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch()).current_leader is None
    assert produce(at, topic, batch(), index=5).current_leader is None


@statement("PROD-56", api=ProduceRequest)
def null_and_empty(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(None, b"", key=None)).error_code == 0
    assert produce(at, topic, batch(None, b"", key=b"", headers=[("h", None), ("h", b""), ("", b"x")])).error_code == 0
    assert fetch_one(at, topic).records


@statement("FRM-10", api=ProduceRequest)
def no_answer_without_acks(at: Node) -> None:
    topic = create(at)
    request = produce_request(at, [(topic, 0, batch())], at.version_of(ProduceRequest), acks=0)
    at.tell(request)
    at.tell(request)
    assert produce(at, topic, batch()).base_offset == 2


@statement("FRM-11", api=ProduceRequest)
def error_without_acks(at: Node) -> None:
    topic = create(at)
    damaged = batch()
    damaged[-1] ^= 1
    for part in ((topic, 0, damaged), (topic, 8, batch())):
        connection = at.connect()
        at.tell(produce_request(at, [part], at.version_of(ProduceRequest), acks=0), on=connection)
        closed = connection.is_closed()
        at.note("closed", closed)
        assert closed


@statement("CONF-20")
def configs_take_effect(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(b"x" * 500)).error_code == 0
    assert not alter(at, TOPIC, topic, ("max.message.bytes", SET, "300")).error_code
    assert produce(at, topic, batch(b"x" * 500)).error_code == 10
    assert not alter(at, TOPIC, topic, ("cleanup.policy", SET, "compact")).error_code
    assert produce(at, topic, batch(key=None)).error_code == 87
    assert not alter(at, TOPIC, topic, ("message.timestamp.type", SET, "LogAppendTime")).error_code
    assert produce(at, topic, batch()).log_append_time_ms > 0
