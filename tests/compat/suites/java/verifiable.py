"""`ClientCompatibilityTest`, and the verifiable producer and consumers, whose events (JSON lines) are counted here."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from tests.compat.suites.java.ground import Ground, Running, Test, wait
from tests.compat.topics import create_topic

RECORDS = 2_000
PARTITIONS = 4
ASSIGNORS = ("Range", "RoundRobin", "Sticky", "CooperativeSticky")
CODECS = ("gzip", "snappy", "lz4", "zstd")

Event = dict[str, Any]


def events(output: str) -> list[Event]:
    """Return the events among the lines of a program, and leave out what its library logs."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def client_compatibility(ground: Ground) -> None:
    """Kafka's own check of what a client can do with a broker: all that it knows of is expected."""
    output = ground.run(
        "tools.ClientCompatibilityTest", "--bootstrap-server", ground.bootstrap, "--topic", ground.name,
        "--num-cluster-nodes", "1", "--offsets-for-times-supported", "true", "--cluster-id-supported", "true",
        "--expect-record-too-large-exception", "false", "--create-topics-supported", "true",
        "--describe-acls-supported", "true", "--describe-configs-supported", "true",
        "--idempotent-producer-supported", "true",
    )  # fmt: skip
    assert output.rstrip().endswith("SUCCESS."), "no SUCCESS"


def produce(ground: Ground, *arguments: str, settings: Sequence[str] = (), acks: str = "-1") -> list[Event]:
    """Produce RECORDS with the verifiable producer, and check that each was acknowledged; return its successes."""
    config = ground.log.with_suffix(".properties")
    config.write_text("".join(f"{line}\n" for line in settings))
    told = events(
        ground.run(
            "tools.VerifiableProducer", "--bootstrap-server", ground.bootstrap, "--topic", ground.name,
            "--max-messages", str(RECORDS), "--acks", acks, "--command-config", str(config), *arguments,
        )
    )  # fmt: skip
    (total,) = (event for event in told if event["name"] == "tool_data")
    assert (total["sent"], total["acked"]) == (RECORDS, RECORDS), total
    sent = [event for event in told if event["name"] == "producer_send_success"]
    assert len(sent) == RECORDS, f"{len(sent)} successes"
    if acks != "0":
        places = {(event["partition"], event["offset"]) for event in sent}
        assert len(places) == RECORDS, f"{len(places)} places"
    return sent


def consume(ground: Ground, *arguments: str, count: int = RECORDS) -> list[Event]:
    """Consume `count` records as a group of one, and return what it told, after a look at the counts."""
    told = events(ground.run("tools.VerifiableConsumer", *_group(ground), "--max-messages", str(count), *arguments))
    assert consumed(told) == count, f"{consumed(told)} of {count} consumed"
    return told


def consumed(told: Iterable[Event]) -> int:
    """Return how many records a consumer has told of."""
    return sum(part["count"] for event in told if event["name"] == "records_consumed" for part in event["partitions"])


def _group(ground: Ground) -> list[str]:
    return ["--bootstrap-server", ground.bootstrap, "--topic", ground.name, "--group-id", ground.name]


def acks(how: str) -> Test:
    """The verifiable producer with these acks; what it sent is read back, value for value."""

    def run(ground: Ground) -> None:
        create_topic(ground.bootstrap, ground.name, PARTITIONS)
        sent = produce(ground, acks=how)
        _compare(sent, consume(ground, "--verbose"))

    return Test("VerifiableProducer", f"acks={how}", run)


def keys(ground: Ground) -> None:
    """Keys that repeat: each stays in one partition."""
    create_topic(ground.bootstrap, ground.name, PARTITIONS)
    sent = produce(ground, "--repeating-keys", "100", "--value-prefix", "7")
    homes = {(event["key"], event["partition"]) for event in sent}
    assert len(homes) == 100, f"{len(homes)} pairs of key and partition"
    _compare(sent, consume(ground, "--verbose"))


def codec(name: str) -> Test:
    """The verifiable producer with a codec."""

    def run(ground: Ground) -> None:
        create_topic(ground.bootstrap, ground.name, PARTITIONS)
        sent = produce(ground, settings=[f"compression.type={name}", "linger.ms=5"])
        _compare(sent, consume(ground, "--verbose"))

    return Test("VerifiableProducer", name, run)


