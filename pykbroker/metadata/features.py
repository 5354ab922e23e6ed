"""Feature levels (KIP-584): which this broker supports, and which a new cluster finalizes.

`group.version`, `transaction.version`, `share.version` and `streams.version` are left out: a client that sees their
levels switches to protocols that are not served here (API-07, API-08; a Java producer with `transaction.version` 2
adds partitions implicitly). `metadata.version` also settles in which versions metadata records are written, and with
them the oldest Kafka whose tools read our metadata log (`org.apache.kafka.server.common.MetadataVersion`).
"""

from typing import Final

METADATA_VERSION: Final = "metadata.version"
METADATA_LEVEL: Final = 30  # 4.3-IV0
OLDEST_METADATA_LEVEL: Final = 7  # 3.3-IV3: the first that Kafka 4 upgrades from

SUPPORTED: Final[dict[str, tuple[int, int]]] = {METADATA_VERSION: (OLDEST_METADATA_LEVEL, METADATA_LEVEL)}
FINALIZED: Final[dict[str, int]] = {METADATA_VERSION: METADATA_LEVEL}
