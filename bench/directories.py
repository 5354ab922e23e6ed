"""Data directories to measure on, made by the broker's own core: no sockets, and nothing waits for the device."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pykbroker.apis.context import Services
from pykbroker.broker import Broker
from pykbroker.config import Config
from pykbroker.env import Bytes
from pykbroker.metadata.topics import NewTopic
from pykbroker.storage.files import RealFile, RealFiles
from pykbroker.storage.partition import Partition
from pykbroker.wire.batch import HEADER_BYTES, stamp
from pykbroker.wire.records import build_batch
from tests.fakes import FakeClock, fake_env

_WRITTEN_WHOLE = 4096


class UnsyncedFile(RealFile):
    """Reaches the device when the system sees fit."""

    __slots__ = ()

    def sync(self) -> None:
        """Do nothing."""


class UnsyncedFiles(RealFiles):
    """Real files that nobody waits for."""

    __slots__ = ()

    def open(self, path: str) -> RealFile:
        """Open a file that is not flushed."""
        return UnsyncedFile(path)

    def sync_directory(self, path: str) -> None:
        """Do nothing."""


class HollowFile(UnsyncedFile):
    """Has a hole instead of a large batch's records, so that 10 GB take no time to write, and little room."""

    __slots__ = ()

    def append(self, content: Bytes) -> None:
        """Write the batch, or only its header."""
        if len(content) <= _WRITTEN_WHOLE:
            super().append(content)
            return
        end = self.size + len(content)
        super().append(memoryview(content)[:HEADER_BYTES])
        self.truncate(end)


class HollowFiles(UnsyncedFiles):
    """Files for logs of which no record will be read."""

    __slots__ = ()

    def open(self, path: str) -> RealFile:
        """Open a file that keeps the headers of large batches."""
        return HollowFile(path)


def now_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def a_batch(nbytes: int, records: int = 1) -> bytearray:
    """Return a batch of about `nbytes` in all, with records that have no keys and are not compressed."""
    value = bytes(max(1, (nbytes - HEADER_BYTES) // records - 9))
    return build_batch([(None, value)] * records, timestamp_ms=now_ms())


@contextmanager
def core_on(directory: Path, files: RealFiles | None = None) -> Iterator[Services]:
    """Run a broker's core on a data directory, and stop it cleanly. Its clock stands still: no timer is ever due."""
    config = Config.load(None, {"log.dirs": str(directory)}, hostname="localhost")
    broker = Broker(config, fake_env(FakeClock(now_ms()), files or UnsyncedFiles()))
    broker.start()
    try:
        yield broker.services
    finally:
        broker.stop()


def create_topic(services: Services, name: str, partitions: int, configs: Mapping[str, str] | None = None) -> None:
    """Create a topic, which has no files yet."""
    result = services.controller.create_topics([NewTopic(name, partitions, configs=dict(configs or {}))])[0]
    if result.error is not None:
        raise result.error


def copied(home: Path, *, linked: Callable[[Path], bool]) -> Path:
    """Return a copy of a data directory, beside it, in the place of the last such copy.

    Files that are `linked`, because no broker writes to them any more, are the same ones.
    """

    def copy(source: str, target: str) -> None:
        if linked(Path(source)):
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    target = home.with_name(f"{home.name}-copy")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(home, target, copy_function=copy)
    return target


def append(partition: Partition, batch: bytearray) -> None:
    """Append a batch, which gets its stamps; it may be the same again and again."""
    stamp(batch, 0, -1)  # as it comes from a client
    partition.append(memoryview(batch), now_ms())


def write_to_each(services: Services, name: str, partitions: int) -> None:
    """Append a small batch to each partition of a topic; then they have files."""
    batch = a_batch(100)
    for index in range(partitions):
        partition = services.partitions.get(name, index)
        append(partition, batch)
        partition.log.segments[-1].close_file()  # 10,000 descriptors may be more than this process gets
