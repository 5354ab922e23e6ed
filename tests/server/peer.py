"""A client with a real socket that can also send what no client would; and what the kernel says about a process."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from pykbroker.apis.context import Session
from pykbroker.testing.client import Client
from pykbroker.wire.message import Message
from pykbroker.wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from pykbroker.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic, PartitionData
from pykbroker.wire.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    TopicProduceData,
)
from tests.compat.process import Broker, read_frame

TIMEOUT_S = 30.0


class Peer:
    """One connection to a broker's process. Close it, or let the garbage collector."""

    def __init__(self, broker: Broker, timeout_s: float = TIMEOUT_S) -> None:
        self.socket = socket.create_connection((broker.host, broker.port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client = Client(self._exchange)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _exchange(self, session: Session, frame: bytes) -> bytearray:
        self.send(frame)
        return self.answer()

    def send(self, frame: bytes) -> None:
        """Send a frame with its size in front."""
        self.socket.sendall(framed(frame))

    def answer(self) -> bytearray:
        """Return the next frame, its size included; ConnectionError if the broker closes first."""
        return bytearray(framed(read_frame(self.socket)))

    def ask(self, request: Message, version: int) -> Any:
        """Send a request and return the decoded response."""
        return self.client.send(request, version)

    def frame(self, request: Message, version: int) -> bytes:
        return self.client.frame(request, version)

    @property
    def is_closed(self) -> bool:
        """Wait for the next byte; whether there is none because the broker closed the connection."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    @property
    def is_served(self) -> bool:
        """Whether a plain request is answered."""
        try:
            return self.ask(FetchRequest(max_wait_ms=0), 4).responses == []  # type: ignore[no-any-return]
        except ConnectionError:
            return False

    def create(self, topic: str, **configs: str) -> None:
        entries = [CreatableTopicConfig(name=name.replace("_", "."), value=value) for name, value in configs.items()]
        wanted = CreatableTopic(name=topic, num_partitions=1, replication_factor=1, configs=entries)
        answer = self.ask(CreateTopicsRequest(topics=[wanted], timeout_ms=1000), 7)
        assert not answer.topics[0].error_code, answer

    def produce(self, batch: bytes | bytearray, topic: str) -> PartitionProduceResponse:
        response = self.ask(produce_request(batch, topic), 9).responses[0].partition_responses[0]
        assert isinstance(response, PartitionProduceResponse)
        return response

    def fetch(self, topic: str, offset: int = 0, **values: int) -> PartitionData:
        part = self.ask(fetch_request(topic, offset, **values), 12).responses[0].partitions[0]
        assert isinstance(part, PartitionData)
        return part


def framed(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


def produce_request(batch: bytes | bytearray, topic: str, acks: int = 1) -> ProduceRequest:
    data = PartitionProduceData(index=0, records=memoryview(bytes(batch)))
    return ProduceRequest(
        acks=acks, timeout_ms=1000, topic_data=[TopicProduceData(name=topic, partition_data=[data])]
    )


def fetch_request(topic: str, offset: int = 0, max_wait_ms: int = 0, min_bytes: int = 1) -> FetchRequest:
    partition = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 24)
    return FetchRequest(
        max_wait_ms=max_wait_ms, min_bytes=min_bytes, topics=[FetchTopic(topic=topic, partitions=[partition])]
    )


def resident_bytes(pid: int) -> int:
    """How much memory a process has."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
