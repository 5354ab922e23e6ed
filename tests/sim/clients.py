"""Clients of the simulation: producers, consumers, a group's member that commits, an admin. All speak the protocol.

Each does one thing at a time: `act` begins one, unless the last one waits for its answer. Answers may be lost on the
way; then a producer with sequences sends the same again, and everyone else goes on without knowing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykbroker import errors
from pykbroker.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic
from pykbroker.wire.messages.init_producer_id import InitProducerIdRequest
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from pykbroker.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from pykbroker.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from pykbroker.wire.records import batches_in, records_in
from tests.sim.model import Batch, Content, PartitionModel, Promise, require

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

_KEYS = (b"a", b"b", b"c", b"d", b"e")
_GONE = (errors.UNKNOWN_TOPIC_OR_PARTITION, errors.UNKNOWN_TOPIC_ID)
_OF_FAULTS = (
    errors.KAFKA_STORAGE_ERROR,
    errors.NOT_LEADER_OR_FOLLOWER,
    errors.NOT_COORDINATOR,
    errors.COORDINATOR_NOT_AVAILABLE,
)


class SimClient:
    """A client with a name and one request at a time."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        self.simulation = simulation
        self.name = name
        self.random = simulation.random
        self.is_waiting = False

    def act(self) -> None:
        """Begin something, unless the last thing is not over."""
        if not self.is_waiting:
            self.begin()

    def begin(self) -> None:
        """Begin something."""
        raise NotImplementedError

    def broker_restarted(self) -> None:
        """Take in that all connections are new ones."""

    def is_gone(self, partition: PartitionModel) -> bool:
        """Tell if a partition does not exist any more."""
        topic = self.simulation.metadata.topics.get(partition.topic.name)
        return topic is not partition.topic or partition not in topic.partitions

    def a_partition(self) -> PartitionModel | None:
        """Return some partition, if there are any."""
        partitions = [each for topic in self.simulation.metadata.topics.values() for each in topic.partitions]
        return self.random.choice(partitions) if partitions else None

    def check_error(self, code: int, partition: PartitionModel) -> None:
        """An error must have a reason."""
        if code in _GONE:
            require(self.is_gone(partition), self.name, "hears", errors.name_of(code), "of", partition)
        elif code in _OF_FAULTS:
            may_be = self.simulation.world.is_troubled or self.is_gone(partition) or self.simulation.is_stopping
            require(may_be, self.name, "hears", errors.name_of(code), "of", partition)
        else:
            require(code == 0, self.name, "hears", errors.name_of(code), "of", partition)


