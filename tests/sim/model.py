"""What clients may observe: topics, their partitions, and the batches that were sent to them.

Every record that is ever sent has an id of its own, in a header, so that whoever reads it knows which batch it is of.
A batch is

    unresolved   nobody knows: it was sent, and no answer came, or an error that says nothing
    at offset N  it was acknowledged, or read
    refused      it must never be seen
    lost         a power cut took it, which is allowed of some; it must never be seen again

and it is promised to stay: `KILL` once it was acknowledged or read, `POWER` once the topic has also flushed it.
What else there is to remember, which topics there are and what groups have committed, is in `history.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum

from pykbroker.wire.records import Record, batch_of

Content = tuple[bytes, bytes | None]
"""A record's key and value; None deletes the key."""


class Promise(IntEnum):
    """What cannot take a batch away."""

    NONE = 0
    KILL = 1
    POWER = 2


class Violation(AssertionError):
    """The broker has shown what it must not."""


def require(condition: bool, *what: object) -> None:
    """Raise Violation unless so."""
    if not condition:
        raise Violation(" ".join(map(str, what)))


class Batch:
    """A batch as it was sent, by whom. `known_before` is where the log ended for sure when it was first sent.

    `flushed_in` is the broker's life in which it was first sent, if the topic was one that flushes; or 0.
    """

    def __init__(
        self,
        partition: PartitionModel,
        number: int,
        contents: Sequence[Content],
        sent_ms: int,
        *,
        producer_id: int = -1,
        sequence: int = -1,
        codec: int = 0,
    ) -> None:
        self.partition = partition
        self.number = number
        self.contents = contents
        self.sent_ms = sent_ms
        self.producer_id = producer_id
        self.wire = bytes(
            batch_of(
                [
                    Record(at, sent_ms, key, value, [("id", b"%d.%d" % (number, at))])
                    for at, (key, value) in enumerate(contents)
                ],
                producer_id=producer_id,
                producer_epoch=0 if producer_id >= 0 else -1,
                base_sequence=sequence,
                codec=codec,
            )
        )
        self.offset: int | None = None
        self.known_before = partition.known_end
        self.flushed_in = 0
        self.is_refused = False
        self.is_lost = False
        self.may_be_lost = False
        self.promise = Promise.NONE

    def __repr__(self) -> str:
        return f"batch {self.number} of {self.partition}"

    def is_sent_again(self) -> None:
        """Take in that nobody had heard of it: then what was lost may come back."""
        if self.is_lost:
            self.is_lost = False
            self.known_before = self.partition.known_end

    @property
    def end(self) -> int:
        """The offset after it, if it has one."""
        return (self.offset or 0) + len(self.contents)


