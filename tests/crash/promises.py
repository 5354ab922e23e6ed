"""Reads back what a broker has, and compares it with what it promised."""

from __future__ import annotations

from collections import defaultdict

from pykbroker.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from pykbroker.wire.records import Record, records_in
from tests.crash.load import Confluent, Group, Pipeline
from tests.server.peer import Peer
from tests.storage.plain_log import PlainBatch, sound_batches


def everything(peer: Peer, topic: str) -> list[PlainBatch]:
    """Fetch a topic's only partition from its start to its end; all batches must be sound and adjoin one another."""
    found: list[PlainBatch] = []
    offset = 0
    while True:
        part = peer.fetch(topic, offset)
        assert not part.error_code, (topic, offset, part)
        batches = sound_batches(bytes(part.records), 0, offset)
        if not batches:
            assert offset == part.high_watermark, f"{topic}: no sound batch at offset {offset} of {part.high_watermark}"
            return found
        for batch in batches:
            assert batch.base_offset == offset, f"{topic}: offset {offset} is missing"
            offset = batch.last_offset + 1
        found += batches


def records(batches: list[PlainBatch]) -> list[Record]:
    """Return the records of batches."""
    return list(records_in(batch.raw for batch in batches))


def pipeline_kept(peer: Peer, pipeline: Pipeline, acknowledged: int) -> None:
    """Check that a pipeline's batches are there, in order, once each, at the offsets that it was told."""
    batches = everything(peer, pipeline.topic)
    assert pipeline.ends == list(range(3, 3 * len(pipeline.ends) + 1, 3)), "told offsets are not in order"
    assert len(batches) >= acknowledged, f"{pipeline.topic}: {acknowledged} were acknowledged, {len(batches)} are there"
    for number, batch in enumerate(batches):
        # The sender's bytes, but for offset and leader epoch.
        assert batch.raw[16:] == pipeline.batch(number)[16:], f"{pipeline.topic}: not batch {number}"


def producers_kept(peer: Peer, producers: Confluent, topics: list[str]) -> None:
    """Check that each producer's records are there, in order, once each, those acknowledged where it was told."""
    assert not producers.errors, producers.errors
    acknowledged = list(producers.acknowledged)  # more come while we look
    values: dict[tuple[str, int], bytes] = {}
    for topic in topics:
        numbers = defaultdict(list)
        for record in records(everything(peer, topic)):
            assert record.value is not None
            values[topic, record.offset] = record.value
            which, number, _ = record.value.split(b" ")
            numbers[which].append(int(number))
        for which, found in numbers.items():
            assert found == list(range(len(found))), f"{topic}: not each record of {which.decode()} once, in order"
    for topic, offset, value in acknowledged:
        assert values.get((topic, offset)) == value, f"{topic}: not {value!r} at offset {offset}"


def commits_kept(peer: Peer, group: Group, told: dict[str, int]) -> None:
    """Check that no committed offset is below what the group was told."""
    wanted = OffsetFetchRequestGroup(group_id=group.group_id, topics=None)
    (answer,) = peer.ask(OffsetFetchRequest(groups=[wanted], require_stable=False), 8).groups
    assert not answer.error_code, answer
    stored = {topic.name: topic.partitions[0].committed_offset for topic in answer.topics}
    for topic, offset in told.items():
        assert stored.get(topic, -1) >= offset, f"{topic}: {offset} was committed, {stored.get(topic)} is stored"
