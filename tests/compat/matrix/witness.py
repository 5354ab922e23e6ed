"""What the broker really holds, seen with our own wire code and not with the client under test.

So a codec's cell is green only if the batches in the log are compressed with it, and a topic that a client says it made
is there for others too.
"""

import hashlib
from dataclasses import dataclass

from pykbroker.commands.client import Cluster
from pykbroker.errors import COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR
from pykbroker.wire.batch import Batch
from pykbroker.wire.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    ScramCredentialUpsertion,
)
from pykbroker.wire.messages.create_partitions import CreatePartitionsRequest, CreatePartitionsTopic
from pykbroker.wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from pykbroker.wire.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from pykbroker.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from pykbroker.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from pykbroker.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from pykbroker.wire.messages.list_groups import ListGroupsRequest
from pykbroker.wire.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse
from pykbroker.wire.records import Record, batches_in, records_of
from tests.compat.polling import eventually

_SCRAM_SHA_256 = 1
_TOPIC = 2
"""ConfigResource.Type.TOPIC."""

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True, slots=True)
class Stored:
    """A batch of the log, and its records."""

    batch: Batch
    records: list[Record]

    @property
    def codec(self) -> str:
        """The codec's name."""
        return CODECS[self.batch.codec]


class Witness:
    """A look at one broker."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def create(self, topic: str, partitions: int = 1, **configs: str) -> str:
        """Create a topic, wait until its partitions have leaders, and return its name."""
        wanted = CreatableTopic(
            name=topic,
            num_partitions=partitions,
            replication_factor=1,
            configs=[CreatableTopicConfig(name=name.replace("_", "."), value=value) for name, value in configs.items()],
        )
        with Cluster(self._bootstrap) as cluster:
            (made,) = cluster.controller().send(CreateTopicsRequest(topics=[wanted], timeout_ms=30_000)).topics
            assert not made.error_code, f"CreateTopics {topic}: {made.error_code} {made.error_message}"
        eventually(lambda: self.partitions(topic) == partitions, 15, f"{topic} has {partitions} partitions")
        return topic

    def delete(self, topic: str) -> None:
        """Delete a topic, and wait until it is gone."""
        request = DeleteTopicsRequest(topics=[DeleteTopicState(name=topic)], timeout_ms=30_000)
        with Cluster(self._bootstrap) as cluster:
            (gone,) = cluster.controller().send(request).responses
            assert not gone.error_code, f"DeleteTopics {topic}: {gone.error_code}"
        eventually(lambda: not self.partitions(topic), 15, f"{topic} is gone")

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic more partitions: so many in all."""
        wanted = CreatePartitionsTopic(name=topic, count=partitions, assignments=None)
        with Cluster(self._bootstrap) as cluster:
            request = CreatePartitionsRequest(topics=[wanted], timeout_ms=30_000)
            (grown,) = cluster.controller().send(request).results
            assert not grown.error_code, f"CreatePartitions {topic}: {grown.error_code} {grown.error_message}"
        eventually(lambda: self.partitions(topic) == partitions, 15, f"{topic} has {partitions} partitions")

    def delete_records(self, topic: str, partition: int, before: int) -> int:
        """Delete the records before an offset, and return the first offset that is left."""
        wanted = DeleteRecordsTopic(
            name=topic,
            partitions=[DeleteRecordsPartition(partition_index=partition, offset=before)],
        )
        with Cluster(self._bootstrap) as cluster:
            leader = cluster.leaders([cluster.topic(topic)])[topic, partition]
            (answer,) = leader.send(DeleteRecordsRequest(topics=[wanted], timeout_ms=30_000)).topics[0].partitions
            assert not answer.error_code, f"DeleteRecords {topic}-{partition}: {answer.error_code}"
            return int(answer.low_watermark)

    def add_scram_user(self, name: str, password: str) -> None:
        """Let a user log in with SCRAM-SHA-256 from now on."""
        salt = b"salt of the matrix"
        wanted = ScramCredentialUpsertion(
            name=name, mechanism=_SCRAM_SHA_256, iterations=4096, salt=salt,
            salted_password=hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096),
        )  # fmt: skip
        with Cluster(self._bootstrap) as cluster:
            request = AlterUserScramCredentialsRequest(deletions=[], upsertions=[wanted])
            (made,) = cluster.controller().send(request).results
            assert not made.error_code, f"AlterUserScramCredentials: {made.error_code} {made.error_message}"

    def config(self, topic: str, name: str) -> str | None:
        """Return the value of a topic's config."""
        wanted = DescribeConfigsResource(resource_type=_TOPIC, resource_name=topic, configuration_keys=[name])
        with Cluster(self._bootstrap) as cluster:
            (found,) = cluster.any.send(DescribeConfigsRequest(resources=[wanted])).results
            assert not found.error_code, f"DescribeConfigs {topic}: {found.error_code}"
            value: str | None = found.configs[0].value
            return value

    def group_type(self, group: str) -> str:
        """Return the protocol that a group speaks: `classic`, `consumer`, `share`; empty for no group."""
        with Cluster(self._bootstrap) as cluster:
            listed = cluster.coordinator(group).send(ListGroupsRequest()).groups
            return next((each.group_type for each in listed if each.group_id == group), "")

    def committed(self, group: str, topic: str, partition: int = 0) -> tuple[int, str]:
        """Return the offset that a group has committed, -1 for none, and its metadata."""
        wanted = OffsetFetchRequestTopic(name=topic, partition_indexes=[partition])
        with Cluster(self._bootstrap) as cluster:
            answer = eventually(lambda: _loaded(cluster, OffsetFetchRequest(group_id=group, topics=[wanted])), 15)
            assert answer is not None
            (found,) = answer.topics[0].partitions
            return found.committed_offset, found.metadata or ""

    def partitions(self, topic: str) -> int:
        """Return how many partitions of a topic have leaders; 0 for no topic."""
        with Cluster(self._bootstrap) as cluster:
            (found,) = cluster.metadata([topic]).topics
            return sum(not each.error_code and each.leader_id >= 0 for each in found.partitions)

    def topics(self) -> set[str]:
        """Return the names of all topics."""
        with Cluster(self._bootstrap) as cluster:
            return {each.name or "" for each in cluster.metadata().topics}

    def batches(self, topic: str, partition: int = 0) -> list[Stored]:
        """Return all batches of a partition, as they lie in the log."""
        out: list[Stored] = []
        with Cluster(self._bootstrap) as cluster:
            leader = cluster.leaders([cluster.topic(topic)])[topic, partition]
            while True:
                at = out[-1].batch.next_offset if out else 0
                wanted = FetchPartition(partition=partition, fetch_offset=at, partition_max_bytes=1 << 24)
                request = FetchRequest(
                    max_wait_ms=0,
                    min_bytes=0,
                    max_bytes=1 << 26,
                    topics=[FetchTopic(topic=topic, partitions=[wanted])],
                )
                answer = leader.send(request, at_most=12)  # the last version that speaks of topics by name
                (found,) = answer.responses[0].partitions
                assert not found.error_code, f"Fetch {topic}-{partition}: {found.error_code}"
                raw = bytes(found.records or b"")
                new = [Stored(batch, list(records_of(raw, batch, place))) for place, batch in batches_in(raw)]
                if not new:
                    return out
                out += new

    def records(self, topic: str, partition: int = 0) -> list[Record]:
        """Return all records of a partition."""
        return [record for stored in self.batches(topic, partition) for record in stored.records]


def _loaded(cluster: Cluster, request: OffsetFetchRequest) -> OffsetFetchResponse | None:
    """Return the answer of a group's coordinator, or None while it loads."""
    answer: OffsetFetchResponse = cluster.coordinator(request.group_id).send(request, at_most=7)  # one group
    return None if answer.error_code in (COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR) else answer
