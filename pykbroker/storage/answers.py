"""What a partition answers: `Appended`, `Read`; and who may ask to be told, a `Watcher`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pykbroker.later import Later
from pykbroker.storage.segment import Slices

if TYPE_CHECKING:
    from pykbroker.storage.partition import Partition


class Watcher(Protocol):
    """Someone who waits for a partition. May unwatch inside a call."""

    def appended(self, partition: Partition, nbytes: int) -> None:
        """A batch can be read."""

    def changed(self, partition: Partition) -> None:
        """Anything else: the log's start moved, its settings changed, or the partition is gone."""


class Appended:
    """Where a batch went. `log_append_time` is -1 with CreateTime; a `duplicate` was stored before, and has its.

    It counts at once, or when `held` is done: acknowledged before, it could be lost against what was asked for.
    """

    __slots__ = ("base_offset", "duplicate", "held", "log_append_time", "log_start_offset")

    def __init__(
        self,
        base_offset: int,
        log_append_time: int,
        log_start_offset: int,
        duplicate: bool,
        held: Later[None] | None,
    ) -> None:
        self.base_offset = base_offset
        self.log_append_time = log_append_time
        self.log_start_offset = log_start_offset
        self.duplicate = duplicate
        self.held = held


class Read:
    """What a read found. `aborted` lists (producer id, first offset); it is None when all data was asked for."""

    __slots__ = ("aborted", "high_watermark", "last_stable_offset", "log_start_offset", "records")

    def __init__(
        self,
        records: Slices,
        high_watermark: int,
        last_stable_offset: int,
        log_start_offset: int,
        aborted: list[tuple[int, int]] | None,
    ) -> None:
        self.records = records
        self.high_watermark = high_watermark
        self.last_stable_offset = last_stable_offset
        self.log_start_offset = log_start_offset
        self.aborted = aborted