class PartitionModel:
    """One partition of one topic. Owns its batches.

    `known_end` is the end of the last batch whose offset is known. `start` and `high_watermark` are what was seen last;
    a crash may take the start back, a kill not below `safe_start`. `was_compacted` tells if there may be gaps. Records
    below `deleted_to` were deleted on demand.
    """

    def __init__(self, topic: TopicModel, index: int) -> None:
        self.topic = topic
        self.index = index
        self.batches: dict[int, Batch] = {}
        self.at: dict[int, Batch] = {}
        self.known_end = 0
        self.start = self.safe_start = self.highest_start = 0
        self.high_watermark = 0
        self.deleted_to = 0
        self.was_compacted = False

    def __repr__(self) -> str:
        return f"{self.topic.name}-{self.index}"

    @property
    def possible_end(self) -> int:
        """Where the log ends at most."""
        return self.known_end + sum(len(b.contents) for b in self.batches.values() if b.offset is None)

    # -- Sending

    def acknowledged(self, batch: Batch, offset: int, *, is_flushed: bool) -> None:
        """Take in that a batch was acknowledged."""
        self._found(batch, offset)
        batch.promise = max(batch.promise, Promise.POWER if is_flushed else Promise.KILL)

    def refused(self, batch: Batch) -> None:
        """Take in that it was refused for good."""
        require(batch.offset is None, batch, "was there, and is refused")
        batch.is_refused = True

    def _found(self, batch: Batch, offset: int) -> None:
        require(not batch.is_refused, batch, "was refused, and is there, at", offset)
        require(not batch.is_lost, batch, "was lost, and is back, at", offset)
        if batch.offset is not None and batch.offset != offset:
            # Once its first copy is deleted a producer may be forgotten, and its batch is stored again.
            require(batch.offset < self.highest_start, batch, "is there twice, at", batch.offset, "and", offset)
            self._forget_offset(batch)
        if batch.offset is None:
            require(offset >= batch.known_before, batch, "is at", offset, "before what was there:", batch.known_before)
            batch.offset = offset
            for at in range(offset, batch.end):
                other = self.at.setdefault(at, batch)
                require(other is batch, batch, "and", other, "are both at offset", at)
            self.known_end = max(self.known_end, batch.end)

    def _forget_offset(self, batch: Batch) -> None:
        for at in range(batch.offset or 0, batch.end):
            del self.at[at]
        batch.offset = None

    # -- Reading

    def read(self, records: Iterable[Record], offset: int, life: int = -1) -> int:
        """Take in what was read from `offset` on; return the offset after it.

        `life` is the broker's, if it was a consumer that read: who reads does not see what is still to be flushed.
        """
        at = offset
        for record in records:
            if record.offset < offset:
                continue  # the fetch began inside a batch
            number, _, index = record.headers[0][1].partition(b".")  # type: ignore[union-attr]
            batch = self.batches.get(int(number))
            require(batch is not None, self, "has a record that was not sent to it:", record)
            assert batch is not None
            require((record.key, record.value) == batch.contents[int(index)], batch, "has changed:", record)
            require(record.timestamp == batch.sent_ms, batch, "has another timestamp:", record)
            self._found(batch, record.offset - int(index))
            batch.promise = max(batch.promise, Promise.POWER if batch.flushed_in == life else Promise.KILL)
            if not self.was_compacted:
                require(record.offset == at, self, "was read from", offset, "and misses", at, "before", record.offset)
            require(record.offset >= at, self, "is not in order at", record.offset)
            at = record.offset + 1
        return at

    def saw(self, log_start: int, high_watermark: int, now_ms: int) -> None:
        """Take in the ends of the log that an answer tells."""
        require(log_start >= self.start, self, "starts at", log_start, "after", self.start)
        require(high_watermark >= self.high_watermark, self, "ends at", high_watermark, "after", self.high_watermark)
        require(log_start <= high_watermark, self, "starts at", log_start, "beyond its end", high_watermark)
        if log_start > self.highest_start:
            self._check_deleted(log_start, now_ms)
        self.high_watermark = high_watermark
        self.start = log_start
        self.highest_start = max(self.highest_start, log_start)

    def _check_deleted(self, log_start: int, now_ms: int) -> None:
        """Nothing goes that neither retention nor a request has allowed."""
        left = sum(len(b.wire) for b in self.batches.values() if b.offset is None or b.end > log_start)
        values = {offset for offset, value in self._newest().values() if value is not None}
        for offset in range(max(self.highest_start, self.deleted_to), log_start):
            batch = self.at.get(offset)
            if batch is None or (self.was_compacted and offset not in values):
                continue
            may_go = any(
                0 <= ms < now_ms - batch.sent_ms or 0 <= nbytes <= left for ms, nbytes in self.topic.retentions
            )
            require(may_go, offset, "of", batch, "was deleted before its time: the log starts at", log_start)

    def _newest(self) -> dict[bytes, tuple[int, bytes | None]]:
        """Return offset and value of the newest record of each key."""
        newest: dict[bytes, tuple[int, bytes | None]] = {}
        for offset in sorted(self.at):
            batch = self.at[offset]
            key, value = batch.contents[offset - (batch.offset or 0)]
            newest[key] = (offset, value)
        return newest

    # -- After a restart

    def restarted(self, records: Sequence[Record], start: int, end: int, now_ms: int, survives: Promise) -> None:
        """Take in all that is there after a restart; batches with `survives`, or a greater promise, must be."""
        if survives == Promise.POWER:
            self.safe_start = 0  # segments that were deleted may be back, as in Kafka
        require(self.safe_start <= start, self, "starts at", start, "though it started at", self.safe_start, "for sure")
        self.start = min(self.start, start)
        self.high_watermark = 0
        for batch in self.batches.values():
            if batch.offset is not None and batch.end > max(start, end):
                require(batch.promise < survives, batch, "at", batch.offset, "is lost: the log ends at", end)
                self._forget_offset(batch)
                batch.is_lost = True
            batch.known_before = min(batch.known_before, end)
        if self.was_compacted and survives == Promise.POWER:
            self._forget_what_may_be_lost({record.offset for record in records})
        reached = self.read(records, start)
        if not self.was_compacted:
            require(reached == end, self, "can be read up to", reached, "and ends at", end)
        self.known_end = end
        self.saw(start, end, now_ms)
        self._check_keys(records)

    def _forget_what_may_be_lost(self, found: set[int]) -> None:
        """A gap may be from compaction, or a segment that a power cut took; a start cannot tell, as in Kafka."""
        for batch in self.batches.values():
            if batch.offset is None or batch.promise == Promise.POWER or batch.offset < self.start:
                continue
            if found.isdisjoint(range(batch.offset, batch.end)):
                self._forget_offset(batch)
                batch.may_be_lost = True

    def _check_keys(self, records: Sequence[Record]) -> None:
        """The newest value of every key must be there, unless it was deleted."""
        there = {record.key: record.offset for record in records}
        gone = [each for each in self.batches.values() if each.offset is None and not each.is_refused]
        # A delete of which nobody knows; or a newer value that a power cut took, after a compaction has seen it.
        doubtful = {
            key for each in gone for key, value in each.contents if value is None or each.is_lost or each.may_be_lost
        }
        for key, (offset, value) in self._newest().items():
            if value is not None and offset >= self.start and key not in doubtful:
                require(there.get(key, -1) >= offset, self, "has lost the value of", key, "at", offset)


