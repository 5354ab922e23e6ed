"""`Running`: a whole broker without sockets, a client for it, and the few requests that every data-path test makes.

Everything but the event loop is real: header, route, both codecs, handler, files. Time stands still until
`running.clock.advance`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pykbroker.apis.registry import ADVERTISED_MINIMUM, served_versions
from pykbroker.broker import Broker
from pykbroker.config import Config
from pykbroker.env import Files
from pykbroker.storage.partition import Partition
from pykbroker.testing.client import Client, Pending
from pykbroker.wire.message import ZERO_UUID
from pykbroker.wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from pykbroker.wire.messages.delete_records import DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic
from pykbroker.wire.messages.delete_topics import DeleteTopicsRequest
from pykbroker.wire.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
)
from pykbroker.wire.messages.metadata_records import PartitionChangeRecord
from pykbroker.wire.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)
from pykbroker.wire.records import Record, batches_in, records_in
from tests.fakes import FakeClock, fake_env
from tests.storage.builders import a_batch, kill

PRODUCE, FETCH, LIST_OFFSETS, OFFSET_FOR_LEADER_EPOCH, INIT_PRODUCER_ID = 0, 1, 2, 23, 22
BY_ID = {PRODUCE: 13, FETCH: 13}
"""Since which versions topics are named by id."""


def versions(key: int, since: int = 0) -> range:
    """The versions of an API that are served, from `since` on."""
    served = served_versions(key)
    assert served is not None
    return range(max(served[0], since), served[1] + 1)


def refused_versions(key: int) -> range:
    """The versions that are advertised, and refused all the same (API-09)."""
    low = versions(key)[0]
    return range(ADVERTISED_MINIMUM.get(key, low), low)


class Running:
    """A started broker and its first client. `settings` are the broker's; `files` replaces the file system."""

    def __init__(self, path: Path, settings: dict[str, str] | None = None, files: Files | None = None) -> None:
        self.path = path
        self.settings = {"log.dirs": str(path), "listeners": "PLAINTEXT://127.0.0.1:9092", **(settings or {})}
        self._files = files
        self._starts = 0
        self.clock = FakeClock()
        self._start()

    def _start(self) -> None:
        self._starts += 1
        self.clock = FakeClock(self.clock.now_ms())  # timers of the life before are gone with it
        self.broker = Broker(Config(self.settings), fake_env(self.clock, self._files, seed=self._starts))
        self.broker.start()
        self.client = self.another_client()

    def restart(self, *, clean: bool = True) -> None:
        """Stop and start again; not `clean` is the end of the process, as by SIGKILL."""
        if clean:
            self.broker.stop()
        else:
            kill(self.broker._store)
        self._start()

    def stop(self) -> None:
        self.broker.stop()

    def another_client(self, **options: str) -> Client:
        return Client(lambda session, frame: self.broker.handle(session, frame), **options)

    def partition(self, topic: str = "t", index: int = 0) -> Partition:
        return self.broker.services.partitions.get(topic, index)

    def topic_id(self, topic: str = "t") -> bytes:
        return self.broker.services.image.topics[topic].id

    def lead(self, epoch: int, topic: str = "t") -> None:
        """Let a new leader epoch begin on partition 0, as an election would."""
        partition = self.partition(topic)
        led = self.broker.services.image.topics[topic].partitions[0].leader_epoch
        change = PartitionChangeRecord(partition_id=0, topic_id=self.topic_id(topic), leader=1)
        self.broker.services.controller.decide(lambda image: ([change] * (epoch - led), None))
        partition.leader_epoch = epoch
        partition._epochs.begin(epoch, partition.log_end_offset)
        if partition.log.segments:
            partition._epochs.save(self.broker.services.env.files, partition.directory)

    # -- topics

    def create(self, topic: str = "t", partitions: int = 1, **configs: str) -> bytes:
        """Create a topic, `cleanup_policy="compact"` sets cleanup.policy; return its id."""
        entries = [CreatableTopicConfig(name=name.replace("_", "."), value=value) for name, value in configs.items()]
        wanted = CreatableTopic(name=topic, num_partitions=partitions, replication_factor=1, configs=entries)
        answer = self.client.send(CreateTopicsRequest(topics=[wanted], timeout_ms=1000), 7).topics[0]
        assert not answer.error_code, answer
        created: bytes = answer.topic_id
        return created

    def delete(self, topic: str = "t") -> None:
        answer = self.client.send(DeleteTopicsRequest(topic_names=[topic], timeout_ms=1000), 5)
        assert not answer.responses[0].error_code, answer

    def delete_records(self, offset: int, topic: str = "t", index: int = 0) -> None:
        wanted = DeleteRecordsPartition(partition_index=index, offset=offset)
        request = DeleteRecordsRequest(topics=[DeleteRecordsTopic(name=topic, partitions=[wanted])])
        answer = self.client.send(request, 2).topics[0].partitions[0]
        assert not answer.error_code, answer

    # -- produce

    def produce_request(
        self, batches: dict[tuple[str, int], bytes | bytearray | None], version: int = 12, acks: int = -1
    ) -> ProduceRequest:
        """A request with one partition after the other, each topic named as the version does it."""
        topics: list[TopicProduceData] = []
        for (topic, index), batch in batches.items():
            if not topics or topics[-1].name != topic:
                topics.append(TopicProduceData(name=topic, topic_id=self._id(topic), partition_data=[]))
            records = None if batch is None else memoryview(bytes(batch))
            topics[-1].partition_data.append(PartitionProduceData(index=index, records=records))
        if version >= BY_ID[PRODUCE]:
            for each in topics:
                each.name = ""
        else:
            for each in topics:
                each.topic_id = ZERO_UUID
        return ProduceRequest(acks=acks, timeout_ms=1000, topic_data=topics)

    def send_produce(
        self, batches: dict[tuple[str, int], bytes | bytearray | None], version: int = 12, acks: int = -1
    ) -> ProduceResponse | None:
        return self.client.send(self.produce_request(batches, version, acks), version)  # type: ignore[no-any-return]

    def produce(
        self, batch: bytes | bytearray | None, topic: str = "t", index: int = 0, version: int = 12, acks: int = -1
    ) -> PartitionProduceResponse:
        """Produce to one partition; return its part of the answer."""
        answer = self.send_produce({(topic, index): batch}, version, acks)
        assert answer is not None
        assert [len(each.partition_responses) for each in answer.responses] == [1]
        return answer.responses[0].partition_responses[0]

    def append_batch(self, count: int = 1, index: int = 0) -> int:
        """Produce a batch to `t`; return its size."""
        batch = a_batch(count)
        assert self.produce(batch, index=index).error_code == 0
        return len(batch)

    # -- fetch

    def fetch_request(
        self,
        wanted: Iterable[tuple[str, int, int]],
        version: int = 12,
        *,
        forget: Iterable[tuple[str, int]] = (),
        partition_max_bytes: int = 1 << 20,
        leader_epoch: int = -1,
        last_fetched_epoch: int = -1,
        max_wait_ms: int = 0,
        min_bytes: int = 1,
        **values: Any,
    ) -> FetchRequest:
        """A request for (topic, partition, offset), each topic named as the version does it."""
        by_id = version >= BY_ID[FETCH]
        topics = [
            FetchTopic(
                **{"topic_id": self._id(topic)} if by_id else {"topic": topic},
                partitions=[
                    FetchPartition(
                        partition=index,
                        fetch_offset=offset,
                        partition_max_bytes=partition_max_bytes,
                        current_leader_epoch=leader_epoch,
                        last_fetched_epoch=last_fetched_epoch,
                    )
                ],
            )
            for topic, index, offset in wanted
        ]
        forgotten = [
            ForgottenTopic(**{"topic_id": self._id(topic)} if by_id else {"topic": topic}, partitions=[index])
            for topic, index in forget
        ]
        return FetchRequest(
            max_wait_ms=max_wait_ms, min_bytes=min_bytes, topics=topics, forgotten_topics_data=forgotten, **values
        )

    def fetch(
        self, *wanted: tuple[str, int, int], version: int = 12, client: Client | None = None, **values: Any
    ) -> Any:
        """Send a fetch; its answer is a `Pending` if it waits. A client whose fetch waits cannot send more."""
        return (client or self.client).send(self.fetch_request(wanted, version, **values), version)

    def fetch_one(
        self, offset: int = 0, topic: str = "t", index: int = 0, version: int = 12, **values: Any
    ) -> PartitionData:
        """Fetch from one partition; return its part of the answer, which must be there at once."""
        answer = self.fetch((topic, index, offset), version=version, **values)
        assert not isinstance(answer, Pending), "the fetch waits"
        assert not answer.error_code, answer
        (part,) = partitions_of(answer)
        return part

    def _id(self, topic: str) -> bytes:
        """A topic's id; of one that does not exist, an id that nobody has."""
        found = self.broker.services.image.topics.get(topic)
        return found.id if found is not None else b"nobody has this!"


def partitions_of(answer: Any) -> list[PartitionData]:
    """The partitions of a fetch's answer, in its order."""
    return [part for topic in answer.responses for part in topic.partitions]


def nbytes(part: PartitionData) -> int:
    """How many bytes of records a fetch gave."""
    assert part.records is not None, "records are never null"  # FET-05
    return len(part.records)


def offsets_of(part: PartitionData) -> list[int]:
    """The base offsets of the whole batches that a fetch gave."""
    assert part.records is not None
    return [batch.base_offset for _, batch in batches_in(part.records)]


def records_of(part: PartitionData) -> list[Record]:
    """The records that a fetch gave."""
    assert part.records is not None
    content = bytes(part.records)
    return list(records_in(content[at : at + batch.length] for at, batch in batches_in(content)))
