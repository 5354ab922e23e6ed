"""Fetch sessions (KIP-227): the broker remembers what a consumer reads, and both sides name only what changed.

A request with epoch -1 wants no session; epoch 0 wants a new one; anything else goes on with an existing one, whose
next epoch it must carry. `FetchSessions.open` turns a request into a `Plan`: every partition to be read, in order.
After reading, `Plan.select` drops from the answer what the consumer knows already. Sessions belong to the broker, not
to a connection, as in Kafka (`FetchSession.scala`).

What a request costs does not depend on the session's size: a partition that was read to its end, of which the consumer
knows all, is *settled*. There is nothing to say of it until something happens to it: it is not read, but watched.
The first event makes it unsettled again; a session that nobody uses any more hears of each partition once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, Protocol

from pykbroker import errors
from pykbroker.env import Clock, Random
from pykbroker.errors import KafkaError
from pykbroker.storage.partition import Partition
from pykbroker.wire.messages.fetch import FetchPartition, FetchRequest, PartitionData

NO_SESSION: Final = 0
_FINAL_EPOCH: Final = -1
_INITIAL_EPOCH: Final = 0
_EVICTION_MS: Final = 120_000
_TOPIC_IDS_SINCE: Final = 13

TopicKey = str | bytes
"""How the client names a topic: by name up to v12, by id from v13."""


class Wanted:
    """One partition that a consumer reads, and what it was last told about it.

    In a session, `turn` says which is served before which. While it is settled, `partition` is what is watched for it,
    and `segment` where the segment begins that its offset is in.
    """

    __slots__ = (
        "high_watermark", "index", "last_fetched_epoch", "leader_epoch", "log_start_offset", "max_bytes", "offset",
        "partition", "segment", "topic", "turn",
    )  # fmt: skip

    def __init__(self, topic: TopicKey, index: int) -> None:
        self.topic = topic
        self.index = index
        self.offset = 0
        self.max_bytes = 0
        self.leader_epoch = -1
        self.last_fetched_epoch = -1
        self.high_watermark = -1
        self.log_start_offset = -1
        self.turn = 0
        self.partition: Partition | None = None
        self.segment = -1

    def ask(self, item: FetchPartition) -> None:
        """Take what a request says."""
        self.offset = item.fetch_offset
        self.max_bytes = item.partition_max_bytes
        self.leader_epoch = item.current_leader_epoch
        self.last_fetched_epoch = item.last_fetched_epoch

    def note(self, answer: PartitionData) -> bool:
        """Remember what the consumer is being told; tell whether any of it is news (FET-23)."""
        news = has_records(answer)
        if answer.error_code:
            self.high_watermark = -1  # FET-27: once the error clears the partition is sent again
            return True
        if answer.diverging_epoch is not None:
            self.high_watermark = -1
            return True
        if answer.high_watermark != self.high_watermark:
            self.high_watermark = answer.high_watermark
            news = True
        if answer.log_start_offset != self.log_start_offset:
            self.log_start_offset = answer.log_start_offset
            news = True
        return news or answer.preferred_read_replica != -1


Key = tuple[TopicKey, int]
Partitions = dict[Key, Wanted]


class SessionWait(Protocol):
    """A parked fetch of a session."""

    def joined(self, partition: Partition, segment: int, nbytes: int) -> None:
        """Bytes came to a partition that was settled; from now on the wait looks after it itself."""

    def changed(self, partition: Partition) -> None:
        """Something else happened to it."""

    def release(self) -> None:
        """Answer soon."""


class FetchSession:
    """One session. Watches its settled partitions; owns which these are. `wait` is its fetch that is parked, if any."""

    __slots__ = ("_settled", "_turns", "_unsettled", "by_id", "epoch", "id", "last_used_ms", "partitions", "wait")

    def __init__(self, id: int, by_id: bool, partitions: Partitions, now_ms: int) -> None:
        self.id = id
        self.by_id = by_id
        self.partitions = partitions
        self.epoch = 1
        self.last_used_ms = now_ms
        self.wait: SessionWait | None = None
        self._settled: dict[Partition, Wanted] = {}
        self._unsettled = dict(partitions)
        self._turns = 0
        for wanted in partitions.values():
            self.serve_last(wanted)

    def update(self, request: FetchRequest) -> None:
        """Add, change and forget the partitions that a request names."""
        for key, item in _named(request, self.by_id):
            wanted = self.partitions.get(key)
            if wanted is None:
                wanted = self.partitions[key] = Wanted(*key)
                self.serve_last(wanted)
            wanted.ask(item)
            self._unsettle(wanted)
        for topic in request.forgotten_topics_data:
            name: TopicKey = topic.topic_id if self.by_id else topic.topic
            for index in topic.partitions:
                forgotten = self.partitions.pop((name, index), None)
                if forgotten is not None:
                    self._unsettle(forgotten)
                    del self._unsettled[name, index]

    def serve_last(self, wanted: Wanted) -> None:
        """Put a partition behind all others (FET-09)."""
        self._turns += 1
        wanted.turn = self._turns

    def unsettled(self) -> list[Wanted]:
        """Return what must be read, in order."""
        return sorted(self._unsettled.values(), key=lambda wanted: wanted.turn)

    def settled(self) -> Collection[Wanted]:
        """Return what need not be read."""
        return self._settled.values()

    def settle(self, wanted: Wanted, partition: Partition, segment: int) -> None:
        """Do not read this one again before something happens to it: the consumer knows all there is to know."""
        if self._unsettled.pop((wanted.topic, wanted.index), None) is wanted:
            wanted.partition, wanted.segment = partition, segment
            self._settled[partition] = wanted
            partition.watch(self)

    def _unsettle(self, wanted: Wanted) -> None:
        if wanted.partition is not None:
            wanted.partition.unwatch(self)
            del self._settled[wanted.partition]
            wanted.partition = None
        self._unsettled[wanted.topic, wanted.index] = wanted

    def appended(self, partition: Partition, nbytes: int) -> None:
        """A settled partition has grown."""
        wanted = self._settled.get(partition)
        if wanted is not None:
            self._unsettle(wanted)
            if self.wait is not None:
                self.wait.joined(partition, wanted.segment, nbytes)

    def changed(self, partition: Partition) -> None:
        """A settled partition was deleted, truncated, or failed."""
        wanted = self._settled.get(partition)
        if wanted is not None:
            self._unsettle(wanted)
            if self.wait is not None:
                self.wait.changed(partition)

    def close(self) -> None:
        """Watch nothing any more; who still waits is answered."""
        for partition in self._settled:
            partition.unwatch(self)
        self._settled.clear()
        if self.wait is not None:
            self.wait.release()


class Plan:
    """What one request asks for, and which session the answer belongs to."""

    __slots__ = ("_sessions", "incremental", "partitions", "session", "wants_session")

    def __init__(
        self, sessions: FetchSessions, partitions: Partitions, session: FetchSession | None, wants_session: bool
    ) -> None:
        self._sessions = sessions
        self.partitions = partitions
        self.session = session
        self.incremental = session is not None
        self.wants_session = wants_session

    def to_read(self) -> Iterable[Wanted]:
        """Return what has to be read, in order."""
        return self.partitions.values() if self.session is None else self.session.unsettled()

    def select(self, answers: Iterable[tuple[Wanted, PartitionData]], by_id: bool) -> tuple[int, list[PartitionData]]:
        """Return the session id for the response, and the answers that belong into it.

        A full fetch keeps all answers, and becomes a session if one was asked for and there is room. An incremental one
        keeps what is news; a partition that returned records goes to the end of the session's order (FET-09).
        """
        pairs = list(answers)
        if not self.incremental:
            if not self.wants_session:
                return NO_SESSION, [answer for _, answer in pairs]
            for wanted, answer in pairs:
                wanted.note(answer)
            created = self._sessions.create(self.partitions, by_id)
            return (created.id if created else NO_SESSION), [answer for _, answer in pairs]
        session = self.session
        assert session is not None
        kept = []
        for wanted, answer in pairs:
            if not wanted.note(answer):
                continue
            kept.append(answer)
            if has_records(answer):
                session.serve_last(wanted)
        return session.id, kept


class FetchSessions:
    """All sessions of the broker, at most `slots` of them (FET-28)."""

    def __init__(self, slots: int, clock: Clock, random: Random) -> None:
        self._slots = slots
        self._clock = clock
        self._random = random
        self._sessions: dict[int, FetchSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, request: FetchRequest, version: int) -> Plan:
        """Return what to read. Raises the session errors of FET-25 and FET-30, which concern the whole request."""
        by_id = version >= _TOPIC_IDS_SINCE
        if request.session_epoch in (_FINAL_EPOCH, _INITIAL_EPOCH):
            self._close(request.session_id)  # FET-22, FET-26
            partitions = _asked(request, by_id)
            wants_session = request.session_epoch == _INITIAL_EPOCH and bool(partitions)
            return Plan(self, partitions, None, wants_session)
        session = self._sessions.get(request.session_id)
        if session is None:
            raise KafkaError(errors.FETCH_SESSION_ID_NOT_FOUND)
        if request.session_epoch != session.epoch:
            raise KafkaError(errors.INVALID_FETCH_SESSION_EPOCH)
        if session.by_id != by_id:
            raise KafkaError(errors.FETCH_SESSION_TOPIC_ID_ERROR)
        session.update(request)
        if not session.partitions:
            self._close(session.id)  # FET-29: what the request names all the same is answered
            return Plan(self, _asked(request, by_id), None, False)
        session.epoch = 1 if session.epoch == 0x7FFFFFFF else session.epoch + 1  # FET-24
        session.last_used_ms = self._clock.now_ms()
        return Plan(self, session.partitions, session, True)

    def create(self, partitions: Partitions, by_id: bool) -> FetchSession | None:
        """Return a new session, or None when there is no room for it."""
        now_ms = self._clock.now_ms()
        if len(self._sessions) >= self._slots and not self._evict(len(partitions), now_ms):
            return None
        id = 0
        while id == NO_SESSION or id in self._sessions:
            id = int.from_bytes(self._random.bytes(4), "big") & 0x7FFFFFFF
        session = self._sessions[id] = FetchSession(id, by_id, partitions, now_ms)
        return session

    def _evict(self, size: int, now_ms: int) -> bool:
        """Make room: an idle session goes first, else one that is smaller than the new one."""
        if not self._sessions:
            return False
        idle = min(self._sessions.values(), key=lambda session: session.last_used_ms)
        if now_ms - idle.last_used_ms <= _EVICTION_MS:
            idle = min(self._sessions.values(), key=lambda session: len(session.partitions))
            if len(idle.partitions) >= size:
                return False
        self._close(idle.id)
        return True

    def _close(self, id: int) -> None:
        session = self._sessions.pop(id, None)
        if session is not None:
            session.close()


def has_records(answer: PartitionData) -> bool:
    """Tell if an answer carries any bytes of batches."""
    return answer.records is not None and answer.records.nbytes > 0


def _asked(request: FetchRequest, by_id: bool) -> Partitions:
    """Return the partitions that a request names, each as it is named last (FET-42)."""
    partitions: Partitions = {}
    for key, item in _named(request, by_id):
        partitions.setdefault(key, Wanted(*key)).ask(item)
    return partitions


def _named(request: FetchRequest, by_id: bool) -> Iterator[tuple[Key, FetchPartition]]:
    """Yield the partitions that the request names; of one named twice the last counts (FET-42)."""
    for topic in request.topics:
        name: TopicKey = topic.topic_id if by_id else topic.topic
        for item in topic.partitions:
            yield (name, item.partition), item
