"""A coordinator on real partitions in a directory, and handlers called as the dispatcher calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pykbroker.apis.context import Context, Services, Session
from pykbroker.config import Config
from pykbroker.groups.coordinator import OFFSETS_TOPIC, GroupCoordinator, partition_for
from pykbroker.later import Later
from pykbroker.metadata.image import Image, PartitionState
from pykbroker.metadata.partitions import Partitions
from pykbroker.storage.log_config import LogConfig
from pykbroker.storage.partition import Partition
from pykbroker.storage.store import Store
from pykbroker.wire.codegen import decode_message, encode_message
from tests.fakes import FakeClock, fake_env

TOPIC_ID = bytes(range(16))
OTHER_ID = bytes(range(16, 32))


class Node:
    """One broker's groups: a store, an image with some topics, a coordinator."""

    def __init__(self, path: Path, *, partitions: int = 5, load: bool = True, **settings: str) -> None:
        self.path = path
        self.count = partitions
        named = {name.replace("_", "."): value for name, value in settings.items()}
        self.config = Config({"group.initial.rebalance.delay.ms": "0", **named})
        self.clock = FakeClock()
        self.env = fake_env(self.clock)
        self.image = Image("cluster")
        self.store = Store(self.env, [str(path)], node_id=1)
        self.store.open()
        self.partitions = Partitions(self.image, self.store, 1, lambda _: LogConfig())
        self.groups = GroupCoordinator(self.config, self.env, self.image, self.partitions, self.create_offsets_topic)
        self.add_topic("t", TOPIC_ID, 3)
        if any(path.glob(f"{OFFSETS_TOPIC}-*")):
            self.create_offsets_topic()
        if load:
            self.groups.load_existing()

    def add_topic(self, name: str, topic_id: bytes, count: int) -> None:
        self.image.add_topic(name, topic_id)
        self.image.topics[name].partitions = [
            PartitionState(index, 1, 0, 0, [1], [1], [bytes(16)]) for index in range(count)
        ]

    def create_offsets_topic(self) -> None:
        self.add_topic(OFFSETS_TOPIC, OTHER_ID, self.count)

    def restart(self, *, load: bool = True) -> Node:
        """Stop, and start again on the same files."""
        self.groups.close()
        self.store.close()
        return Node(self.path, partitions=self.count, load=load)

    def while_loading(self, group_id: str, call: Callable[[], None]) -> None:
        """Call something in the middle of the loading of a group's shard."""
        at = OFFSETS_TOPIC, partition_for(group_id, self.count)
        self.partitions.live[at] = Interrupted(self.partitions.get(*at), call)  # type: ignore[assignment]

    def context(self, version: int) -> Context:
        services = Services(
            self.config, self.env, self.image, None, self.partitions, self.groups, None, None,  # type: ignore[arg-type]
        )
        return Context(services, Session("PLAINTEXT", "10.0.0.1"), version, "app")

    def call(self, handler: Callable[[Context, Any], Any], version: int, request: Any) -> Any:
        """Send a request through a handler as its version carries it; return the answer as its version carries it."""
        arrived = decode_message(type(request), version, encode_message(request, version))
        reply = handler(self.context(version), arrived)
        if isinstance(reply, Later):
            return reply
        return as_sent(reply, version)


class Interrupted:
    """A partition that calls back while it is read."""

    def __init__(self, partition: Partition, call: Callable[[], None]) -> None:
        self._partition = partition
        self._call = call

    def batches(self, start: int | None = None) -> Iterator[memoryview]:
        for batch in self._partition.batches(start):
            self._call()
            yield batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._partition, name)


def as_sent(answer: Any, version: int) -> Any:
    """Return what a client reads from an answer; fails if the version cannot carry it."""
    return decode_message(type(answer), version, encode_message(answer, version))
