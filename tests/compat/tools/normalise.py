"""What may differ between two outputs that say the same: a short list of rules, each with its reason.

What a place knows exactly (its port, its directory, the cluster's id) is replaced as a text, not by a pattern that
might also hide something else. Patterns are left for what is new in each run: ids, and times.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Every match of `pattern` becomes `instead`."""

    pattern: str
    instead: str | Callable[[re.Match[str]], str]
    why: str


ALWAYS = (
    Rule(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID", "member ids and random client ids end with one"),
    Rule(r"(TopicId: |topic id |topicId=)[\w-]{22}(?!\S)", r"\1TOPIC-ID", "every topic has a random id"),
    Rule(r"[ \t]+(\n|$)", r"\1", "the last column of a table is padded to the width of the longest value"),
    Rule(r" {2,}", "  ", "columns are as wide as their longest value, which may be a path or a host"),
    Rule(r"-{4,}", "----", "and so are the lines under their heads"),
    Rule(
        r"(clientId=|client-thread \| )([\w.-]*?)-\d+", r"\1\2-N", "a JVM counts its clients, and the host is one JVM"
    ),
    Rule(
        r".*WARN org.apache.kafka.clients.NetworkClient - .*Error while fetching metadata.*\n",
        "",
        "logged when metadata is asked for before a new topic has a leader: a race on either broker",
    ),
    Rule(
        r".*WARN org.apache.kafka.clients.NetworkClient - .*The metadata response from the cluster reported a .*\n",
        "",
        "the same race, in other words",
    ),
    Rule(r"(?m)^\tat .*\n", "", "frames of a stack trace: the exception before them is compared"),
)
"""Rules for every output."""

OWN_WORDS = (Rule(r"((?:Exception|[Cc]ommand ?):) .*", r"\1 ...", "some refusals have our own words: docs/skipped.md"),)
"""For a run that is refused with the same error, of which the two brokers tell the same in other words."""

CONFIGS_IN_ANY_ORDER = Rule(
    r"(?<=Configs: )\S+",
    lambda match: ",".join(sorted(re.split(r",(?=[a-z.]+=)", match.group()))),
    "the order in which configs are answered is that of a hash table",
)
REPEATED = Rule(r"(?m)(^.+\n)\1+", r"\1", "as often as there was time for")
TIMES = Rule(r"\b1[6-9]\d{11}\b", "TIME", "milliseconds since 1970 of today")
DATES = Rule(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,:]\d+)?(Z|[+-]\d\d:?\d\d)?", "DATE", "dates of today")
PRODUCER_IDS = Rule(r"(producerId: |ProducerId: |producerId=)\d+", r"\1PID", "how many producers there were before")


def normalised(text: str, known: Mapping[str, str], rules: Iterable[Rule], any_order: bool = False) -> str:
    """Return `text` with the texts in `known` replaced, longest first, and then everything that rules match."""
    for exact in sorted(known, key=len, reverse=True):
        text = text.replace(exact, known[exact])
    for rule in (*rules, *ALWAYS):
        text = re.sub(rule.pattern, rule.instead, text)
    if any_order:
        text = "\n".join(sorted(text.splitlines()))
    return text.rstrip("\n")
