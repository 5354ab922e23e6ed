"""`pykbroker groups`: list, describe, delete, reset-offsets."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pykbroker.commands.arguments import Parser, add_shared, parse
from pykbroker.commands.client import Cluster, Connection, carry_out, raise_if, told
from pykbroker.commands.committed import commit, committed_offsets, group_of, require_no_members
from pykbroker.commands.failure import USAGE, CommandError
from pykbroker.commands.offsets import LATEST, PLACES, TopicPartition, offsets_at, place
from pykbroker.commands.output import print_json, print_table
from pykbroker.errors import Malformed
from pykbroker.wire.codegen import decode_message
from pykbroker.wire.messages.consumer_protocol import ConsumerProtocolAssignment
from pykbroker.wire.messages.delete_groups import DeleteGroupsRequest
from pykbroker.wire.messages.describe_groups import DescribedGroup, DescribedGroupMember
from pykbroker.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse


def run(arguments: Sequence[str]) -> int:
    """Do what the action is, or list; return the exit status."""
    return carry_out(parse(parser(), arguments))


def parser() -> Parser:
    """Return the parser of this command."""
    top = Parser(
        prog="pykbroker groups",
        description="List, describe and delete consumer groups, and reset their offsets. Without an action: list.",
        examples=[
            ("what there is", "pykbroker groups"),
            ("who reads what, how far, and what is left", "pykbroker groups describe billing"),
            ("begin again: first what would happen", "pykbroker groups reset-offsets billing --to beginning"),
            ("then do it", "pykbroker groups reset-offsets billing --to beginning --execute"),
            ("skip what is in one partition", "pykbroker groups reset-offsets billing --topic t:0 --to end --execute"),
        ],
    )
    top.set_defaults(action=show_all)
    add_shared(top)
    actions = top.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="names, states and protocols")
    listing.set_defaults(action=show_all)
    describing = actions.add_parser("describe", help="members, partitions, committed offsets and lag")
    describing.set_defaults(action=describe)
    describing.add_argument("name", nargs="+", metavar="GROUP")
    deleting = actions.add_parser("delete", help="delete groups that have no members, with their offsets")
    deleting.set_defaults(action=delete)
    deleting.add_argument("name", nargs="+", metavar="GROUP")
    resetting = actions.add_parser("reset-offsets", help="let a group without members go on elsewhere")
    resetting.set_defaults(action=reset)
    resetting.add_argument("name", metavar="GROUP")
    resetting.add_argument("--to", type=place, required=True, metavar="PLACE", help=PLACES)
    resetting.add_argument(
        "--topic", action="append", metavar="TOPIC[:N]", help="only this one; several times (default: all it has read)"
    )
    resetting.add_argument("--execute", action="store_true", help="do it; without this, only show it")
    for action in (listing, describing, resetting):
        add_shared(action)
    add_shared(deleting, json=None)
    return top


def show_all(cluster: Cluster, options: Namespace) -> int:
    """Print all groups that any broker knows of."""
    rows = []
    for broker in cluster.brokers():
        answer: ListGroupsResponse = broker.send(ListGroupsRequest())
        raise_if(answer.error_code, broker.address)
        rows += [(each.group_id, each.group_state, each.group_type, each.protocol_type) for each in answer.groups]
    rows.sort()
    if options.json:
        print_json([dict(zip(("group", "state", "type", "protocol_type"), row, strict=True)) for row in rows])
    elif rows:
        print_table(("GROUP", "STATE", "TYPE", "PROTOCOL"), rows)
    else:
        print("no groups")
    return 0


class Position(NamedTuple):
    """How far a group is in one partition. None for what there is not; `member` is who reads it."""

    topic: str
    partition: int
    committed: int | None
    end: int | None
    lag: int | None
    member: str | None
    client: str | None
    host: str | None


def describe(cluster: Cluster, options: Namespace) -> int:
    """Print members, positions and lag of some groups."""
    described = [_described(cluster, group_id) for group_id in options.name]
    if options.json:
        print_json([_as_json(group, positions) for group, positions in described])
        return 0
    for number, (group, positions) in enumerate(described):
        assignor = f", assignor {group.protocol_data}" if group.protocol_data else ""
        print("\n" * (number > 0) + f"{group.group_id}  {group.group_state}, members {len(group.members)}{assignor}")
        if positions:
            print_table(("TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER", "CLIENT", "HOST"), positions)
    return 0


def _as_json(group: DescribedGroup, positions: Iterable[Position]) -> dict[str, object]:
    return {
        "group": group.group_id,
        "state": group.group_state,
        "assignor": group.protocol_data or None,
        "members": [{"member": m.member_id, "client": m.client_id, "host": m.client_host} for m in group.members],
        "partitions": [each._asdict() for each in positions],
    }


def _described(cluster: Cluster, group_id: str) -> tuple[DescribedGroup, list[Position]]:
    group = group_of(cluster, group_id)
    readers = {key: member for member in group.members for key in assigned_to(group, member)}
    committed = committed_offsets(cluster, group_id)
    if group.group_state == "Dead" and not committed:
        raise CommandError(f"group {group_id}: there is no such group")
    keys = sorted({*readers, *committed})
    ends = offsets_at(_leaders(cluster, keys), LATEST)
    return group, [_position(key, committed.get(key), ends.get(key), readers.get(key)) for key in keys]


def _position(
    key: TopicPartition, committed: int | None, end: int | None, reader: DescribedGroupMember | None
) -> Position:
    lag = None if committed is None or end is None else max(end - committed, 0)
    if reader is None:
        return Position(*key, committed, end, lag, None, None, None)
    return Position(*key, committed, end, lag, reader.member_id, reader.client_id, reader.client_host)


def assigned_to(group: DescribedGroup, member: DescribedGroupMember) -> list[TopicPartition]:
    """Return the partitions that a member reads; none if the group is not one of consumers, or still rebalances."""
    content = member.member_assignment
    if group.protocol_type != "consumer" or len(content) < 2:
        return []
    version = min(int.from_bytes(content[:2], "big"), ConsumerProtocolAssignment.__versions__[1])
    try:
        assignment = decode_message(ConsumerProtocolAssignment, version, content[2:])
    except Malformed:
        return []  # it is the clients' own business what they write there
    return [(topic.topic, partition) for topic in assignment.assigned_partitions for partition in topic.partitions]


def _leaders(cluster: Cluster, keys: Iterable[TopicPartition]) -> dict[TopicPartition, Connection]:
    """Return the leaders of partitions; without those that are gone."""
    keys = set(keys)
    topics = cluster.metadata({topic for topic, _ in keys}).topics if keys else []
    return {key: leader for key, leader in cluster.leaders(topics).items() if key in keys}


def delete(cluster: Cluster, options: Namespace) -> int:
    """Delete groups, those that can be."""
    status = 0
    for group_id in options.name:
        (answer,) = cluster.coordinator(group_id).send(DeleteGroupsRequest(groups_names=[group_id])).results
        if answer.error_code:
            print(f"pykbroker: group {group_id}: {told(answer.error_code, answer.error_message)}", file=sys.stderr)
            status = 1
        else:
            print(f"deleted {group_id}")
    return status


def reset(cluster: Cluster, options: Namespace) -> int:
    """Print where a group would go on, and make it so if that is asked for."""
    require_no_members(cluster, options.name)
    committed = committed_offsets(cluster, options.name)
    leaders = _chosen(cluster, options.topic) if options.topic else _leaders(cluster, committed)
    if not leaders:
        raise CommandError(f"group {options.name} has committed nothing: say --topic")
    offsets: Mapping[TopicPartition, int] = options.to.offsets(leaders)
    rows: list[tuple[Any, ...]] = [(*key, committed.get(key), offsets[key]) for key in sorted(offsets)]
    if options.execute:
        commit(cluster, options.name, offsets)
    if options.json:
        print_json([dict(zip(("topic", "partition", "committed", "new"), row, strict=True)) for row in rows])
    else:
        print_table(("TOPIC", "PARTITION", "COMMITTED", "NEW"), rows)
        if not options.execute:
            print("nothing was changed: add --execute to do it")
    return 0


def _chosen(cluster: Cluster, names: Iterable[str]) -> dict[TopicPartition, Connection]:
    """Return the leaders of the partitions that TOPIC or TOPIC:N name."""
    chosen: dict[TopicPartition, Connection] = {}
    for each in names:
        name, colon, digits = each.partition(":")
        if colon and not digits.isdecimal():
            raise CommandError(f"--topic: {each!r} is not TOPIC or TOPIC:PARTITION", USAGE)
        leaders = cluster.leaders([cluster.topic(name)])
        if colon:
            leaders = {key: leader for key, leader in leaders.items() if key[1] == int(digits)}
        if not leaders:
            raise CommandError(f"topic {name} has no partition {digits}")
        chosen.update(leaders)
    return chosen
