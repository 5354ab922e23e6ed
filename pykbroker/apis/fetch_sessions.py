"""Fetch sessions (KIP-227): the broker remembers what a consumer reads, and both sides name only what changed.

A request with epoch -1 wants no session; epoch 0 wants a new one; anything else goes on with an existing one, whose
next epoch it must carry. `FetchSessions.open` turns a request into a `Plan`: every partition to be read, in order.
After reading, `Plan.select` drops from the answer what the consumer knows already. Sessions belong to the broker, not
to a connection, as in Kafka (`FetchSession.scala`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pykbroker import errors
from pykbroker.env import Clock, Random
from pykbroker.errors import KafkaError
from pykbroker.wire.messages.fetch import FetchRequest, PartitionData

NO_SESSION: Final = 0
_FINAL_EPOCH: Final = -1
_INITIAL_EPOCH: Final = 0
_EVICTION_MS: Final = 120_000
_TOPIC_IDS_SINCE: Final = 13

TopicKey = str | bytes
"""How the client names a topic: by name up to v12, by id from v13."""


class Wanted:
    """One partition that a consumer reads, and what it was last told about it."""

    __slots__ = (
        "high_watermark", "index", "last_fetched_epoch", "leader_epoch", "log_start_offset", "max_bytes", "offset",
        "topic",
    )

    def __init__(self, topic: TopicKey, index: int) -> None:
        self.topic = topic
        self.index = index
        self.offset = 0
        self.max_bytes = 0
        self.leader_epoch = -1
        self.last_fetched_epoch = -1
        self.high_watermark = -1
        self.log_start_offset = -1

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


Partitions = dict[tuple[TopicKey, int], Wanted]


class FetchSession:
    """One session. Its partitions are kept in the order in which they are served next."""

    __slots__ = ("by_id", "epoch", "id", "last_used_ms", "partitions")

    def __init__(self, id: int, by_id: bool, partitions: Partitions, now_ms: int) -> None:
        self.id = id
        self.by_id = by_id
        self.partitions = partitions
        self.epoch = 1
        self.last_used_ms = now_ms


class Plan:
    """What one request reads, and which session the answer belongs to."""

    __slots__ = ("_sessions", "incremental", "partitions", "session", "wants_session")

    def __init__(
        self, sessions: FetchSessions, partitions: Partitions, session: FetchSession | None, wants_session: bool
    ) -> None:
        self._sessions = sessions
        self.partitions = partitions
        self.session = session
        self.incremental = session is not None
        self.wants_session = wants_session

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
        assert self.session is not None
        kept = []
        for wanted, answer in pairs:
            if not wanted.note(answer):
                continue
            kept.append(answer)
            if has_records(answer):
                key = (wanted.topic, wanted.index)
                if self.session.partitions.pop(key, None) is not None:
                    self.session.partitions[key] = wanted
        return self.session.id, kept


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
            self._sessions.pop(request.session_id, None)  # FET-22, FET-26
            partitions: Partitions = {}
            _merge(partitions, request, by_id)
            wants_session = request.session_epoch == _INITIAL_EPOCH and bool(partitions)
            return Plan(self, partitions, None, wants_session)
        session = self._sessions.get(request.session_id)
        if session is None:
            raise KafkaError(errors.FETCH_SESSION_ID_NOT_FOUND)
        if request.session_epoch != session.epoch:
            raise KafkaError(errors.INVALID_FETCH_SESSION_EPOCH)
        if session.by_id != by_id:
            raise KafkaError(errors.FETCH_SESSION_TOPIC_ID_ERROR)
        _merge(session.partitions, request, by_id)
        _forget(session.partitions, request, by_id)
        if not session.partitions:
            del self._sessions[session.id]  # FET-29
            return Plan(self, {}, None, False)
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
        del self._sessions[idle.id]
        return True


def has_records(answer: PartitionData) -> bool:
    """Tell if an answer carries any bytes of batches."""
    return answer.records is not None and answer.records.nbytes > 0


def _merge(partitions: Partitions, request: FetchRequest, by_id: bool) -> None:
    """Add or update the partitions that the request names; one named twice counts once (FET-42)."""
    for topic in request.topics:
        name: TopicKey = topic.topic_id if by_id else topic.topic
        for item in topic.partitions:
            key = (name, item.partition)
            wanted = partitions.get(key)
            if wanted is None:
                wanted = partitions[key] = Wanted(name, item.partition)
            wanted.offset = item.fetch_offset
            wanted.max_bytes = item.partition_max_bytes
            wanted.leader_epoch = item.current_leader_epoch
            wanted.last_fetched_epoch = item.last_fetched_epoch


def _forget(partitions: Partitions, request: FetchRequest, by_id: bool) -> None:
    for topic in request.forgotten_topics_data:
        name: TopicKey = topic.topic_id if by_id else topic.topic
        for index in topic.partitions:
            partitions.pop((name, index), None)
