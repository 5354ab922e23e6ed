"""Clean state between tests that share a broker: remember what there is, and go back to it.

That is a matter of metadata, and so of a millisecond: topics and groups that came since then are removed, and configs
of the broker get their old values. Records that were added to a topic that was there before stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pykbroker.apis.context import Services
from pykbroker.groups.coordinator import LoadedShard
from pykbroker.metadata.image import TOPIC

_Configs = Mapping[tuple[int, str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class State:
    """What there was at a moment: ids of topics, ids of groups, configs of everything but topics."""

    topics: frozenset[bytes]
    groups: frozenset[str]
    configs: _Configs


def state_of(services: Services) -> State:
    """Return what there is now."""
    return State(
        frozenset(services.image.topics_by_id),
        frozenset(group_id for shard in services.groups.shards() for group_id in shard.state.live),
        _configs(services),
    )


def reset(services: Services, state: State) -> list[str]:
    """Go back to an earlier state; return the removed groups that still had members, sorted.

    The broker's own topics stay. Members of removed groups hear UNKNOWN_MEMBER_ID, as if their session had ended.
    """
    in_use = []
    for shard in services.groups.shards():
        for group_id in [group_id for group_id in shard.state.live if group_id not in state.groups]:
            if shard.state.live[group_id].members:
                in_use.append(group_id)
            _dissolve(shard, group_id)
    wanted = [
        (None, topic.id)
        for topic in services.image.topics.values()
        if topic.id not in state.topics and not topic.is_internal
    ]
    if wanted:
        services.controller.delete_topics(wanted)
    configs = _configs(services)
    if configs != state.configs:
        _reset_configs(services, configs, state.configs)
    return sorted(in_use)


def _dissolve(shard: LoadedShard, group_id: str) -> None:
    from pykbroker.groups.retention import dissolve_group  # there already if there is a group

    shard.run(lambda state: dissolve_group(state, group_id))


def _configs(services: Services) -> _Configs:
    return {resource: dict(entries) for resource, entries in services.image.configs.items() if resource[0] != TOPIC}


def _reset_configs(services: Services, now: _Configs, before: _Configs) -> None:
    from pykbroker.metadata.configs import DELETE, SET, Alteration, Operation

    alterations = []
    for resource in now.keys() | before.keys():
        entries, old = now.get(resource, {}), before.get(resource, {})
        operations: list[Operation] = [(key, DELETE, None) for key in entries.keys() - old.keys()]
        operations += [(key, SET, value) for key, value in old.items() if entries.get(key) != value]
        if operations:
            alterations.append(Alteration(*resource, operations))
    services.controller.alter_configs(alterations)
