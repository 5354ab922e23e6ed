"""What the members of a consumer group subscribe to: the one blob of a classic group that the broker looks into.

Only protocol type `consumer` is parsed, and only for OffsetDelete and retention; whatever cannot be parsed is opaque
and never fails the group (GRP-48).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pykbroker.errors import Malformed
from pykbroker.wire.codegen import decode_message
from pykbroker.wire.messages.consumer_protocol import ConsumerProtocolSubscription

CONSUMER: Final = "consumer"


def subscribed_topics(metadata: Iterable[bytes]) -> frozenset[str] | None:
    """Return the topics that any of the members' subscriptions names, or None if one of them cannot be read.

    int16 version, then the fields: version 0 is a prefix of every later version, so that reading it is always enough
    (`ClassicGroup.computeSubscribedTopics`).
    """
    topics: set[str] = set()
    try:
        for blob in metadata:
            if len(blob) < 2 or blob[0] >= 0x80:  # no version, or a negative one
                return None
            topics.update(decode_message(ConsumerProtocolSubscription, 0, blob[2:]).topics)
    except Malformed:
        return None
    return frozenset(topics)
