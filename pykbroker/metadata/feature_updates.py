"""Decisions about feature levels (KIP-584): which may be finalized next. Pure; the levels are in `features.py`.

The checks and their order are those of `org.apache.kafka.controller.FeatureControlManager`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata.features import METADATA_VERSION, SUPPORTED
from pykbroker.metadata.image import Image
from pykbroker.wire.message import Message
from pykbroker.wire.messages.metadata_records import FeatureLevelRecord

UPGRADE: Final = 1
SAFE_DOWNGRADE: Final = 2
UNSAFE_DOWNGRADE: Final = 3

# Kafka's features. Those that are not supported here are at level 0, and can be asked to stay there.
_KNOWN: Final = frozenset((
    METADATA_VERSION, "eligible.leader.replicas.version", "group.version", "kraft.version", "share.version",
    "streams.version", "transaction.version",
))  # fmt: skip

# The levels of metadata.version that brought new records or fields: a downgrade across one of them would lose what
# they say (`MetadataVersion.didMetadataChange`).
_CHANGED_METADATA: Final = frozenset((8, 11, 13, 14, 15, 17, 23, 30))

Update = tuple[str, int, int]
"""Feature, new level, and what kind of change may be made (`UPGRADE` to `UNSAFE_DOWNGRADE`)."""


def update(image: Image, wanted: Sequence[Update], node_id: int) -> tuple[list[Message], None]:
    """Decide an UpdateFeatures request: all features, or (INVALID_UPDATE_VERSION) none of them (API-16).

    Of a feature that is named twice the last update counts.
    """
    records: list[Message] = []
    for name, level, upgrade_type in {each[0]: each for each in wanted}.values():
        problem = _problem(image, name, level, upgrade_type, node_id)
        if problem is not None:
            raise KafkaError(
                errors.INVALID_UPDATE_VERSION,
                f"The update failed for all features since the following feature had an error: {problem}",
            )
        if level != image.features.get(name, 0):
            records.append(FeatureLevelRecord(name=name, feature_level=level))
    return records, None


def _problem(image: Image, name: str, level: int, upgrade_type: int, node_id: int) -> str | None:
    """Return why a feature cannot get this level, as a sentence for the client; None if it can."""
    reason = _reason(image.features.get(name, 0), name, level, upgrade_type, node_id)
    if reason is not None:
        return f"Invalid update version {level} for feature {name}. {reason}"
    current = image.features.get(name, 0)
    if name == METADATA_VERSION and any(level < each <= current for each in _CHANGED_METADATA):
        refusal = (
            "Unsafe metadata downgrade is not supported in this version."
            if upgrade_type == UNSAFE_DOWNGRADE
            else "Refusing to perform the requested downgrade because it might delete metadata information."
        )
        return f"Unsupported metadata.version downgrade from {current} to {level}. {refusal}"
    return None


def _reason(current: int, name: str, level: int, upgrade_type: int, node_id: int) -> str | None:
    if upgrade_type not in (UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE):
        return "The controller does not support the given upgrade type."
    if level < 0:
        return "A feature version cannot be less than 0."
    low, high = SUPPORTED.get(name, (0, 0))
    if not low <= level <= high:
        if high == 0:
            return f"Local controller {node_id} does not support this feature."
        return f"Local controller {node_id} only supports versions {low}-{high}"
    if level < current and upgrade_type == UPGRADE:
        return (
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe "
            "downgrade."
        )
    if level > current and upgrade_type != UPGRADE:
        return "Can't downgrade to a newer version."
    if name not in _KNOWN:
        return f"Feature {name} not found."
    return None