class Producer(SimClient):
    """Sends batches, and with a producer id sends each again until it knows what became of it."""

    def __init__(self, simulation: Simulation, name: str, *, is_idempotent: bool) -> None:
        super().__init__(simulation, name)
        self.is_idempotent = is_idempotent
        self.producer_id = -1
        self._sequences: dict[PartitionModel, int] = {}
        self._retry: Batch | None = None

    def begin(self) -> None:
        if self.is_idempotent and self.producer_id < 0:
            self._ask_for_id()
            return
        if self._retry is not None:
            self._retry.is_sent_again()
            self._send(self._retry)
            return
        partition = self.a_partition()
        if partition is None:
            return
        simulation, random = self.simulation, self.random
        sequence = self._sequences.get(partition, 0) if self.is_idempotent else -1
        batch = Batch(
            partition,
            simulation.next_number(),
            [self._content() for _ in range(random.randint(1, 4))],
            simulation.world.clock.now_ms(),
            producer_id=self.producer_id,
            sequence=sequence,
            codec=random.choice((0, 0, 0, 1)),
        )
        if self.is_idempotent:
            self._sequences[partition] = sequence + len(batch.contents)
        if simulation.is_flushed(partition.topic):
            batch.flushed_in = simulation.world.lives
        partition.batches[batch.number] = batch
        self._send(batch)

    def _content(self) -> Content:
        value = None if self.random.random() < 0.15 else b"v" * self.random.choice((1, 10, 40, 120))
        return self.random.choice(_KEYS), value

    def _ask_for_id(self) -> None:
        def answered(response: Any) -> None:
            if response is None or response.error_code:
                return
            if response.producer_id in self.simulation.producer_ids:
                # A power cut has taken the metadata that says so: whoever gets an id that is in use must not use it.
                require(self.simulation.has_lost_metadata, "producer id", response.producer_id, "is given twice")
                return
            self.simulation.producer_ids.add(response.producer_id)
            self.producer_id = response.producer_id
            self._sequences.clear()
            self.simulation.note(self.name, "is producer", self.producer_id)

        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000)
        self.simulation.ask(self, request, 4, answered)

    def _send(self, batch: Batch) -> None:
        partition, simulation = batch.partition, self.simulation
        topic = partition.topic
        version = self.random.choice((9, 12, 13))
        acks = -1 if self.is_idempotent else self.random.choice((-1, 1, 0))
        wanted = TopicProduceData(
            partition_data=[PartitionProduceData(index=partition.index, records=memoryview(batch.wire))]
        )
        if version < 13:
            if self.is_gone(partition):
                self._give_up()  # another topic may have the name
                return
            wanted.name = topic.name
        else:
            wanted.topic_id = topic.topic_id
        is_flushed = simulation.is_flushed(topic)
        known_states = len(simulation.metadata.states) - 1
        simulation.note(self.name, "sends", batch, "acks", acks)

        def answered(response: Any) -> None:
            if response is None:
                if self.is_idempotent:
                    self._retry = batch
                return
            [answer] = response.responses[0].partition_responses
            simulation.note(self.name, "hears", errors.name_of(answer.error_code), answer.base_offset, "of", batch)
            if answer.error_code == 0:
                is_new = batch.promise == Promise.NONE
                partition.acknowledged(batch, answer.base_offset, is_flushed=is_flushed)
                if is_flushed and is_new:  # of one that was on the device already, nothing was flushed now
                    simulation.metadata.safe = max(simulation.metadata.safe, known_states)
                self._retry = None
            elif answer.error_code == errors.OUT_OF_ORDER_SEQUENCE_NUMBER:
                # Of what was deleted nothing but a snapshot tells, and a crash may take that.
                ends = [each.end for each in partition.batches.values() if each.producer_id == self.producer_id]
                is_deleted = simulation.has_crashed and max(ends) <= partition.highest_start
                require(is_deleted or self.producer_id in simulation.bereft, batch, "is out of order")
                self._give_up()
            elif answer.error_code == errors.RECORD_LIST_TOO_LARGE:
                partition.refused(batch)
                self._give_up()
            else:
                self.check_error(answer.error_code, partition)
                if answer.error_code in _GONE:
                    self._give_up()
                elif self.is_idempotent:
                    self._retry = batch

        simulation.ask(self, ProduceRequest(acks=acks, timeout_ms=1000, topic_data=[wanted]), version, answered)

    def _give_up(self) -> None:
        """Go on as another producer, because the next batch would be out of order."""
        self._retry = None
        self.producer_id = -1


