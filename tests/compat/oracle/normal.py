"""What may differ between two brokers that behave the same, field by field, and why.

A rule names a field by API and path (`Metadata.brokers.port`); a leading `**` stands for any path. What it does:

    ANY      the value says nothing about behaviour: only whether it is null is compared
    TIME     a moment: that it is one (a positive number) is compared
    FREE     nothing is compared
    TEXT     words for people: that there are some is compared
    UNORDERED  a list whose order Kafka does not promise: compared sorted

Ids that a broker makes up (UUIDs, also inside text; producer ids; fetch sessions) are replaced by the order in which
they were first seen, so that the same id must be given wherever the other broker gives its own. Everything else must
be equal.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tests.compat.oracle.plain import Id, Plain

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class How(Enum):
    """What is left of a field."""

    FREE = "free"
    ANY = "any"
    TIME = "time"
    TEXT = "text"
    UNORDERED = "unordered"


@dataclass(frozen=True, slots=True)
class Rule:
    """One field that may differ, how far, and the reason."""

    path: str
    how: How
    why: str

    def matches(self, path: tuple[str, ...]) -> bool:
        """Return whether the field at `path` is meant."""
        wanted = self.path.split(".")
        if wanted[0] == "**":
            wanted = wanted[1:]
            path = path[-len(wanted) :]
        return tuple(wanted) == path


def _rules(how: How, why: str, paths: str) -> list[Rule]:
    return [Rule(path, how, why) for path in paths.split()]


RULES = [
    *_rules(
        How.ANY,
        "each broker has an address of its own",
        """
        Metadata.brokers.port DescribeCluster.brokers.port FindCoordinator.port
        FindCoordinator.coordinators.port DescribeQuorum.nodes.listeners.port **.node_endpoints.port
        """,
    ),
    *_rules(
        How.FREE,
        "ours says what was wrong also where Kafka says nothing (docs/skipped.md)",
        """
        Produce.responses.partition_responses.error_message DescribeConfigs.results.error_message
        CreatePartitions.results.error_message FindCoordinator.coordinators.error_message
        IncrementalAlterConfigs.responses.error_message AlterConfigs.responses.error_message
        DescribeProducers.topics.partitions.error_message
        """,
    ),
    *_rules(
        How.TEXT,
        "our own words (docs/skipped.md)",
        """
        **.error_message **.batch_index_error_message
        """,
    ),
    *_rules(
        How.ANY,
        "APIs and features that ours does not have by plan; API-02 and API-05 compare the others",
        """
        ApiVersions.api_keys ApiVersions.supported_features ApiVersions.finalized_features
        """,
    ),
    *_rules(
        How.TEXT,
        "our own words",
        """
        DescribeConfigs.results.configs.documentation
        """,
    ),
    *_rules(
        How.ANY,
        "how often the controller was elected",
        """
        DescribeQuorum.topics.partitions.leader_epoch
        """,
    ),
    *_rules(
        How.ANY,
        "each cluster has a name of its own",
        """
        Metadata.cluster_id DescribeCluster.cluster_id
        """,
    ),
    *_rules(
        How.ANY,
        "each broker has a directory of its own",
        """
        DescribeLogDirs.results.log_dir
        """,
    ),
    *_rules(
        How.ANY,
        "the disk's, and written to by others at the same time",
        """
        DescribeLogDirs.results.total_bytes DescribeLogDirs.results.usable_bytes
        """,
    ),
    *_rules(
        How.TIME,
        "the moment of the append",
        """
        Produce.responses.partition_responses.log_append_time_ms
        """,
    ),
    *_rules(
        How.TIME,
        "the moment at which the broker looked",
        """
        DescribeProducers.topics.partitions.active_producers.last_timestamp
        DescribeQuorum.topics.partitions.current_voters.last_fetch_timestamp
        DescribeQuorum.topics.partitions.current_voters.last_caught_up_timestamp
        """,
    ),
    *_rules(
        How.TIME,
        "the metadata log has other records: Kafka's controller adds empty ones all the time",
        """
        DescribeQuorum.topics.partitions.high_watermark
        DescribeQuorum.topics.partitions.current_voters.log_end_offset ApiVersions.finalized_features_epoch
        """,
    ),
    *_rules(
        How.UNORDERED,
        "Kafka collects them in a hash map",
        """
        AlterClientQuotas.entries AlterClientQuotas.entries.entity AlterConfigs.responses
        AlterPartitionReassignments.responses AlterUserScramCredentials.results ApiVersions.finalized_features
        ApiVersions.supported_features CreatePartitions.results CreateTopics.topics CreateTopics.topics.configs
        DeleteGroups.results DeleteRecords.topics DeleteRecords.topics.partitions DeleteTopics.responses
        DescribeClientQuotas.entries DescribeClientQuotas.entries.entity DescribeClientQuotas.entries.values
        DescribeCluster.brokers DescribeConfigs.results DescribeConfigs.results.configs DescribeGroups.groups
        DescribeGroups.groups.members DescribeLogDirs.results.topics DescribeLogDirs.results.topics.partitions
        DescribeProducers.topics.partitions.active_producers DescribeUserScramCredentials.results
        ElectLeaders.replica_election_results IncrementalAlterConfigs.responses JoinGroup.members
        ListConfigResources.config_resources ListGroups.groups ListOffsets.topics ListOffsets.topics.partitions
        ListPartitionReassignments.topics Metadata.topics OffsetCommit.topics OffsetCommit.topics.partitions
        OffsetDelete.topics OffsetDelete.topics.partitions OffsetFetch.groups.topics
        OffsetFetch.groups.topics.partitions OffsetFetch.topics OffsetFetch.topics.partitions
        OffsetForLeaderEpoch.topics OffsetForLeaderEpoch.topics.partitions Produce.responses
        Produce.responses.partition_responses UpdateFeatures.results
        """,
    ),
]


class Names:
    """The ids of one broker, named by the order in which they were first seen."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, object], str] = {}

    def of(self, kind: str, value: object) -> str:
        """Return an id's name, a new one if it is new."""
        return self._names.setdefault((kind, value), f"{kind}#{len(self._names)}")