def _compare(sent: Sequence[Event], told: Sequence[Event]) -> None:
    """Check that what was read is what was sent, each once."""
    read = Counter((event["key"], event["value"]) for event in told if event["name"] == "record_data")
    assert read == Counter((event["key"], event["value"]) for event in sent), "other records than were sent"


def assignor(name: str) -> Test:
    """Two members with one assignor: all partitions are assigned, each to one of them, and all is read once."""
    return Test("VerifiableConsumer", name, lambda ground: two_members(ground, _assignor(name)))


def _assignor(name: str) -> list[str]:
    return ["--assignment-strategy", f"org.apache.kafka.clients.consumer.{name}Assignor"]


def two_members(ground: Ground, arguments: Sequence[str], each: Sequence[Sequence[str]] = ((), ())) -> None:
    """Two members of a group, started before anything is produced."""
    create_topic(ground.bootstrap, ground.name, PARTITIONS)
    with ExitStack() as stack:
        members = [
            stack.enter_context(ground.running("tools.VerifiableConsumer", *_group(ground), *arguments, *own))
            for own in each
        ]
        wait(lambda: _balanced(members), "each partition has one member, each member half of them")
        produce(ground)
        wait(lambda: _consumed(members) >= RECORDS, "all is consumed")
    told = events(ground.log.read_text(errors="replace"))
    assert consumed(told) == RECORDS, f"{consumed(told)} of {RECORDS} consumed"
    commits = [event for event in told if event["name"] == "offsets_committed"]
    assert commits or "--enable-autocommit" in arguments, "nothing was committed"
    assert all(event["success"] for event in commits), "a commit failed"


def _balanced(members: Sequence[Running]) -> bool:
    owned = [_owned(events(member.said())) for member in members]
    share = PARTITIONS // len(owned)
    return set().union(*owned) == set(range(PARTITIONS)) and all(len(each) == share for each in owned)


def _owned(told: Iterable[Event]) -> set[int]:
    """Return the partitions that a member has after all that it told."""
    owned: set[int] = set()
    for event in told:
        partitions = {each["partition"] for each in event.get("partitions", ()) if "partition" in each}
        if event["name"] == "partitions_assigned":
            owned |= partitions
        elif event["name"] == "partitions_revoked":
            owned -= partitions
    return owned


def _consumed(members: Sequence[Running]) -> int:
    return sum(consumed(events(member.said())) for member in members)


def static_members(ground: Ground) -> None:
    """Two members with `group.instance.id`."""
    two_members(ground, _assignor("Range"), [["--group-instance-id", "one"], ["--group-instance-id", "two"]])


def auto_commit(ground: Ground) -> None:
    """A group that reads a part, commits by itself, and goes on from there."""
    create_topic(ground.bootstrap, ground.name, 1)
    produce(ground)
    consume(ground, "--enable-autocommit", count=500)
    told = consume(ground, "--enable-autocommit", "--reset-policy", "none", count=500)
    (first, *_) = (event for event in told if event["name"] == "records_consumed" and event["partitions"])
    assert first["partitions"][0]["minOffset"] >= 500, "it read what it had read"


def consumer_protocol(ground: Ground) -> None:
    """Two members of a KIP-848 group."""
    two_members(ground, ["--group-protocol", "CONSUMER"])


def share_group(ground: Ground) -> None:
    """A share group reads everything and acknowledges it."""
    create_topic(ground.bootstrap, ground.name, PARTITIONS)
    produce(ground)
    told = events(
        ground.run(
            "tools.VerifiableShareConsumer", *_group(ground), "--max-messages", str(RECORDS),
            "--acknowledgement-mode", "sync", "--offset-reset-strategy", "earliest",
        )
    )  # fmt: skip
    acknowledged = sum(event["count"] for event in told if event["name"] == "offsets_acknowledged")
    assert acknowledged == RECORDS, f"{acknowledged} of {RECORDS} acknowledged"


TESTS = [
    Test("ClientCompatibilityTest", "all", client_compatibility),
    *(acks(how) for how in ("-1", "1", "0")),
    Test("VerifiableProducer", "keys", keys),
    *(codec(name) for name in CODECS),
    *(assignor(name) for name in ASSIGNORS),
    Test("VerifiableConsumer", "static", static_members),
    Test("VerifiableConsumer", "auto-commit", auto_commit),
    Test("VerifiableConsumer", "consumer-protocol", consumer_protocol, waits_for="KIP-848 groups"),
    Test("VerifiableShareConsumer", "share-group", share_group, waits_for="share groups"),
]
