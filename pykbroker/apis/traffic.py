"""`Traffic`: what clients asked for and what went through, per API and per topic. Counted only if metrics are on.

Produce and Fetch tell it about partitions, `measuring.py` about requests. What counts, and as what, is as in Kafka's
`ReplicaManager`, `BrokerTopicStats` and `RequestMetrics`:

    messages, bytes in    per batch that was stored, or had been before: by offsets, and by the batch's length
    bytes rejected        batches that were larger than the topic allows
    bytes out             batches in the answers of Fetch
    produce, fetch        per partition that was named; in a fetch session, per partition of the session
    failed                partitions whose error is of the broker's making, not the client's

Only topics that exist are counted, and a topic's counts go with it, so that nobody can fill our memory with names.
Writes of the broker's own, such as those of groups to `__consumer_offsets`, are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import TYPE_CHECKING, Final

from pykbroker import errors
from pykbroker.metrics import Timings

if TYPE_CHECKING:
    from pykbroker.apis.fetch_sessions import Wanted
    from pykbroker.metadata.image import Image, Topic
    from pykbroker.wire.messages.fetch import PartitionData
    from pykbroker.wire.messages.produce import TopicProduceData, TopicProduceResponse

_batch_length = Struct(">i").unpack_from
_LENGTH_AT: Final = 8
_LENGTH_END: Final = 12
_LAST_OFFSET_DELTA_AT: Final = 23

_PRODUCERS_OWN: Final = frozenset(
    {
        errors.NONE,
        errors.UNKNOWN_TOPIC_OR_PARTITION,
        errors.NOT_LEADER_OR_FOLLOWER,
        errors.MESSAGE_TOO_LARGE,
        errors.RECORD_LIST_TOO_LARGE,
        errors.CORRUPT_MESSAGE,
        errors.KAFKA_STORAGE_ERROR,
    }
)
"""Errors of Produce that Kafka does not count as failures (`ReplicaManager.appendToLocalLog`)."""

_CONSUMERS_OWN: Final = frozenset(
    {
        errors.NONE,
        errors.UNKNOWN_TOPIC_OR_PARTITION,
        errors.NOT_LEADER_OR_FOLLOWER,
        errors.UNKNOWN_LEADER_EPOCH,
        errors.FENCED_LEADER_EPOCH,
        errors.REPLICA_NOT_AVAILABLE,
        errors.KAFKA_STORAGE_ERROR,
        errors.OFFSET_OUT_OF_RANGE,
    }
)
"""Errors of Fetch that Kafka does not count as failures (`ReplicaManager.readFromLog`)."""


class TopicTraffic:
    """What went through one topic since the broker started, or the topic was made."""

    __slots__ = (
        "bytes_in", "bytes_out", "bytes_rejected", "failed_fetches", "failed_produces", "fetches", "messages_in",
        "produces",
    )  # fmt: skip

    def __init__(self) -> None:
        self.messages_in = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.bytes_rejected = 0
        self.produces = 0
        self.fetches = 0
        self.failed_produces = 0
        self.failed_fetches = 0

    def add(self, other: TopicTraffic) -> None:
        """Add another's counts to these."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class ApiTraffic:
    """The requests of one API: how many by version, their errors by code, how long they took, how many wait now.

    A request takes from its last byte until its answer is ready to be sent. Errors are counted as often as they are in
    answers, NONE too.
    """

    __slots__ = ("errors", "timings", "versions", "waiting")

    def __init__(self) -> None:
        self.versions: dict[int, int] = {}
        self.errors: dict[int, int] = {}
        self.timings = Timings()
        self.waiting = 0


class Traffic:
    """All counts of a broker. `apis` is by API key, `topics` by name."""

    __slots__ = ("_gone", "_image", "apis", "topics")

    def __init__(self, image: Image) -> None:
        self._image = image
        self._gone = TopicTraffic()  # what deleted topics had
        self.apis: dict[int, ApiTraffic] = {}
        self.topics: dict[str, TopicTraffic] = {}

    def api(self, key: int) -> ApiTraffic:
        """Return the counts of an API."""
        found = self.apis.get(key)
        if found is None:
            found = self.apis[key] = ApiTraffic()
        return found

    def all_topics(self) -> TopicTraffic:
        """Return the counts of all topics together, also of those that are gone."""
        total = TopicTraffic()
        total.add(self._gone)
        for topic in self.topics.values():
            total.add(topic)
        return total

    def forget(self, topics: Iterable[Topic]) -> None:
        """Topics were deleted."""
        for topic in topics:
            counts = self.topics.pop(topic.name, None)
            if counts is not None:
                self._gone.add(counts)

    def produced(self, asked: list[TopicProduceData], answered: list[TopicProduceResponse]) -> None:
        """Count the partitions of one Produce. Hot path."""
        for topic, answer in zip(asked, answered, strict=True):
            counts = self.topics.get(topic.name) or self._topic(topic.name or topic.topic_id)
            if counts is None:
                continue
            for wanted, result in zip(topic.partition_data, answer.partition_responses, strict=True):
                code, view = result.error_code, wanted.records
                if not code and view is not None:
                    counts.messages_in += _batch_length(view, _LAST_OFFSET_DELTA_AT)[0] + 1
                    counts.bytes_in += _batch_length(view, _LENGTH_AT)[0] + _LENGTH_END
                elif code == errors.UNKNOWN_TOPIC_OR_PARTITION:
                    continue
                elif code in (errors.MESSAGE_TOO_LARGE, errors.RECORD_LIST_TOO_LARGE) and view is not None:
                    counts.bytes_rejected += view.nbytes
                elif code not in _PRODUCERS_OWN:
                    counts.failed_produces += 1
                counts.produces += 1

    def fetched(self, answers: Iterable[tuple[Wanted, PartitionData]], settled: Iterable[Wanted]) -> None:
        """Count the partitions of one Fetch, as it is answered, also those that had nothing to say. Hot path."""
        for wanted in settled:
            counts = self._topic(wanted.topic)
            if counts is not None:
                counts.fetches += 1
        for wanted, answer in answers:
            counts = self._topic(wanted.topic)
            if counts is None or answer.error_code == errors.UNKNOWN_TOPIC_OR_PARTITION:
                continue
            counts.fetches += 1
            if answer.records is not None:
                counts.bytes_out += answer.records.nbytes
            if answer.error_code not in _CONSUMERS_OWN:
                counts.failed_fetches += 1

    def _topic(self, name: str | bytes) -> TopicTraffic | None:
        """Return the counts of a topic, by name or id; None for one that does not exist."""
        image = self._image
        if isinstance(name, bytes):
            topic = image.topics_by_id.get(name)
            if topic is None:
                return None
            name = topic.name
        found = self.topics.get(name)
        if found is None and name in image.topics:
            found = self.topics[name] = TopicTraffic()
        return found
