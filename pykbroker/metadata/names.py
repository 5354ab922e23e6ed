"""Topic names: which are legal, which are internal, and which are too alike.

Source: `org.apache.kafka.common.internals.Topic`.
"""

from __future__ import annotations

from typing import Final

GROUP_METADATA_TOPIC: Final = "__consumer_offsets"
TRANSACTION_STATE_TOPIC: Final = "__transaction_state"
SHARE_STATE_TOPIC: Final = "__share_group_state"
CLUSTER_METADATA_TOPIC: Final = "__cluster_metadata"
INTERNAL_TOPICS: Final = frozenset((GROUP_METADATA_TOPIC, TRANSACTION_STATE_TOPIC, SHARE_STATE_TOPIC))
MAX_NAME_LENGTH: Final = 249  # the directory `<name>-<partition>.<uuid>-delete` then fits into 255 bytes

_LEGAL: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def name_problem(name: str) -> str | None:
    """Return what is wrong with a topic's name, as a sentence for the client; None for a legal one (MD-08)."""
    if not name:
        return "Topic name is invalid: the empty string is not allowed"
    if name in (".", ".."):
        return f"Topic name is invalid: '{name}' is not allowed"
    if len(name) > MAX_NAME_LENGTH:
        return f"Topic name is invalid: '{name}' is longer than {MAX_NAME_LENGTH} characters"
    if not _LEGAL.issuperset(name):
        return f"Topic name is invalid: '{name}' has characters other than ASCII letters, digits, '.', '_' and '-'"
    return None


def folded(name: str) -> str:
    """Return the name under which metrics would show the topic; two topics must not share one (TOP-04)."""
    return name.replace(".", "_")