class Consumer(SimClient):
    """Reads on from where it is, in full fetches or in a session; waits for more; goes back at times."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        super().__init__(simulation, name)
        self._positions: dict[PartitionModel, int] = {}
        self._session = (0, 0)  # id, next epoch
        self._in_session: dict[PartitionModel, int] = {}

    def broker_restarted(self) -> None:
        self._session = (0, 0)
        self._in_session.clear()
        for partition, position in self._positions.items():
            self._positions[partition] = min(position, partition.known_end)

    def begin(self) -> None:
        random = self.random
        for partition in list(self._positions):
            if self.is_gone(partition) or random.random() < 0.1:
                del self._positions[partition]
        some = self.a_partition()
        if some is not None:
            self._positions.setdefault(some, random.randint(0, some.known_end))
        if not self._positions:
            return
        self._fetch(dict(self._positions), in_session=random.random() < 0.6)

    def _fetch(self, wanted: dict[PartitionModel, int], *, in_session: bool) -> None:
        session_id, epoch = self._session if in_session else (0, -1)
        named, forgotten = wanted, []
        if in_session:
            if epoch > 0:
                named = {p: at for p, at in wanted.items() if self._in_session.get(p) != at}
                forgotten = [p for p in self._in_session if p not in wanted]
            self._in_session = dict(wanted)
        request = FetchRequest(
            max_wait_ms=self.random.choice((0, 0, 500)),
            min_bytes=self.random.choice((1, 1, 300)),
            max_bytes=self.random.choice((100, 1000, 1 << 20)),
            session_id=session_id,
            session_epoch=epoch,
            topics=[
                FetchTopic(
                    topic_id=partition.topic.topic_id,
                    partitions=[
                        FetchPartition(
                            partition=partition.index,
                            fetch_offset=at,
                            partition_max_bytes=self.random.choice((100, 400, 1 << 20)),
                        )
                    ],
                )
                for partition, at in named.items()
            ],
            forgotten_topics_data=[
                ForgottenTopic(topic_id=partition.topic.topic_id, partitions=[partition.index])
                for partition in forgotten
            ],
        )
        self.simulation.note(self.name, "fetches", wanted, "in session" if in_session else "")

        def answered(response: Any) -> None:
            if response is None or response.error_code:
                if response is not None:
                    codes = (errors.FETCH_SESSION_ID_NOT_FOUND, errors.INVALID_FETCH_SESSION_EPOCH)
                    require(response.error_code in codes, self.name, "hears", errors.name_of(response.error_code))
                    require(self._session != (0, 0), "a new session cannot be unknown")
                self._session = (0, 0)
                self._in_session.clear()
                return
            if in_session:
                self._session = (response.session_id, epoch + 1) if response.session_id else (0, 0)
            by_key = {(partition.topic.topic_id, partition.index): partition for partition in wanted}
            for topic in response.responses:
                for answer in topic.partitions:
                    partition = by_key[topic.topic_id, answer.partition_index]
                    self._take(partition, wanted[partition], answer)

        self.simulation.ask(self, request, 13, answered)

    def _take(self, partition: PartitionModel, position: int, answer: Any) -> None:
        if answer.error_code == errors.OFFSET_OUT_OF_RANGE:
            is_outside = position < self._possible_start(partition) or position > partition.known_end
            require(is_outside, partition, "is out of range at", position)
            self._positions.pop(partition, None)
            return
        if answer.error_code:
            self.check_error(answer.error_code, partition)
            self._positions.pop(partition, None)
            return
        content = bytes(answer.records)
        records = list(records_in(content[at : at + batch.length] for at, batch in batches_in(content)))
        records = [record for record in records if record.offset >= position]
        require(
            all(record.offset < answer.high_watermark for record in records),
            self.name, "reads beyond the high watermark", answer.high_watermark, "of", partition,
        )  # fmt: skip
        reached = partition.read(records, position, self.simulation.world.lives)
        if not self.is_gone(partition):
            partition.saw(answer.log_start_offset, answer.high_watermark, self.simulation.world.clock.now_ms())
        if records and partition in self._positions:
            self._positions[partition] = reached

    def _possible_start(self, partition: PartitionModel) -> int:
        """Return up to where retention may have moved the start, which nobody was told yet."""
        may_go = any(each != (-1, -1) for each in partition.topic.retentions)
        return partition.possible_end if may_go else max(partition.start, partition.deleted_to)


class Committer(SimClient):
    """Commits offsets for a group, ever larger ones, and looks what is committed."""

    def begin(self) -> None:
        partition = self.a_partition()
        if partition is None:
            return
        if self.random.random() < 0.6:
            self._commit(partition)
        else:
            self.look(partition.topic.name, partition.index)

    def _commit(self, partition: PartitionModel) -> None:
        simulation = self.simulation
        committed = simulation.committed(self.name, partition.topic.name, partition.index)
        offset = simulation.next_number()
        request = OffsetCommitRequest(
            group_id=self.name,
            generation_id_or_member_epoch=-1,
            topics=[
                OffsetCommitRequestTopic(
                    name=partition.topic.name,
                    partitions=[
                        OffsetCommitRequestPartition(partition_index=partition.index, committed_offset=offset)
                    ],
                )
            ],
        )
        simulation.note(self.name, "commits", offset, "for", partition)
        commit = committed.sent(offset)

        def answered(response: Any) -> None:
            if response is None:
                return
            code = response.topics[0].partitions[0].error_code
            simulation.note(self.name, "hears", errors.name_of(code), "of commit", offset)
            # One whose flush has failed is seen until the broker ends, and then may be gone.
            commit.is_stored = None if code else True
            commit.is_safe = code == 0 and simulation.flushes_all
            self.check_error(code, partition)

        simulation.ask(self, request, 8, answered)

    def look(self, topic: str, index: int, *, may_be_lost: bool = True) -> int | None:
        """Fetch what is committed and check it; return it if it was answered at once."""
        simulation = self.simulation
        found: list[int] = []
        request = OffsetFetchRequest(
            groups=[
                OffsetFetchRequestGroup(
                    group_id=self.name,
                    topics=[
                        OffsetFetchRequestTopics(name=topic, partition_indexes=[index])
                    ],
                )
            ]
        )

        def answered(response: Any) -> None:
            if response is None:
                return
            [group] = response.groups
            if group.error_code:
                require(group.error_code in _OF_FAULTS and simulation.world.is_troubled, "error", group.error_code)
                return
            offset = group.topics[0].partitions[0].committed_offset
            found.append(offset)
            if may_be_lost:
                simulation.committed(self.name, topic, index).check(offset)

        simulation.ask(self, request, 8, answered, may_be_lost=may_be_lost)
        return found[0] if found else None
