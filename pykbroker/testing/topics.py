"""`Topic`: a topic of a broker in a test: put records in, look at what is there, wait for what is to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pykbroker import errors
from pykbroker.apis.context import Services
from pykbroker.errors import KafkaError
from pykbroker.metadata.names import INTERNAL_TOPICS
from pykbroker.storage.partition import Partition
from pykbroker.testing.hosting import WITHIN, Host, blocked_loop_hint, in_thread
from pykbroker.testing.matching import Content, Pattern, Wanted, encoded, shown_records
from pykbroker.testing.partitioner import partition_for_key
from pykbroker.testing.records import Reader, Record
from pykbroker.wire.records import build_batch


class Topic:
    """A topic by its name, whether it exists or not. `str(topic)` is the name."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self.name = name

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Topic({self.name!r})"

    @property
    def partitions(self) -> int:
        """How many partitions it has; 0 as long as there is no such topic."""
        return self._host.call(lambda services: len(_partitions(services, self.name)))

    def produce(
        self,
        value: Content = None,
        *,
        key: Content = None,
        headers: Mapping[str, Content] | None = None,
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> Record:
        """Store a record, and return it; consumers can read it at once.

        A topic that is missing is created with the broker's defaults. A dict or a list goes in as JSON. Without
        `partition`, the key decides as in Kafka's Java client; without a key, the partition with the lowest end
        gets it. `timestamp` is in milliseconds since 1970, by default now. Raises the KafkaError that a producer
        would get.
        """
        stored_key, stored_value = encoded(key), encoded(value)
        stored_headers = tuple((name, encoded(content)) for name, content in (headers or {}).items())

        def append(services: Services) -> Record:
            if self.name in INTERNAL_TOPICS:
                raise KafkaError(errors.INVALID_TOPIC_EXCEPTION, f"{self.name} is the broker's own")
            if self.name not in services.image.topics:
                error = services.controller.auto_create(self.name)
                if error is not None:
                    raise error
            target = _chosen(services, self.name, stored_key, partition)
            now_ms = services.env.clock.now_ms()
            at_ms = now_ms if timestamp is None else timestamp
            batch = build_batch([(stored_key, stored_value)], timestamp_ms=at_ms, headers=[stored_headers])
            offset = target.append(batch, now_ms).base_offset
            return Record(self.name, target.index, offset, at_ms, stored_key, stored_value, stored_headers)

        return self._host.call(append)

    def records(self, *, at_least: int = 0, within: float = WITHIN) -> list[Record]:
        """Return all records, by partition and offset; what transactions aborted, or have not committed, is left out.

        With `at_least`, wait until there are so many; AssertionError if there are fewer after `within` seconds.
        """
        __tracebackhide__ = True
        reader, seen = Reader(self._host, self.name), list[Record]()

        def look() -> list[Record] | None:
            seen.extend(reader.unread())
            return seen if len(seen) >= at_least else None

        if self._host.wait(self._watched, look, within if at_least else 0) is None:
            raise AssertionError(f"fewer than {at_least} records within {within:g} s\n{self._shown(seen)}")
        return sorted(seen, key=lambda record: (record.partition, record.offset))

    def count(self) -> int:
        """Return how many records there are, in all partitions: those that `records` returns."""
        return len(self.records())

    def expect(
        self,
        *,
        key: Pattern = ...,
        value: Pattern = ...,
        headers: Mapping[str, Pattern] | None = None,
        partition: int | None = None,
        within: float = WITHIN,
    ) -> Record:
        """Return the first record that is as described, waiting for it up to `within` seconds.

        Keys, values and headers are given as bytes, text, a dict or a list for JSON, None for null, or a function that
        gets the bytes and says yes or no. Headers may be more than those given. AssertionError, with what is in the
        topic, if no such record comes.
        """
        __tracebackhide__ = True
        wanted = Wanted(key, value, headers, partition)
        reader, seen = Reader(self._host, self.name), list[Record]()

        def look() -> Record | None:
            fresh = reader.unread()
            seen.extend(fresh)
            return next(filter(wanted.fits, fresh), None)

        found = self._host.wait(self._watched, look, within)
        if found is None:
            raise AssertionError(f"no record {wanted} within {within:g} s\n{self._shown(seen)}")
        return found

    arecords = in_thread(records)
    aexpect = in_thread(expect)

    def _watched(self, services: Services) -> Iterator[Partition]:
        yield services.controller.partition  # the topic may come, go or grow
        yield from _partitions(services, self.name)

    def _shown(self, seen: list[Record]) -> str:
        """Return what the topic has, for a failure."""
        partitions = self.partitions
        if not partitions:
            others = self._host.call(topic_names)
            return f"There is no topic {self.name}, only: {', '.join(others) or 'none'}{blocked_loop_hint()}"
        has = f"{self.name} has {_counted(len(seen), 'record')} in {_counted(partitions, 'partition')}"
        seen.sort(key=lambda record: (record.timestamp, record.partition, record.offset))
        return f"{has}{':' if seen else ''}\n{shown_records(seen)}".rstrip() + blocked_loop_hint()


def topic_names(services: Services) -> list[str]:
    """Return the names of all topics but the broker's own, sorted."""
    return sorted(topic.name for topic in services.image.topics.values() if not topic.is_internal)


def _partitions(services: Services, name: str) -> list[Partition]:
    topic = services.image.topics.get(name)
    return [] if topic is None else [services.partitions.get(name, state.index) for state in topic.partitions]


def _chosen(services: Services, name: str, key: bytes | None, index: int | None) -> Partition:
    if index is not None:
        return services.partitions.get(name, index)
    partitions = _partitions(services, name)
    if key is not None:
        return partitions[partition_for_key(key, len(partitions))]
    return min(partitions, key=lambda partition: partition.log_end_offset)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
