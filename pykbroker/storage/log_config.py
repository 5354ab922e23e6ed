"""`LogConfig`: the settings of one topic that its logs obey, under Kafka's names with dots turned to underscores.

The defaults are Kafka's (`org.apache.kafka.storage.internals.log.LogConfig`). Several logs share one object; it is
replaced, not changed, when a topic's configs change.
"""

from __future__ import annotations

from typing import Final

UNLIMITED: Final = 0x7FFFFFFFFFFFFFFF


class LogConfig:
    """A topic's effective settings. Sizes are bytes and times are milliseconds, as the names say."""

    __slots__ = (
        "cleanup_policy", "compression_gzip_level", "compression_lz4_level", "compression_type",
        "compression_zstd_level", "delete_retention_ms", "file_delete_delay_ms", "flush_messages", "flush_ms",
        "index_interval_bytes", "max_compaction_lag_ms", "max_decompressed_bytes", "max_message_bytes",
        "message_timestamp_after_max_ms", "message_timestamp_before_max_ms", "message_timestamp_type",
        "min_cleanable_dirty_ratio", "min_compaction_lag_ms", "min_insync_replicas", "most_segment_ms", "preallocate",
        "retention_bytes", "retention_ms", "segment_bytes", "segment_index_bytes", "segment_jitter_ms", "segment_ms",
        "unclean_leader_election_enable", "validate_records",
    )  # fmt: skip

    def __init__(
        self,
        *,
        segment_bytes: int = 1073741824,
        segment_ms: int = 604800000,
        segment_jitter_ms: int = 0,
        segment_index_bytes: int = 10485760,
        index_interval_bytes: int = 4096,
        max_message_bytes: int = 1048588,
        cleanup_policy: tuple[str, ...] = ("delete",),
        compression_type: str = "producer",
        compression_gzip_level: int = -1,
        compression_lz4_level: int = 9,
        compression_zstd_level: int = 3,
        message_timestamp_type: str = "CreateTime",
        message_timestamp_before_max_ms: int = UNLIMITED,
        message_timestamp_after_max_ms: int = 3600000,
        min_insync_replicas: int = 1,
        retention_ms: int = 604800000,
        retention_bytes: int = -1,
        file_delete_delay_ms: int = 60000,
        flush_messages: int = UNLIMITED,
        flush_ms: int = UNLIMITED,
        delete_retention_ms: int = 86400000,
        min_compaction_lag_ms: int = 0,
        max_compaction_lag_ms: int = UNLIMITED,
        min_cleanable_dirty_ratio: float = 0.5,
        preallocate: bool = False,
        unclean_leader_election_enable: bool = False,
        validate_records: bool = False,
        max_decompressed_bytes: int = 134217728,
    ) -> None:
        self.segment_bytes = segment_bytes
        self.segment_ms = segment_ms
        self.segment_jitter_ms = segment_jitter_ms
        self.segment_index_bytes = segment_index_bytes
        self.index_interval_bytes = index_interval_bytes
        self.max_message_bytes = max_message_bytes
        self.cleanup_policy = cleanup_policy
        self.compression_type = compression_type
        self.compression_gzip_level = compression_gzip_level
        self.compression_lz4_level = compression_lz4_level
        self.compression_zstd_level = compression_zstd_level
        self.message_timestamp_type = message_timestamp_type
        self.message_timestamp_before_max_ms = message_timestamp_before_max_ms
        self.message_timestamp_after_max_ms = message_timestamp_after_max_ms
        self.min_insync_replicas = min_insync_replicas
        self.retention_ms = retention_ms
        self.retention_bytes = retention_bytes
        self.file_delete_delay_ms = file_delete_delay_ms
        self.flush_messages = flush_messages
        self.flush_ms = flush_ms
        self.delete_retention_ms = delete_retention_ms
        self.min_compaction_lag_ms = min_compaction_lag_ms
        self.max_compaction_lag_ms = max_compaction_lag_ms
        self.min_cleanable_dirty_ratio = min_cleanable_dirty_ratio
        self.preallocate = preallocate
        self.unclean_leader_election_enable = unclean_leader_election_enable
        self.validate_records = validate_records
        self.max_decompressed_bytes = max_decompressed_bytes
        # The age at which a segment is closed: of a compacted log in time for `max.compaction.lag.ms`.
        is_hasty = self.is_compacted and max_compaction_lag_ms > 0
        self.most_segment_ms = min(segment_ms, max_compaction_lag_ms) if is_hasty else segment_ms

    @property
    def is_compacted(self) -> bool:
        """Whether the log keeps the last record of every key, and so needs keys."""
        return "compact" in self.cleanup_policy

    @property
    def is_flushed(self) -> bool:
        """Whether records must reach the device by some rule, and not when the system sees fit."""
        return self.flush_messages != UNLIMITED or self.flush_ms != UNLIMITED

    @property
    def takes_any_timestamp_before(self) -> bool:
        """Whether records may be as old as they like."""
        return self.message_timestamp_before_max_ms == UNLIMITED

    @property
    def takes_any_batch(self) -> bool:
        """Whether a sound header is enough: a batch is stored as it came, and none of its records matter.

        An upper bound on timestamps is no hindrance, because the header has the largest one; a lower bound is.
        `validate_records` is ours: the broker then reads every record of every batch, as Kafka does, instead of
        trusting what is under a valid checksum. So is `max_decompressed_bytes`, the most that a batch may be when it is
        read: Kafka streams, we hold it in memory.
        """
        return (
            self.compression_type == "producer"
            and self.message_timestamp_type == "CreateTime"
            and self.takes_any_timestamp_before
            and not self.validate_records
            and not self.is_compacted
        )
