"""A Kafka broker for tests, and assertions on what is in it: `from pykbroker.testing import Broker`.

Names are imported when they are used, so that a pytest run without Kafka in it does not pay for one.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pykbroker.testing.embedded import Broker as Broker
    from pykbroker.testing.groups import Group as Group
    from pykbroker.testing.groups import Member as Member
    from pykbroker.testing.records import Record as Record
    from pykbroker.testing.topics import Topic as Topic

__all__ = ["Broker", "Group", "Member", "Record", "Topic"]

_HOMES = {"Broker": "embedded", "Group": "groups", "Member": "groups", "Record": "records", "Topic": "topics"}


def __getattr__(name: str) -> object:
    """Import a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
