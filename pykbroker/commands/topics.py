"""`pykbroker topics`: list, describe, create, delete."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pykbroker.commands.arguments import Parser, add_shared, count, pair, parse
from pykbroker.commands.client import Cluster, carry_out, told
from pykbroker.commands.failure import CommandError
from pykbroker.commands.offsets import EARLIEST, LATEST, offsets_at
from pykbroker.commands.output import print_json, print_table
from pykbroker.wire.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest
from pykbroker.wire.messages.delete_topics import DeleteTopicsRequest
from pykbroker.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from pykbroker.wire.messages.metadata import MetadataResponseTopic
from pykbroker.wire.primitives import uuid_text

TIMEOUT_MS: Final = 30000
_TOPIC: Final = 2  # the type of resource, in DescribeConfigs
_SET_FOR_TOPIC: Final = 1  # the source of a config that was set for the topic itself


def run(arguments: Sequence[str]) -> int:
    """Do what the action is, or list; return the exit status."""
    return carry_out(parse(parser(), arguments))


def parser() -> Parser:
    """Return the parser of this command."""
    top = Parser(
        prog="pykbroker topics",
        description="List, describe, create and delete topics. Without an action: list.",
        examples=[
            ("what there is, with the number of records", "pykbroker topics"),
            ("a compacted topic", "pykbroker topics create prices --partitions 3 --config cleanup.policy=compact"),
            ("leaders, offsets, configs", "pykbroker topics describe prices"),
            ("on another broker, for a program", "pykbroker topics --bootstrap kafka:9092 --json"),
        ],
    )
    top.set_defaults(action=show_all, internal=False)
    add_shared(top)
    top.add_argument("--internal", action="store_true", help="list the broker's own topics, too")
    actions = top.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="names, partitions, and how many records there are")
    listing.set_defaults(action=show_all)
    listing.add_argument("--internal", action="store_true", help="the broker's own topics, too")
    describing = actions.add_parser("describe", help="leader, replicas and offsets of each partition; configs")
    describing.set_defaults(action=describe)
    describing.add_argument("name", nargs="+", metavar="NAME")
    creating = actions.add_parser("create", help="create a topic")
    creating.set_defaults(action=create)
    creating.add_argument("name", metavar="NAME")
    creating.add_argument("--partitions", type=count, default=-1, metavar="N", help="default: the broker's")
    creating.add_argument("--replication-factor", type=count, default=-1, metavar="N", help="default: the broker's")
    creating.add_argument("--config", type=pair, action="append", default=[], metavar="NAME=VALUE", help="repeatable")
    deleting = actions.add_parser("delete", help="delete topics, with all records")
    deleting.set_defaults(action=delete)
    deleting.add_argument("name", nargs="+", metavar="NAME")
    for action in (listing, describing):
        add_shared(action)
    for action in (creating, deleting):
        add_shared(action, json=None)
    return top


def show_all(cluster: Cluster, options: Namespace) -> int:
    """Print all topics, the broker's own ones only if they are asked for."""
    topics = [each for each in cluster.metadata().topics if options.internal or not each.is_internal]
    topics.sort(key=lambda each: each.name or "")
    records = _records_in(cluster, topics)
    if options.json:
        print_json([
            {"topic": each.name, "partitions": len(each.partitions), "records": records[each.name or ""]}
            for each in topics
        ])  # fmt: skip
    elif topics:
        rows = [(each.name, len(each.partitions), records[each.name or ""]) for each in topics]
        print_table(("TOPIC", "PARTITIONS", "RECORDS"), rows)
    else:
        print("no topics")
    return 0


def _records_in(cluster: Cluster, topics: Iterable[MetadataResponseTopic]) -> dict[str, int | None]:
    """Return how many offsets each topic holds; None where a partition has no leader."""
    topics = list(topics)
    leaders = cluster.leaders(topics)
    starts, ends = offsets_at(leaders, EARLIEST), offsets_at(leaders, LATEST)
    counts: dict[str, int | None] = {}
    for topic in topics:
        name = topic.name or ""
        keys = [(name, each.partition_index) for each in topic.partitions]
        counts[name] = sum(ends[key] - starts[key] for key in keys) if all(key in ends for key in keys) else None
    return counts


def describe(cluster: Cluster, options: Namespace) -> int:
    """Print all there is to know of some topics."""
    described = [_described(cluster, name) for name in options.name]
    if options.json:
        print_json(described)
        return 0
    for number, topic in enumerate(described):
        print("\n" * (number > 0) + f"{topic['topic']}  id {topic['id']}")
        for name, value in topic["configs"].items():
            print(f"  {name}={value}")
        rows = [
            (
                each["partition"], each["leader"], _numbers(each["replicas"]), _numbers(each["isr"]),
                each["start"], each["end"], each["records"],
            )
            for each in topic["partitions"]
        ]  # fmt: skip
        print_table(("PARTITION", "LEADER", "REPLICAS", "ISR", "START", "END", "RECORDS"), rows)
    return 0


def _described(cluster: Cluster, name: str) -> dict[str, Any]:
    topic = cluster.topic(name)
    leaders = cluster.leaders([topic])
    starts, ends = offsets_at(leaders, EARLIEST), offsets_at(leaders, LATEST)
    partitions = []
    for each in sorted(topic.partitions, key=lambda each: each.partition_index):
        start, end = starts[name, each.partition_index], ends[name, each.partition_index]
        partitions.append({
            "partition": each.partition_index, "leader": each.leader_id, "replicas": each.replica_nodes,
            "isr": each.isr_nodes, "start": start, "end": end, "records": end - start,
        })  # fmt: skip
    resource = DescribeConfigsResource(resource_type=_TOPIC, resource_name=name, configuration_keys=None)
    (answer,) = cluster.any.send(DescribeConfigsRequest(resources=[resource])).results
    if answer.error_code:
        raise CommandError(f"topic {name}: {told(answer.error_code, answer.error_message)}")
    configs = {each.name: each.value for each in answer.configs if each.config_source == _SET_FOR_TOPIC}
    return {"topic": name, "id": uuid_text(topic.topic_id), "configs": configs, "partitions": partitions}


def _numbers(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def create(cluster: Cluster, options: Namespace) -> int:
    """Create a topic."""
    topic = CreatableTopic(
        name=options.name,
        num_partitions=options.partitions,
        replication_factor=options.replication_factor,
        configs=[CreatableTopicConfig(name=name, value=value) for name, value in options.config],
    )
    (made,) = cluster.controller().send(CreateTopicsRequest(topics=[topic], timeout_ms=TIMEOUT_MS)).topics
    if made.error_code:
        raise CommandError(f"topic {options.name}: {told(made.error_code, made.error_message)}")
    cluster.topic(options.name)
    print(f"created {options.name}")
    return 0


def delete(cluster: Cluster, options: Namespace) -> int:
    """Delete topics, those that can be."""
    # Version 5 is the last that names topics in a list of their own.
    request = DeleteTopicsRequest(topic_names=options.name, timeout_ms=TIMEOUT_MS)
    answers = cluster.controller().send(request, at_most=5).responses
    for each in answers:
        if each.error_code:
            print(f"pykbroker: topic {each.name}: {told(each.error_code, each.error_message)}", file=sys.stderr)
        else:
            print(f"deleted {each.name}")
    return int(any(each.error_code for each in answers))