class TopicModel:
    """One topic. `retentions` are (retention.ms, retention.bytes) of all times at which it could delete."""

    def __init__(self, name: str, topic_id: bytes, partitions: int, config: Mapping[str, str]) -> None:
        self.name = name
        self.topic_id = topic_id
        self.config: dict[str, str] = {}
        self.retentions: set[tuple[int, int]] = set()
        self.partitions: list[PartitionModel] = []
        self.grow(partitions)
        self.configure(config)

    def is_being_deleted(self) -> None:
        """Take in that from now on a power cut may leave the topic without its records."""
        for partition in self.partitions:
            partition.safe_start = 0
            for batch in partition.batches.values():
                batch.promise = min(batch.promise, Promise.KILL)

    def grow(self, partitions: int) -> None:
        """Have so many partitions; those that a power cut took away come back as new ones."""
        del self.partitions[partitions:]
        while len(self.partitions) < partitions:
            self.partitions.append(PartitionModel(self, len(self.partitions)))
        self._note()

    def configure(self, config: Mapping[str, str]) -> None:
        """Have this config from now on."""
        self.config = dict(config)
        self._note()

    def _note(self) -> None:
        policy = self.config.get("cleanup.policy", "delete")
        if "delete" in policy:
            ms = int(self.config.get("retention.ms", 604800000))
            self.retentions.add((ms, int(self.config.get("retention.bytes", -1))))
        for partition in self.partitions:
            partition.was_compacted |= "compact" in policy
