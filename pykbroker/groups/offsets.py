"""Committed offsets: the hard state that OffsetCommit writes and OffsetFetch reads.

One `Offsets` per shard: group, topic, partition -> `OffsetCommitValue`. Only `replay` changes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from pykbroker.groups.records import OffsetRecord
from pykbroker.wire.messages.group_records import OffsetCommitValue

ByPartition = dict[int, OffsetCommitValue]
ByTopic = dict[str, ByPartition]

NOTHING: Final[Mapping[str, ByPartition]] = MappingProxyType({})


class Offsets:
    """All committed offsets of one shard. Changed by `replay` alone."""

    __slots__ = ("_by_group",)

    def __init__(self) -> None:
        self._by_group: dict[str, ByTopic] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Offsets) and self._by_group == other._by_group

    __hash__ = None  # type: ignore[assignment]  # mutable, compared by value

    def replay(self, record: OffsetRecord) -> None:
        """Take over one stored commit or removal."""
        if record.value is not None:
            topics = self._by_group.setdefault(record.group_id, {})
            topics.setdefault(record.topic, {})[record.partition] = record.value
        else:
            self._remove(record.group_id, record.topic, record.partition)

    def groups(self) -> Collection[str]:
        """Return the ids of all groups that have a committed offset."""
        return self._by_group.keys()

    def of_group(self, group_id: str) -> Mapping[str, ByPartition]:
        """Return a group's offsets by topic; empty for a group without any."""
        return self._by_group.get(group_id, NOTHING)

    def committed(self, group_id: str, topic: str, partition: int) -> OffsetCommitValue | None:
        """Return what was committed last for a partition, or None."""
        topics = self._by_group.get(group_id)
        if topics is None:
            return None
        partitions = topics.get(topic)
        return None if partitions is None else partitions.get(partition)

    def removals(self, group_id: str) -> Iterator[OffsetRecord]:
        """Give the records that remove every offset of a group."""
        for topic, partitions in self.of_group(group_id).items():
            for partition in partitions:
                yield OffsetRecord(group_id, topic, partition, None)

    def removals_of_topics(self, topics: Collection[str]) -> Iterator[OffsetRecord]:
        """Give the records that remove every offset of some topics, in all groups (OFF-27)."""
        for group_id, by_topic in self._by_group.items():
            for topic in topics:
                for partition in by_topic.get(topic, ()):
                    yield OffsetRecord(group_id, topic, partition, None)

    def _remove(self, group_id: str, topic: str, partition: int) -> None:
        topics = self._by_group.get(group_id)
        if topics is None or topic not in topics:
            return
        topics[topic].pop(partition, None)
        if not topics[topic]:
            del topics[topic]
        if not topics:
            del self._by_group[group_id]