class Known(Names):
    """Names ids as another does, and all that it has not seen alike: to sort by what is known already."""

    def __init__(self, names: Names) -> None:
        self._names = names._names

    def of(self, kind: str, value: object) -> str:
        return self._names.get((kind, value), kind)


def normal(api: str, answer: Plain, names: Names, extra: Mapping[str, str] | None = None) -> Plain:
    """Return an answer with what may differ taken out; `extra` are the paths, with reasons, of one scenario's own."""
    rules = [*RULES, *(Rule(path, How.ANY, why) for path, why in (extra or {}).items())]
    return _Walk(rules, names).walk((api,), answer)


class _Walk:
    def __init__(self, rules: list[Rule], names: Names) -> None:
        self.rules = rules
        self.names = names

    def walk(self, path: tuple[str, ...], value: Plain) -> Plain:
        how = next((rule.how for rule in self.rules if rule.matches(path)), None)
        if how is How.FREE or (how is How.ANY and value is not None):
            return "any"
        if how is How.TEXT and value:
            return "text"
        if how is How.TIME and isinstance(value, int) and value > 0:
            return "time"
        if isinstance(value, dict):
            return {name: self.walk((*path, name), each) for name, each in value.items()}
        if isinstance(value, list):
            if how is How.UNORDERED:
                known = _Walk(self.rules, Known(self.names))
                value = sorted(value, key=lambda each: json.dumps(known.walk(path, each)))
            return [self.walk_item(path, each) for each in value]
        return self.leaf(path, value)

    def walk_item(self, path: tuple[str, ...], value: Plain) -> Plain:
        if isinstance(value, dict):
            return {name: self.walk((*path, name), each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.walk_item(path, each) for each in value]
        return self.leaf(path, value)

    def leaf(self, path: tuple[str, ...], value: Plain) -> Plain:
        if isinstance(value, Id):
            return self.names.of(value.kind, value.value)
        if path[-1] == "session_id" and value:
            return self.names.of("session", value)
        if path == ("InitProducerId", "producer_id") and value >= 0:
            return self.names.of("producer", value)
        if isinstance(value, str):
            value = UUID_TEXT.sub(lambda found: self.names.of("uuid", found.group()), value)
        return value
