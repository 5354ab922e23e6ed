"""STO: what of retention and compaction can be seen over the wire."""

from pykbroker.wire.records import batches_in
from tests.compat.oracle.asking import NOW_MS, SET, TOPIC, alter, batch, create, fetch_one, fill, list_offset, produce
from tests.compat.oracle.node import Node
from tests.compat.oracle.settings import BUSY
from tests.compat.oracle.statement import statement

HOUR_MS = 3600000
HORIZON = {
    f"Fetch.responses.partitions.records.{field}": "a batch with a tombstone tells when it was cleaned"
    for field in ("base_timestamp", "payload_bytes", "payload_crc")
}


@statement("STO-14", "STO-16", settings=BUSY)
def retention_by_time(at: Node) -> None:
    topic = create(at)
    for content in (batch(b"old", at_ms=NOW_MS - 9 * HOUR_MS), batch(b"older", at_ms=NOW_MS - 99 * HOUR_MS)):
        produce(at, topic, content)
    alter(at, TOPIC, topic, ("retention.ms", SET, str(HOUR_MS)))
    at.until(lambda: list_unrecorded(at, topic) == 2, "the old records are gone")
    assert list_offset(at, topic, -1).offset == 2
    assert fetch_one(at, topic, 0).error_code == 1
    assert produce(at, topic, batch(b"new")).base_offset == 2
    fetch_one(at, topic, 2)


@statement("STO-15", "STO-16", "STO-13", settings=BUSY)
def retention_by_size(at: Node) -> None:
    topic = create(at, segment_bytes="1048576", max_message_bytes="900000")
    fill(at, topic, *[b"x" * 800000 for _ in range(5)])
    alter(at, TOPIC, topic, ("retention.bytes", SET, "1500000"))
    at.until(lambda: list_unrecorded(at, topic) == 3, "the first segments are gone")
    assert list_offset(at, topic, -1).offset == 5
    assert fetch_one(at, topic, 2).error_code == 1


@statement("STO-19", "STO-20", "STO-21", settings=BUSY, may_differ=HORIZON)
def compaction(at: Node) -> None:
    topic = create(
        at,
        cleanup_policy="compact",
        segment_bytes="1048576",
        min_cleanable_dirty_ratio="0.001",
        max_message_bytes="900000",
    )
    for key, value in ((b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"c", b"1"), (b"c", None), (b"a", b"3")):
        produce(at, topic, batch(value, key=key))
    produce(at, topic, batch(b"x", b"y", b"z", key=b"d"))
    for _ in range(3):
        produce(at, topic, batch(b"x" * 800000, key=b"roll"))
    at.until(lambda: kept(at, topic) == [1, 4, 5, 6], "the log is compacted")
    for offset in range(8):
        fetch_one(at, topic, offset, partition_max_bytes=1)


def list_unrecorded(at: Node, topic: str) -> int:
    """Return where a topic begins; not recorded."""
    recorded = len(at.record)
    offset: int = list_offset(at, topic, -2).offset
    del at.record[recorded:]
    return offset


def kept(at: Node, topic: str) -> list[int]:
    """Return the base offsets of a topic's first four batches; not recorded."""
    recorded = len(at.record)
    content = bytes(fetch_one(at, topic, partition_max_bytes=2000).records)
    del at.record[recorded:]
    return [found.base_offset for _, found in batches_in(content)][:4]
