"""A blocking connection to a broker process, for what a benchmark has to ask of it besides the load."""

from __future__ import annotations

import socket
import time
from types import TracebackType

from pykbroker.apis.context import Session
from pykbroker.testing.client import Client
from pykbroker.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from pykbroker.wire.messages.delete_topics import DeleteTopicsRequest
from pykbroker.wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from pykbroker.wire.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from pykbroker.wire.messages.metadata import MetadataRequest
from pykbroker.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

PATIENCE_S = 60.0
_TOPIC_RESOURCE, _SET = 2, 0
_PARTITIONS_AT_ONCE = 100


class Asking:
    """One connection; a context manager. What the broker refuses ends the benchmark."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._client = Client(self._exchange, client_id="bench")

    def set_config(self, topic: str, name: str, value: str) -> None:
        """Set a topic's config."""
        config = AlterableConfig(name=name, config_operation=_SET, value=value)
        resource = AlterConfigsResource(resource_type=_TOPIC_RESOURCE, resource_name=topic, configs=[config])
        response = self._client.send(IncrementalAlterConfigsRequest(resources=[resource]), 1)
        _insist([each.error_code for each in response.responses], f"{name} of {topic}")

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic, and wait until the broker leads all of its partitions."""
        wanted = CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)
        response = self._client.send(CreateTopicsRequest(topics=[wanted], timeout_ms=60000), 5)
        _insist([each.error_code for each in response.topics], name)
        latest = [ListOffsetsPartition(partition_index=index, timestamp=-1) for index in range(partitions)]
        request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=name, partitions=latest)])
        deadline = time.monotonic() + PATIENCE_S
        while any(each.error_code for each in self._client.send(request, 7).topics[0].partitions):
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: {name} has no leaders")
            time.sleep(0.02)

    def delete_topic(self, name: str) -> None:
        """Delete a topic, which may not be there."""
        self._client.send(DeleteTopicsRequest(topic_names=[name], timeout_ms=60000), 5)

    def brokers(self) -> int:
        """Return how many brokers the cluster has. A broker that has just started may not be among them yet."""
        return len(self._client.send(MetadataRequest(topics=[]), 9).brokers)

    def produce_to_each(self, topic: str, partitions: int, batch: bytes) -> None:
        """Append a batch to each partition of a topic, a hundred of them with each request."""
        for start in range(0, partitions, _PARTITIONS_AT_ONCE):
            indexes = range(start, min(start + _PARTITIONS_AT_ONCE, partitions))
            wanted = [PartitionProduceData(index=index, records=memoryview(batch)) for index in indexes]
            topics = [TopicProduceData(name=topic, partition_data=wanted)]
            response = self._client.send(ProduceRequest(acks=-1, timeout_ms=30000, topic_data=topics), 9)
            _insist([part.error_code for each in response.responses for part in each.partition_responses], topic)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._socket.close()

    def _exchange(self, session: Session, frame: bytes) -> bytearray:
        self._socket.sendall(len(frame).to_bytes(4, "big") + frame)
        size = self._receive(4)
        return size + self._receive(int.from_bytes(size, "big"))

    def _receive(self, size: int) -> bytearray:
        received = bytearray()
        while len(received) < size:
            part = self._socket.recv(size - len(received))
            if not part:
                raise SystemExit("bench: the broker closed the connection")
            received += part
        return received


def until_ready(port: int) -> None:
    """Wait until a broker is in its own metadata; then it takes every request."""
    deadline = time.monotonic() + PATIENCE_S
    with Asking(port) as asking:
        while asking.brokers() == 0:
            if time.monotonic() > deadline:
                raise SystemExit("bench: the broker is not in its metadata")
            time.sleep(0.005)


def _insist(errors: list[int], what: str) -> None:
    if any(errors):
        raise SystemExit(f"bench: error {max(errors)} from the broker: {what}")
